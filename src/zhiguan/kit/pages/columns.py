"""Columns of lists and fields of panels: where a value comes from, how it reads on screen and in a workbook."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Any

from django.core.exceptions import FieldDoesNotExist
from django.db import models
from django.utils import timezone

KINDS = ("text", "long", "code", "badge", "integer", "number", "money", "percent", "date", "datetime", "bool")
NUMERIC = ("integer", "number", "money", "percent")

Choices = Mapping[Any, str] | Iterable[tuple[Any, str]]


@dataclass(frozen=True)
class Column:
    """One column or field.

    ``name`` is the path of the value, dotted through relations (``unit.name``). ``value`` computes it from the row
    instead; then ``needs`` names the paths it reads, so that lists load only those. ``choices`` maps stored values to
    Chinese names (default: the model field's own), ``badge`` maps stored values to a Tabler colour, or is asked for a
    value's. ``link`` is True for the row's detail page, or returns an address. ``sort`` is the ORM path to order by
    when it differs from ``name``. ``unit`` stands after numbers. ``shown=False`` keeps the column in the column chooser only.
    ``permission`` hides the column, in exports too, from those who lack it.
    """

    name: str
    title: str
    kind: str = ""
    value: Callable[[Any], Any] | None = None
    needs: tuple[str, ...] = ()
    choices: Choices | None = None
    badge: Mapping[Any, str] | Callable[[Any], str] | None = None
    link: bool | Callable[[Any], str] = False
    sortable: bool = False
    sort: str = ""
    unit: str = ""
    digits: int | None = None
    shown: bool = True
    help: str = ""
    permission: str = ""
    wide: bool = False

    def __post_init__(self) -> None:
        if self.kind and self.kind not in KINDS:
            raise ValueError(f"Column {self.name!r}: kind {self.kind!r} is none of {', '.join(KINDS)}")

    @property
    def order_path(self) -> str:
        """The ORM path to sort by; empty when the column cannot be sorted."""
        if self.sort:
            return self.sort
        return self.name.replace(".", "__") if self.sortable and self.value is None else ""

    @cached_property
    def names(self) -> dict[Any, str]:
        choices = self.choices or {}
        return dict(choices.items() if isinstance(choices, Mapping) else choices)

    def raw(self, row: Any) -> Any:
        """Return the value for ``row``; None when a relation on the way is empty."""
        if self.value is not None:
            return self.value(row)
        value = row
        for part in self.name.split("."):
            value = value.get(part) if isinstance(value, Mapping) else getattr(value, part, None)
            if value is None:
                return None
            if callable(value) and not isinstance(value, type):
                value = value()
        return value

    def cell(self, row: Any) -> Cell:
        """Return what a page shows for ``row``."""
        raw = self.raw(row)
        names = self.names or _field_choices(row, self.name)
        kind = self.kind or ("badge" if self.badge is not None else _kind_of(raw))
        shown = names.get(raw, raw) if names and isinstance(raw, (str, int, bool)) else raw
        text = self._text(shown, kind)
        colour = self._colour(raw) if kind == "badge" else ""
        url = ""
        if callable(self.link):
            url = self.link(row) or ""
        return Cell(self, raw, text, kind, colour, url)

    def _colour(self, raw: Any) -> str:
        if callable(self.badge):
            return self.badge(raw)
        return str((self.badge or {}).get(raw, "secondary"))

    def _text(self, value: Any, kind: str) -> str:
        if value is None or value == "":
            return ""
        if isinstance(value, bool):
            return "是" if value else "否"
        if kind in NUMERIC and isinstance(value, (int, float, Decimal)):
            return number_text(value, kind, self.digits) + (f" {self.unit}" if self.unit else "")
        if isinstance(value, dt.datetime):
            return local(value).strftime("%Y-%m-%d" if kind == "date" else "%Y-%m-%d %H:%M")
        if isinstance(value, dt.date):
            return value.strftime("%Y-%m-%d")
        if isinstance(value, dt.time):
            return value.strftime("%H:%M")
        if isinstance(value, (list, tuple)):
            return "、".join(str(item) for item in value)
        return f"{value} {self.unit}" if self.unit and isinstance(value, (int, float, Decimal)) else str(value)

    def export_value(self, row: Any) -> Any:
        """Return what a workbook cell holds: numbers and dates as such, everything else as the text on screen."""
        cell = self.cell(row)
        raw = cell.raw
        if isinstance(raw, bool) or raw is None or self.names or _field_choices(row, self.name):
            return cell.text
        if isinstance(raw, dt.datetime):
            return local(raw).replace(tzinfo=None)
        if isinstance(raw, (int, float, Decimal, dt.date, dt.time)):
            return raw
        return cell.text


@dataclass(frozen=True)
class Cell:
    """One value as drawn: ``text`` for people, ``raw`` as stored, ``colour`` of a badge, ``url`` of a link."""

    column: Column
    raw: Any
    text: str
    kind: str
    colour: str = ""
    url: str = ""

    @property
    def numeric(self) -> bool:
        return self.kind in NUMERIC


def local(value: dt.datetime) -> dt.datetime:
    """Return the moment in the zone shown on screen."""
    return timezone.localtime(value) if timezone.is_aware(value) else value


def number_text(value: int | float | Decimal, kind: str, digits: int | None) -> str:
    """Return a number for reading: grouped by thousands, money with two decimals, shares as per cent."""
    if kind == "percent":
        return f"{value * 100:.{1 if digits is None else digits}f}%"
    if digits is None and kind == "money":
        digits = 2
    if digits is not None:
        return f"{value:,.{digits}f}"
    if isinstance(value, int):
        return f"{value:,}"
    text = f"{value:,f}" if isinstance(value, Decimal) else f"{value:,.6f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _kind_of(value: Any) -> str:
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int):
        return "integer"
    if isinstance(value, (float, Decimal)):
        return "number"
    if isinstance(value, dt.datetime):
        return "datetime"
    return "date" if isinstance(value, dt.date) else "text"


def _field_choices(row: Any, path: str) -> dict[Any, str]:
    if not isinstance(row, models.Model):
        return {}
    field = field_at(type(row), path)
    return dict(field.flatchoices) if field is not None and getattr(field, "choices", None) else {}


def field_at(model: type[models.Model], path: str) -> models.Field | None:
    """Return the concrete field a dotted or ``__`` path ends in; None when it is not made of fields."""
    field: Any = None
    for part in path.replace(".", "__").split("__"):
        if model is None:
            return None
        if part == "pk":
            field = model._meta.pk
        else:
            try:
                field = model._meta.get_field(part)
            except FieldDoesNotExist:
                return None
        model = getattr(field, "related_model", None)
    return field if getattr(field, "concrete", False) else None


def Money(name: str, title: str, **more: Any) -> Column:
    """A sum in yuan."""
    return Column(name, title, kind="money", **{"unit": "元", **more})


def Number(name: str, title: str, **more: Any) -> Column:
    """A number; give ``unit`` and ``digits``."""
    return Column(name, title, kind="number", **more)


def Date(name: str, title: str, **more: Any) -> Column:
    """A date."""
    return Column(name, title, kind="date", **more)


def DateTime(name: str, title: str, **more: Any) -> Column:
    """A moment, in local time."""
    return Column(name, title, kind="datetime", **more)


def Bool(name: str, title: str, **more: Any) -> Column:
    """是 or 否."""
    return Column(name, title, kind="bool", **more)


def Badge(name: str, title: str, colours: Mapping[Any, str] | Callable[[Any], str], **more: Any) -> Column:
    """A state, drawn as a coloured badge; ``colours`` maps values to Tabler colours, or is asked for a value's."""
    return Column(name, title, kind="badge", badge=colours, **more)
