"""Forms of the acts on a finding."""

from __future__ import annotations

from django import forms

from zhiguan.kit.pages import PageForm


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
