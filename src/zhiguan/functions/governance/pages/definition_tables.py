"""Decision tables of a draft: a new one, another name, gone. What stands in them: :mod:`definition_editor`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from django import forms
from django.db.models import QuerySet
from django.urls import reverse

from zhiguan.kernel.flow import queries as flow
from zhiguan.kernel.flow.codes import EDIT
from zhiguan.kernel.flow.service import Definition, definitions
from zhiguan.kit.actor import Actor
from zhiguan.kit.errors import Refusal
from zhiguan.kit.pages import FormPage, PageForm

from .. import decision_grids, process_checks, processes

TYPES = (("string", "文字"), ("number", "数字"), ("boolean", "是否"))
FEEL_TYPES = {"text": "string", "number": "number", "boolean": "boolean"}
KIND = process_checks.FROM_FIELD | {"computed": "feel"}
TITLE = {"regex": r"^\w[\w ]{0,39}$", "error_messages": {"invalid": "只用汉字、字母、数字和空格，最多 40 字。"}}
CODE = {"max_length": 40, "help_text": "小写英文字母开头，只用小写英文字母、数字和下划线。流程中的决策步骤以此引用。"}


def known(row: Definition) -> dict[str, tuple[str, str]]:
    """What a table may ask for: code → (what people call it, kind of value): the form's fields, and what is asked already."""
    found = {
        each["code"]: (each["name"], KIND.get(each["kind"], "text"))
        for each in processes.fields_of(processes.item_of(row.item)) if each["kind"] not in ("table", "choices", "file")
    }  # fmt: skip
    asked = process_checks.names(row, processes.process_of(row))
    return found | {
        each["code"]: (each["name"] or each["code"], each["kind"]) for each in asked
        if each["code"] not in found or found[each["code"]][1] == "feel"
    }  # fmt: skip


def literal(kind: str, text: str) -> str:
    """Return a typed result as FEEL. Raises Invalid."""
    value = process_checks.value_from({"string": "text"}.get(kind, kind), text, "第一条规则的结果")
    return json.dumps(value, ensure_ascii=False)


class TableForm(PageForm):
    """A new table: what it asks for, what it answers, and a first rule that holds whatever the case."""

    code = forms.CharField(label="代码", **CODE)
    title = forms.RegexField(label="名称", help_text="例如 是否须现场查勘。", **TITLE)
    policy = forms.ChoiceField(label="命中方式", choices=tuple(processes.POLICIES.items()), initial="FIRST")
    inputs = forms.MultipleChoiceField(label="条件", choices=(), widget=forms.CheckboxSelectMultiple,
                                       help_text="申请表的数据项和流程已用到的台账数据；以后可以增减。")  # fmt: skip
    output = forms.RegexField(label="结果代码", regex=r"^[a-z][a-z0-9_]{0,39}$", initial="result",
                              error_messages={"invalid": "小写英文字母开头，只用小写英文字母、数字和下划线。"})  # fmt: skip
    label = forms.CharField(label="结果名称", max_length=40)
    type = forms.ChoiceField(label="结果类型", choices=TYPES)
    value = forms.CharField(label="第一条规则的结果", max_length=200, help_text="任何情形都适用的结果，例如 否。保存后可以在它之前添加规则。")

    def setup(self) -> None:
        if self.obj is not None:
            self.known = known(self.obj)
            self.fields["inputs"].choices = [(code, f"{name}（{code}）") for code, (name, _) in self.known.items()]

    def clean(self) -> dict[str, Any]:
        found = super().clean() or {}
        if "type" in found and "value" in found:
            try:
                found["value"] = literal(found["type"], found["value"])
            except Refusal as refusal:
                self.add_error("value", refusal.message)
        return found


class RenameForm(PageForm):
    table = forms.ChoiceField(label="决策表", choices=())
    code = forms.CharField(label="新代码", **CODE)
    title = forms.RegexField(label="新名称", **TITLE)

    def setup(self) -> None:
        if self.obj is not None:
            self.fields["table"].choices = _tables(self.obj)


class RemoveForm(PageForm):
    table = forms.ChoiceField(label="决策表", choices=())

    def setup(self) -> None:
        if self.obj is not None:
            self.fields["table"].choices = _tables(self.obj)


def _tables(row: Definition) -> list[tuple[str, str]]:
    return [(code, f"{decision_grids.title_of(text) or code}（{code}）") for code, text in row.tables.items()]


def add(actor: Actor, row: Definition, values: Mapping[str, Any]) -> Definition:
    """新建决策表: with the conditions chosen, and one rule that always holds."""
    names, inputs = known(row), values["inputs"]
    grid = {
        "policy": values["policy"], "aggregation": "",
        "inputs": [
            {"id": "", "label": names[each][0], "text": each, "type": FEEL_TYPES.get(names[each][1], "")} for each in inputs
        ],
        "outputs": [{"id": "", "name": values["output"], "label": values["label"], "type": values["type"]}],
        "rules": [{"id": "", "cells": ["-"] * len(inputs), "outputs": [values["value"]], "note": "其他情形"}],
    }  # fmt: skip
    code = values["code"]
    made = definitions.add_table(actor, row, code=code, text=decision_grids.new(code, values["title"], grid))
    made.table_made = code
    return made


def rename(actor: Actor, row: Definition, values: Mapping[str, str]) -> Definition:
    text = decision_grids.retitled(row.tables[values["table"]], values["title"])
    return definitions.rename_table(actor, row, table=values["table"], code=values["code"], text=text)


def _drafts(actor: Actor) -> QuerySet[Definition]:
    return flow.definitions(actor).filter(state="draft")


def _asked(actor: Actor, row: Definition, query: Mapping[str, str]) -> dict[str, str]:
    """What the page it was opened from says of the table."""
    name = query.get("table", "")
    return {"table": name, "code": name, "title": decision_grids.title_of(row.tables[name])} if name in row.tables else {}


def _tab(row: Definition, actor: Actor) -> str:
    return f"{reverse('governance.definition.detail', args=[row.pk])}?tab=决策表"


def _page(code: str, title: str, form: type, verb: Any, **more: Any) -> FormPage:
    return FormPage(
        code=f"governance.definition.{code}", path=f"governance/definition/<int:pk>/{code}/", title=title, permission=EDIT,
        form=form, verb=verb, rows=_drafts, parent="governance.definition", version=lambda row: row.version,
        **{"success": _tab, "initial": _asked, **more},
    )  # fmt: skip


ADD = _page(
    "add_table", "新建决策表", TableForm, add, initial=lambda *_: {}, submit="新建决策表",
    done="已新建决策表，可以继续添加规则；在流程图的决策步骤中选用后生效。",
    success=lambda row, actor: reverse("governance.definition.table", args=[row.pk, row.table_made]),
)  # fmt: skip
RENAME = _page("rename_table", "决策表改名", RenameForm, rename, help="流程中按它决定的步骤随之改为新的代码。")
REMOVE = _page(
    "remove_table", "删除决策表", RemoveForm, lambda actor, row, values: definitions.remove_table(actor, row, **values),
    submit="删除", done="已删除决策表。", help="仍有步骤按它决定的，须先在流程中改用其他决策表。",
)  # fmt: skip
__all__ = ["ADD", "REMOVE", "RENAME"]
