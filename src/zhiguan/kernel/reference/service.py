"""The public door of reference data: ask for a fact as of a date, cite it, adjust it locally."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from copy import copy
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import yaml
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

try:  # read at every start of a process: a tenth of the time by the compiled reader
    from yaml import CSafeLoader as Loader
except ImportError:  # a build of the package without it
    from yaml import SafeLoader as Loader

from zhiguan.kernel.orgs.service import Unit
from zhiguan.kernel.orgs.tree import ROOT_POS
from zhiguan.kernel.trace import service as trace
from zhiguan.kit.actor import Actor
from zhiguan.kit.errors import Conflict, Invalid
from zhiguan.kit.questions import Question

from .codes import MANAGE, Evidence, Status
from .models import Fact, cited

__all__ = [
    "Fact",
    "Thresholds",
    "UnknownFact",
    "adjust",
    "cite",
    "fact",
    "facts",
    "override",
    "own_values",
    "refusal",
    "supposing",
    "sync",
    "thresholds",
    "topics",
    "value",
]

DATA = Path(__file__).parent / "data"


class UnknownFact(KeyError):
    """No such fact, or none in force on the date. A programming error, or a year before the first edition."""


def _pos(unit: Any) -> int | None:
    """Return a unit's position; units and positions are taken alike."""
    return unit if unit is None or isinstance(unit, int) else unit.pos


@dataclass(frozen=True)
class Supposed:
    """A value taken for granted for the length of a question: of all, or of the organ between two positions."""

    code: str
    value: Any
    span: tuple[int, int] | None = None

    def of(self, found: Fact, pos: int | None) -> bool:
        """Tell whether it stands in for ``found``, which would hold at ``pos``: nearer organs' own values stay."""
        if self.span is None:
            return found.place is None
        if pos is None or not self.span[0] <= pos <= self.span[1]:
            return False
        return found.place is None or (found.place.pos <= self.span[0] and self.span[1] <= found.place.pos_end)


_supposed: ContextVar[tuple[Supposed, ...]] = ContextVar("zhiguan_supposed", default=())


@contextmanager
def supposing(code: str, value: Any, place: Any = None) -> Iterator[None]:
    """Answer every question of the block as if the fact had this value, for all or for one organ and what is below it.

    Nothing is written. For trying out a threshold before it is set; see :func:`refusal` for what may be set.
    """
    span = None if place is None else (place.pos, place.pos_end)
    token = _supposed.set((*_supposed.get(), Supposed(code, value, span)))
    try:
        yield
    finally:
        _supposed.reset(token)


def _as_supposed(found: Fact, pos: int | None) -> Fact:
    for each in _supposed.get():
        if each.code == found.code and each.of(found, pos):
            found = copy(found)
            found.value = each.value
    return found


def fact(code: str, *, on: date | None = None, unit: Any = None) -> Fact:
    """Return the fact in force on the date (today); a local adjustment wins over what is shipped for the same day.

    With ``unit`` (a unit or its position) an adjustment of the nearest organ above wins over the general ones.
    """
    day = on or timezone.localdate()
    try:
        return facts([code], on=day, unit=unit)[code]
    except KeyError:
        raise UnknownFact(f"{code} on {day:%Y-%m-%d}") from None


def _in_force(codes: list[str], day: date, places: Q) -> QuerySet[Fact]:
    """The facts in force on the day, those of the nearest place first."""
    lasting = Q(valid_to__isnull=True) | Q(valid_to__gt=day)
    rows = Fact.objects.filter(places, lasting, code__in=codes, valid_from__lte=day).select_related("place")
    return rows.order_by(F("place__pos").desc(nulls_last=True), "place__pos_end", "-valid_from", "-local", "-pk")


@Question
def _general(codes: list[str], day: date) -> QuerySet[Fact]:
    return _in_force(codes, day, Q(place__isnull=True))


@Question
def _reaching(codes: list[str], day: date, pos: int) -> QuerySet[Fact]:
    return _in_force(codes, day, Q(place__isnull=True) | Q(place__pos__lte=pos, place__pos_end__gte=pos))


def facts(codes: Iterable[str], *, on: date | None = None, unit: Any = None) -> dict[str, Fact]:
    """Return, in one query, those of the facts that are in force, as :func:`fact` does for one."""
    day, pos, wanted = on or timezone.localdate(), _pos(unit), sorted(codes)
    found: dict[str, Fact] = {}
    for row in _general(wanted, day) if pos is None else _reaching(wanted, day, pos):
        found.setdefault(row.code, row)
    return {code: _as_supposed(row, pos) for code, row in found.items()}


def value(code: str, *, on: date | None = None, unit: Any = None) -> Any:
    """Return the value of a fact as of a date, with ``unit`` as it holds for that organ."""
    return fact(code, on=on, unit=unit).value


