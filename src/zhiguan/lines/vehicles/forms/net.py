"""Forms of the one net: pools, rented cars, settlements."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils import timezone

from zhiguan.kernel.orgs.service import Unit
from zhiguan.kit.pages import PageForm

from .. import queries
from ..codes import Body, Energy, PoolKind
from ..models import Pool
from .fields import UnitField, UnitsField


class PoolForm(PageForm):
    name = forms.CharField(label="平台名称", max_length=80)
    kind = forms.ChoiceField(label="类型", choices=PoolKind.choices)
    members = UnitsField(
        label="服务单位", queryset=Unit.objects.none(), help_text="可多选；选择市或区即服务其下全部单位。"
    )
    phone = forms.CharField(label="调度电话", max_length=20, required=False)
    note = forms.CharField(label="备注", max_length=200, required=False)

    def setup(self) -> None:
        scope = self.actor.scope("vehicles.pool.manage")
        known = Unit.objects.open().filter(scope.q("pos"))
        self.fields["members"].queryset = known.of_kind("organ", "district", "city").order_by("pos")
        if self.obj is not None:
            self.fields["members"].initial = [member.unit_id for member in self.obj.members.all()]


class NewPoolForm(PoolForm):
    unit = UnitField(label="运行单位", queryset=Unit.objects.none(), help_text="负责调度的单位或处室；设立后不能变更。")

    def setup(self) -> None:
        super().setup()
        scope = self.actor.scope("vehicles.pool.manage")
        self.fields["unit"].queryset = Unit.objects.open().filter(scope.q("pos")).order_by("pos")


class IntoPoolForm(PageForm):
    pool = forms.ModelChoiceField(
        label="用车平台", queryset=Pool.objects.none(), required=False, empty_label="不入池",
        help_text="入池后平台调度员也可以派用；资产仍属本单位。",
    )  # fmt: skip

    def setup(self) -> None:
        self.fields["pool"].queryset = Pool.objects.filter(state="active")
        if self.obj is not None:
            self.fields["pool"].initial = self.obj.pool_id


class ContractForm(PageForm):
    number = forms.CharField(label="合同编号", max_length=40)
    company = forms.CharField(label="租赁公司", max_length=80)
    pool = forms.ModelChoiceField(label="服务平台", queryset=Pool.objects.none())
    day_rate_yuan = forms.DecimalField(label="日租金（元）", max_digits=10, decimal_places=2, min_value=0)
    km_rate_yuan = forms.DecimalField(label="每公里（元）", max_digits=8, decimal_places=2, min_value=0, initial=0)
    valid_from = forms.DateField(label="起始日期")
    valid_to = forms.DateField(label="终止日期")
    note = forms.CharField(label="备注", max_length=200, required=False)

    def setup(self) -> None:
        scope = self.actor.scope("vehicles.pool.manage")
        self.fields["pool"].queryset = Pool.objects.filter(scope.q(), state="active")
        self.fields["valid_from"].initial = timezone.localdate()


class RentedCarForm(PageForm):
    plate = forms.CharField(label="车牌号", max_length=12)
    body = forms.ChoiceField(label="车型", choices=Body.choices)
    brand_model = forms.CharField(label="品牌型号", max_length=80)
    seats = forms.IntegerField(label="核定载客", min_value=2, max_value=60, initial=5, help_text="含驾驶员。")
    energy = forms.ChoiceField(label="能源类型", choices=Energy.choices)
    note = forms.CharField(label="备注", max_length=200, required=False)


class SettleForm(PageForm):
    unit = UnitField(label="服务单位", queryset=Unit.objects.none(), help_text="平台的运行单位。")
    month = forms.DateField(label="结算月份", help_text="选择该月任意一天。")

    def setup(self) -> None:
        scope = self.actor.scope("vehicles.settlement.manage")
        self.fields["unit"].queryset = Unit.objects.filter(
            scope.q("pos"), pk__in=queries.pools(self.actor).values("unit")
        )
        today = timezone.localdate()
        self.fields["month"].initial = (today.replace(day=1) - timezone.timedelta(days=1)).replace(day=1)

    def clean_month(self) -> Any:
        return self.cleaned_data["month"].replace(day=1)
