"""Forms of dispatch orders."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils import timezone

from zhiguan.kernel.orgs import queries as orgs
from zhiguan.kernel.orgs.service import Unit
from zhiguan.kit.pages import PageForm

from .. import queries
from ..codes import OrderKind
from ..models import Driver, Vehicle
from .fields import DriverField, VehicleField


class RequestForm(PageForm):
    kind = forms.ChoiceField(label="用车类别", choices=OrderKind.choices, initial=OrderKind.ORDINARY)
    purpose = forms.CharField(label="用车事由", max_length=200)
    passengers = forms.CharField(label="乘车人", max_length=200, required=False, help_text="多人用顿号隔开。")
    passenger_count = forms.IntegerField(label="乘车人数", min_value=1, max_value=59, initial=1)
    origin = forms.CharField(label="上车地点", max_length=120)
    destination = forms.CharField(label="目的地", max_length=120)
    planned_from = forms.DateTimeField(label="用车时间")
    planned_to = forms.DateTimeField(label="预计结束时间")

    def setup(self) -> None:
        now = timezone.localtime().replace(minute=0, second=0, microsecond=0)
        self.fields["planned_from"].initial = now + timezone.timedelta(hours=2)
        self.fields["planned_to"].initial = now + timezone.timedelta(hours=4)
        if self.actor.unit_id:
            organ = orgs.organ_of(Unit.objects.get(pk=self.actor.unit_id))
            self.fields["origin"].initial = organ.label if organ else self.actor.unit_name

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        start, end = values.get("planned_from"), values.get("planned_to")
        if start and end and end <= start:
            self.add_error("planned_to", "结束时间须晚于用车时间。")
        return values


class DispatchForm(PageForm):
    vehicle = VehicleField(
        label="车辆", queryset=Vehicle.objects.none(), help_text="只列出该时段空闲且座位足够的车辆。"
    )
    driver = DriverField(
        label="驾驶员", queryset=Driver.objects.none(), help_text="只列出该时段空闲、驾驶证有效的驾驶员。"
    )

    def setup(self) -> None:
        if self.obj is not None:
            self.fields["vehicle"].queryset = queries.free_vehicles(self.obj, self.actor)
            self.fields["driver"].queryset = queries.free_drivers(self.obj, self.actor)


class RedispatchForm(DispatchForm):
    reason = forms.CharField(label="改派原因", max_length=200)


class StartForm(PageForm):
    odometer_start_km = forms.IntegerField(label="出车里程表（公里）", min_value=0, max_value=9_999_999)


class EndForm(PageForm):
    odometer_end_km = forms.IntegerField(label="收车里程表（公里）", min_value=0, max_value=9_999_999)


class RateForm(PageForm):
    rating = forms.TypedChoiceField(
        label="评价", coerce=int, choices=[(5, "5 分 · 非常满意"), (4, "4 分 · 满意"), (3, "3 分 · 一般"),
                                       (2, "2 分 · 不满意"), (1, "1 分 · 非常不满意")],
    )  # fmt: skip
    rating_note = forms.CharField(label="评价意见", max_length=200, required=False)
