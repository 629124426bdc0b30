"""Verbs on units and people. Each checks its permission, changes and records in one transaction.

``record`` is handed in by the edge (``trace.service.record``), because orgs lies below trace and may not import it; it
has no default, so that no caller can forget it. Dates are effective dates and may lie in the past, not in the future:
the columns that hold today's state would otherwise be wrong.
"""

from .guards import Recorder
from .merging import merge_unit
from .people import appoint, change_person, end_appointment, register_person, set_establishment, transfer
from .units import (
    PARENTS,
    change_unit,
    close_unit,
    create_unit,
    misplaced,
    move_unit,
    realign,
    rename_unit,
    scoped_models,
)

__all__ = [
    "PARENTS",
    "Recorder",
    "appoint",
    "change_person",
    "change_unit",
    "close_unit",
    "create_unit",
    "end_appointment",
    "merge_unit",
    "misplaced",
    "move_unit",
    "realign",
    "register_person",
    "rename_unit",
    "scoped_models",
    "set_establishment",
    "transfer",
]
