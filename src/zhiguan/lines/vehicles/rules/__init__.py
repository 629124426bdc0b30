"""Supervision of official vehicles, one module a kind of misuse. SPEC L4.4."""

from . import placement

RULES = (*placement.RULES,)
LINKS = placement.LINKS
