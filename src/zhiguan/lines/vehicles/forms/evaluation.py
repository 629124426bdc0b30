"""Forms of studies of a fleet and of the year's report."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from django import forms
from django.utils import timezone

from zhiguan.kernel.orgs.service import Unit
from zhiguan.kernel.reference import service as reference
from zhiguan.kit.pages import PageForm

from ..models import Pool
from .fields import UnitField, UnitsField, organ_choices

MANAGE = "vehicles.plan.manage"


class StudyForm(PageForm):
    units = UnitsField(
        label="测算单位", queryset=Unit.objects.none(), required=False,
        help_text="可多选，包括其全部下级单位；选择多个单位时一并测算合并调度的需要。",
    )  # fmt: skip
    pool = forms.ModelChoiceField(
        label="或用车平台", queryset=Pool.objects.none(), required=False, empty_label="不按平台测算",
        help_text="选择平台后，按平台调派的派车单和平台车辆测算，不看上面的单位。",
    )  # fmt: skip
    period_from = forms.DateField(label="起始日期")
    period_to = forms.DateField(label="截止日期")

    def setup(self) -> None:
        self.fields["units"].widget.attrs["size"] = 10
        self.fields["units"].queryset = organ_choices(self, MANAGE).order_by("pos")
        self.fields["pool"].queryset = Pool.objects.filter(self.actor.scope(MANAGE).q(), state="active")
        yesterday = timezone.localdate() - timedelta(days=1)
        self.fields["period_from"].initial = yesterday - timedelta(days=364)
        self.fields["period_to"].initial = yesterday


class SizeForm(StudyForm):
    usual = forms.DecimalField(label="常用服务水平（%）", min_value=50, max_value=100, decimal_places=1, max_digits=4)
    high = forms.DecimalField(label="较高服务水平（%）", min_value=50, max_value=100, decimal_places=1, max_digits=4)
    turnaround = forms.IntegerField(label="两次出车之间的整备时间（分钟）", min_value=0, max_value=480)

    def setup(self) -> None:
        super().setup()
        self.fields["usual"].initial = round(100 * Decimal(str(reference.value("evaluation.sizing.usual_share"))), 1)
        self.fields["high"].initial = round(100 * Decimal(str(reference.value("evaluation.sizing.high_share"))), 1)
        self.fields["turnaround"].initial = int(reference.value("evaluation.sizing.turnaround_min"))

    def clean_usual(self) -> float:
        return float(self.cleaned_data["usual"]) / 100

    def clean_high(self) -> float:
        return float(self.cleaned_data["high"]) / 100


class AnnualForm(PageForm):
    unit = UnitField(label="填报单位", queryset=Unit.objects.none(), help_text="包括其全部下级单位。")
    year = forms.IntegerField(label="年度", min_value=2000, max_value=2100)

    def setup(self) -> None:
        self.fields["unit"].queryset = organ_choices(self, "vehicles.statistics.manage").order_by("pos")
        self.fields["year"].initial = timezone.localdate().year - 1
