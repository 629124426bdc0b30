"""What the pages of the line share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any

from django.db.models import Q
from django.urls import reverse

from zhiguan.kernel.orgs.service import Unit
from zhiguan.kit.actor import Actor
from zhiguan.kit.pages import Badge, Column, Number


def states(life: Any, title: str = "状态") -> Column:
    return Badge("state", title, life.colours, choices=life.choices)


def area(name: str, title: str, **more: Any) -> Column:
    """An area in square metres."""
    return Number(name, title, **{"unit": "平方米", "digits": 2, **more})


def unit_options(permission: str) -> Callable[[Actor], Iterable[tuple]]:
    """Return the unit filter's options: city, districts and organs that the permission reaches, or reaches into."""

    def options(actor: Actor) -> Iterable[tuple]:
        reached = Q(pk__in=[])
        for lo, hi in actor.scope(permission).ranges:
            reached |= Q(pos__lte=hi, pos_end__gte=lo)
        units = Unit.objects.open().of_kind("city", "district", "organ").filter(reached)
        return units.values_list("pk", "name", "pos", "pos_end")

    return options


def grouped(value: Any) -> str:
    """Return an area or sum as people read it: 1,529.35."""
    return "" if value is None else f"{Decimal(str(value)):,.2f}"


def steps(lines: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the lines of a working for the template, areas grouped."""
    return [{**line, "area": grouped(line["area"])} for line in lines]


def in_state(*states: str) -> Callable[[Any], bool]:
    return lambda row: row.state in states


def address_of(name: str) -> Callable[[Any, Actor], str]:
    return lambda row, actor: reverse(name, args=[row.pk])


def making(verb: Callable[..., Any]) -> Callable[[Actor, Any, dict[str, Any]], Any]:
    """Return a form page's verb that makes something new."""
    return lambda actor, row, values: verb(actor, **values)


def changing(verb: Callable[..., Any]) -> Callable[[Actor, Any, dict[str, Any]], Any]:
    return lambda actor, row, values: verb(actor, row, **values)
