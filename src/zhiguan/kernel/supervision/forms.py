"""Forms of the acts on a finding."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils import timezone

from zhiguan.kernel.orgs.service import Unit
from zhiguan.kernel.reference import service as reference
from zhiguan.kit import registry
from zhiguan.kit.pages import PageForm

from .codes import TUNE
from .declare import Rule, Tuning


def _text(label: str, help_text: str) -> forms.CharField:
    return forms.CharField(
        label=label, max_length=2000, widget=forms.Textarea(attrs={"rows": "5"}), help_text=help_text
    )


class AssignForm(PageForm):
    """交办 or 改派."""

    assignee = forms.CharField(
        label="承办人",
        max_length=50,
        required=False,
        help_text="责任单位在职人员的姓名或人员编号；不填则由责任单位自行安排。",
    )
    due_on = forms.DateField(label="办理期限", required=False, help_text="不填则按规则规定的工作日计算。")
    note = forms.CharField(label="交办意见", max_length=500, required=False, widget=forms.Textarea(attrs={"rows": "3"}))


class ExplainForm(PageForm):
    explanation = _text("情况说明", "写明经过、原因，以及能够核实的材料。")


class RectifyForm(PageForm):
    rectification = _text("整改情况", "写明已采取的措施、完成时间和防止再次发生的办法。")


class VerdictForm(PageForm):
    verdict = _text("核查结论", "问题属实且已处理完毕的，填写结论后销号；不属实的请改用“排除”。")


class PlaceField(forms.ModelChoiceField):
    def label_from_instance(self, obj: Unit) -> str:
        return obj.name


def thresholds() -> list[tuple[str, list[tuple[str, str]]]]:
    """Return every tunable threshold as (rule|fact, words), under the name of its rule."""
    held, found = registry.current(), []
    names = {rule.code: rule.name for rule in held.all(Rule)}
    for tuning in held.all(Tuning):
        rule = names.get(tuning.code, tuning.code)
        facts = [(f"{tuning.code}|{code}", reference.fact(code)) for code in tuning.thresholds]
        words = [(key, f"{fact.name.removeprefix(f'{rule}：')}：{fact.value_text}") for key, fact in facts]
        found.append((rule, words))
    return found


class TrialForm(PageForm):
    """What to try out."""

    threshold = forms.ChoiceField(label="规则和阈值", choices=())
    value = forms.FloatField(label="拟调取值")
    place = PlaceField(
        label="适用单位", queryset=Unit.objects.none(), required=False, empty_label="全部单位",
        help_text="只为一个单位及其下属单位试算时选择。",
    )  # fmt: skip
    days = forms.IntegerField(
        label="试算天数", min_value=1, max_value=92, initial=30, help_text="用最近这些天的数据重新运行规则，最多 92 天。"
    )
    why = forms.CharField(label="提出理由", max_length=200, widget=forms.Textarea(attrs={"rows": "2"}))

    def setup(self) -> None:
        self.fields["threshold"].choices = thresholds()
        units = Unit.objects.open().of_kind("organ", "district")
        self.fields["place"].queryset = units.filter(self.actor.scope(TUNE).q("pos"))
        chosen = str(self.initial.get("threshold") or "").partition("|")[2]
        shown = next((reference.fact(code) for _, code in self._pairs() if code == chosen), None)
        if shown is not None:
            limits = f"，可调整范围 {shown.limits_text}" if shown.limits_text else ""
            self.fields["value"].help_text = f"“{shown.name}”现行取值：{shown.value_text}{limits}。"

    def _pairs(self) -> list[list[str]]:
        return [value.split("|") for _, choices in self.fields["threshold"].choices for value, _ in choices]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if "threshold" in cleaned and "value" in cleaned:
            cleaned["rule"], cleaned["fact"] = cleaned.pop("threshold").split("|")
            number = cleaned["value"]
            if isinstance(reference.fact(cleaned["fact"]).value, int):
                if number != int(number):
                    self.add_error("value", "该阈值须为整数。")
                cleaned["value"] = int(number)
        return cleaned


class ApplyForm(PageForm):
    valid_from = forms.DateField(label="执行日期", help_text="自该日起按新取值判定，此前的日子不变。")

    def setup(self) -> None:
        self.fields["valid_from"].initial = timezone.localdate()
