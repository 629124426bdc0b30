"""Forms of housing records and allowances."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils import timezone

from zhiguan.kernel.orgs.service import Person
from zhiguan.kit.pages import PageForm

from .codes import GRADES, AllowanceKind, BenefitKind, HousingKind
from .models import HousingRecord

METRES = {"max_digits": 8, "decimal_places": 2, "min_value": 0}
YUAN = {"max_digits": 14, "decimal_places": 2, "min_value": 0}


def find_person(form: PageForm, permission: str, text: str) -> Person:
    """Return the person in the scope by number, or by a name that is theirs alone."""
    people = Person.objects.filter(form.actor.scope(permission).q(), active=True).select_related("unit")
    found = list(people.filter(code=text)[:1]) or list(people.filter(name=text)[:6])
    if not found:
        raise forms.ValidationError(f"在您管理的单位中没有找到“{text}”。")
    if len(found) > 1:
        listed = "；".join(f"{person.code}（{person.unit.name}）" for person in found)
        raise forms.ValidationError(f"有多人名为“{text}”，请填写人员编号：{listed}。")
    return found[0]


class RecordEditForm(PageForm):
    employed_on = forms.DateField(label="参加工作日期")
    fund_years = forms.IntegerField(
        label="建立住房公积金前工龄（年）", min_value=0, max_value=60, initial=0, help_text="按整年填写。"
    )
    housing = forms.ChoiceField(label="现住房情况", choices=HousingKind.choices)
    area_m2 = forms.DecimalField(label="现住房建筑面积（平方米）", initial=0, help_text="无房填 0。", **METRES)
    address = forms.CharField(label="现住房坐落", max_length=200, required=False)
    bought_on = forms.DateField(label="取得日期", required=False)
    spouse_benefited = forms.BooleanField(label="配偶已享受购房政策", required=False)
    spouse_area_m2 = forms.DecimalField(
        label="配偶享受政策住房建筑面积（平方米）", initial=0, required=False, **METRES
    )
    wage_1998_yuan = forms.DecimalField(
        label="1998 年月均标准工资（元）", required=False, help_text="1998 年底前参加工作的填写。", **YUAN
    )
    declared_on = forms.DateField(label="申报日期")
    note = forms.CharField(label="备注", max_length=200, required=False)

    def setup(self) -> None:
        self.fields["declared_on"].initial = timezone.localdate()

    def clean_spouse_area_m2(self) -> Any:
        return self.cleaned_data["spouse_area_m2"] or 0


class RecordForm(RecordEditForm):
    person = forms.CharField(label="人员", max_length=50, help_text="填写姓名或人员编号；重名时请填写人员编号。")
    field_order = ("person",)

    def clean_person(self) -> Person:
        return find_person(self, "housing.record.manage", self.cleaned_data["person"].strip())


class BenefitForm(PageForm):
    kind = forms.ChoiceField(label="政策种类", choices=BenefitKind.choices)
    enjoyed_on = forms.DateField(label="享受日期")
    area_m2 = forms.DecimalField(label="建筑面积（平方米）", required=False, **METRES)
    amount_yuan = forms.DecimalField(label="金额（元）", required=False, **YUAN)
    document_no = forms.CharField(label="批准文号", max_length=80, required=False)


class AllowanceForm(PageForm):
    record = forms.CharField(label="人员", max_length=50, help_text="填写姓名或人员编号；该人员须已有住房档案。")
    kind = forms.ChoiceField(label="补贴种类", choices=AllowanceKind.choices)
    valid_from = forms.DateField(label="起始日期", help_text="按起始日期适用的规定和当日职务层次计算。")
    wage = forms.DecimalField(
        label="当月标准工资（元）", required=False, help_text="起始日期在 2005 年以前的按月补贴填写。", **YUAN
    )
    former_grade = forms.ChoiceField(
        label="晋升前职务层次", choices=[("", "不适用"), *GRADES.items()], required=False, help_text="级差补贴填写。"
    )
    document_no = forms.CharField(label="核定文号", max_length=80, required=False)

    def setup(self) -> None:
        self.fields["valid_from"].initial = timezone.localdate()

    def clean_record(self) -> HousingRecord:
        person = find_person(self, "housing.allowance.manage", self.cleaned_data["record"].strip())
        found = HousingRecord.objects.filter(self.actor.scope("housing.allowance.manage").q(), person=person).first()
        if found is None:
            raise forms.ValidationError(f"{person.name}还没有住房档案，请先登记。")
        return found


class PayForm(PageForm):
    paid_on = forms.DateField(label="发放日期")

    def setup(self) -> None:
        self.fields["paid_on"].initial = timezone.localdate()


class EndForm(PageForm):
    valid_to = forms.DateField(label="终止日期")

    def setup(self) -> None:
        self.fields["valid_to"].initial = timezone.localdate()


