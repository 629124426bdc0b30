"""Forms of the system's administration."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils import timezone

from zhiguan.kernel.identity.accounts import RULE_NAMES, RULE_RANGES
from zhiguan.kernel.identity.codes import ScopeKind
from zhiguan.kernel.identity.passwords import rules
from zhiguan.kernel.identity.service import Account, AllowedApp, Role
from zhiguan.kernel.orgs.service import Person, Unit
from zhiguan.kit import registry
from zhiguan.kit.manifest import Permission
from zhiguan.kit.pages import PageForm


class NamedField(forms.ModelChoiceField):
    def label_from_instance(self, obj: Any) -> str:
        return obj.name


class NamesField(forms.ModelMultipleChoiceField):
    def label_from_instance(self, obj: Any) -> str:
        return obj.name


def _organs() -> Any:
    return Unit.objects.open().of_kind("organ", "district", "city")


class AccountForm(PageForm):
    username = forms.CharField(label="账号", max_length=64, help_text="小写字母、数字和 . _ -，例如 zhangsan。")
    person = forms.CharField(
        label="人员", max_length=50, required=False, help_text="姓名或人员编号，重名时填写编号；接口账号留空。"
    )
    unit = NamedField(label="所属单位", queryset=Unit.objects.none(), required=False, help_text="仅接口账号填写。")
    email = forms.EmailField(label="电子邮箱", required=False, max_length=120)

    def setup(self) -> None:
        self.fields["unit"].queryset = _organs()

    def clean_person(self) -> Person | None:
        text = self.cleaned_data["person"].strip()
        if not text:
            return None
        people = Person.objects.filter(active=True).select_related("unit")
        found = list(people.filter(code=text)[:1]) or list(people.filter(name=text)[:6])
        if not found:
            raise forms.ValidationError(f"没有找到“{text}”。")
        if len(found) > 1:
            listed = "；".join(f"{person.code}（{person.unit.name}）" for person in found)
            raise forms.ValidationError(f"有多人名为“{text}”，请填写人员编号：{listed}。")
        return found[0]


class GrantForm(PageForm):
    account = forms.CharField(label="账号", max_length=64)
    role = NamedField(label="角色", queryset=Role.objects.none())
    scope = forms.ChoiceField(label="数据权限", choices=ScopeKind.choices, help_text="以下面所选单位为准；未选时以账号所在单位为准。")
    unit = NamedField(label="单位", queryset=Unit.objects.none(), required=False)
    custom_units = NamesField(
        label="指定单位", queryset=Unit.objects.none(), required=False, help_text="数据权限为“指定单位”时选择，可多选。"
    )
    valid_from = forms.DateField(label="生效日期")
    valid_to = forms.DateField(label="截止日期", required=False, help_text="不填为长期有效。")
    reason = forms.CharField(label="事由", max_length=200)

    def setup(self) -> None:
        self.fields["role"].queryset = Role.objects.all()
        self.fields["unit"].queryset = self.fields["custom_units"].queryset = _organs()
        self.fields["valid_from"].initial = timezone.localdate()

    def clean_account(self) -> Account:
        found = Account.objects.filter(username__iexact=self.cleaned_data["account"].strip()).first()
        if found is None:
            raise forms.ValidationError("没有该账号。")
        return found

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        if values.get("scope") == ScopeKind.CUSTOM and not values.get("custom_units"):
            self.add_error("custom_units", "请选择单位。")
        start, end = values.get("valid_from"), values.get("valid_to")
        if start and end and end < start:
            self.add_error("valid_to", "截止日期不能早于生效日期。")
        return values


class PolicyForm(PageForm):
    """One field for each rule, filled with what is in force."""

    def setup(self) -> None:
        current = rules()
        for key, (low, high) in RULE_RANGES.items():
            self.fields[key] = forms.IntegerField(
                label=RULE_NAMES[key], min_value=low, max_value=high, initial=current[key],
                help_text=f"{low} 至 {high}。",
            )  # fmt: skip


class AppForm(PageForm):
    code = forms.SlugField(label="应用代码", max_length=40, help_text="英文字母、数字、下划线和连字符。")
    name = forms.CharField(label="应用名称", max_length=80)
    origin = forms.URLField(label="来源地址", required=False, max_length=200, assume_scheme="https")


class KeyForm(PageForm):
    app = NamedField(label="应用", queryset=AllowedApp.objects.none(), help_text="须先由系统管理员登记到应用白名单。")
    name = forms.CharField(label="用途", max_length=80)
    days = forms.IntegerField(label="有效期（天）", min_value=1, max_value=365, initial=90)
    permissions = forms.MultipleChoiceField(
        label="权限点", widget=forms.CheckboxSelectMultiple, help_text="不超过您本人的权限；数据权限与您本人相同。"
    )

    def setup(self) -> None:
        self.fields["app"].queryset = AllowedApp.objects.filter(active=True)
        self.fields["permissions"].choices = [
            (each.code, f"{each.name}（{each.code}）")
            for each in registry.current().all(Permission)
            if self.actor.can(each.code)
        ]
