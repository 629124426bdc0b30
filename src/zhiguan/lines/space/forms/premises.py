"""Forms of buildings, rooms, allocations and room users."""

from __future__ import annotations

from django import forms
from django.utils import timezone

from zhiguan.kernel.orgs.service import Person, Unit
from zhiguan.kit.pages import PageForm

from .. import queries
from ..codes import HeightClass, RoomKind, Structure, TitleKind
from ..models import Building, Room
from .fields import AREA, NamedField, RoomField, find_person, organ_choices


class BuildingForm(PageForm):
    code = forms.CharField(label="楼宇编号", max_length=32)
    name = forms.CharField(label="楼宇名称", max_length=80)
    unit = NamedField(label="管理单位", queryset=Unit.objects.none())
    address = forms.CharField(label="坐落", max_length=200, required=False)
    structure = forms.ChoiceField(label="建筑结构", choices=Structure.choices)
    height_class = forms.ChoiceField(
        label="层数类别", choices=HeightClass.choices, help_text="决定总使用面积系数，按建设标准区分。"
    )
    storeys = forms.IntegerField(label="地上层数", min_value=1, max_value=200)
    basements = forms.IntegerField(label="地下层数", min_value=0, max_value=20, initial=0)
    gross_area = forms.DecimalField(label="建筑面积（平方米）", **AREA)
    usable_area = forms.DecimalField(label="使用面积（平方米）", required=False, **AREA)
    built_on = forms.DateField(label="建成日期", required=False)
    last_repair_on = forms.DateField(label="最近大中修竣工日期", required=False)
    value_yuan = forms.DecimalField(
        label="账面价值（元）", max_digits=16, decimal_places=2, min_value=0, required=False
    )
    title_kind = forms.ChoiceField(label="权属情况", choices=TitleKind.choices)
    title_holder = forms.CharField(label="权利人", max_length=80, required=False)
    title_no = forms.CharField(label="不动产权证号", max_length=80, required=False)
    note = forms.CharField(label="备注", max_length=200, required=False)

    def setup(self) -> None:
        self.fields["unit"].queryset = organ_choices(self, "space.building.manage")


class RoomForm(PageForm):
    building = NamedField(label="楼宇", queryset=Building.objects.none())
    storey = forms.IntegerField(label="楼层", min_value=-20, max_value=200, help_text="地下楼层填负数。")
    number = forms.CharField(label="房间号", max_length=20)
    kind = forms.ChoiceField(label="房间类别", choices=RoomKind.choices)
    purpose = forms.CharField(label="用途", max_length=40, required=False, help_text="例如会议室、档案室、配电室。")
    usable_area = forms.DecimalField(label="使用面积（平方米）", max_digits=9, decimal_places=2, min_value=0.01)
    note = forms.CharField(label="备注", max_length=200, required=False)

    def setup(self) -> None:
        rows = queries.managed_buildings(self.actor).filter(state="in_use")
        if self.obj is not None:
            rows = queries.managed_buildings(self.actor).filter(pk=self.obj.building_id)
        self.fields["building"].queryset = rows.order_by("code")


class AllocateForm(PageForm):
    user = NamedField(label="使用单位", queryset=Unit.objects.none())
    valid_from = forms.DateField(label="启用日期")
    certificate_no = forms.CharField(label="分配使用凭证号", max_length=60, required=False)
    document_no = forms.CharField(label="批准文号", max_length=80, required=False)

    def setup(self) -> None:
        self.fields["user"].queryset = Unit.objects.open().of_kind("organ").order_by("sort", "pos")
        self.fields["valid_from"].initial = timezone.localdate()


class VacateForm(PageForm):
    vacated_on = forms.DateField(label="腾退日期")

    def setup(self) -> None:
        self.fields["vacated_on"].initial = timezone.localdate()


class SeatForm(PageForm):
    person = forms.CharField(label="人员", max_length=50, help_text="填写姓名或人员编号；重名时请填写人员编号。")
    room = RoomField(label="房间", queryset=Room.objects.none())
    valid_from = forms.DateField(label="启用日期")
    second_office_no = forms.CharField(
        label="另设办公用房批准文号", max_length=80, required=False, help_text="该人员已有一处办公用房时填写。"
    )

    def setup(self) -> None:
        scope = self.actor.scope("space.occupant.manage")
        rows = Room.objects.filter(scope.q("user_pos"), state="allocated").select_related("building")
        self.fields["room"].queryset = rows.order_by("building__code", "number")
        self.fields["valid_from"].initial = timezone.localdate()

    def clean_person(self) -> Person:
        return find_person(self, "space.occupant.manage", self.cleaned_data["person"].strip())


class LeaveForm(PageForm):
    left_on = forms.DateField(label="退出日期")

    def setup(self) -> None:
        self.fields["left_on"].initial = timezone.localdate()


