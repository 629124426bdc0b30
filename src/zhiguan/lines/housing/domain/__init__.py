"""Verbs of the line, one module a subject. What its approval items do is declared here, where the registry looks."""

from .case_work import ALLOWANCE_WORK

__all__ = ["ALLOWANCE_WORK"]
