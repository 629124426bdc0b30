"""Forms of units and people. Units are named by code or full name, with suggestions while typing."""

from __future__ import annotations

import re
from typing import Any

from django import forms
from django.urls import reverse_lazy
from django.utils import timezone

from zhiguan.kit.pages import PageForm

from .codes import AppointmentKind, EndReason, OrganFunction, QuotaKind, UnitKind
from .models import Appointment, Rank, Unit

IN_BRACKETS = re.compile(r".*[（(]([^（）()]+)[）)]\s*")
REASON = {"label": "事由", "max_length": 200, "required": False, "help_text": "如批准文件、机构改革方案，记入痕迹"}


def named(unit: Unit) -> str:
    """Return how a unit stands in a field: its name and, in brackets, its code."""
    return f"{unit.name}（{unit.code}）"


class UnitField(forms.CharField):
    """An open unit by its code, its full name, or both as the suggestions write them."""

    def __init__(self, **kwargs: Any):
        kwargs.setdefault("help_text", "输入名称、拼音首字母或代码后选择")
        kwargs.setdefault(
            "widget", forms.TextInput(attrs={"data-suggest": reverse_lazy("orgs.unit.suggest"), "autocomplete": "off"})
        )
        super().__init__(max_length=140, **kwargs)

    def prepare_value(self, value: Any) -> Any:
        return named(value) if isinstance(value, Unit) else value

    def to_python(self, value: Any) -> Unit | None:
        if isinstance(value, Unit):
            return value
        text = (super().to_python(value) or "").replace("\0", "").strip()
        if not text:
            return None
        match = IN_BRACKETS.fullmatch(text)
        found = Unit.objects.open().filter(code=match.group(1) if match else text).first()
        if found is not None:
            return found
        same = list(Unit.objects.open().filter(name=text)[:2])
        if len(same) == 1:
            return same[0]
        why = "有多个机构同名，请从提示中选择" if same else "没有这个机构，请从提示中选择"
        raise forms.ValidationError(f"“{text[:40]}”：{why}。", code="unit")

    def has_changed(self, initial: Any, data: Any) -> bool:
        return (named(initial) if isinstance(initial, Unit) else initial or "") != (data or "")

    def clean(self, value: Any) -> Unit | None:
        found = self.to_python(value)
        if found is None and self.required:
            raise forms.ValidationError(self.error_messages["required"], code="required")
        return found


class RankField(forms.ModelChoiceField):
    def __init__(self, **kwargs: Any):
        super().__init__(queryset=Rank.objects.all(), label="职级", **kwargs)

    def label_from_instance(self, obj: Rank) -> str:
        return obj.name


class _Dated(PageForm):
    """An act with its effective day and its reason."""

    on = forms.DateField(label="生效日期", help_text="可以早于今天，不能晚于今天")
    reason = forms.CharField(**REASON)

    def setup(self) -> None:
        self.fields["on"].initial = timezone.localdate


class UnitForm(_Dated):
    """新建机构."""

    parent = UnitField(label="上级机构")
    kind = forms.ChoiceField(label="机构类型", choices=[pair for pair in UnitKind.choices if pair[0] != UnitKind.CITY])
    code = forms.CharField(label="机构代码", max_length=32, help_text="长期不变的唯一代码")
    name = forms.CharField(label="机构名称", max_length=100)
    short_name = forms.CharField(label="简称", max_length=50, required=False)
    function = forms.ChoiceField(label="职能类别", choices=[("", "—"), *OrganFunction.choices], required=False)
    phone = forms.CharField(label="联系电话", max_length=40, required=False)
    address = forms.CharField(label="地址", max_length=200, required=False)


