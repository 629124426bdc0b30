"""Units and people from a workbook: every row is the verb it would be alone, all of them or none."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from django.utils import timezone

from zhiguan.kit.actor import Actor
from zhiguan.kit.pages import ImportColumn, Importer, ImportRow, Problem

from . import domain, tree
from .codes import OrganFunction, UnitKind
from .models import Person, Rank, Unit

REPORT_EVERY = 50
KINDS = [pair for pair in UnitKind.choices if pair[0] != UnitKind.CITY]
CODE = (r"[A-Za-z0-9][A-Za-z0-9._-]*", "由字母、数字、点、横线组成")


def _recorder() -> Any:
    from .views import recorder  # the views import the forms of this part; nothing is read before a row is written

    return recorder()


def _not_future(value: Any, row: Any) -> str:
    return "不能晚于今天" if value and value > timezone.localdate() else ""


def _units_named(rows: Sequence[ImportRow], column: str) -> dict[str, Unit]:
    codes = {row[column] for row in rows if row.get(column)}
    return {unit.code: unit for unit in Unit.objects.filter(code__in=codes)}


def _place_problem(row: ImportRow, column: str, unit: Unit, actor: Actor, permission: str) -> Problem | None:
    if unit.valid_to is not None:
        return row.problem(column, f"“{unit.name}”已于 {unit.valid_to:%Y-%m-%d} 撤销")
    if not actor.scope(permission).covers(unit.pos):
        return row.problem(column, "该机构不在您的数据权限范围内")
    return None


def check_units(rows: Sequence[ImportRow], actor: Actor) -> Iterator[Problem]:
    """Yield codes in use, parents that are not there, closed, out of scope or of the wrong kind, and circles."""
    taken = set(
        Unit.objects.filter(code__in=[row["code"] for row in rows if row.get("code")]).values_list("code", flat=True)
    )
    known, in_file = _units_named(rows, "parent"), {row["code"]: row for row in rows if row.get("code")}
    for row in rows:
        if row.get("code") in taken:
            yield row.problem("code", "该机构代码已被使用")
        above = row.get("parent")
        if not above or not row.get("kind"):
            continue
        unit, other = known.get(above), in_file.get(above)
        if unit is not None:
            if problem := _place_problem(row, "parent", unit, actor, "orgs.unit.manage"):
                yield problem
            kind: str | None = unit.kind
        elif other is None:
            yield row.problem("parent", "系统和本文件中都没有这个机构")
            continue
        else:
            kind = other.get("kind")
        allowed = domain.PARENTS[UnitKind(row["kind"])]
        if kind and kind not in allowed:
            names = "、".join(UnitKind(each).label for each in allowed)
            yield row.problem("parent", f"“{UnitKind(row['kind']).label}”的上级机构应为：{names}")
        if _depth(row, in_file, known) > tree.DEPTHS:
            yield row.problem("parent", f"机构层级超过 {tree.DEPTHS} 级，或上下级成环")


def _depth(row: ImportRow, in_file: dict[str, ImportRow], known: dict[str, Unit]) -> int:
    """Return how deep the row's unit would stand; more than is allowed for one that is above itself."""
    steps, code = 1, row.get("parent")
    while code in in_file and code not in known and steps <= tree.DEPTHS:
        steps, code = steps + 1, in_file[code].get("parent")
    return steps + (known[code].depth if code in known else 0)


def apply_units(rows: Sequence[ImportRow], actor: Actor, progress: Callable[[int], None]) -> int:
    """Make the units, those above before those below."""
    record, made, waiting = _recorder(), _units_named(rows, "parent"), list(rows)
    done = 0
    while waiting:
        ready = [row for row in waiting if row["parent"] in made]
        for row in ready:
            made[row["code"]] = domain.create_unit(
                actor, parent=made[row["parent"]], code=row["code"], name=row["name"], kind=row["kind"],
                on=row.get("on"), short_name=row.get("short_name") or "", function=row.get("function") or "",
                phone=row.get("phone") or "", address=row.get("address") or "", record=record, reason="批量导入",
            )  # fmt: skip
            done += 1
            if done % REPORT_EVERY == 0:
                progress(done)
        waiting = [row for row in waiting if row["code"] not in made]
    return done


