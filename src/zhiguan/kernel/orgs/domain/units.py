"""Verbs on units: making, changing, renaming, moving, closing."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.apps import apps
from django.db import connection, transaction
from django.db.models import F, Max, Q

from zhiguan.kit.actor import Actor, system
from zhiguan.kit.errors import Conflict, Invalid

from .. import tree
from ..base import UnitScoped
from ..codes import UnitKind, UnitLevel
from ..models import Appointment, Establishment, Unit, UnitVersion
from ..spelling import spell_unit
from .guards import Recorder, effective, locked, require_open, unique

PARENTS: dict[str, tuple[str, ...]] = {
    UnitKind.CITY: (),
    UnitKind.DISTRICT: (UnitKind.CITY,),
    UnitKind.ORGAN: (UnitKind.CITY, UnitKind.DISTRICT, UnitKind.ORGAN),
    UnitKind.DIVISION: (UnitKind.ORGAN, UnitKind.DIVISION),
    UnitKind.SECTION: (UnitKind.ORGAN, UnitKind.DIVISION, UnitKind.SECTION),
}
"""Kinds of unit that a unit of each kind may stand below."""
CONTACT_FIELDS = ("short_name", "function", "sort", "phone", "address", "lat", "lon", "note")


def _facts(unit: Unit) -> dict[str, Any]:
    return {
        "code": unit.code, "name": unit.name, "kind": unit.kind, "parent": unit.parent_id and unit.parent.code,
        "pos": str(unit.pos), "valid_from": str(unit.valid_from or ""), "valid_to": str(unit.valid_to or ""),
    }  # fmt: skip


def _next_range(parent: Unit) -> tuple[int, int]:
    """Return the next free range below ``parent``, whose row must be locked. A number once used is never given again:
    rows of append-only tables still carry the positions of their time."""
    ever = Q(pos__gt=parent.pos, pos__lte=parent.pos_end)
    highest = max(
        Unit.objects.filter(ever).aggregate(found=Max("pos"))["found"] or parent.pos,
        UnitVersion.objects.filter(ever).aggregate(found=Max("pos"))["found"] or parent.pos,
    )
    if parent.depth >= tree.DEPTHS:
        raise Invalid(f"机构层级最多为 {tree.DEPTHS} 级，“{parent.name}”之下不能再设机构。", code="tree_too_deep")
    number = (highest - parent.pos) // tree.span(parent.depth + 1) + 1
    try:
        return tree.child_range(parent.pos, parent.pos_end, number)
    except tree.Full:
        raise Conflict(
            f"“{parent.name}”之下累计设立的机构已达 {tree.CHILDREN} 个，请增设一级机构分担。", code="parent_full"
        ) from None


def _check_place(kind: str, parent: Unit | None) -> None:
    allowed = PARENTS[UnitKind(kind)]
    if (parent is None) != (not allowed) or (parent is not None and parent.kind not in allowed):
        above = "、".join(UnitKind(each).label for each in allowed) or "无上级"
        message = f"“{UnitKind(kind).label}”的上级机构应为：{above}。"
        raise Invalid(message, code="wrong_parent", fields={"parent": message})


@transaction.atomic
def create_unit(
    actor: Actor, *, parent: Unit | None, code: str, name: str, kind: str, record: Recorder, on: date | None = None,
    level: str = "", district_code: str = "", reason: str = "", **details: Any,
) -> Unit:  # fmt: skip
    """新建机构 below ``parent`` (None: the city itself, once). ``details`` are fields of :data:`CONTACT_FIELDS`.

    ``level`` and ``district_code`` are the parent's unless given. Raises ``Invalid`` for a wrong kind of parent, an
    empty name or a tree too deep, ``Conflict`` for a code in use, a closed or a full parent.
    """
    actor.require("orgs.unit.manage", tree.ROOT_POS if parent is None else parent)
    if unknown := details.keys() - set(CONTACT_FIELDS):
        raise TypeError(f"not fields of a unit: {sorted(unknown)}")
    code, name = code.strip(), name.strip()
    missing = {field: "必填。" for field, value in (("code", code), ("name", name)) if not value}
    if missing:
        raise Invalid("请填写机构代码和机构名称。", code="unit_incomplete", fields=missing)
    _check_place(kind, parent)
    day = effective(on)
    if parent is None:
        pos, pos_end = tree.ROOT_POS, tree.ROOT_END
    else:
        parent = locked(parent)
        require_open(parent)
        pos, pos_end = _next_range(parent)
        level = level or (UnitLevel.DISTRICT if UnitKind.DISTRICT in (kind, parent.kind) else parent.level)
        district_code = district_code or parent.district_code
    pinyin, initials = spell_unit(name, details.get("short_name", ""))
    unit = Unit(
        code=code, name=name, kind=kind, level=level or UnitLevel.MUNICIPAL, district_code=district_code, parent=parent,
        pos=pos, pos_end=pos_end, valid_from=day, pinyin=pinyin, initials=initials, **details,
    )  # fmt: skip
    with unique(f"机构代码“{code}”已被使用。" if parent else "市级根机构已存在。"):
        unit.save(force_insert=True)
    UnitVersion.objects.create(unit=unit, name=name, parent=parent, pos=pos, pos_end=pos_end, valid_from=day)
    record(actor, "orgs.unit.create", unit, after=_facts(unit), reason=reason)
    return unit


@transaction.atomic
def change_unit(actor: Actor, unit: Unit, *, record: Recorder, reason: str = "", **details: Any) -> Unit:
    """修改机构资料: fields of :data:`CONTACT_FIELDS`. Name, place and life are changed by their own verbs."""
    unit = locked(unit)
    actor.require("orgs.unit.manage", unit)
    if unknown := details.keys() - set(CONTACT_FIELDS):
        raise TypeError(f"not changed by this verb: {sorted(unknown)}")
    before = {field: getattr(unit, field) for field in details}
    for field, value in details.items():
        setattr(unit, field, value)
    unit.pinyin, unit.initials = spell_unit(unit.name, unit.short_name)
    unit.save(update_fields=[*details, "pinyin", "initials"])
    record(actor, "orgs.unit.change", unit, before=before, after=details, reason=reason)
    return unit


@transaction.atomic
def rename_unit(
    actor: Actor, unit: Unit, *, name: str, record: Recorder, short_name: str | None = None, on: date | None = None,
    reason: str = "",
) -> Unit:  # fmt: skip
    """机构更名 from a day on. Raises ``Invalid`` when the day lies before the unit's last change."""
    unit = locked(unit)
    actor.require("orgs.unit.manage", unit)
    require_open(unit)
    if not name.strip():
        raise Invalid("请填写机构名称。", code="unit_incomplete", fields={"name": "必填。"})
    current = unit.versions.get(valid_to__isnull=True)
    day = effective(on, current.valid_from, "上一次变更日期")
    before = _facts(unit)
    unit.name = name.strip()
    unit.short_name = unit.short_name if short_name is None else short_name
    unit.pinyin, unit.initials = spell_unit(unit.name, unit.short_name)
    unit.save(update_fields=["name", "short_name", "pinyin", "initials"])
    if day == current.valid_from:
        UnitVersion.objects.filter(pk=current.pk).update(name=unit.name)
    else:
        UnitVersion.objects.filter(pk=current.pk).update(valid_to=day)
        UnitVersion.objects.create(
            unit=unit, name=unit.name, parent=unit.parent, pos=unit.pos, pos_end=unit.pos_end, valid_from=day
        )
    record(actor, "orgs.unit.rename", unit, before=before, after=_facts(unit), reason=reason)
    return unit