class UnitChangeForm(PageForm):
    """修改机构资料: what is not history."""

    short_name = forms.CharField(label="简称", max_length=50, required=False)
    function = forms.ChoiceField(label="职能类别", choices=[("", "—"), *OrganFunction.choices], required=False)
    sort = forms.IntegerField(label="排序", min_value=-(2**31), max_value=2**31 - 1, help_text="小的在前")
    phone = forms.CharField(label="联系电话", max_length=40, required=False)
    address = forms.CharField(label="地址", max_length=200, required=False)
    lat = forms.FloatField(label="纬度", min_value=-90, max_value=90, required=False, help_text="WGS84")
    lon = forms.FloatField(label="经度", min_value=-180, max_value=180, required=False, help_text="WGS84")
    note = forms.CharField(label="备注", max_length=200, required=False)


class RenameForm(_Dated):
    name = forms.CharField(label="新名称", max_length=100)
    short_name = forms.CharField(label="新简称", max_length=50, required=False)
    field_order = ("name", "short_name", "on", "reason")


class MoveForm(_Dated):
    parent = UnitField(label="新的上级机构")
    field_order = ("parent", "on", "reason")


class MergeForm(_Dated):
    into = UnitField(label="并入机构")
    field_order = ("into", "on", "reason")


class CloseForm(_Dated):
    pass


class EstablishmentForm(_Dated):
    """核定编制 of one kind."""

    kind = forms.ChoiceField(label="编制类别", choices=QuotaKind.choices)
    quota = forms.IntegerField(label="核定编制数", min_value=0, max_value=100_000, help_text="本机构自身，不含下级")
    document_no = forms.CharField(label="批准文号", max_length=80, required=False)
    field_order = ("kind", "quota", "document_no", "on", "reason")


class PersonForm(_Dated):
    """登记人员 with the first post."""

    code = forms.CharField(label="人员编号", max_length=32)
    name = forms.CharField(label="姓名", max_length=50)
    unit = UnitField(label="任职机构")
    post = forms.CharField(label="职务", max_length=50)
    rank = RankField(required=False)
    phone = forms.CharField(label="办公电话", max_length=40, required=False)
    document_no = forms.CharField(label="任免文号", max_length=80, required=False)


class PersonChangeForm(PageForm):
    """修改人员资料: not the post."""

    name = forms.CharField(label="姓名", max_length=50)
    phone = forms.CharField(label="办公电话", max_length=40, required=False)
    sort = forms.IntegerField(label="排序", min_value=-(2**31), max_value=2**31 - 1, help_text="小的在前")
    reason = forms.CharField(**REASON)


class TransferForm(_Dated):
    unit = UnitField(label="调入机构", help_text="同一机构内调整职务按晋升办理")
    post = forms.CharField(label="职务", max_length=50)
    rank = RankField(required=False, help_text="不选则职级不变")
    document_no = forms.CharField(label="任免文号", max_length=80, required=False)
    field_order = ("unit", "post", "rank", "document_no", "on", "reason")


class AppointForm(_Dated):
    unit = UnitField(label="任职机构")
    kind = forms.ChoiceField(label="任职类型", choices=AppointmentKind.choices)
    post = forms.CharField(label="职务", max_length=50)
    rank = RankField(required=False)
    document_no = forms.CharField(label="任免文号", max_length=80, required=False)
    field_order = ("unit", "kind", "post", "rank", "document_no", "on", "reason")

    def setup(self) -> None:
        super().setup()
        self.fields["kind"].initial = AppointmentKind.CONCURRENT if getattr(self.obj, "active", False) else None


class _PostField(forms.ModelChoiceField):
    def label_from_instance(self, obj: Appointment) -> str:
        return f"{obj.unit.name} {obj.post}（{obj.get_kind_display()}，{obj.valid_from:%Y-%m-%d} 起）"


class EndForm(_Dated):
    appointment = _PostField(label="结束的任职", queryset=Appointment.objects.none())
    end_reason = forms.ChoiceField(label="离任原因", choices=EndReason.choices)
    field_order = ("appointment", "end_reason", "on", "reason")

    def setup(self) -> None:
        super().setup()
        held = Appointment.objects.filter(person=self.obj, valid_to__isnull=True).select_related("unit")
        self.fields["appointment"].queryset = held.order_by("-kind", "valid_from")
