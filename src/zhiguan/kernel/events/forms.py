"""新建事件订阅."""

from __future__ import annotations

from django import forms

from zhiguan.kit.pages import PageForm


class SubscriptionForm(PageForm):
    """Where events go and which; the secret is made by the system."""

    name = forms.CharField(label="名称", max_length=80, help_text="接收方系统的名称和用途")
    url = forms.URLField(label="接收地址", max_length=400, assume_scheme="https", help_text="以 POST 方式接收事件的地址")
    types = forms.CharField(
        label="事件类型", widget=forms.Textarea(attrs={"rows": "4"}), max_length=2000,
        help_text="每行一种，如 vehicles.order.*；星号可代替条线之后的部分",
    )  # fmt: skip

    def clean_types(self) -> list[str]:
        return self.cleaned_data["types"].split()
