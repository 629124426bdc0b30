"""Forms of dispatch orders: asking for a car, sending one, driving, answering."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django import forms
from django.urls import reverse
from django.utils import timezone

from zhiguan.kernel.orgs import queries as orgs
from zhiguan.kernel.orgs.service import Unit
from zhiguan.kit.actor import Actor
from zhiguan.kit.pages import PageForm

from .. import queries
from ..codes import Body, OrderKind, PurposeClass, Shape
from ..models import DispatchOrder, Driver, Pool, Vehicle
from .fields import DriverField, PartyField, PointField, StopsField, VehicleField

COPIED = (
    "kind", "purpose", "purpose_class", "shape", "party", "passengers", "passenger_count", "body_wanted", "outside_city",
    "origin", "stops", "destination",
)  # fmt: skip


class RequestForm(PageForm):
    kind = forms.ChoiceField(
        label="用车类别", choices=OrderKind.choices, initial=OrderKind.ORDINARY,
        help_text="应急用车可以先派车，须在规定期限内补办审批。",
    )  # fmt: skip
    purpose_class = forms.ChoiceField(label="事由类别", choices=[("", "请选择"), *PurposeClass.choices], required=False)
    purpose = forms.CharField(label="用车事由", max_length=200)
    party = PartyField(
        label="乘车人名单", required=False, help_text="本单位人员输入姓名或拼音选取；外单位人员直接填写姓名后回车。"
    )
    passengers = forms.CharField(
        label="乘车人（其他说明）", max_length=200, required=False, help_text="不便逐一列名时填写。"
    )
    passenger_count = forms.IntegerField(label="乘车人数", min_value=1, max_value=59, initial=1)
    body_wanted = forms.ChoiceField(
        label="所需车型", choices=[("", "不限"), *Body.choices], required=False,
        help_text="大于轿车的车型按乘车人数配备，越野车从严控制。",
    )  # fmt: skip
    shape = forms.ChoiceField(label="行程方式", choices=Shape.choices, initial=Shape.ROUND, required=False)
    origin = forms.CharField(label="上车地点", max_length=120)
    origin_at = PointField(required=False)
    destination = forms.CharField(label="目的地", max_length=120)
    destination_at = PointField(required=False)
    stops = StopsField(label="途经地点", required=False)
    outside_city = forms.BooleanField(label="跨市用车（出本市行政区域）", required=False)
    planned_from = forms.DateTimeField(label="用车时间")
    planned_to = forms.DateTimeField(label="预计结束时间")
    weeks = forms.IntegerField(
        label="每周重复", min_value=0, max_value=2, required=False, initial=0,
        help_text="此后每周同一时间再申请的次数，0 为不重复；最多提前 15 天。",
    )  # fmt: skip

    def setup(self) -> None:
        now = timezone.localtime().replace(minute=0, second=0, microsecond=0)
        self.fields["planned_from"].initial = now + timedelta(hours=2)
        self.fields["planned_to"].initial = now + timedelta(hours=4)
        for name in ("origin", "destination"):
            self.fields[name].widget.attrs |= {
                "data-suggest": reverse("vehicles.order.places"), "data-suggest-target": f"#id_{name}_at",
                "data-suggest-empty": "", "placeholder": "输入名称或拼音查找，也可直接填写",
            }  # fmt: skip
        if self.actor.unit_id:
            organ = orgs.organ_of(Unit.objects.get(pk=self.actor.unit_id))
            self.fields["origin"].initial = organ.label if organ else self.actor.unit_name
            if organ and organ.lat is not None and organ.lon is not None:
                self.fields["origin_at"].initial = f"{organ.lat},{organ.lon}"

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        start, end = values.get("planned_from"), values.get("planned_to")
        if start and end and end <= start:
            self.add_error("planned_to", "结束时间须晚于用车时间。")
        for name in ("origin", "destination"):
            values[f"{name}_lat"], values[f"{name}_lon"] = values.pop(f"{name}_at", None) or (None, None)
        values["shape"] = values.get("shape") or Shape.ROUND
        values["weeks"] = values.get("weeks") or 0
        return values


def request_initial(actor: Actor, obj: Any, query: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what a new request begins with: the order named ``copy``, where the actor may see it, else the address."""
    key = query.get("copy", "")
    order = queries.orders(actor).filter(pk=int(key)).first() if key.isascii() and key.isdigit() else None
    if order is None:
        return {name: query[name] for name in RequestForm.base_fields if name in query}
    initial = {name: getattr(order, name) for name in COPIED}
    for name in ("origin", "destination"):
        lat, lon = getattr(order, f"{name}_lat"), getattr(order, f"{name}_lon")
        initial[f"{name}_at"] = "" if lat is None else f"{lat},{lon}"
    return initial


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


