"""Tables of a form as workbooks: a template with the columns, and rows read back with every fault by row and column.

The reading and checking are the kit's bulk import; here a table of a form only becomes its columns.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.core.files import File
from django.db.models import Q
from django.http import HttpResponse

from zhiguan.kernel.flow import forms as flow_forms
from zhiguan.kernel.flow import service
from zhiguan.kernel.flow.declare import Field, Problem, ServiceItem, Table
from zhiguan.kernel.orgs.service import Person, Unit
from zhiguan.kit.actor import Actor
from zhiguan.kit.errors import Invalid
from zhiguan.kit.importing import checking, workbooks
from zhiguan.kit.importing.declare import ImportColumn, Importer

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
NEAR = 5
NAMED = ("record", "person", "unit")
"""Kinds whose stored value is a key."""


Chosen = dict[tuple[str, Any], Mapping[str, Any]]
"""What the ledger's rows found while reading fill in beside themselves, by field and key."""


class Unknown(ValueError):
    """Nothing is called that."""


def importer(table: Table, case: Any, chosen: Chosen | None = None) -> Importer:
    """Return the kit's import of a table's rows."""
    chosen = {} if chosen is None else chosen
    return Importer(
        columns=tuple(_column(field, case, chosen) for field in table.fields
                      if field.kind != "computed" and not field.reviewed),
        apply=lambda rows, actor, progress: len(rows), sheet=table.label[:31], row_limit=table.maximum,
        notes=(table.help,) if table.help else (),
    )  # fmt: skip


def _column(field: Field, case: Any, chosen: Chosen) -> ImportColumn:
    """A column whose cells are read by the form's own reader: one rule for page, workbook and API."""

    def parser(text: str, actor: Actor) -> Any:
        if field.kind == "record":
            return _record(field, case, actor, text, chosen)
        if field.kind == "person":
            return _person(case, text)
        try:
            return flow_forms.value_of(field, text)
        except flow_forms.Wrong as wrong:
            raise ValueError(str(wrong)) from wrong

    choices = field.choices if field.kind == "choice" else None
    return ImportColumn(
        field.name, field.label + (f"（{field.unit}）" if field.unit else ""), required=field.required,
        parser=None if choices else parser,
        kind="choice" if choices else "text", choices=choices, help=field.help, aliases=(field.label,) if field.unit else (),
    )  # fmt: skip


def _record(field: Field, case: Any, actor: Actor, text: str, chosen: Chosen) -> Any:
    """The ledger's row that is called exactly this (车牌号, 资产编号, 楼宇名称), as the page's search offers it."""
    found = service.work_of(case.item).lookups[field.lookup](actor, case.unit, text)
    exact = [choice for choice in found if text.casefold() in (choice.label.casefold(), choice.code.casefold())]
    if not exact:
        near = "、".join(choice.label for choice in found[:NEAR])
        raise Unknown("在台账中没有找到这一条" + (f"，相近的有：{near}" if near else ""))
    if len(exact) > 1:
        raise ValueError(f"在台账中有多条，请写编号：{'、'.join(choice.code or choice.label for choice in exact[:NEAR])}")
    chosen[field.name, exact[0].value] = exact[0].fills
    return exact[0].value


def _person(case: Any, text: str) -> int:
    """A person of the applicant's organ by 人员编号, or by a name that is theirs alone."""
    people = Person.objects.within(case.unit)
    found = people.filter(code=text)[:1] or people.filter(name=text, active=True)[:2]
    if len(found) != 1:
        raise ValueError("有多人同名，请填写人员编号") if found else Unknown("在本单位没有找到该人员，请填写姓名或人员编号")
    return found[0].pk


def _unit(text: str) -> int:
    """A unit by its code, or by a full or short name that is its alone."""
    found = Unit.objects.open().filter(code=text)[:1] or Unit.objects.open().filter(Q(name=text) | Q(short_name=text))[:2]
    if len(found) != 1:
        raise ValueError("有多个单位同名，请填写单位代码") if found else Unknown("没有找到该单位，请填写单位全称或单位代码")
    return found[0].pk


