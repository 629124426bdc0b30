"""The public door of supervision: running rules, handling findings, asking about them."""

from .handling import assign, dismiss, due_date, explain, rectify, send_back, verify
from .queries import (
    Precision,
    findings,
    history,
    of_subject,
    precision,
    replay_url,
    subject_url,
    waiting,
)
from .running import BadHit, RunResult, run, run_all, run_dirty, run_due, run_scheduled

__all__ = [
    "BadHit",
    "Precision",
    "RunResult",
    "assign",
    "dismiss",
    "due_date",
    "explain",
    "findings",
    "history",
    "of_subject",
    "precision",
    "rectify",
    "replay_url",
    "run",
    "run_all",
    "run_dirty",
    "run_due",
    "run_scheduled",
    "send_back",
    "subject_url",
    "verify",
    "waiting",
]