@dataclass(frozen=True)
class Thresholds:
    """All facts of one group as of a date, read in one query: for rules that ask about thousands of rows."""

    prefix: str
    facts: Mapping[str, Fact]
    own: Mapping[str, tuple[tuple[int, int, Any], ...]]
    """code -> (first position, last position, value) of organs with values of their own, the nearest last."""

    def fact(self, name: str) -> Fact:
        """Return the general fact. Raises ``UnknownFact``."""
        try:
            return self.facts[f"{self.prefix}.{name}"]
        except KeyError:
            raise UnknownFact(f"{self.prefix}.{name}") from None

    def value(self, name: str, unit: Any = None) -> Any:
        """Return the value that holds for the unit (or position), or the general one."""
        found, pos = self.fact(name).value, _pos(unit)
        for lo, hi, own in self.own.get(f"{self.prefix}.{name}", ()) if pos is not None else ():
            if lo <= pos <= hi:
                found = own
        return found

    def array(self, name: str, positions: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        """Return the value for each unit position."""
        found = np.full(positions.shape, float(self.fact(name).value))
        for lo, hi, own in self.own.get(f"{self.prefix}.{name}", ()):
            found[(positions >= lo) & (positions <= hi)] = float(own)
        return found


def thresholds(prefix: str, *, on: date) -> Thresholds:
    """Return the facts whose code begins with ``prefix.`` in force on the date, organs' own values included."""
    rows = Fact.objects.filter(
        Q(valid_to__isnull=True) | Q(valid_to__gt=on), code__startswith=f"{prefix}.", valid_from__lte=on
    ).select_related("place").order_by("valid_from", "local", "pk")  # fmt: skip
    general: dict[str, Fact] = {}
    own: dict[str, dict[tuple[int, int], Any]] = {}
    for row in rows:
        if row.place is None:
            general[row.code] = row
        else:
            own.setdefault(row.code, {})[row.place.pos, row.place.pos_end] = row.value
    for each in _supposed.get():
        if each.code in general and each.span is None:
            general[each.code] = copy(general[each.code])
            general[each.code].value = each.value
        elif each.code in general and each.span is not None:
            own.setdefault(each.code, {})[each.span] = each.value
    nearest_last = {
        code: tuple(
            (lo, hi, value) for (lo, hi), value in sorted(held.items(), key=lambda each: each[0][0] - each[0][1])
        )
        for code, held in own.items()
    }
    return Thresholds(prefix, general, nearest_last)


@lru_cache
def _files() -> tuple[dict[str, Any], ...]:
    return tuple(yaml.load(path.read_text(encoding="utf-8"), Loader) for path in sorted(DATA.glob("*.yaml")))


@lru_cache
def _shipped() -> dict[str, dict[str, Any]]:
    facts: dict[str, dict[str, Any]] = {}
    for whole in _files():
        for code, entry in whole["facts"].items():
            group = whole.get("groups", {}).get(code.split(".", 1)[0], "")
            source = whole["sources"][entry["source"]]
            facts[f"{whole['topic']}.{code}"] = {**entry, "topic": whole["topic"], "group": group, "source": source}
    return facts


def topics() -> dict[str, str]:
    """Return the topics of the shipped facts and their names."""
    return {whole["topic"]: whole["title"] for whole in _files()}


def cite(code: str) -> str:
    """Return a shipped fact's citation without asking the database, for declarations: 《…》第…条."""
    try:
        entry = _shipped()[code]
    except KeyError as error:
        raise UnknownFact(code) from error
    return cited(entry["source"]["title"], entry.get("clause", ""), entry.get("verified", False))


def _row(code: str, entry: dict[str, Any]) -> Fact:
    source = entry["source"]
    return Fact(
        code=code, topic=entry["topic"], group=entry["group"], name=entry["name"], value=entry.get("value"),
        unit=entry.get("unit", ""), bound=entry.get("bound", ""), source=source["title"],
        number=source.get("number", ""), issuer=source.get("issuer", ""), status=source.get("status", Status.RULE),
        clause=entry.get("clause", ""), verified=entry.get("verified", False),
        evidence=entry.get("evidence", Evidence.NONE), note=entry.get("note", ""),
        least=entry.get("least"), most=entry.get("most"),
        valid_from=entry.get("valid_from") or source.get("effective") or date(2000, 1, 1),
        valid_to=entry.get("valid_to"),
    )  # fmt: skip


SYNCED = (
    "topic", "group", "name", "value", "unit", "bound", "source", "number", "issuer", "status", "clause", "verified",
    "evidence", "note", "valid_to", "least", "most",
)  # fmt: skip


@transaction.atomic
def sync() -> int:
    """Bring the shipped facts in line with our files; local rows are left alone. Idempotent.

    Facts no longer shipped are removed; findings keep the citation they were raised with. Returns the rows changed.
    """
    have = {(row.code, row.valid_from): row for row in Fact.objects.filter(local=False)}
    fresh, changed = [], []
    for code, entry in _shipped().items():
        row = _row(code, entry)
        old = have.pop((code, row.valid_from), None)
        if old is None:
            fresh.append(row)
        elif any(getattr(old, name) != getattr(row, name) for name in SYNCED):
            row.pk, row.created_at = old.pk, old.created_at
            changed.append(row)
    Fact.objects.bulk_create(fresh)
    Fact.objects.bulk_update(changed, SYNCED)
    Fact.objects.filter(pk__in=[row.pk for row in have.values()]).delete()
    return len(fresh) + len(changed) + len(have)


def _fits(shown: Any, given: Any) -> str:
    """Return what is wrong with a new value in place of ``shown``, or ""."""
    if isinstance(shown, bool):
        return "" if isinstance(given, bool) else "取值须为是或否。"
    if shown is None or isinstance(shown, (int, float)):  # None: a number that nobody has entered yet
        if isinstance(given, bool) or not isinstance(given, (int, float)):
            return "取值须为数字。"
        return "取值须在 0 至 1 万亿之间。" if not 0 <= given <= 1e12 else ""
    if type(shown) is not type(given):
        return "取值的形式须与原值一致。"
    return "" if given else "请填写取值。"


def own_values(code: str, *, on: date | None = None) -> list[Fact]:
    """Return the values of organs that have one of their own in force on the date (today), by unit."""
    day = on or timezone.localdate()
    rows = Fact.objects.filter(Q(valid_to__isnull=True) | Q(valid_to__gt=day), code=code, valid_from__lte=day)
    latest: dict[int, Fact] = {}
    for row in rows.filter(place__isnull=False).select_related("place").order_by("valid_from", "pk"):
        latest[row.place_id] = row
    return sorted(latest.values(), key=lambda row: row.place.pos)


def refusal(shown: Fact, value: Any) -> str:
    """Return why the fact may not be set to the value here, or "": read in a rule, of another form, beyond its limits."""
    if not shown.adjustable:
        return "该取值出自已核对的法规或标准，不能在本地调整。"
    return _fits(shown.value, value) or _leaves(shown, value)


@transaction.atomic
def adjust(actor: Actor, shown: Fact, *, value: Any, valid_from: date, reason: str, place: Unit | None = None) -> Fact:
    """本地调整: set a value from a date on, with a reason, for all or for one organ and what is below it (``place``).

    What we ship stays, and so does every earlier row. Raises ``Invalid`` for a value read in a rule, of another form,
    outside the fact's limits or without a reason, ``Conflict`` when the same value is in force on that date already.
    """
    actor.require(MANAGE, ROOT_POS if place is None else place)
    if not shown.adjustable:
        raise Invalid("该取值出自已核对的法规或标准，不能在本地调整。", code="verified_fact")
    if problem := _fits(shown.value, value) or _leaves(shown, value):
        raise Invalid(problem, fields={"value": problem})
    if not reason.strip():
        raise Invalid("请填写调整事由。", fields={"reason": "请填写调整事由。"})
    earliest = Fact.objects.filter(code=shown.code, local=False).order_by("valid_from").first()
    if earliest is not None and valid_from < earliest.valid_from:
        message = f"生效日期不应早于 {earliest.valid_from:%Y-%m-%d}。"
        raise Invalid(message, fields={"valid_from": message})
    before = fact(shown.code, on=valid_from, unit=place)
    if before.value == value:
        raise Conflict("该日期已按这一取值执行，无需调整。", code="same_value")
    row = Fact.objects.create(
        code=shown.code, topic=shown.topic, group=shown.group, name=shown.name, value=value, unit=shown.unit,
        bound=shown.bound, source=shown.source, number=shown.number, issuer=shown.issuer, status=shown.status,
        clause=shown.clause, verified=False, evidence=shown.evidence, note=shown.note, local=True, place=place,
        least=shown.least, most=shown.most, valid_from=valid_from, reason=reason.strip(), changed_by=actor.name,
    )  # fmt: skip
    old, new = {"value": before.value}, {"value": value, "valid_from": valid_from.isoformat()}
    if place is not None:
        new["place"] = place.name
    trace.record(actor, "reference.fact.adjust", row, before=old, after=new, reason=reason)
    return row


def _leaves(shown: Fact, given: Any) -> str:
    """Return what is wrong with a number outside the fact's limits, or ""."""
    if isinstance(given, bool) or not isinstance(given, (int, float)) or shown.least is None or shown.most is None:
        return ""
    return "" if shown.least <= given <= shown.most else f"取值须在 {shown.limits_text} 之间。"


def override(actor: Actor, code: str, value: Any, valid_from: date, reason: str, *, place: Unit | None = None) -> Fact:
    """本地调整 by code: the same as :func:`adjust` of the fact in force on ``valid_from``."""
    shown = fact(code, on=valid_from, unit=place)
    return adjust(actor, shown, value=value, valid_from=valid_from, reason=reason, place=place)
