"""What the pages of the line share."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from django.db.models import Q
from django.urls import reverse

from zhiguan.kernel.orgs.service import Unit
from zhiguan.kit.actor import Actor
from zhiguan.kit.pages import Badge, Column

from ..codes import GRADES


def states(life: Any, title: str = "状态") -> Column:
    return Badge("state", title, life.colours, choices=life.choices)


def unit_options(permission: str) -> Callable[[Actor], Iterable[tuple]]:
    """Return the unit filter's options: city, districts and organs that the permission reaches, or reaches into."""

    def options(actor: Actor) -> Iterable[tuple]:
        reached = Q(pk__in=[])
        for lo, hi in actor.scope(permission).ranges:
            reached |= Q(pos__lte=hi, pos_end__gte=lo)
        units = Unit.objects.open().of_kind("city", "district", "organ").filter(reached)
        return units.values_list("pk", "name", "pos", "pos_end")

    return options


def in_state(*states: str) -> Callable[[Any], bool]:
    return lambda row: row.state in states


def address_of(name: str) -> Callable[[Any, Actor], str]:
    return lambda row, actor: reverse(name, args=[row.pk])


GRADE = Column("grade", "职务层次", choices=GRADES)
