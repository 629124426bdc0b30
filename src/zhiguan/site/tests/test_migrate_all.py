"""What an installation is given beside its tables."""

from __future__ import annotations

from datetime import date

from zhiguan.kernel.calendar import service as calendar
from zhiguan.site.management.commands.migrate_all import sync_calendar


def test_the_calendar_that_is_shipped_is_entered_once(as_system):
    assert sync_calendar() >= 3 and sync_calendar() == 0
    assert not calendar.is_working_day(date(2026, 2, 18)) and calendar.is_working_day(date(2026, 2, 28))
    assert calendar.office_hours(date(2026, 3, 4))
