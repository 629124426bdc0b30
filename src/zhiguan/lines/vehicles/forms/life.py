"""Forms of papers, upkeep and mishaps."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils import timezone

from zhiguan.kit.pages import PageForm

from .. import queries
from ..codes import ClaimKind, Energy, InspectionKind, InsuranceKind, Liability, UpkeepKind, VehicleKind
from ..models import Accident, Driver, UpkeepOrder, UpkeepRule, Vehicle
from ..queries import life
from .fields import DriverField, VehicleField

MONEY: dict[str, Any] = {"max_digits": 12, "decimal_places": 2, "min_value": 0}


class OfVehicleForm(PageForm):
    """A form about one vehicle in the actor's scope; the address may name it (``?vehicle=``)."""

    permission = "vehicles.vehicle.manage"
    vehicle = VehicleField(label="车辆", queryset=Vehicle.objects.none())

    def setup(self) -> None:
        rows = Vehicle.objects.visible_to(self.actor, self.permission).exclude(state="disposed")
        self.fields["vehicle"].queryset = rows.order_by("plate")
        today = timezone.localdate()
        for name in ("valid_from", "inspected_on", "planned_on", "noticed_on", "spent_on"):
            if name in self.fields:
                self.fields[name].initial = today
        if "driver" in self.fields:
            self.fields["driver"].queryset = queries.drivers(self.actor)


class PolicyForm(OfVehicleForm):
    kind = forms.ChoiceField(label="险种", choices=InsuranceKind.choices)
    insurer = forms.CharField(label="保险公司", max_length=60)
    number = forms.CharField(label="保险单号", max_length=40)
    valid_from = forms.DateField(label="起保日期")
    valid_to = forms.DateField(label="到期日期", help_text="最后一天，含当天。")
    premium_yuan = forms.DecimalField(label="保险费（元）", **MONEY)
    cover = forms.CharField(
        label="投保项目", max_length=200, required=False, help_text="商业险填写，例如 车损、三者 200 万。"
    )


class AccidentField(forms.ModelChoiceField):
    def label_from_instance(self, obj: Accident) -> str:
        return f"{obj.code} · {timezone.localtime(obj.at):%Y-%m-%d} · {obj.place}"


class ClaimForm(PageForm):
    kind = forms.ChoiceField(label="理赔类别", choices=ClaimKind.choices)
    accident = AccidentField(label="事故", queryset=Accident.objects.none(), required=False)
    reported_on = forms.DateField(label="报案日期")
    report_no = forms.CharField(label="报案号", max_length=40, required=False)
    claimed_yuan = forms.DecimalField(label="索赔金额（元）", **MONEY)

    def setup(self) -> None:
        if self.obj is not None:
            self.fields["accident"].queryset = life.accidents(self.actor).filter(vehicle=self.obj.vehicle_id)


class ClaimPaidForm(PageForm):
    paid_yuan = forms.DecimalField(label="赔付金额（元）", **MONEY)
    paid_on = forms.DateField(label="赔付日期")


class InspectionForm(OfVehicleForm):
    kind = forms.ChoiceField(label="办理方式", choices=InspectionKind.choices)
    inspected_on = forms.DateField(label="检验日期")
    passed = forms.BooleanField(label="检验合格", required=False, initial=True)
    valid_to = forms.DateField(label="检验有效期至", required=False, help_text="留空时按车型和车龄的检验周期计算。")
    station = forms.CharField(label="检验机构", max_length=80, required=False)
    fee_yuan = forms.DecimalField(label="检验费（元）", initial=0, **MONEY)
    odometer_km = forms.IntegerField(label="里程表（公里）", min_value=0, max_value=9_999_999, required=False)
    note = forms.CharField(label="备注", max_length=200, required=False)


class RuleForm(PageForm):
    item = forms.CharField(label="保养项目", max_length=60, help_text="例如 机油机滤、制动液、动力电池检测。")
    kind = forms.ChoiceField(label="车辆种类", choices=[("", "全部"), *VehicleKind.choices], required=False)
    energy = forms.ChoiceField(label="能源类型", choices=[("", "全部"), *Energy.choices], required=False)
    brand_model = forms.CharField(label="品牌型号", max_length=80, required=False, help_text="留空表示全部型号。")
    every_km = forms.IntegerField(label="里程间隔（公里）", min_value=100, max_value=500_000, required=False)
    every_months = forms.IntegerField(label="时间间隔（月）", min_value=1, max_value=120, required=False)
    basis = forms.CharField(label="依据", max_length=120, required=False, help_text="例如 使用手册、单位规定。")


class RuleEditForm(RuleForm):
    active = forms.BooleanField(label="启用", required=False)


class UpkeepForm(OfVehicleForm):
    kind = forms.ChoiceField(label="类别", choices=UpkeepKind.choices)
    rules = forms.ModelMultipleChoiceField(
        label="保养项目",
        queryset=UpkeepRule.objects.none(),
        required=False,
        help_text="完工后，所选项目的周期重新计算。",
    )
    items = forms.CharField(label="维修保养内容", max_length=300)
    shop = forms.CharField(label="承修单位", max_length=80, required=False)
    planned_on = forms.DateField(label="计划日期")
    estimate_yuan = forms.DecimalField(label="预计费用（元）", required=False, **MONEY)

    def setup(self) -> None:
        super().setup()
        self.fields["rules"].queryset = UpkeepRule.objects.filter(active=True)


