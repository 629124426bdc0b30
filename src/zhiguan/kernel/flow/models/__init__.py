"""Tables of cases. Private to this part; others use ``service`` and ``queries``."""

from .cases import LONG, Card, Case, CaseFile, Correction, Effect, Seat, Step, Submission
from .definitions import Definition, Delegation, Duty, Group, Member
from .tallies import CaseTally, DaysTally, StepTally

__all__ = [
    "LONG",
    "Card",
    "Case",
    "CaseFile",
    "CaseTally",
    "Correction",
    "DaysTally",
    "Definition",
    "Delegation",
    "Duty",
    "Effect",
    "Group",
    "Member",
    "Seat",
    "Step",
    "StepTally",
    "Submission",
]