UNIT_IMPORT = Importer(
    columns=(
        ImportColumn(
            "code", "机构代码", required=True, unique=True, max_length=32, pattern=CODE, example="310000-C01-09"
        ),
        ImportColumn("name", "机构名称", required=True, max_length=100, example="信息化处"),
        ImportColumn("short_name", "简称", max_length=50, example="信息处"),
        ImportColumn("kind", "机构类型", required=True, kind="choice", choices=KINDS, example="内设处室"),
        ImportColumn("parent", "上级机构代码", required=True, max_length=32, example="310000-C01"),
        ImportColumn("function", "职能类别", kind="choice", choices=OrganFunction.choices, example=""),
        ImportColumn("on", "成立日期", kind="date", validate=_not_future, example="2026-01-05", help="不填为今天"),
        ImportColumn("phone", "联系电话", max_length=40, example=""),
        ImportColumn("address", "地址", max_length=200, example=""),
    ),
    check=check_units,
    apply=apply_units,
)


def check_people(rows: Sequence[ImportRow], actor: Actor) -> Iterator[Problem]:
    """Yield numbers in use, and units that are not there, closed, out of scope or younger than the appointment."""
    codes = [row["code"] for row in rows if row.get("code")]
    taken = set(Person.objects.filter(code__in=codes).values_list("code", flat=True))
    known = _units_named(rows, "unit")
    for row in rows:
        if row.get("code") in taken:
            yield row.problem("code", "该人员编号已被使用")
        if not row.get("unit"):
            continue
        unit = known.get(row["unit"])
        if unit is None:
            yield row.problem("unit", "没有这个机构")
        elif problem := _place_problem(row, "unit", unit, actor, "orgs.person.manage"):
            yield problem
        elif unit.valid_from and row.get("on") and row["on"] < unit.valid_from:
            yield row.problem("on", f"早于机构成立日期（{unit.valid_from:%Y-%m-%d}）")


def apply_people(rows: Sequence[ImportRow], actor: Actor, progress: Callable[[int], None]) -> int:
    """Register the people with their main appointments."""
    record, units = _recorder(), _units_named(rows, "unit")
    ranks = {rank.pk: rank for rank in Rank.objects.all()}
    for number, row in enumerate(rows, 1):
        domain.register_person(
            actor, code=row["code"], name=row["name"], unit=units[row["unit"]], post=row["post"],
            rank=ranks.get(row.get("rank")), on=row.get("on"), phone=row.get("phone") or "",
            document_no=row.get("document_no") or "", record=record, reason="批量导入",
        )  # fmt: skip
        if number % REPORT_EVERY == 0:
            progress(number)
    return len(rows)


def _ranks(actor: Actor) -> list[tuple[int, str]]:
    return list(Rank.objects.values_list("pk", "name"))


PERSON_IMPORT = Importer(
    columns=(
        ImportColumn("code", "人员编号", required=True, unique=True, max_length=32, pattern=CODE, example="P000123"),
        ImportColumn("name", "姓名", required=True, max_length=50, example="曾伟"),
        ImportColumn("unit", "机构代码", required=True, max_length=32, example="310000-C01-01"),
        ImportColumn("post", "职务", required=True, max_length=50, example="主任科员"),
        ImportColumn("rank", "职级", kind="choice", choices=_ranks, example="一级主任科员"),
        ImportColumn("on", "任职日期", kind="date", validate=_not_future, example="2026-01-05", help="不填为今天"),
        ImportColumn("phone", "办公电话", max_length=40, example=""),
        ImportColumn("document_no", "任免文号", max_length=80, example=""),
    ),
    check=check_people,
    apply=apply_people,
)
