"""Filters of a list: what each reads from the address, how it narrows the rows, how it is drawn.

A value that cannot be understood never raises: the filter is left off and says so beside its input.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

from django.db.models import Q, QuerySet
from django.http import QueryDict
from django.utils import timezone
from django.utils.dateparse import parse_date

from zhiguan.kit.actor import Actor

from .columns import Choices, field_at

RESERVED = frozenset({"q", "page", "size", "sort", "tab", "print", "view", "pk"})


@dataclass(frozen=True)
class Option:
    """One choice of a filter. ``count`` is None when it was not counted."""

    value: str
    title: str
    selected: bool = False
    count: int | None = None
    group: str = ""


@dataclass
class Applied:
    """A filter with the request's values. ``conditions`` is None when nothing is asked."""

    filter: Filter
    values: dict[str, Any]
    condition: Q | None = None
    chips: list[tuple[str, str, str]] = field(default_factory=list)
    """(parameter, value, text) of each part asked, for removal one by one."""
    error: str = ""
    options: list[Option] = field(default_factory=list)
    facets_hidden: bool = False


@dataclass(frozen=True)
class Filter:
    """Base of filters. ``name`` is the parameter in the address, ``path`` the dotted field path (default: the name)."""

    name: str
    title: str
    path: str = ""
    help: str = ""
    widget = "text"

    def __post_init__(self) -> None:
        if self.name in RESERVED or self.name.startswith("_"):
            raise ValueError(f"Filter {self.name!r}: this name is the list's own parameter")

    @property
    def orm(self) -> str:
        return (self.path or self.name).replace(".", "__")

    @property
    def parameters(self) -> tuple[str, ...]:
        return (self.name,)

    def read(self, query: QueryDict, actor: Actor, rows: QuerySet) -> Applied:
        raise NotImplementedError

    def faceted(self) -> bool:
        return False


@dataclass(frozen=True)
class ChoiceFilter(Filter):
    """One or several of fixed choices (default: the model field's own), with counts beside them.

    ``options`` is a mapping, pairs, or ``callable(actor)`` returning pairs. ``facets=False`` leaves the counts out,
    for tables too large to count.
    """

    options: Choices | Callable[[Actor], Iterable[tuple[Any, str]]] | None = None
    facets: bool = True
    multiple: bool = True
    widget = "choice"

    def pairs(self, actor: Actor, rows: QuerySet) -> list[tuple[Any, str]]:
        if callable(self.options):
            return list(self.options(actor))
        if self.options is not None:
            return list(self.options.items() if isinstance(self.options, Mapping) else self.options)
        found = field_at(rows.model, self.orm)
        return [pair for pair in (found.flatchoices if found is not None else ()) if pair[0] not in (None, "")]

    def read(self, query: QueryDict, actor: Actor, rows: QuerySet) -> Applied:
        pairs = self.pairs(actor, rows)
        titles = {str(value): title for value, title in pairs}
        stored = {str(value): value for value, _ in pairs}
        asked = [value for value in dict.fromkeys(query.getlist(self.name)) if value != ""]
        known = [value for value in asked if value in titles]
        if not self.multiple:
            known = known[-1:]
        applied = Applied(self, {self.name: known})
        applied.options = [Option(str(value), str(title), str(value) in known) for value, title in pairs]
        if len(asked) > len([value for value in asked if value in titles]):
            applied.error = f"“{self.title}”中没有所选的项，已忽略"
        if known:
            applied.condition = self.condition([stored[value] for value in known])
            applied.chips = [(self.name, value, f"{self.title}：{titles[value]}") for value in known]
        return applied

    def condition(self, values: Sequence[Any]) -> Q:
        return Q(**{f"{self.orm}__in": list(values)})

    def faceted(self) -> bool:
        return self.facets


@dataclass(frozen=True)
class UnitFilter(ChoiceFilter):
    """单位: rows of the chosen units and, with ``below``, of every unit under them.

    ``options(actor)`` returns (key, name, first position, last position) per unit offered; ``path`` is the path of the
    position column.
    """

    path: str = "scope_pos"
    facets: bool = False
    below: bool = True
    widget = "unit"

    def read(self, query: QueryDict, actor: Actor, rows: QuerySet) -> Applied:
        units = [tuple(unit) for unit in self.options(actor)] if callable(self.options) else []
        by_key = {str(key): (name, lo, hi) for key, name, lo, hi in units}
        asked = [value for value in dict.fromkeys(query.getlist(self.name)) if value != ""]
        known = [value for value in asked if value in by_key]
        applied = Applied(self, {self.name: known})
        applied.options = [Option(key, name, key in known) for key, (name, _, _) in by_key.items()]
        if len(known) < len(asked):
            applied.error = "所选单位不存在或不在您的数据权限范围内，已忽略"
        if known:
            condition = Q(pk__in=[])
            for key in known:
                _, lo, hi = by_key[key]
                condition |= Q(**{f"{self.orm}__range": (lo, hi)}) if self.below else Q(**{self.orm: lo})
            applied.condition = condition
            applied.chips = [(self.name, key, f"{self.title}：{by_key[key][0]}") for key in known]
        return applied


