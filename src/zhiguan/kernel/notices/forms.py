"""通知设置: how one wants to be told; and marking everything read."""

from __future__ import annotations

from typing import Any

from django import forms

from zhiguan.kit.pages import PageForm

from . import queries
from .codes import Mode

MAIL = "mail__"
"""Before a kind's code, dots as ``__``: the field of its mails."""


def _field(code: str) -> str:
    return MAIL + code.replace(".", "__")


class PreferencesForm(PageForm):
    """When, and for each kind by which channel. The inbox of the site always has everything."""

    digest_at = forms.TimeField(label="每日汇总时间", help_text="“每日汇总”的通知在此时间合并为一封邮件发送")
    quiet_from = forms.TimeField(label="免打扰开始", required=False, help_text="可以跨过零点，例如 22:00 至 07:00")
    quiet_to = forms.TimeField(
        label="免打扰结束", required=False, help_text="免打扰期间的邮件和推送在结束后发送，不会丢失"
    )
    workdays_only = forms.BooleanField(
        label="仅工作日发送", required=False, help_text="节假日的邮件和推送顺延到下一个工作日，调休上班日照常发送"
    )
    webhook = forms.MultipleChoiceField(
        label="推送到对接系统", required=False, widget=forms.CheckboxSelectMultiple,
        help_text="由本单位已订阅通知的对接系统（如即时通讯）接收，可多选",
    )  # fmt: skip
    rest_title = "邮件"

    def setup(self) -> None:
        self.fields["webhook"].choices = queries.kind_options(self.actor)
        for kind in queries.kinds():
            self.fields[_field(kind.code)] = forms.ChoiceField(label=kind.name, choices=Mode.choices, required=False)

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        mail = {}
        for kind in queries.kinds():
            mode = values.pop(_field(kind.code), "")
            if mode:
                mail[kind.code] = mode
        return {**values, "mail": mail}


def initial(row: Any, mail: dict[str, str], webhook: dict[str, str]) -> dict[str, Any]:
    """Return the form's first values from the account's wishes."""
    names = ("digest_at", "quiet_from", "quiet_to", "workdays_only")
    found: dict[str, Any] = {name: getattr(row, name) for name in names}
    found["webhook"] = [code for code, mode in webhook.items() if mode != Mode.OFF]
    return found | {_field(code): mode for code, mode in mail.items()}


class ReadAllForm(PageForm):
    """All, or those of one kind."""

    kind = forms.ChoiceField(label="通知类型", required=False, help_text="不选则将全部未读通知标为已读")

    def setup(self) -> None:
        self.fields["kind"].choices = [("", "全部类型"), *queries.kind_options(self.actor)]
