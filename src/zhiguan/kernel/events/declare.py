"""What parts and lines declare to be done later. Pure data: importable before Django is set up."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Protocol

from zhiguan.kit.manifest import Declared

CODE = re.compile(r"[a-z][a-z0-9_]*(\.[a-z0-9_]+)+", re.ASCII)


class Report(Protocol):
    """How a job tells where it stands. What it tells is visible at once, whatever becomes of the job's own work."""

    def __call__(self, percent: float, message: str = "") -> None:
        """Note progress (0 … 100) and what is being done. Raises ``Cancelled`` when somebody has cancelled the job."""
        ...

    def log(self, line: str) -> None:
        """Add one line to the job's log (a Chinese sentence; no personal data)."""
        ...


Run = Callable[..., dict[str, Any] | None]
"""``run(actor, report, **args)``; what it returns (JSON) is kept as the job's result."""


class Cancelled(Exception):
    """Somebody cancelled the running job: its work is undone as far as it is in one transaction."""


@dataclass(frozen=True)
class JobKind(Declared):
    """任务类型. ``run`` is a function or its dotted path ``package.module.function``.

    The function runs under the row scope of the account that asked, with the permissions that account holds when the
    job runs and held when it asked; jobs started by the system (``cron``, or an enqueuing system actor) and kinds with
    ``as_system`` run as ``system(code)``. ``atomic`` puts the whole run in one transaction, together with the note that
    it is done; without it the function opens its own transactions and must be able to be run again after a crash.

    ``permission`` is asked when the job is enqueued. ``retries`` counts further attempts after an unexpected error, the
    first after ``retry_seconds``, each later one after twice as long; a refusal is an answer and is not retried.
    ``cron`` is local time, five fields; a time missed by up to ``catch_up_minutes`` is made up for once.
    """

    code: str
    name: str
    run: Run | str
    permission: str = ""
    cron: str = ""
    retries: int = 0
    retry_seconds: int = 30
    atomic: bool = True
    as_system: bool = False
    queue: str = "default"
    catch_up_minutes: int = 360

    def __post_init__(self) -> None:
        if not CODE.fullmatch(self.code):
            raise ValueError(f"JobKind {self.code!r}: the code is area.noun.verb in lower case")
        if self.cron and len(self.cron.split()) != 5:
            raise ValueError(f"JobKind {self.code!r}: cron {self.cron!r} is not cron text of five fields")
        if self.retries < 0 or self.retry_seconds < 1 or self.catch_up_minutes < 1:
            raise ValueError(f"JobKind {self.code!r}: retries from 0, seconds and minutes from 1")

    @property
    def function(self) -> Run:
        """The function to run."""
        if not isinstance(self.run, str):
            return self.run
        module, name = self.run.rsplit(".", 1)
        return getattr(import_module(module), name)