@transaction.atomic
def move_unit(
    actor: Actor, unit: Unit, *, parent: Unit, record: Recorder, on: date | None = None, reason: str = ""
) -> Unit:
    """机构划转: put the unit with everything below it under another parent, from a day on.

    The subtree gets new positions, its history new versions, and every row of its units the new position, in one
    transaction; rows of append-only tables keep the position of their time. The actor needs the permission over both
    the unit and the new parent. Raises ``Invalid`` for a place inside the unit itself, of a wrong kind or too deep.
    """
    with connection.cursor() as cursor:  # two moves at once could otherwise put each unit below the other
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('orgs.unit.move'))")
    unit = Unit.objects.get(pk=unit.pk)
    actor.require("orgs.unit.manage", unit)
    # Waits for transactions that are adding rows to these units, so that no row is left behind.
    subtree = list(Unit.objects.within(unit).order_by("pos").select_for_update())
    unit, parent = next(each for each in subtree if each.pk == unit.pk), locked(parent)
    actor.require("orgs.unit.manage", parent)
    require_open(unit)
    require_open(parent)
    if unit.pos <= parent.pos <= unit.pos_end:
        raise Invalid("不能把机构划转到它自己或它的下级机构之下。", code="move_into_itself")
    if parent.pk == unit.parent_id:
        raise Conflict(f"“{unit.name}”已在“{parent.name}”之下。", code="already_there")
    _check_place(unit.kind, parent)
    current = unit.versions.get(valid_to__isnull=True)
    day = effective(on, current.valid_from, "上一次变更日期")
    deeper = parent.depth + 1 - unit.depth
    if max(each.depth for each in subtree) + deeper > tree.DEPTHS:
        raise Invalid(f"划转后机构层级将超过 {tree.DEPTHS} 级，请先调整下级机构。", code="tree_too_deep")
    before, old, new = _facts(unit), (unit.pos, unit.pos_end), _next_range(parent)

    _renumber_versions(old, new, day)
    UnitVersion.objects.filter(unit=unit, valid_from=day, valid_to__isnull=True).update(parent=parent)
    Unit.objects.within(unit).update(**_shifted(old, new))
    unit.pos, unit.pos_end = new
    unit.parent = parent
    unit.save(update_fields=["parent"])
    level = UnitLevel.DISTRICT if parent.kind == UnitKind.DISTRICT else parent.level
    Unit.objects.within(unit).update(level=level, district_code=parent.district_code)
    unit.level, unit.district_code = level, parent.district_code
    _follow(old)
    record(actor, "orgs.unit.move", unit, before=before, after=_facts(unit), reason=reason)
    return unit


