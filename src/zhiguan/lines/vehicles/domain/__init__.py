"""Verbs of the line, one module a subject. What its approval items do is declared here, where the registry looks."""

from .case_work import QUOTA_WORK, RENEWAL_WORK

__all__ = ["QUOTA_WORK", "RENEWAL_WORK"]
