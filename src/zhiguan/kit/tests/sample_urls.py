"""Addresses of the sample pages; loaded when the fixture ``sample`` is in force."""

from zhiguan.kit.pages.urls import urlpatterns as page_patterns

urlpatterns = page_patterns()
