from __future__ import annotations

from datetime import date, datetime, time

import pytest

from zhiguan.kernel.calendar import service
from zhiguan.kernel.calendar.codes import HOURS_MANAGE, YEAR_MANAGE
from zhiguan.kernel.calendar.declare import LOCAL, Snapshot
from zhiguan.kernel.calendar.models import Day, OfficeHours, Stamp, Year
from zhiguan.kernel.trace.models import Entry
from zhiguan.kit.errors import Conflict, Denied, Invalid

NEXT = """
years:
  2027:
    title: 测试年度安排
    number: 测试〔2026〕1号
    arrangements:
      - {name: 元旦, from: 2027-01-01, to: 2027-01-03}
"""


def test_sync_is_idempotent_and_leaves_local_years_alone(loaded: Snapshot, make_actor) -> None:
    assert loaded.years == {2024, 2025, 2026} and OfficeHours.objects.filter(unit=None).count() == 1
    stamp = Stamp.objects.get().value
    assert service.sync() == 0 and Stamp.objects.get().value == stamp
    keeper = make_actor({YEAR_MANAGE: "city"})
    service.load_year(keeper, 2026, days_off={"本地假日": [date(2026, 5, 4)]}, notice="本地安排")
    assert service.sync() == 0 and not service.is_working_day(date(2026, 5, 4))
    assert service.is_working_day(date(2026, 10, 1)), "the year was replaced as a whole"
    Day.objects.filter(year__year=2025, name="春节").delete()
    assert service.sync() == 1 and not service.is_working_day(date(2025, 1, 29))


def test_the_next_year_is_loaded_by_permission_traced_and_seen_at_once(loaded: Snapshot, make_actor) -> None:
    with pytest.raises(service.YearNotLoaded):
        service.is_working_day(date(2027, 1, 4))
    with pytest.raises(Denied):
        service.import_years(make_actor({}), NEXT)
    keeper = make_actor({YEAR_MANAGE: "city"})
    (year,) = service.import_years(keeper, NEXT)
    assert service.is_working_day(date(2027, 1, 4)) and not service.is_working_day(date(2027, 1, 1))
    assert service.add_working_days(date(2026, 12, 31), 1) == date(2027, 1, 4)
    assert Entry.objects.filter(code="calendar.year.load", subject_id=str(year.pk)).count() == 1
    service.import_years(keeper, NEXT.replace("to: 2027-01-03", "to: 2027-01-04"))
    assert not service.is_working_day(date(2027, 1, 4)) and Year.objects.filter(year=2027).count() == 1
    assert loaded.years == {2024, 2025, 2026}, "a snapshot in use never changes"


def test_a_permission_over_one_unit_is_not_enough_for_the_city(loaded: Snapshot, organ, make_actor) -> None:
    _, above, _ = organ
    with pytest.raises(Denied):
        service.import_years(make_actor({YEAR_MANAGE: "below"}, unit=above), NEXT)
    with pytest.raises(Denied):
        service.set_office_hours(
            make_actor({HOURS_MANAGE: "below"}, unit=above), None, opens_at=time(8), closes_at=time(16),
            valid_from=date(2026, 1, 1), reason="试行",
        )  # fmt: skip


def test_nothing_of_a_bad_file_is_kept(loaded: Snapshot, make_actor) -> None:
    keeper = make_actor({YEAR_MANAGE: "city"})
    bad = NEXT + "  2028:\n    arrangements: [{name: 元旦, from: 2027-01-01}]\n"
    with pytest.raises(Invalid, match="2027-01-01 不在2028年内"):
        service.import_years(keeper, bad)
    assert not Year.objects.filter(year=2027).exists()


def test_hours_of_a_unit_hold_for_those_below_from_their_date(loaded: Snapshot, organ, make_actor) -> None:
    city, above, below = organ
    keeper = make_actor({HOURS_MANAGE: "below"}, unit=above)
    early = datetime(2026, 3, 2, 8, 10, tzinfo=LOCAL)
    assert not service.within_office_hours(early, below)

    def put(unit, opens: int, start: date, **more):
        return service.set_office_hours(
            keeper, unit, opens_at=time(opens), closes_at=time(16), valid_from=start, reason="错峰上下班", **more
        )

    put(above, 8, date(2026, 3, 1))
    assert service.within_office_hours(early, below) and service.within_office_hours(early, above)
    assert not service.within_office_hours(early, city) and not service.within_office_hours(early)
    put(above, 7, date(2026, 6, 1))
    assert [row.valid_to for row in OfficeHours.objects.filter(unit=above).order_by("valid_from")] == [
        date(2026, 6, 1), None,
    ]  # fmt: skip
    put(below, 10, date(2026, 1, 1))
    assert not service.within_office_hours(early, below)
    assert service.office_hours(date(2026, 3, 2), above)[0][0] == datetime(2026, 3, 2, 8, tzinfo=LOCAL)
    with pytest.raises(Conflict):
        put(above, 9, date(2026, 2, 1))
    with pytest.raises(Invalid):
        put(below, 17, date(2027, 1, 1))
    with pytest.raises(Invalid, match="午休"):
        put(below, 9, date(2027, 1, 1), break_from=time(12))
    assert Entry.objects.filter(code="calendar.hours.set").count() == 3


def test_asking_is_cheap(loaded: Snapshot, django_assert_num_queries) -> None:
    service.snapshot()
    with django_assert_num_queries(2):
        service.is_working_day(date(2026, 5, 1))