class BeginForm(PageForm):
    shop = forms.CharField(label="承修单位", max_length=80)
    began_on = forms.DateField(label="进厂日期")

    def setup(self) -> None:
        self.fields["began_on"].initial = timezone.localdate()
        if self.obj is not None:
            self.fields["shop"].initial = self.obj.shop


class FinishForm(PageForm):
    done_on = forms.DateField(label="完工日期")
    cost_yuan = forms.DecimalField(label="实际费用（元）", **MONEY)
    odometer_km = forms.IntegerField(label="里程表（公里）", min_value=0, max_value=9_999_999, required=False)
    invoice_no = forms.CharField(label="票据号码", max_length=40, required=False)
    file = forms.FileField(label="结算单或发票", required=False, help_text="PDF、OFD 或图片。")

    def setup(self) -> None:
        self.fields["done_on"].initial = timezone.localdate()


class RecordForm(OfVehicleForm):
    kind = forms.ChoiceField(label="类别", choices=UpkeepKind.choices)
    rules = forms.ModelMultipleChoiceField(label="保养项目", queryset=UpkeepRule.objects.none(), required=False)
    items = forms.CharField(label="维修保养内容", max_length=300)
    shop = forms.CharField(label="承修单位", max_length=80)
    done_on = forms.DateField(label="完工日期")
    cost_yuan = forms.DecimalField(label="实际费用（元）", **MONEY)
    odometer_km = forms.IntegerField(label="里程表（公里）", min_value=0, max_value=9_999_999, required=False)
    invoice_no = forms.CharField(label="票据号码", max_length=40, required=False)
    file = forms.FileField(label="结算单或发票", required=False, help_text="PDF、OFD 或图片。")

    def setup(self) -> None:
        super().setup()
        self.fields["rules"].queryset = UpkeepRule.objects.filter(active=True)


class AccidentForm(OfVehicleForm):
    at = forms.DateTimeField(label="发生时间")
    place = forms.CharField(label="发生地点", max_length=120)
    account = forms.CharField(label="经过", max_length=500, widget=forms.Textarea)
    injuries = forms.BooleanField(label="有人员伤亡", required=False)
    driver = DriverField(
        label="驾驶员", queryset=Driver.objects.none(), required=False, help_text="留空时按当时的派车单确定。"
    )


class AssessForm(PageForm):
    liability = forms.ChoiceField(label="责任认定", choices=Liability.choices)
    document_no = forms.CharField(label="认定书编号", max_length=60, required=False)
    damage = forms.CharField(label="损失情况", max_length=300)
    damage_yuan = forms.DecimalField(label="损失金额（元）", **MONEY)


class RepairField(forms.ModelChoiceField):
    def label_from_instance(self, obj: UpkeepOrder) -> str:
        return f"{obj.code} · {obj.items[:30]}"


class CloseForm(PageForm):
    upkeep = RepairField(label="维修单", queryset=UpkeepOrder.objects.none(), required=False)
    own_cost_yuan = forms.DecimalField(
        label="单位自行承担（元）", initial=0, help_text="保险赔付以外、未计入维修单的部分。", **MONEY
    )

    def setup(self) -> None:
        if self.obj is not None:
            self.fields["upkeep"].queryset = life.upkeeps(self.actor).filter(vehicle=self.obj.vehicle_id)


class ViolationForm(OfVehicleForm):
    at = forms.DateTimeField(label="违法时间")
    place = forms.CharField(label="违法地点", max_length=120)
    behaviour = forms.CharField(label="违法行为", max_length=120)
    behaviour_code = forms.CharField(label="违法代码", max_length=12, required=False)
    fine_yuan = forms.DecimalField(label="罚款（元）", initial=0, max_digits=9, decimal_places=2, min_value=0)
    points = forms.IntegerField(label="记分", min_value=0, max_value=12, initial=0)
    noticed_on = forms.DateField(label="告知日期")
    driver = DriverField(
        label="驾驶员", queryset=Driver.objects.none(), required=False, help_text="留空时按当时的派车单确定。"
    )


class HandleForm(PageForm):
    driver = DriverField(label="责任驾驶员", queryset=Driver.objects.none())
    handled_on = forms.DateField(label="处理日期")
    fine_yuan = forms.DecimalField(label="罚款（元）", max_digits=9, decimal_places=2, min_value=0)
    points = forms.IntegerField(label="记分", min_value=0, max_value=12)
    decision_no = forms.CharField(label="决定书编号", max_length=60, required=False)

    def setup(self) -> None:
        self.fields["driver"].queryset = queries.drivers(self.actor)
        self.fields["handled_on"].initial = timezone.localdate()
        if self.obj is not None:
            for name in ("fine_yuan", "points"):
                self.fields[name].initial = getattr(self.obj, name)
            self.fields["driver"].initial = self.obj.driver_id


class PayForm(PageForm):
    paid_on = forms.DateField(label="缴款日期")
    payer = forms.CharField(label="缴款人", max_length=60)

    def setup(self) -> None:
        self.fields["paid_on"].initial = timezone.localdate()
