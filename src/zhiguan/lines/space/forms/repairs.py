"""Forms of repair projects."""

from __future__ import annotations

from django import forms
from django.utils import timezone

from zhiguan.kernel.orgs.service import Unit
from zhiguan.kit.pages import PageForm

from .. import queries
from ..codes import RepairKind
from ..models import Building
from .fields import AREA, MONEY, NamedField, organ_choices


class RepairForm(PageForm):
    unit = NamedField(label="申报单位", queryset=Unit.objects.none())
    year = forms.IntegerField(label="计划年度", min_value=2000, max_value=2100)
    building = NamedField(label="楼宇", queryset=Building.objects.none())
    project = forms.CharField(label="项目名称", max_length=80)
    kind = forms.ChoiceField(label="维修类别", choices=RepairKind.choices)
    why = forms.CharField(label="维修理由", max_length=500, widget=forms.Textarea)
    scope = forms.CharField(label="维修内容", max_length=500, widget=forms.Textarea, required=False)
    area_m2 = forms.DecimalField(label="维修面积（平方米）", **AREA)
    estimate_yuan = forms.DecimalField(label="估算投资（元）", **MONEY)

    def setup(self) -> None:
        permission = "space.repair.manage" if self.actor.can("space.repair.manage") else "space.repair.propose"
        self.fields["unit"].queryset = organ_choices(self, permission)
        self.fields["building"].queryset = queries.buildings(self.actor).exclude(state="disposed").order_by("code")
        self.fields["year"].initial = timezone.localdate().year + 1


class IncludeForm(PageForm):
    approved_yuan = forms.DecimalField(label="批准投资（元）", **MONEY)
    document_no = forms.CharField(label="批复文号", max_length=80, required=False)
    reason = forms.CharField(
        label="说明", max_length=200, required=False, help_text="批准投资超过单方造价控制值时须填写。"
    )


class BeginForm(PageForm):
    begun_on = forms.DateField(label="开工日期")
    contractor = forms.CharField(label="施工单位", max_length=80, help_text="中标或者成交单位全称。")

    def setup(self) -> None:
        self.fields["begun_on"].initial = timezone.localdate()


class FinishForm(PageForm):
    finished_on = forms.DateField(label="竣工验收日期")
    final_yuan = forms.DecimalField(label="结算金额（元）", **MONEY)
    reason = forms.CharField(label="说明", max_length=200, required=False, help_text="结算金额超过批准投资时须填写。")

    def setup(self) -> None:
        self.fields["finished_on"].initial = timezone.localdate()
