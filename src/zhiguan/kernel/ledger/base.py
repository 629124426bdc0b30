"""Abstract base of everything with a life cycle."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models
from django.utils import timezone

from zhiguan.kernel.orgs.base import UnitScoped

from .declare import Lifecycle


class LedgerRecord(UnitScoped):
    """A record of a ledger (台账). Changed only through ``ledger.service``, which writes an event for each change.

    Subclasses name their ``lifecycle`` and a ``row_rule``; fields in ``private_fields`` stay out of snapshots.
    """

    lifecycle: ClassVar[Lifecycle]
    private_fields: ClassVar[tuple[str, ...]] = ()
    state = models.CharField("状态", max_length=32)
    version = models.IntegerField("版本", default=1)
    created_at = models.DateTimeField("登记时间", default=timezone.now, editable=False)
    updated_at = models.DateTimeField("更新时间", default=timezone.now, editable=False)

    class Meta:
        abstract = True

    @property
    def ledger_area(self) -> str:
        """The subject area whose scope its events are read under; a shared table's rows name their own."""
        return self._meta.app_label

    @property
    def ledger_persons(self) -> list[int]:
        """Keys of the people who see its events wherever they belong: those its row rule names."""
        rule = getattr(type(self), "row_rule", None)
        people = [person for column in getattr(rule, "persons", ()) if (person := getattr(self, column, None))]
        return people + [person for column in getattr(rule, "crowds", ()) for person in getattr(self, column) or ()]

    @property
    def ledger_also(self) -> int | None:
        """Position of a second unit whose people see its events: the first one that its row rule names and it has."""
        columns = getattr(getattr(type(self), "row_rule", None), "also", ())
        return next((position for column in columns if (position := getattr(self, column)) is not None), None)

    @property
    def state_name(self) -> str:
        """The state in Chinese."""
        return self.lifecycle.states.get(self.state, self.state)

    @property
    def possible_moves(self) -> tuple:
        """The moves of the life cycle that the present state allows."""
        return self.lifecycle.moves_from(self.state)

    def snapshot(self) -> dict[str, Any]:
        """The record's columns as JSON values, without private ones."""
        values: dict[str, Any] = {}
        for field in self._meta.concrete_fields:
            if field.name in self.private_fields:
                continue
            value = field.value_from_object(self)
            values[field.attname] = value if isinstance(value, (int, str, bool, type(None), list, dict)) else str(value)
        return values
