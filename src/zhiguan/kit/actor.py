"""Who acts, what they may do and over which rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from django.db import transaction
from django.db.models import Q

from .errors import Denied
from .rowscope.declare import ALL_POSITIONS
from .rowscope.frame import Frame, applied

Range = tuple[int, int]


def merge(ranges: list[Range]) -> tuple[Range, ...]:
    """Return the ranges ascending, disjoint and joined where they touch."""
    merged: list[Range] = []
    for lo, hi in sorted(ranges):
        if merged and lo <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(hi, merged[-1][1]))
        else:
            merged.append((lo, hi))
    return tuple(merged)


@dataclass(frozen=True)
class Scope:
    """数据权限: the unit positions, and the person, whose rows one permission reaches."""

    ranges: tuple[Range, ...] = ()
    person: int | None = None

    def covers(self, position: int | None) -> bool:
        """Tell whether the unit at ``position`` is within the scope."""
        return position is not None and any(lo <= position <= hi for lo, hi in self.ranges)

    def q(self, column: str = "scope_pos", persons: tuple[str, ...] = ()) -> Q:
        """Return the condition that keeps the rows in scope; of an empty scope, none."""
        condition = Q(pk__in=[])
        for lo, hi in self.ranges:
            condition |= Q(**{f"{column}__range": (lo, hi)})
        if self.person is not None:
            for name in persons:
                condition |= Q(**{name: self.person})
        return condition

    def beyond(self, rule: Any) -> Q:
        """Return the condition for the rows that a row rule shows beyond those of the row's own unit and persons."""
        condition = Q(pk__in=[])
        for column in getattr(rule, "also", ()):
            condition |= self.q(column)
        if self.person is not None:
            for crowd in getattr(rule, "crowds", ()):
                condition |= Q(**{f"{crowd}__contains": [self.person]})
        return condition

    def __or__(self, other: Scope) -> Scope:
        return Scope(merge([*self.ranges, *other.ranges]), self.person or other.person)


EVERYTHING = Scope((ALL_POSITIONS,))
NOWHERE = Scope()


@dataclass(frozen=True)
class Actor:
    """An account at work, or one of the system's own jobs, with its permissions as of now.

    ``permissions`` maps a permission's code to its scope. ``via`` is web, api, job or command; ``address`` the
    network address the act came from. Keys are database keys; ``unit_pos`` is the unit's position in the tree.
    """

    name: str
    account_id: int | None = None
    person_id: int | None = None
    unit_id: int | None = None
    unit_pos: int | None = None
    unit_name: str = ""
    roles: tuple[tuple[str, str], ...] = ()
    permissions: Mapping[str, Scope] = field(default_factory=dict)
    via: str = "web"
    address: str = ""
    request_id: str = ""
    system: bool = False

    def can(self, permission: str) -> bool:
        """Tell whether the actor holds the permission over any row at all."""
        return self.system or permission in self.permissions

    def scope(self, permission: str) -> Scope:
        """Return the rows the permission reaches; none when it is not held."""
        return EVERYTHING if self.system else self.permissions.get(permission, NOWHERE)

    def require(self, permission: str, row: Any = None, *, persons: tuple[str, ...] = ()) -> None:
        """Raise :class:`Denied` unless the permission is held and reaches ``row``.

        ``row`` is anything with ``scope_pos``, or a position; ``persons`` names fields of it that hold a person's key.
        """
        scope = self.scope(permission)
        if not self.can(permission):
            raise Denied("您没有办理该事项的权限，请联系本单位的权限管理人员。", code="permission_missing")
        if row is None:
            return
        position = row if isinstance(row, int) else getattr(row, "scope_pos", None)
        if scope.covers(position):
            return
        if scope.person is not None and any(getattr(row, name, None) == scope.person for name in persons):
            return
        raise Denied("该记录不在您的数据权限范围内。", code="out_of_scope")

    @cached_property
    def frame(self) -> Frame:
        """The rows PostgreSQL may show this actor: per subject area, the union of the area's permissions."""
        areas: dict[str, Scope] = {}
        for code, scope in self.permissions.items():
            area = code.split(".", 1)[0]
            areas[area] = areas.get(area, NOWHERE) | scope
        return Frame(
            {area: scope.ranges for area, scope in areas.items()},
            person=self.person_id,
            account=self.account_id,
            system=self.system,
        )

    @contextmanager
    def acting(self) -> Iterator[Actor]:
        """Do the work of the block as this actor: row scope is in force and :func:`current` returns it."""
        frame = self.frame
        if self.system:
            from .rowscope import frame as frames
            from .rowscope.sync import declared_areas

            frame = frames.everything(declared_areas(), account=self.account_id)
        token = _current.set(self)
        try:
            with applied(frame):
                yield self
        finally:
            _current.reset(token)

    @contextmanager
    def transaction(self) -> Iterator[Actor]:
        """Do the work of the block as this actor, all of it or nothing."""
        with self.acting(), transaction.atomic():
            yield self


_current: ContextVar[Actor | None] = ContextVar("zhiguan_actor", default=None)


def current() -> Actor | None:
    """Return the actor at work, or None."""
    return _current.get()


def system(name: str) -> Actor:
    """Return the actor of one of the system's own jobs; ``name`` is its code, e.g. ``vehicles.trips``."""
    return Actor(name=name, via="job", system=True)
