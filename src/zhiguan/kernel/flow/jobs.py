"""The clocks' work: cards as they fall due, the index of clocks every night; sums of what supervision counts."""

from __future__ import annotations

from typing import Any

from zhiguan.kernel.events.declare import JobKind
from zhiguan.kit.jobs import Periodic

from . import cards, tallies


def fall_due() -> str:
    """Raise the cards whose time has come."""
    made = cards.raise_due()
    return f"新增时限预警 {made} 张" if made else ""


def look_again(actor: Any, report: Any) -> dict[str, Any]:
    """Work out the index of clocks anew: a calendar that was loaded meanwhile moves due dates, and tells how long cases
    took that ended before."""
    changed, read = cards.look_again(), tallies.read_clocks()
    return {"message": f"重新计算了 {changed} 个时钟，补记了 {read} 件办结用时", "changed": changed, "read": read}


def gather() -> str:
    """Gather what was added to the tallies; nobody has to be told."""
    tallies.gather()
    return ""


CARDS = Periodic("flow.cards", "办件时限预警", "* * * * *", fall_due)
LOOK_AGAIN = JobKind("flow.case.look_again", "重算办件时限", look_again, cron="40 0 * * *", as_system=True)
GATHER = Periodic("flow.tallies", "办件统计汇总", "* * * * *", gather)
