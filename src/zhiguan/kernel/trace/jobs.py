"""Periodic work of the trace: chain what waits, sign a checkpoint."""

from __future__ import annotations

from zhiguan.kit.jobs import Periodic

from . import service


def checkpoint() -> str:
    """Chain the entries that wait and sign the log as it stands."""
    made = service.checkpoint()
    return "" if made is None else f"痕迹检查点 {made}"


CHECKPOINT = Periodic("trace.checkpoint", "签署痕迹检查点", "* * * * *", checkpoint)
