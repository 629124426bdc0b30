"""Form of the search for vehicles that were near a place."""

from __future__ import annotations

from django import forms
from django.utils import timezone

from zhiguan.kit.pages import PageForm

from ..domain.nearby import LEAST_M, MOST_M
from .places import FenceField, FenceInput


class NearbyForm(PageForm):
    fence = FenceField(
        label="地点和范围", max_length=2_000, widget=FenceInput(circle=True),
        help_text=f"在地图上画圆：先点中心，再点边缘，半径 {LEAST_M} 至 {MOST_M} 米。",
    )  # fmt: skip
    day = forms.DateField(label="日期")
    start = forms.TimeField(label="起始时间", help_text="例如 09:00")
    end = forms.TimeField(label="截止时间", help_text="例如 10:00；到当日 24 时的填 00:00")
    reason = forms.CharField(label="查询事由", max_length=200, help_text="写明为何查询；事由和查询结果都记入痕迹。")

    def setup(self) -> None:
        self.fields["day"].initial = timezone.localdate()