class UrgentForm(DispatchForm):
    reason = forms.CharField(label="应急事由", max_length=200, help_text="先派车后审批的理由，审批人补批时查看。")


class TimesForm(PageForm):
    planned_from = forms.DateTimeField(label="用车时间")
    planned_to = forms.DateTimeField(label="预计结束时间")
    reason = forms.CharField(label="调整原因", max_length=200)

    def setup(self) -> None:
        if self.obj is not None:
            self.fields["planned_from"].initial = timezone.localtime(self.obj.planned_from)
            self.fields["planned_to"].initial = timezone.localtime(self.obj.planned_to)


class ExtendForm(PageForm):
    planned_to = forms.DateTimeField(label="新的结束时间")
    reason = forms.CharField(label="延时原因", max_length=200)

    def setup(self) -> None:
        if self.obj is not None:
            self.fields["planned_to"].initial = timezone.localtime(self.obj.planned_to)


class OrderField(forms.ModelChoiceField):
    def label_from_instance(self, obj: DispatchOrder) -> str:
        start = timezone.localtime(obj.planned_from)
        return f"{obj.code} · {start:%m月%d日 %H:%M} · {obj.origin} → {obj.destination} · {obj.plate}"


class ShareForm(PageForm):
    host = OrderField(label="拼入的派车单", queryset=DispatchOrder.objects.none())

    def setup(self) -> None:
        if self.obj is not None:
            self.fields["host"].queryset = queries.hosts(self.obj, self.actor)


class SendForm(PageForm):
    pool = forms.ModelChoiceField(label="用车平台", queryset=Pool.objects.none(), help_text="服务于本单位的平台。")
    reason = forms.CharField(label="说明", max_length=200, required=False)

    def setup(self) -> None:
        if self.obj is not None:
            self.fields["pool"].queryset = queries.pools_for(self.obj)


class RatifyForm(PageForm):
    agreed = forms.TypedChoiceField(
        label="补批结果", coerce=lambda text: text == "yes", choices=[("yes", "同意补批"), ("no", "不予补批")]
    )
    reason = forms.CharField(label="补批意见", max_length=200)


class StartForm(PageForm):
    odometer_start_km = forms.IntegerField(label="出车里程表（公里）", min_value=0, max_value=9_999_999)


class EndForm(PageForm):
    odometer_end_km = forms.IntegerField(label="收车里程表（公里）", min_value=0, max_value=9_999_999)
    parked_at_place = forms.CharField(label="停放地点", max_length=120, required=False)


class RateForm(PageForm):
    rating = forms.TypedChoiceField(
        label="评价", coerce=int, choices=[(5, "5 分 · 非常满意"), (4, "4 分 · 满意"), (3, "3 分 · 一般"),
                                       (2, "2 分 · 不满意"), (1, "1 分 · 非常不满意")],
    )  # fmt: skip
    rating_note = forms.CharField(label="评价意见", max_length=200, required=False)


class ComplainForm(PageForm):
    text = forms.CharField(label="投诉内容", max_length=500, widget=forms.Textarea(attrs={"rows": "4"}))


class AnswerForm(PageForm):
    answer = forms.CharField(label="答复", max_length=500, widget=forms.Textarea(attrs={"rows": "4"}))
