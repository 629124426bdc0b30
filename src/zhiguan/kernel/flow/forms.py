"""Forms of service items: from what was sent to values, problems named by field, row and rule; differences; words.

Values are JSON: text; integers as numbers; decimals and money as text ("12.50"); dates as ISO text; keys of units, people
and ledger rows as numbers; tables as lists of such. Computed fields are worked out here, whatever was sent for them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from zhiguan.kit.errors import Denied

from . import feel
from .declare import Field, Problem, ServiceItem, Table

TRUE, FALSE = {"true", "1", "on", "是", "yes"}, {"false", "0", "off", "否", "no", ""}
LONG_TEXT = 4000


def parts(item: ServiceItem) -> Iterator[Field | Table]:
    """Every field and table of the item's form, in order."""
    for section in item.sections:
        yield from section.parts


# --- single values ----------------------------------------------------------------------------------------------------


class Wrong(ValueError):
    """What was sent is not a value of the field's kind; the text says so in Chinese."""


def value_of(field: Field, sent: Any) -> Any:
    """Return the field's JSON value of what was sent (text of a page, or JSON); None where nothing was."""
    if isinstance(sent, str):
        sent = sent.replace("\0", "").strip()
    if sent is None or sent in ("", []):
        return False if field.kind == "boolean" and sent == "" else None
    return _READERS.get(field.kind, _text)(field, sent)


def _text(field: Field, sent: Any) -> str:
    if not isinstance(sent, (str, int, float)) or isinstance(sent, bool):
        raise Wrong("须为文字")
    text = str(sent)
    most = LONG_TEXT if field.kind == "long_text" else field.max_length
    if len(text) > most:
        raise Wrong(f"最多 {most} 字，现为 {len(text)} 字")
    if field.kind != "long_text" and "\n" in text:
        raise Wrong("不能换行")
    return text


def _number(sent: Any) -> Decimal:
    if isinstance(sent, bool) or not isinstance(sent, (str, int, float)):
        raise Wrong("须为数字")
    try:
        number = Decimal(str(sent).replace(",", "").replace("，", ""))
    except InvalidOperation as error:
        raise Wrong("须为数字") from error
    if not number.is_finite() or abs(number) > Decimal("1e15"):
        raise Wrong("数字超出范围")
    return number


def _within(field: Field, number: Decimal) -> Decimal:
    if field.minimum is not None and number < Decimal(str(field.minimum)):
        raise Wrong(f"不能小于 {field.minimum:g}")
    if field.maximum is not None and number > Decimal(str(field.maximum)):
        raise Wrong(f"不能大于 {field.maximum:g}")
    return number


def _integer(field: Field, sent: Any) -> int:
    number = _number(sent)
    if number != number.to_integral_value():
        raise Wrong("须为整数")
    return int(_within(field, number))


def _decimal(field: Field, sent: Any) -> str:
    number = _within(field, _number(sent))
    places = 2 if field.kind == "money" else field.places
    if number != round(number, places):
        raise Wrong(f"最多 {places} 位小数")
    return str(round(number, places))


def _date(field: Field, sent: Any) -> str:
    try:
        return date.fromisoformat(str(sent).replace("/", "-").replace(".", "-")).isoformat()
    except ValueError as error:
        raise Wrong("须为日期，例如 2026-03-01") from error


def _month(field: Field, sent: Any) -> str:
    return _date(field, f"{sent}-01")[:7]


def _boolean(field: Field, sent: Any) -> bool:
    if isinstance(sent, bool):
        return sent
    if str(sent).lower() in TRUE | FALSE:
        return str(sent).lower() in TRUE
    raise Wrong("须为是或否")


def _choice(field: Field, sent: Any) -> str:
    codes = dict(field.choices)
    by_name = {name: code for code, name in field.choices}
    if isinstance(sent, str) and (sent in codes or sent in by_name):  # workbooks hold names
        return sent if sent in codes else by_name[sent]
    raise Wrong(f"须为 {'、'.join(codes.values())} 之一")


