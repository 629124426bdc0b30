"""Addresses of the sample pages; loaded when the fixture ``sample`` is in force."""

from importlib import import_module

from zhiguan.kit.pages.urls import urlpatterns as page_patterns

# The frame links to the site's own pages; the registry in force holds the sample pages beside them.
urlpatterns = [*page_patterns(), *import_module("zhiguan.site.urls").urlpatterns]
