"""Forms of sensitive places, permitted areas, holders and lifted privacy."""

from __future__ import annotations

import json
from typing import Any

from django import forms
from django.utils import timezone

from zhiguan.kernel.orgs.service import Person, Unit
from zhiguan.kit.errors import Refusal
from zhiguan.kit.pages import PageForm

from ..codes import Datum, Holding, PlaceKind
from ..domain.places import KEEPERS, fence_of
from ..domain.privacy import MOST_DAYS, MOST_HOURS
from ..models import PrivacyLift, SensitivePlace, Vehicle
from .fields import IslandInput, PersonField, UnitField, VehicleField, organ_choices
from .register import person_named


class FenceInput(IslandInput):
    """The map on which an area (only a ``circle``) is drawn; readable as GeoJSON where scripts do not run."""

    def __init__(self, *, circle: bool = False) -> None:
        super().__init__("fence-editor", map=True, circle=circle)
        self.attrs["rows"] = "4"

    def format_value(self, value: Any) -> str:
        return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False) if value else ""


class FenceField(forms.CharField):
    """An area as GeoJSON: a polygon, with holes or without, or a circle. Whether it has a clear inside is the verb's."""

    widget = FenceInput

    def clean(self, value: Any) -> Any:
        if isinstance(value, dict):
            return value
        text = super().clean(value)
        if not text:
            return None
        try:
            return json.loads(text)
        except ValueError as error:
            raise forms.ValidationError("不是有效的 GeoJSON，请在地图上重画，或检查括号和逗号。") from error

    def has_changed(self, initial: Any, data: Any) -> bool:
        return self.widget.format_value(initial) != self.widget.format_value(data)


class _FencedForm(PageForm):
    """What both kinds of areas share: the check of the drawing stands at its field."""

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if cleaned.get("fence"):
            try:
                fence_of(cleaned["fence"], cleaned.get("datum") or "wgs84")
            except Refusal as refusal:
                self.add_error("fence", refusal.message)
        return cleaned


class SensitiveForm(_FencedForm):
    kind = forms.ChoiceField(label="场所类别", choices=PlaceKind.choices)
    name = forms.CharField(label="名称", max_length=80)
    unit = UnitField(label="登记单位", queryset=Unit.objects.none(), help_text="各单位的车辆都与该场所比对。")
    address = forms.CharField(label="地址", max_length=200, required=False)
    fence = FenceField(label="范围", max_length=400_000, help_text="在地图上画多边形（可挖去内孔）或圆；也可粘贴 GeoJSON。")
    datum = forms.ChoiceField(
        label="坐标系", choices=Datum.choices, initial="wgs84", required=False, help_text="粘贴国内互联网地图的坐标时选 GCJ-02。"
    )

    def setup(self) -> None:
        self.fields["unit"].queryset = organ_choices(self, "vehicles.place.manage").filter(kind__in=KEEPERS)
        if isinstance(self.obj, SensitivePlace) and not self.obj.fence:
            place = self.obj
            self.initial["fence"] = {"type": "Circle", "center": [place.lon, place.lat], "radius_m": place.radius_m}


class PermittedForm(_FencedForm):
    name = forms.CharField(label="名称", max_length=80, help_text="例如 中心城区、本市行政区域。")
    unit = UnitField(label="适用单位", queryset=Unit.objects.none(), help_text="适用于该单位及其下属单位的车辆。")
    vehicle = VehicleField(
        label="适用车辆", queryset=Vehicle.objects.none(), required=False, empty_label="全部车辆",
        help_text="只适用于一辆车时选择；该车不再按单位的区域判定。",
    )  # fmt: skip
    valid_from = forms.DateField(label="起始日期")
    valid_to = forms.DateField(label="终止日期", required=False, help_text="该日起不再适用；不填表示长期。")
    fence = FenceField(label="范围", max_length=400_000, help_text="在地图上画多边形（可挖去内孔）或圆；也可粘贴 GeoJSON。")
    datum = forms.ChoiceField(
        label="坐标系", choices=Datum.choices, initial="wgs84", required=False, help_text="粘贴国内互联网地图的坐标时选 GCJ-02。"
    )

    def setup(self) -> None:
        self.fields["unit"].queryset = organ_choices(self, "vehicles.place.manage")
        scope = self.actor.scope("vehicles.place.manage")
        self.fields["vehicle"].queryset = Vehicle.objects.filter(scope.q()).exclude(state="disposed")
        if self.obj is None:
            self.fields["valid_from"].initial = timezone.localdate()


class HolderForm(PageForm):
    holding = forms.ChoiceField(label="使用方式", choices=Holding.choices)
    document_no = forms.CharField(
        label="批准文号", max_length=80, required=False, help_text="按规定配备使用的须填写。"
    )
    valid_from = forms.DateField(label="起始日期")
    valid_to = forms.DateField(label="终止日期", required=False, help_text="该日起不再使用；不填表示长期。")

    def setup(self) -> None:
        if self.obj is None:
            self.fields["valid_from"].initial = timezone.localdate()


class NewHolderForm(HolderForm):
    vehicle = VehicleField(label="车辆", queryset=Vehicle.objects.none())
    person = PersonField(
        label="人员", permission="vehicles.holder.manage", help_text="填写姓名或人员编号；重名时请填写人员编号。"
    )
    field_order = ("vehicle", "person")

    def setup(self) -> None:
        super().setup()
        scope = self.actor.scope("vehicles.holder.manage")
        self.fields["vehicle"].queryset = Vehicle.objects.filter(scope.q()).exclude(state="disposed")

    def clean_person(self) -> Person:
        return person_named(self, "vehicles.holder.manage")


class LiftForm(PageForm):
    day_from = forms.DateField(label="查看的起始日期")
    day_to = forms.DateField(label="查看的截止日期", help_text=f"含当日，一次最多 {MOST_DAYS} 天。")
    hours = forms.IntegerField(
        label="查看时限（小时）", min_value=1, max_value=MOST_HOURS, initial=4,
        help_text=f"自批准时起算，最多 {MOST_HOURS} 小时，到时自动失效。",
    )
    reason = forms.CharField(
        label="解除事由", max_length=200, widget=forms.Textarea(attrs={"rows": "3"}),
        help_text="写明核查的线索和必要性。事由记入痕迹，失效后固定使用人可以看到。",
    )

    def setup(self) -> None:
        self.fields["day_from"].initial = self.fields["day_to"].initial = timezone.localdate()


class ApproveLiftForm(PageForm):
    opinion = forms.CharField(
        label="审批意见", max_length=200, required=False, widget=forms.Textarea(attrs={"rows": "3"})
    )

    def setup(self) -> None:
        lift = self.obj
        if isinstance(lift, PrivacyLift):
            self.fields["opinion"].help_text = (
                f"{lift.account_name}申请查看 {lift.plate} {lift.day_from:%Y-%m-%d} 至 {lift.day_to:%Y-%m-%d} "
                f"非工作时间的位置，时限 {lift.hours} 小时。事由：{lift.reason}"
            )