def _choices(field: Field, sent: Any) -> list[str]:
    several = sent if isinstance(sent, list) else [word for word in str(sent).replace("，", ",").split(",") if word]
    return list(dict.fromkeys(_choice(field, each) for each in several))


def _key(field: Field, sent: Any) -> int:
    number = _number(sent)
    if number != number.to_integral_value() or not 0 < number < 2**63:
        raise Wrong("请从列表中选择")
    return int(number)


_READERS = {
    "integer": _integer, "decimal": _decimal, "money": _decimal, "date": _date, "month": _month, "boolean": _boolean,
    "choice": _choice, "choices": _choices, "unit": _key, "person": _key, "file": _key,
}  # fmt: skip


def _record(field: Field, sent: Any) -> Any:
    return _key(field, sent) if not isinstance(sent, str) or sent.isdigit() else _text(field, sent)


_READERS["record"] = _record

# --- whole forms ------------------------------------------------------------------------------------------------------


def feel_value(field: Field, value: Any) -> Any:
    """Return a JSON value as FEEL knows it: decimals, dates."""
    if value is None:
        return None
    if field.kind in ("decimal", "money", "integer") or (field.kind == "computed" and _is_number(value)):
        return Decimal(str(value))
    if field.kind == "date":
        return date.fromisoformat(value)
    return value


def _is_number(value: Any) -> bool:
    try:
        Decimal(str(value))
    except InvalidOperation:
        return False
    return not isinstance(value, bool)


