"""Work that runs again and again without anybody asking (周期任务)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .manifest import Declared


@dataclass(frozen=True)
class Periodic(Declared):
    """周期任务: the worker calls ``run()`` at the times of ``cron`` (local time; a sixth field is seconds).

    ``run`` takes care of its own frame and transactions and returns a short Chinese sentence for the log, or "".
    One run of a job is under way at a time; a run that fails is logged and tried again at the next time.
    """

    code: str
    name: str
    cron: str
    run: Callable[[], str]
