"""Periodic work of the trace: chain what waits, sign a checkpoint."""

from __future__ import annotations

from zhiguan.kit.jobs import Periodic

from . import service


def checkpoint() -> str:
    """Chain the entries that wait and sign the log as it stands."""
    service.checkpoint()
    return ""


CHECKPOINT = Periodic("trace.checkpoint", "签署痕迹检查点", "* * * * *", checkpoint)
