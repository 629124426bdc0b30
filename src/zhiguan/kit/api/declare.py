"""What a line declares of its API: which pages are answered to programs, too."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from zhiguan.kit.actor import Actor
from zhiguan.kit.manifest import Declared
from zhiguan.kit.pages.actions import VerbAction
from zhiguan.kit.pages.columns import Column
from zhiguan.kit.pages.declare import DetailPage, FormPage, ListPage, may


@dataclass(frozen=True, kw_only=True)
class Making:
    """How programs make a row where the pages do it step by step: ``verb(actor, None, values)`` returns the row."""

    title: str
    form: type
    verb: Callable[[Actor, Any, dict[str, Any]], Any]
    permission: str
    help: str = ""

    def title_for(self, row: Any = None) -> str:
        return self.title

    def allows(self, actor: Actor) -> bool:
        return may(actor, self.permission)


@dataclass(frozen=True)
class Resource(Declared):
    """A subject under ``/api/v1/<line>/<subject>``: the same rows, permissions, filters, columns and acts as its pages.

    ``code`` is line.subject and names path and operations (``vehicles_order_dispatch``). Made by :meth:`of`. ``also`` are
    members of one row, ``acts`` verbs on it that its page shows and does in a way of its own (a map, a form saved as it
    is filled in).
    """

    code: str
    list: ListPage
    detail: DetailPage
    create: FormPage | Making | None = None
    edit: FormPage | None = None
    also: tuple[Column, ...] = ()
    acts: tuple[VerbAction, ...] = ()

    def __post_init__(self) -> None:
        if self.code.count(".") != 1:
            raise ValueError(f"Resource {self.code!r}: the code must be line.subject")
        if self.edit is not None and (self.edit.rows is None or "<int:pk>" not in self.edit.path):
            raise ValueError(f"Resource {self.code!r}: the edit page must be about one row")

    @classmethod
    def of(
        cls, *, list: ListPage, detail: DetailPage, create: FormPage | Making | None = None, edit: FormPage | None = None,
        also: tuple[Column, ...] = (), acts: tuple[VerbAction, ...] = (),
    ) -> Resource:  # fmt: skip
        """Return the resource of these pages; its code is the list's."""
        return cls(list.code, list, detail, create, edit, also, acts)

    @property
    def name(self) -> str:
        """What the subject is called on screen."""
        return self.list.menu_title

    @property
    def path(self) -> str:
        """The path below ``/api/v1``: ``/vehicles/vehicle``."""
        return "/" + self.code.replace(".", "/").replace("_", "-")

    @staticmethod
    def word(act: VerbAction) -> str:
        """The act's word in addresses and in ``acts``: ``lay-up``; ``return`` where the verb is ``return_``."""
        return act.code.strip("_").replace("_", "-")

    def operation(self, act: str) -> str:
        """Return the operation's id: ``vehicles_vehicle_lay_up``."""
        return f"{self.code.replace('.', '_')}_{act}"