@dataclass(frozen=True)
class BoolFilter(Filter):
    """是 / 否. ``condition`` replaces the plain comparison when the question is not one field; callable when it
    depends on the present moment."""

    condition: Q | Callable[[], Q] | None = None
    yes: str = "是"
    no: str = "否"
    facets: bool = False
    widget = "bool"

    def read(self, query: QueryDict, actor: Actor, rows: QuerySet) -> Applied:
        asked = query.get(self.name, "")
        applied = Applied(self, {self.name: asked if asked in ("1", "0") else ""})
        applied.options = [Option("1", self.yes, asked == "1"), Option("0", self.no, asked == "0")]
        if asked in ("1", "0"):
            wanted = self.condition() if callable(self.condition) else self.condition
            wanted = Q(**{self.orm: True}) if wanted is None else wanted
            applied.condition = wanted if asked == "1" else ~wanted
            applied.chips = [(self.name, asked, f"{self.title}：{self.yes if asked == '1' else self.no}")]
        elif asked:
            applied.error = f"“{self.title}”只能选{self.yes}或{self.no}，已忽略"
        return applied


@dataclass(frozen=True)
class _Range(Filter):
    @property
    def parameters(self) -> tuple[str, ...]:
        return (f"{self.name}_from", f"{self.name}_to")

    def parse(self, text: str, upper: bool, rows: QuerySet) -> Any:
        """Return the bound, None when the text is none; an upper bound may be exclusive (see :meth:`lookup`)."""
        raise NotImplementedError

    def lookup(self, upper: bool, rows: QuerySet) -> str:
        return f"{self.orm}__{'lte' if upper else 'gte'}"

    def read(self, query: QueryDict, actor: Actor, rows: QuerySet) -> Applied:
        applied = Applied(self, {})
        bounds: dict[bool, Any] = {}
        for upper, parameter in zip((False, True), self.parameters, strict=True):
            text = query.get(parameter, "").strip()
            applied.values["to" if upper else "from"] = text
            if not text:
                continue
            bound = self.parse(text, upper, rows)
            if bound is None:
                applied.error = f"“{text[:30]}”不是有效的{self.noun}，已忽略"
                continue
            bounds[upper] = bound
            condition = Q(**{self.lookup(upper, rows): bound})
            applied.condition = condition if applied.condition is None else applied.condition & condition
            applied.chips.append((parameter, text, f"{self.title}{'至' if upper else '自'} {text}"))
        if len(bounds) == 2 and bounds[False] > bounds[True]:
            applied.error = f"“{self.title}”的起始大于截止，没有符合的记录"
        return applied

    noun = "数值"


@dataclass(frozen=True)
class DateRangeFilter(_Range):
    """From and to, both days included. Works on dates and, by local days, on moments."""

    widget = "date_range"
    noun = "日期（例如 2026-03-01）"

    def _moment(self, rows: QuerySet) -> bool:
        found = field_at(rows.model, self.orm)
        return found is None or found.get_internal_type() == "DateTimeField"

    def lookup(self, upper: bool, rows: QuerySet) -> str:
        return f"{self.orm}__lt" if upper and self._moment(rows) else super().lookup(upper, rows)

    def parse(self, text: str, upper: bool, rows: QuerySet) -> Any:
        try:
            day = parse_date(text)
            if day is None or not self._moment(rows):
                return day
            day += dt.timedelta(days=1 if upper else 0)
            return timezone.make_aware(dt.datetime.combine(day, dt.time.min))
        except (ValueError, OverflowError):
            return None


@dataclass(frozen=True)
class NumberRangeFilter(_Range):
    """From and to, both included. ``unit`` stands after the inputs."""

    unit: str = ""
    widget = "number_range"
    noun = "数字"

    def parse(self, text: str, upper: bool, rows: QuerySet) -> Any:
        try:
            number = Decimal(text.replace(",", "").replace("，", ""))
        except InvalidOperation:
            return None
        if not number.is_finite() or abs(number) >= Decimal(10) ** 15:
            return None
        found = field_at(rows.model, self.orm)
        if found is not None and found.get_internal_type().endswith("IntegerField"):
            low, high = -(2**63), 2**63 - 1
            whole = math.floor(number) if upper else math.ceil(number)
            return whole if low <= whole <= high else None
        return number


@dataclass(frozen=True)
class TextFilter(Filter):
    """Contains the text, whatever its case. ``lookup`` may be istartswith or iexact."""

    lookup: str = "icontains"

    def read(self, query: QueryDict, actor: Actor, rows: QuerySet) -> Applied:
        text = query.get(self.name, "").replace("\x00", "").strip()[:100]
        applied = Applied(self, {self.name: text})
        if text:
            applied.condition = Q(**{f"{self.orm}__{self.lookup}": text})
            applied.chips = [(self.name, text, f"{self.title}：{text}")]
        return applied


@dataclass(frozen=True)
class DayFilter(Filter):
    """截至某日: the rows that held on one day. ``held(day)`` returns the condition."""

    held: Callable[[dt.date], Q] = lambda day: Q()
    widget = "day"

    def read(self, query: QueryDict, actor: Actor, rows: QuerySet) -> Applied:
        text = query.get(self.name, "").strip()
        applied = Applied(self, {self.name: ""})
        if not text:
            return applied
        try:
            day = parse_date(text)
        except ValueError:
            day = None
        if day is None:
            applied.error = f"“{text[:30]}”不是有效的日期（例如 2026-03-01），已忽略"
            return applied
        applied.values[self.name] = text
        applied.condition = self.held(day)
        applied.chips = [(self.name, text, f"{self.title} {text}")]
        return applied
