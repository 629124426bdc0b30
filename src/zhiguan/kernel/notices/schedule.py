"""When something may leave the site: a plain calculation over the receiver's wishes and the working days."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

LOCAL = ZoneInfo("Asia/Shanghai")
FARTHEST_DAYS = 60
"""No row of days off is longer; a calendar that says so is wrong and must not hold a message back for ever."""


class Wishes(Protocol):
    """Local times; a quiet time whose start lies after its end passes midnight."""

    digest_at: time
    quiet_from: time | None
    quiet_to: time | None
    workdays_only: bool


def quiet_end(moment: datetime, wishes: Wishes) -> datetime | None:
    """Return when the quiet time ends that ``moment`` (local) lies in; None when it lies in none."""
    start, end = wishes.quiet_from, wishes.quiet_to
    if start is None or end is None or start == end:
        return None
    now = moment.timetz().replace(tzinfo=None)
    if start < end:
        inside, days = start <= now < end, 0
    else:
        inside, days = now >= start or now < end, 1 if now >= start else 0
    return datetime.combine(moment.date() + timedelta(days=days), end, LOCAL) if inside else None


def due(moment: datetime, wishes: Wishes, *, digest: bool, working: Callable[[date], bool]) -> datetime:
    """Return the first moment, not before ``moment``, at which it may leave: in local time, aware.

    A digest leaves at the next time of digests after ``moment``; with ``workdays_only`` nothing leaves on days off.
    """
    found = moment.astimezone(LOCAL)
    if digest:
        today = datetime.combine(found.date(), wishes.digest_at, LOCAL)
        found = today if today > found else today + timedelta(days=1)
    farthest = found.date() + timedelta(days=FARTHEST_DAYS)
    while found.date() < farthest:
        if wishes.workdays_only and not working(found.date()):
            at = wishes.digest_at if digest else time.min
            found = datetime.combine(found.date() + timedelta(days=1), at, LOCAL)
        elif (end := quiet_end(found, wishes)) is not None:
            found = end
        else:
            break
    return found
