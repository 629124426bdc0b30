"""Verbs of the line, one module a subject. What its approval items do is declared here, where the registry looks."""

from .disposal_work import DISPOSAL_WORK
from .title_work import CHANGE_WORK, TITLE_WORK

__all__ = ["CHANGE_WORK", "DISPOSAL_WORK", "TITLE_WORK"]
