"""Verbs of the line, one module a subject. What its approval items do is declared here, where the registry looks."""

from .case_repairs import REPAIRS_WORK
from .case_sizes import SIZE_WORK

__all__ = ["REPAIRS_WORK", "SIZE_WORK"]
