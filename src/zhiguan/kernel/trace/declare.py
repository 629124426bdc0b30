"""What other parts declare to be traced, and how they name a subject that is not a model. Pure data."""

from __future__ import annotations

from dataclasses import dataclass

from zhiguan.kit.manifest import Declared
from zhiguan.kit.rowscope.declare import Shared, TableRule

TABLE_RULES = (TableRule("trace_pending", Shared("numbers of entries only"), grants=("SELECT",)),)


@dataclass(frozen=True)
class TraceCode(Declared):
    """痕迹代码: one kind of act. ``code`` is area.subject.act and equals the verb's and the permission's word.

    Any other declared type may bring its own codes by a method ``trace_codes()`` that returns TraceCode objects (a life
    cycle does so for its moves). A permission's code needs no TraceCode: the permission's name is used.
    """

    code: str
    name: str


@dataclass(frozen=True)
class Subject:
    """What an act was about, where it is not a model instance: a page, a file, a query.

    ``type`` is area.noun; ``id`` a reference, never personal data; ``label`` is for people to read, erasable;
    ``scope_pos`` the position of the unit the subject belongs to, None when it belongs to none.
    """

    type: str
    id: str = ""
    label: str = ""
    scope_pos: int | None = None