def context(item: ServiceItem, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the form as FEEL sees it: fields by name, tables as lists of contexts; what is not filled in is null."""
    found: dict[str, Any] = {}
    for part in parts(item):
        if isinstance(part, Table):
            found[part.name] = [_row_context(part, row) for row in values.get(part.name) or ()]
        else:
            found[part.name] = feel_value(part, values.get(part.name))
    return found


def _row_context(table: Table, row: Mapping[str, Any]) -> dict[str, Any]:
    return {field.name: feel_value(field, row.get(field.name)) for field in table.fields}


def _json(value: Any) -> Any:
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, date):
        return value.isoformat()
    return value if isinstance(value, (str, int, bool, type(None), list, dict)) else str(value)


def _true(text: str, about: Mapping[str, Any]) -> bool:
    try:
        return feel.evaluate(text, about) is True
    except feel.FeelError:
        return False


def clean(
    item: ServiceItem, sent: Mapping[str, Any], *, before: Mapping[str, Any] | None = None,
    editable: frozenset[str] | None = None, whole: bool = True, applying: bool = False,
) -> tuple[dict[str, Any], list[Problem]]:  # fmt: skip
    """Return (values, problems) of a form as sent.

    ``editable`` names the parts that may be changed here (None: all); the others keep what ``before`` has, and sending
    another value for one is refused (``Denied``): the page does not offer it, so somebody wrote the request by hand.
    ``whole`` False is a draft: kinds are checked, what is missing is not. ``applying``: by the applicant, who writes
    nothing that is for the review; a table sent anew has to be reviewed anew.
    """
    before = before or {}
    values: dict[str, Any] = {}
    problems: list[Problem] = []
    for part in parts(item):
        mine = editable is None or part.name in editable
        mine = mine and not (applying and isinstance(part, Field) and part.reviewed)
        if isinstance(part, Field) and part.kind == "computed":
            continue
        if not mine or part.name not in sent:
            if not mine and part.name in sent and _differs(part, sent[part.name], before.get(part.name)):
                raise Denied(f"当前环节不能修改“{part.label}”。", code="field_locked")
            if part.name in before:
                values[part.name] = before[part.name]
            continue
        if isinstance(part, Table):
            values[part.name] = _rows(part, sent[part.name], problems, applying=applying)
            continue
        try:
            values[part.name] = value_of(part, sent[part.name])
        except Wrong as wrong:
            problems.append(Problem(part.name, f"{part.label}{wrong}。"))
            values[part.name] = before.get(part.name)
    _finish(item, values, problems, whole=whole)
    return values, problems


def _differs(part: Field | Table, sent: Any, before: Any) -> bool:
    if isinstance(part, Table):
        return _rows(part, sent, []) != (before or [])
    try:
        return value_of(part, sent) != before
    except Wrong:
        return True


def _rows(table: Table, sent: Any, problems: list[Problem], *, applying: bool = False) -> list[dict[str, Any]]:
    if not isinstance(sent, list):
        problems.append(Problem(table.name, f"{table.label}须为表格。"))
        return []
    if len(sent) > table.maximum:
        problems.append(Problem(table.name, f"{table.label}最多 {table.maximum} 行，现为 {len(sent)} 行。"))
        sent = sent[: table.maximum]
    rows: list[dict[str, Any]] = []
    for number, row in enumerate(sent, 1):
        if not isinstance(row, Mapping):
            problems.append(Problem("", "不是一行数据。", table.name, number))
            continue
        made: dict[str, Any] = {}
        for field in table.fields:
            if field.kind == "computed":
                continue
            try:
                made[field.name] = None if applying and field.reviewed else value_of(field, row.get(field.name))
            except Wrong as wrong:
                problems.append(Problem(field.name, f"{field.label}{wrong}。", table.name, number))
                made[field.name] = None
        rows.append(made)
    return [row for row in rows if any(value not in (None, False) for value in row.values())]


def _finish(item: ServiceItem, values: dict[str, Any], problems: list[Problem], *, whole: bool) -> None:
    """Work out what is computed, forget what is hidden, and say what is missing or does not hold."""
    told = {problem.path for problem in problems}
    for part in parts(item):
        if isinstance(part, Table):
            _finish_table(item, part, values, problems, told, whole=whole)
    about = context(item, values)
    for part in parts(item):
        if not isinstance(part, Field):
            continue
        if part.visible_if and not _true(part.visible_if, about):
            values[part.name] = about[part.name] = None
            continue
        if part.kind == "computed":
            try:
                answer = feel.evaluate(part.computed, about)
            except feel.FeelError:
                answer = None
            values[part.name], about[part.name] = _json(answer), answer
        if whole and part.name not in told:
            problems += _faults(part, values.get(part.name), about)


def _faults(
    field: Field, value: Any, about: Mapping[str, Any], table: str = "", row: int = 0
) -> list[Problem]:
    if value in (None, "", []):
        needed = field.required or (field.required_if and _true(field.required_if, about))
        return [Problem(field.name, f"请填写{field.label}。", table, row)] if needed and field.kind != "computed" else []
    if field.check and not _true(field.check, about):
        return [Problem(field.name, field.check_text or f"{field.label}不符合要求。", table, row)]
    return []


def _finish_table(
    item: ServiceItem, table: Table, values: dict[str, Any], problems: list[Problem], told: set[str], *, whole: bool
) -> None:
    rows = values.get(table.name) or []
    seen: dict[Any, int] = {}
    # Rows see the form's fields, not the tables: whole tables would be handed over again for every row.
    outer = {field.name: feel_value(field, values.get(field.name)) for field in item.fields()} if rows else {}
    for number, row in enumerate(rows, 1):
        about = {**outer, **_row_context(table, row)}
        for field in table.fields:
            if field.kind == "computed":
                try:
                    answer = feel.evaluate(field.computed, about)
                except feel.FeelError:
                    answer = None
                row[field.name], about[field.name] = _json(answer), answer
            if whole and f"{table.name}.{number}.{field.name}" not in told:
                problems += _faults(field, row.get(field.name), about, table.name, number)
        if whole and table.unique and (key := row.get(table.unique)) is not None:
            if key in seen:
                problems.append(Problem(table.unique, f"与第 {seen[key]} 行重复。", table.name, number))
            seen.setdefault(key, number)
    if whole and len(rows) < table.minimum:
        problems.append(Problem(table.name, f"{table.label}至少填写 {table.minimum} 行。"))


def place(item: ServiceItem, problem: Problem) -> str:
    """Return the table and row a problem is in, as people say it; '' outside tables."""
    label = next((table.label for table in item.tables() if table.name == problem.table), "")
    return f"{label}第 {problem.row} 行" if problem.row else ""


def listed(item: ServiceItem, problem: Problem) -> str:
    """Return a problem as it is told away from its place: in summaries, answers to programs, messages."""
    where = place(item, problem)
    return f"{where}：{problem.text}" if where else problem.text


def missing_materials(item: ServiceItem, values: Mapping[str, Any], have: Iterable[str]) -> list[Problem]:
    """Return the materials of the checklist that this form needs and that nobody has added."""
    about, present = context(item, values), set(have)
    return [
        Problem(material.code, f"请上传材料“{material.name}”。")
        for material in item.materials
        if material.code not in present
        and (_true(material.required_if, about) if material.required_if else material.required)
    ]


def wanted_materials(item: ServiceItem, values: Mapping[str, Any]) -> list[tuple[Any, bool]]:
    """Return (material, needed) of the checklist for this form; those that do not apply are left out."""
    about = context(item, values)
    return [
        (material, True if material.required_if else material.required)
        for material in item.materials
        if not material.required_if or _true(material.required_if, about)
    ]


def shown_fields(table: Table, rows: Iterable[Mapping[str, Any]]) -> tuple[Field, ...]:
    """Return the columns to read: those for the review once they are filled in."""
    rows = list(rows)
    return tuple(
        field for field in table.fields
        if not field.reviewed or any(row.get(field.name) not in (None, "") for row in rows)
    )  # fmt: skip


# --- reading ----------------------------------------------------------------------------------------------------------


def in_words(field: Field, value: Any, names: Mapping[tuple[str, Any], str] | None = None) -> str:
    """Return a value as people read it. ``names`` are those of units, people and records by (kind, key)."""
    if value in (None, "", []):
        return ""
    if field.kind == "boolean":
        return "是" if value else "否"
    if field.kind == "choice":
        return dict(field.choices).get(value, str(value))
    if field.kind == "choices":
        return "、".join(dict(field.choices).get(each, str(each)) for each in value)
    if field.kind in ("unit", "person", "record", "file") and names is not None:
        return names.get((field.kind, value), str(value))
    if field.kind in ("money", "decimal") or (field.kind == "computed" and _is_number(value)):
        number = Decimal(str(value))
        places = 2 if field.kind == "money" else field.places
        return f"{round(number, places):,}" + (f" {field.unit}" if field.unit else "")
    return f"{value} {field.unit}".strip() if field.unit else str(value)


def differences(
    item: ServiceItem, old: Mapping[str, Any], new: Mapping[str, Any], names: Mapping[tuple[str, Any], str] | None = None
) -> list[dict[str, str]]:
    """Return what two versions of a form differ in: path, label, before and after in words (``names`` as there)."""
    found: list[dict[str, str]] = []

    def note(path: str, label: str, before: str, after: str) -> None:
        if before != after:
            found.append({"path": path, "label": label, "before": before, "after": after})

    for part in parts(item):
        before, after = old.get(part.name), new.get(part.name)
        if isinstance(part, Field):
            note(part.name, part.label, in_words(part, before, names), in_words(part, after, names))
            continue
        earlier, later = before or [], after or []
        for number in range(max(len(earlier), len(later))):
            was = earlier[number] if number < len(earlier) else {}
            now = later[number] if number < len(later) else {}
            for field in part.fields:
                note(
                    f"{part.name}.{number + 1}.{field.name}", f"{part.label}第 {number + 1} 行·{field.label}",
                    in_words(field, was.get(field.name), names), in_words(field, now.get(field.name), names),
                )  # fmt: skip
    return found


def people_named(item: ServiceItem, values: Mapping[str, Any]) -> set[int]:
    """Return the keys of people the form names: they have an interest in the case."""
    found: set[int] = set()
    for part in parts(item):
        if isinstance(part, Field) and part.kind == "person" and values.get(part.name):
            found.add(values[part.name])
        elif isinstance(part, Table):
            names = [field.name for field in part.fields if field.kind == "person"]
            found |= {row[name] for row in values.get(part.name) or () for name in names if row.get(name)}
    return found
