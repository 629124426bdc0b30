"""Forms of asset cards."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django import forms
from django.utils import timezone

from zhiguan.kernel.orgs.service import Unit
from zhiguan.kit.errors import Invalid
from zhiguan.kit.pages import PageForm

from ..codes import DepreciationKind, HolderCause, Origin
from ..lifecycle import MANAGE
from ..queries.classes import ClassNames
from .fields import ORGANS, UnitField, division_of, organ_choices, person_of

STATES = (("in_use", "在用"), ("idle", "闲置"))


class ClassMixin:
    """Checks ``class_code`` at its field."""

    def clean_class_code(self) -> str:
        code = self.cleaned_data["class_code"].strip().upper()  # type: ignore[attr-defined]
        if problem := ClassNames().problem(code):
            raise Invalid(problem)
        return code


class KeepingMixin:
    """Resolves ``user_unit`` and ``custodian``, written by name or number, within the organ that holds the asset."""

    def resolve_keeping(self, organ: Unit | None) -> None:
        if organ is None:
            return
        for name, find in (("user_unit", division_of), ("custodian", person_of)):
            try:
                self.cleaned_data[name] = find(organ, (self.cleaned_data.get(name) or "").strip())  # type: ignore[attr-defined]
            except Invalid as refusal:
                self.add_error(name, refusal.fields.get(name, refusal.message))  # type: ignore[attr-defined]


class NewAssetForm(ClassMixin, KeepingMixin, PageForm):
    code = forms.CharField(label="资产编号", max_length=32, required=False, help_text="留空由系统编号。")
    class_code = forms.CharField(
        label="分类代码", max_length=12, help_text="按 GB/T 14885-2022 填写，至少填到大类，例如 A02（设备）。"
    )
    name = forms.CharField(label="资产名称", max_length=80)
    specification = forms.CharField(label="规格型号", max_length=80, required=False)
    serial_no = forms.CharField(label="出厂编号", max_length=60, required=False)
    unit = UnitField(label="所属单位", queryset=Unit.objects.none())
    origin = forms.ChoiceField(label="取得方式", choices=Origin.choices, initial=Origin.PURCHASE)
    acquired_on = forms.DateField(label="取得日期")
    original_value = forms.DecimalField(label="原值（元）", min_value=Decimal(0), max_digits=16, decimal_places=2)
    nominal = forms.BooleanField(label="以名义金额计量", required=False, help_text="原值为 1 元，不计提折旧。")
    depreciation_kind = forms.ChoiceField(label="折旧类别", choices=[("", "请选择"), *DepreciationKind.choices])
    useful_years = forms.IntegerField(
        label="折旧年限（年）", min_value=1, max_value=100, required=False, help_text="留空按该类别规定的最低年限。"
    )
    state = forms.ChoiceField(label="使用状态", choices=STATES, initial="in_use")
    user_unit = forms.CharField(label="使用处室", max_length=100, required=False, help_text="填写处室名称或机构代码。")
    custodian = forms.CharField(label="保管人", max_length=50, required=False, help_text="填写姓名或人员编号。")
    place = forms.CharField(label="存放地点", max_length=100, required=False)
    supplier = forms.CharField(label="供应商", max_length=80, required=False)
    voucher_no = forms.CharField(label="会计凭证号", max_length=40, required=False)
    note = forms.CharField(label="备注", max_length=200, required=False)

    def setup(self) -> None:
        self.fields["unit"].queryset = organ_choices(self, MANAGE)

    def clean_acquired_on(self) -> Any:
        day = self.cleaned_data["acquired_on"]
        if day > timezone.localdate():
            raise forms.ValidationError("取得日期不能晚于今天。")
        return day

    def clean(self) -> dict[str, Any]:
        self.resolve_keeping(self.cleaned_data.get("unit"))
        return self.cleaned_data


class AssetForm(ClassMixin, PageForm):
    class_code = forms.CharField(label="分类代码", max_length=12, help_text="按 GB/T 14885-2022 填写。")
    name = forms.CharField(label="资产名称", max_length=80)
    specification = forms.CharField(label="规格型号", max_length=80, required=False)
    serial_no = forms.CharField(label="出厂编号", max_length=60, required=False)
    origin = forms.ChoiceField(label="取得方式", choices=Origin.choices)
    supplier = forms.CharField(label="供应商", max_length=80, required=False)
    voucher_no = forms.CharField(label="会计凭证号", max_length=40, required=False)
    note = forms.CharField(label="备注", max_length=200, required=False)


class HandOverForm(KeepingMixin, PageForm):
    user_unit = forms.CharField(label="使用处室", max_length=100, required=False, help_text="填写处室名称或机构代码。")
    custodian = forms.CharField(label="保管人", max_length=50, required=False, help_text="填写姓名或人员编号。")
    place = forms.CharField(label="存放地点", max_length=100, required=False)

    def setup(self) -> None:
        if self.obj is not None:
            self.fields["user_unit"].initial = self.obj.user_unit.name if self.obj.user_unit_id else ""
            self.fields["custodian"].initial = self.obj.custodian.code if self.obj.custodian_id else ""
            self.fields["place"].initial = self.obj.place

    def clean(self) -> dict[str, Any]:
        self.resolve_keeping(self.obj.unit if self.obj is not None else None)
        return self.cleaned_data


class RevalueForm(PageForm):
    original_value = forms.DecimalField(label="变动后原值（元）", min_value=Decimal(0), max_digits=16, decimal_places=2)
    left_months = forms.IntegerField(
        label="剩余折旧月数",
        min_value=1,
        max_value=1200,
        required=False,
        help_text="留空按原剩余月数；已提足折旧的须填写。",
    )

    def setup(self) -> None:
        if self.obj is not None:
            self.fields["original_value"].initial = self.obj.original_value


class TermsForm(PageForm):
    depreciation_kind = forms.ChoiceField(label="折旧类别", choices=DepreciationKind.choices)
    useful_years = forms.IntegerField(
        label="折旧年限（年）", min_value=1, max_value=100, required=False,
        help_text="自取得之日起计算；留空按该类别规定的最低年限。",
    )  # fmt: skip

    def setup(self) -> None:
        if self.obj is not None:
            self.fields["depreciation_kind"].initial = self.obj.depreciation_kind


class HolderForm(PageForm):
    to_unit = UnitField(label="接收单位", queryset=Unit.objects.none())
    cause = forms.ChoiceField(label="划转情形", choices=HolderCause.choices)
    changed_on = forms.DateField(label="划转日期")
    document_no = forms.CharField(label="批准文号", max_length=80)

    def setup(self) -> None:
        units = Unit.objects.open().of_kind(*ORGANS)
        self.fields["to_unit"].queryset = units.exclude(pk=self.obj.unit_id) if self.obj is not None else units
        self.fields["changed_on"].initial = timezone.localdate()
