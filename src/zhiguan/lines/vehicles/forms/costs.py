"""Forms of costs, energy, cards and layouts of statements."""

from __future__ import annotations

from typing import Any

from django import forms

from zhiguan.kit.pages import PageForm

from ..codes import CostKind, EnergyKind
from ..domain.statements import COLUMNS, NEEDED
from ..models import Driver, EnergyCard
from ..queries import life
from .fields import DriverField
from .life import MONEY, OfVehicleForm

SURE = "系统提示与已登记的费用相似、而确实不是同一笔时勾选。"


class OfCostForm(OfVehicleForm):
    permission = "vehicles.cost.manage"


class CostForm(OfCostForm):
    kind = forms.ChoiceField(
        label="费用类别", choices=[pair for pair in CostKind.choices if pair[0] != CostKind.ENERGY]
    )
    spent_on = forms.DateField(label="发生日期")
    amount_yuan = forms.DecimalField(label="金额（元）", **MONEY)
    payee = forms.CharField(label="收款单位", max_length=80, required=False)
    item = forms.CharField(
        label="费用事项", max_length=120, required=False, help_text="例如 入口至出口、停车场、加班时段。"
    )
    invoice_no = forms.CharField(label="票据号码", max_length=40, required=False)
    driver = DriverField(label="驾驶员", queryset=Driver.objects.none(), required=False, help_text="加班费填写。")
    file = forms.FileField(label="票据", required=False, help_text="PDF、OFD 或图片。")
    note = forms.CharField(label="备注", max_length=200, required=False)
    sure = forms.BooleanField(label="确认不是重复登记", required=False, help_text=SURE)


class CardField(forms.ModelChoiceField):
    def label_from_instance(self, obj: EnergyCard) -> str:
        return f"{obj.number} · {obj.vehicle.plate} · {obj.get_kind_display()}"


class EnergyForm(OfCostForm):
    kind = forms.ChoiceField(label="类别", choices=EnergyKind.choices)
    at = forms.DateTimeField(label="时间")
    quantity = forms.DecimalField(label="数量", max_digits=9, decimal_places=2, min_value=0, help_text="升或千瓦时。")
    amount_yuan = forms.DecimalField(label="金额（元）", **MONEY)
    odometer_km = forms.IntegerField(label="里程表（公里）", min_value=0, max_value=9_999_999, required=False)
    card = CardField(label="加油充电卡", queryset=EnergyCard.objects.none(), required=False)
    station = forms.CharField(label="站点", max_length=80, required=False)
    invoice_no = forms.CharField(label="票据号码", max_length=40, required=False)
    file = forms.FileField(label="票据", required=False, help_text="PDF、OFD 或图片。")
    sure = forms.BooleanField(label="确认不是重复登记", required=False, help_text=SURE)

    def setup(self) -> None:
        super().setup()
        self.fields["card"].queryset = life.cards(self.actor).filter(state="active").select_related("vehicle")


class FileForm(PageForm):
    file = forms.FileField(label="票据", help_text="PDF、OFD 或图片。")


class CardForm(OfCostForm):
    number = forms.CharField(label="卡号", max_length=32)
    kind = forms.ChoiceField(label="类别", choices=EnergyKind.choices)
    issuer = forms.CharField(label="发卡单位", max_length=60)
    opened_on = forms.DateField(label="启用日期")
    expires_on = forms.DateField(label="有效期至", required=False)

    def clean_number(self) -> str:
        return "".join(self.cleaned_data["number"].split())


class ProfileForm(PageForm):
    """The layout of a statement: one input for the heading of each thing a statement may tell."""

    rest_title = "列名对应"
    name = forms.CharField(label="名称", max_length=60)
    company = forms.CharField(label="发卡单位", max_length=60)
    kind = forms.ChoiceField(label="类别", choices=EnergyKind.choices, help_text="没有“商品名称”列时按此登记。")

    def setup(self) -> None:
        stored = self.obj.columns if self.obj is not None else {}
        for name, title in COLUMNS.items():
            self.fields[f"column_{name}"] = forms.CharField(
                label=f"“{title}”的列名", max_length=40, required=name in NEEDED, initial=stored.get(name, "")
            )

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        values["columns"] = {name: values.pop(f"column_{name}", "") for name in COLUMNS}
        return values


class ProfileEditForm(ProfileForm):
    active = forms.BooleanField(label="启用", required=False)