def keyed(values: Mapping[str, Any], case: Any, actor: Actor) -> tuple[dict[str, Any], list[Problem]]:
    """Return values with the keys of the rows that a program named as people name them, by the same reader as a workbook's
    cells, and what is wrong with them; what a chosen row fills in stands in blank columns beside it.

    A number is a key and stays as it is, and so do texts that name nothing where they may be keys, or where the ledger's
    own number is what the form keeps: the item's check says what is the matter with that row.
    """
    wrong: list[Problem] = []

    def read(fields: Iterable[Field], row: Mapping[str, Any], *within: Any) -> dict[str, Any]:
        made, chosen = dict(row), Chosen()
        for field in fields:
            text = made.get(field.name)
            if field.kind not in NAMED or not isinstance(text, str) or not (text := text.strip()):
                continue
            try:
                made[field.name] = _named(field, case, actor, text[:200], chosen)
            except Unknown as error:
                if not text.isdigit() and _keeps_keys(field, item):
                    wrong.append(Problem(field.name, f"{error}。", *within))
            except ValueError as error:
                wrong.append(Problem(field.name, f"{error}。", *within))
        return _filled(made, chosen)

    item = service.item_of(case.item)
    made = read(item.fields(), values)
    for table in item.tables():
        rows = made.get(table.name)
        if isinstance(rows, list):
            made[table.name] = [
                read(table.fields, row, table.name, number) if isinstance(row, Mapping) else row
                for number, row in enumerate(rows, 1)
            ]
    return made, wrong


def _keeps_keys(field: Field, item: ServiceItem) -> bool:
    """Whether the form keeps a key: then the item's look-up tells what keys are called."""
    return field.kind != "record" or hasattr(service.work_of(item.code).lookups[field.lookup], "names")


def _named(field: Field, case: Any, actor: Actor, text: str, chosen: Chosen) -> Any:
    if field.kind == "record":
        return _record(field, case, actor, text, chosen)
    return _person(case, text) if field.kind == "person" else _unit(text)


def template(table: Table, case: Any, actor: Actor) -> HttpResponse:
    """Return the workbook to fill in."""
    answer = HttpResponse(workbooks.template(importer(table, case), actor, table.label), content_type=XLSX)
    answer["Content-Disposition"] = "attachment; filename*=UTF-8''" + _quoted(f"{table.label}模板.xlsx")
    return answer


def _quoted(name: str) -> str:
    from urllib.parse import quote

    return quote(name)


def rows(table: Table, sent: File, case: Any, actor: Actor) -> list[dict[str, Any]]:
    """Return the rows of a filled workbook; raises Invalid naming every bad cell."""
    chosen: Chosen = {}
    rules = importer(table, case, chosen)
    outcome = checking.dry_run(rules, checking.load(rules, sent.read(), sent.name or ""), actor)
    if outcome.problems:
        whole = "；".join(each.message.rstrip("。") for each in outcome.problems if not each.row)
        cells = sum(bool(each.row) for each in outcome.problems)
        more = f"有 {cells} 处不符合要求，请更正工作簿后重新上传" if cells else ""
        named = {f"{each.row}.{each.column}": each for each in outcome.problems[:200] if each.row}
        raise Invalid(
            f"没有导入：{'；'.join(filter(None, (whole, more)))}。", code="import",
            fields={path: each.message for path, each in named.items()},
            places={path: f"第 {each.row} 行“{each.column}”" for path, each in named.items()},
        )  # fmt: skip
    return [_filled(dict(row.values), chosen) for row in outcome.rows]


def _filled(row: dict[str, Any], chosen: Chosen) -> dict[str, Any]:
    """A row with its blank cells filled from the ledger's rows it names, as choosing them on the page fills them."""
    for name in {name for name, _ in chosen}:
        fills = chosen.get((name, row.get(name)), {})
        row |= {key: each for key, each in fills.items() if row.get(key) in (None, "")}
    return row
