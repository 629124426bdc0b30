"""Forms of plans to buy and renew, and of disposal."""

from __future__ import annotations

from django import forms
from django.utils import timezone

from zhiguan.kernel.orgs.service import Unit
from zhiguan.kit.pages import PageForm

from .. import queries
from ..codes import Body, DisposalMethod, Energy, VehicleKind
from ..domain.register import clean_plate
from ..models import ON_BOOKS, ParkingPlace, Vehicle
from .fields import UnitField, VehicleField, organ_choices
from .life import MONEY


class PlanForm(PageForm):
    unit = UnitField(label="单位", queryset=Unit.objects.none())
    year = forms.IntegerField(label="计划年度", min_value=2000, max_value=2100)
    kind = forms.ChoiceField(label="车辆种类", choices=VehicleKind.choices, initial=VehicleKind.EMERGENCY)
    body = forms.ChoiceField(label="车型", choices=Body.choices)
    energy = forms.ChoiceField(label="能源类型", choices=Energy.choices, initial=Energy.ELECTRIC)
    displacement_l = forms.DecimalField(
        label="排气量（升）", max_digits=3, decimal_places=1, min_value=0, required=False, help_text="纯电动车留空。"
    )
    budget_yuan = forms.DecimalField(label="预算价格（元）", help_text="不含车辆购置税。", **MONEY)
    special_need = forms.BooleanField(
        label="确因工作需要", required=False, help_text="配备其他小型、中型客车，或执法执勤确需的车辆。"
    )
    replaces = VehicleField(
        label="更新车辆",
        queryset=Vehicle.objects.none(),
        required=False,
        help_text="更新旧车时选择；旧车不再占用编制。",
    )
    need = forms.CharField(label="配备更新理由", max_length=300, widget=forms.Textarea)

    def setup(self) -> None:
        self.fields["unit"].queryset = organ_choices(self, "vehicles.plan.manage")
        rows = Vehicle.objects.visible_to(self.actor, "vehicles.plan.manage").filter(ON_BOOKS)
        self.fields["replaces"].queryset = rows.order_by("plate")
        self.fields["year"].initial = timezone.localdate().year


class ApproveForm(PageForm):
    document_no = forms.CharField(label="批准文号", max_length=80, required=False)
    reason = forms.CharField(label="审批意见", max_length=200, required=False)


class BuyForm(PageForm):
    supplier = forms.CharField(label="供应商", max_length=80)
    brand_model = forms.CharField(label="品牌型号", max_length=80)
    price_yuan = forms.DecimalField(label="成交价格（元）", help_text="不含车辆购置税。", **MONEY)
    bought_on = forms.DateField(label="购置日期")
    contract_no = forms.CharField(label="合同编号", max_length=60, required=False)


class EnrolForm(PageForm):
    plate = forms.CharField(label="车牌号", max_length=12)
    vin = forms.CharField(label="车辆识别代号", max_length=17, help_text="17 位，见行驶证。")
    engine_no = forms.CharField(label="发动机号", max_length=30, required=False)
    certificate_no = forms.CharField(label="登记证书编号", max_length=30, required=False)
    registered_on = forms.DateField(label="注册登记日期")
    seats = forms.IntegerField(label="核定载客", min_value=1, max_value=60, initial=5)
    place = forms.ModelChoiceField(label="停放地点", queryset=ParkingPlace.objects.none(), required=False)

    def setup(self) -> None:
        if self.obj is not None:
            rows = queries.places(self.actor).filter(state="active")
            self.fields["place"].queryset = rows.filter(unit=self.obj.unit_id)

    def clean_plate(self) -> str:
        return clean_plate(self.cleaned_data["plate"]) if self.cleaned_data.get("plate") else ""


class DisposalForm(PageForm):
    method = forms.ChoiceField(label="处置方式", choices=DisposalMethod.choices)
    why = forms.CharField(label="处置理由", max_length=300, widget=forms.Textarea)
    to_unit = UnitField(label="调入单位", queryset=Unit.objects.none(), required=False, help_text="仅调剂填写。")
    estimate_yuan = forms.DecimalField(label="评估价值（元）", required=False, **MONEY)

    def setup(self) -> None:
        self.fields["to_unit"].queryset = Unit.objects.open().of_kind("organ").order_by("sort", "pos")


class DisposedForm(PageForm):
    done_on = forms.DateField(label="处置完成日期")
    receiver = forms.CharField(label="受让人或回收单位", max_length=80, required=False)
    certificate_no = forms.CharField(
        label="成交或回收凭证号", max_length=60, required=False, help_text="拍卖成交确认书、报废机动车回收证明编号。"
    )
    proceeds_yuan = forms.DecimalField(label="处置收入（元）", required=False, **MONEY)

    def setup(self) -> None:
        self.fields["done_on"].initial = timezone.localdate()
