"""Forms of sizes: posts by rank and what ancillary rooms are for."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils import timezone

from zhiguan.kernel.orgs.service import Unit
from zhiguan.kit.pages import PageForm

from ..codes import GRADES, HeightClass, OrganLevel
from ..domain.size import MOST_POSTS, Need
from .fields import AREA, NamedField, organ_choices

COUNT = {"min_value": 0, "max_value": MOST_POSTS, "initial": 0, "required": False}


def need_of(values: dict[str, Any]) -> Need:
    """Return the need that a form's values describe; takes them out of ``values``."""
    people = {grade: count for grade in GRADES if (count := values.pop(grade, None) or 0)}
    counts = {name: values.pop(name, None) or 0 for name in ("cars", "bicycles", "ebikes", "guards")}
    return Need(
        level=values.pop("level"), height_class=values.pop("height_class"), people=people,
        canteen=bool(values.pop("canteen", False)), **counts,
    )  # fmt: skip


class SizeForm(PageForm):
    unit = NamedField(label="单位", queryset=Unit.objects.none())
    level = forms.ChoiceField(label="面积标准级别", choices=OrganLevel.choices, initial=OrganLevel.PROVINCIAL)
    height_class = forms.ChoiceField(label="层数类别", choices=HeightClass.choices)
    ministry_chief = forms.IntegerField(label="省部级正职（人）", **COUNT)
    ministry_deputy = forms.IntegerField(label="省部级副职（人）", **COUNT)
    bureau_chief = forms.IntegerField(label="厅局级正职（人）", **COUNT)
    bureau_deputy = forms.IntegerField(label="厅局级副职（人）", **COUNT)
    division_chief = forms.IntegerField(label="县处级正职（人）", **COUNT)
    division_deputy = forms.IntegerField(label="县处级副职（人）", **COUNT)
    section_chief = forms.IntegerField(label="乡科级正职（人）", **COUNT)
    section_deputy = forms.IntegerField(label="乡科级副职（人）", **COUNT)
    staff = forms.IntegerField(label="科员级及以下（人）", **COUNT)
    canteen = forms.BooleanField(label="设食堂", required=False)
    cars = forms.IntegerField(label="汽车车位（个）", **COUNT)
    bicycles = forms.IntegerField(label="自行车（辆）", **COUNT)
    ebikes = forms.IntegerField(label="电动车、摩托车（辆）", **COUNT)
    guards = forms.IntegerField(label="警卫人员（人）", **COUNT)
    approved_area = forms.DecimalField(
        label="核定总建筑面积（平方米）", help_text="不得超过按标准测算的面积；可先在“规模测算”中测算。", **AREA
    )
    valid_from = forms.DateField(label="起始日期")
    landlord = forms.CharField(label="出租方", max_length=80, required=False, help_text="为租用办公用房核定的，填写出租单位全称。")
    document_no = forms.CharField(label="核定文号", max_length=80, required=False)

    def setup(self) -> None:
        self.fields["unit"].queryset = organ_choices(self, "space.size.manage")
        self.fields["valid_from"].initial = timezone.localdate()
