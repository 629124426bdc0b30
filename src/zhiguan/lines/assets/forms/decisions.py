"""Forms of titles and disposals."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django import forms
from django.utils import timezone

from zhiguan.kernel.orgs.service import Unit
from zhiguan.kit.pages import PageForm

from ..codes import DisposalKind
from ..domain.disposals import APPRAISED, check_terms
from ..lifecycle import APPROVE, TITLE_MANAGE
from .fields import ORGANS, AssetsField, UnitField, organ_choices

YUAN = {"max_digits": 16, "decimal_places": 2, "min_value": Decimal(0)}


class NewTitleForm(PageForm):
    unit = UnitField(label="登记单位", queryset=Unit.objects.none())
    certificate_no = forms.CharField(label="登记证号", max_length=60)
    as_of = forms.DateField(label="登记基准日", help_text="登记表所载资产数量和价值的截止日期。")
    registered_on = forms.DateField(label="登记日期")
    document_no = forms.CharField(label="批准文号", max_length=80, required=False)
    assets = AssetsField(
        label="须办理权属登记的资产",
        required=False,
        help_text="每行一个资产编号，如土地、房屋、车辆；其余资产按分类汇总登记。",
    )
    note = forms.CharField(label="备注", max_length=200, required=False)

    def setup(self) -> None:
        self.fields["unit"].queryset = organ_choices(self, TITLE_MANAGE)
        self.fields["registered_on"].initial = timezone.localdate()

    def clean_assets(self) -> list:
        return AssetsField.resolve(self, self.cleaned_data.get("assets") or "", "assets.asset.view")


class ReplaceTitleForm(PageForm):
    certificate_no = forms.CharField(label="新登记证号", max_length=60)
    as_of = forms.DateField(label="登记基准日")
    registered_on = forms.DateField(label="登记日期")
    document_no = forms.CharField(label="批准文号", max_length=80)

    def setup(self) -> None:
        self.fields["as_of"].initial = self.fields["registered_on"].initial = timezone.localdate()


class CancelTitleForm(PageForm):
    certificate_no = forms.CharField(label="注销登记号", max_length=60)
    registered_on = forms.DateField(label="登记日期")
    document_no = forms.CharField(label="批准文号", max_length=80)

    def setup(self) -> None:
        self.fields["registered_on"].initial = timezone.localdate()


class DisposalForm(PageForm):
    unit = UnitField(label="资产单位", queryset=Unit.objects.none())
    kind = forms.ChoiceField(label="处置方式", choices=[("", "请选择"), *DisposalKind.choices])
    assets = AssetsField(label="资产", help_text="每行一个资产编号，可从 Excel 整列粘贴。")
    why = forms.CharField(label="处置理由", max_length=300)
    document_no = forms.CharField(label="批复文号", max_length=80)
    decided_on = forms.DateField(label="批复日期")
    decided_by = forms.CharField(label="批复人", max_length=80, required=False)
    to_unit = UnitField(
        label="接收单位", queryset=Unit.objects.none(), required=False, help_text="无偿划转给本系统内单位的，在此选择。"
    )
    receiver = forms.CharField(label="受让人、受赠人或回收单位", max_length=80, required=False)
    appraised_yuan = forms.DecimalField(label="评估价值（元）", required=False, help_text="转让、置换须填写。", **YUAN)
    appraiser = forms.CharField(label="评估机构", max_length=80, required=False, help_text="转让、置换须填写。")

    def setup(self) -> None:
        self.fields["unit"].queryset = organ_choices(self, APPROVE)
        self.fields["to_unit"].queryset = Unit.objects.open().of_kind(*ORGANS)
        self.fields["decided_on"].initial = timezone.localdate()

    def clean_assets(self) -> list:
        return AssetsField.resolve(self, self.cleaned_data["assets"], APPROVE)

    def clean(self) -> dict[str, Any]:
        data = self.cleaned_data
        if data.get("unit") is not None and data.get("kind"):
            wrong = check_terms(
                data["kind"], data["unit"], data.get("to_unit"), data.get("receiver", ""), data.get("appraised_yuan")
            )
            if data["kind"] in APPRAISED and not data.get("appraiser"):
                wrong["appraiser"] = "转让、置换须填写出具评估报告的机构。"
            for name, text in wrong.items():
                self.add_error(name, text)
        return data


class ExecuteForm(PageForm):
    executed_on = forms.DateField(label="实施日期")
    receiver = forms.CharField(label="受让人、受赠人或回收单位", max_length=80, required=False)
    certificate_no = forms.CharField(label="成交或回收凭证号", max_length=80, required=False)
    proceeds_yuan = forms.DecimalField(
        label="处置收入（元）", required=False, help_text="无收入的留空；有收入的须上缴国库后办结。", **YUAN
    )
    cost_yuan = forms.DecimalField(label="处置税费（元）", required=False, **YUAN)

    def setup(self) -> None:
        self.fields["executed_on"].initial = timezone.localdate()
        if self.obj is not None:
            self.fields["receiver"].initial = self.obj.receiver


class SettleForm(PageForm):
    remitted_on = forms.DateField(label="上缴日期")
    remittance_no = forms.CharField(label="缴款凭证号", max_length=80)

    def setup(self) -> None:
        self.fields["remitted_on"].initial = timezone.localdate()