def _shifted(old: tuple[int, int], new: tuple[int, int]) -> dict[str, Any]:
    """Return the update that maps ranges under ``old`` to the same path under ``new`` (see ``tree.moved``)."""
    shift = tree.BITS * (tree.depth_of(*new) - tree.depth_of(*old))
    lo, beyond = F("pos") - old[0], F("pos_end") - old[0] + 1
    if shift > 0:
        lo, beyond = lo.bitrightshift(shift), beyond.bitrightshift(shift)
    elif shift < 0:
        lo, beyond = lo.bitleftshift(-shift), beyond.bitleftshift(-shift)
    return {"pos": lo + new[0], "pos_end": beyond + new[0] - 1}


def _renumber_versions(old: tuple[int, int], new: tuple[int, int], day: date) -> None:
    """Split the history of what was in the subtree at ``day``: what holds from then on gets the new positions."""
    later = UnitVersion.objects.filter(pos__range=old)
    later = later.filter(Q(valid_to__isnull=True) | Q(valid_to__gt=day))
    split = list(later.filter(valid_from__lt=day))
    for version in split:
        beyond = tree.moved(version.pos, old, new)
        width = tree.span(tree.depth_of(version.pos, version.pos_end) + tree.depth_of(*new) - tree.depth_of(*old))
        version.pk, version.pos, version.pos_end, version.valid_from = None, beyond, beyond + width - 1, day
    later.filter(valid_from__gte=day).update(**_shifted(old, new))
    later.filter(valid_from__lt=day).update(valid_to=day)
    UnitVersion.objects.bulk_create(split, batch_size=2000)


def scoped_models() -> list[type[UnitScoped]]:
    """Return every model whose rows belong to a unit and follow it when it moves."""
    return [
        model
        for model in apps.get_models()
        if issubclass(model, UnitScoped)
        and not model._meta.proxy
        and any(field.name == "scope_pos" for field in model._meta.local_fields)
        and not getattr(getattr(model, "row_rule", None), "append_only", False)
    ]


def _place_rows(condition: str, parameters: list[Any]) -> dict[str, int]:
    """Give rows the position of their unit where it differs; return how many rows changed, by table."""
    changed: dict[str, int] = {}
    quote = connection.ops.quote_name
    # The rows follow whatever the mover may see: a security administrator moves a unit without seeing its cars.
    with system("orgs.unit.move").acting(), connection.cursor() as cursor:
        for model in scoped_models():
            cursor.execute(
                f"UPDATE {quote(model._meta.db_table)} t SET scope_pos = u.pos FROM orgs_unit u "  # noqa: S608
                f"WHERE u.id = t.unit_id AND t.scope_pos <> u.pos AND {condition}",
                parameters,
            )
            if cursor.rowcount:
                changed[model._meta.db_table] = cursor.rowcount
    return changed


def _follow(old: tuple[int, int]) -> None:
    _place_rows("t.scope_pos BETWEEN %s AND %s", list(old))


def misplaced() -> dict[str, int]:
    """Return how many rows, by table, do not carry the position of their unit. Should be empty; read as the system."""
    wrong: dict[str, int] = {}
    for model in scoped_models():
        found = model._base_manager.exclude(scope_pos=F("unit__pos")).count()
        if found:
            wrong[model._meta.db_table] = found
    return wrong


def realign() -> dict[str, int]:
    """Give every misplaced row the position of its unit, in the caller's transaction; return how many, by table."""
    return _place_rows("true", [])


@transaction.atomic
def close_unit(actor: Actor, unit: Unit, *, record: Recorder, on: date | None = None, reason: str = "") -> Unit:
    """机构撤销 from a day on. Raises ``Conflict`` while units below it are open or people hold posts in it."""
    unit = locked(unit)
    actor.require("orgs.unit.manage", unit)
    require_open(unit)
    below = Unit.objects.open().within(unit).count() - 1
    if below:
        raise Conflict(f"“{unit.name}”之下还有 {below} 个机构，请先撤销或划转。", code="unit_has_children")
    serving = Appointment.objects.filter(unit=unit, valid_to__isnull=True).count()
    if serving:
        raise Conflict(f"“{unit.name}”还有 {serving} 项在任职务，请先办理调任或离任。", code="unit_has_people")
    current = unit.versions.get(valid_to__isnull=True)
    day = effective(on, current.valid_from, "上一次变更日期")
    if day == current.valid_from:
        raise Invalid("机构不能在设立或变更的当日撤销。", code="date_too_early", fields={"on": "请选择更晚的日期。"})
    before = _facts(unit)
    unit.valid_to = day
    unit.save(update_fields=["valid_to"])
    UnitVersion.objects.filter(pk=current.pk).update(valid_to=day)
    Establishment.objects.filter(unit=unit, valid_to__isnull=True, valid_from__lt=day).update(valid_to=day)
    record(actor, "orgs.unit.close", unit, before=before, after=_facts(unit), reason=reason)
    return unit
