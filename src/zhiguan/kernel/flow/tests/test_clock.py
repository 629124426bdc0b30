"""The clock of cases: counting by the law, and properties that hold for any course of events."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zhiguan.kernel.calendar.declare import LOCAL, Hours, Mark, Snapshot, YearNotLoaded
from zhiguan.kernel.flow import clock
from zhiguan.kernel.flow.clock import After, Count, Event, Policy, Rung, What
from zhiguan.kit.errors import Invalid

OFFICE = Hours(time(9), time(17, 30), time(12), time(13), date(2000, 1, 1), None)
CALENDAR = Snapshot(
    frozenset({2025, 2026}),
    {
        date(2026, 2, 14): Mark("swap", "春节"),
        **{date(2026, 2, day): Mark("holiday", "春节") for day in range(15, 24)},
        date(2026, 2, 28): Mark("swap", "春节"),
    },
    (OFFICE,),
)
CARDS = (Rung("yellow", "黄牌", 2), Rung("red", "红牌", 0))
FIVE = Policy(5, rungs=CARDS)


def at(day: date, hour: int = 10, minute: int = 0) -> datetime:
    return datetime.combine(day, time(hour, minute), LOCAL)


def end_of(day: date) -> datetime:
    return datetime.combine(day + timedelta(days=1), time(0), LOCAL)


MONDAY = date(2026, 3, 2)
START = Event(at(MONDAY), What.START)


def read(*events: Event, policy: Policy = FIVE, now: datetime) -> clock.Reading:
    return clock.read((START, *events), CALENDAR, policy, now)


class TestCounting:
    def test_the_first_day_does_not_count_and_the_last_ends_at_midnight(self):
        shown = read(now=at(MONDAY, 16))
        assert (shown.state, shown.elapsed, shown.remaining) == ("running", 0, 5)
        assert shown.due_at == end_of(date(2026, 3, 9))
        assert not read(now=end_of(date(2026, 3, 9))).breached
        late = read(now=end_of(date(2026, 3, 9)) + timedelta(seconds=1))
        assert late.breached_at == end_of(date(2026, 3, 9))
        assert (late.elapsed, late.remaining) == (5, 0)

    def test_holidays_do_not_count_and_swapped_weekends_do(self):
        events = [Event(at(date(2026, 2, 13)), What.START)]
        # 14 (swap), 24, 25, 26, 27 February
        assert clock.read(events, CALENDAR, FIVE, at(date(2026, 2, 13))).due_at == end_of(date(2026, 2, 27))
        six = clock.read(events, CALENDAR, Policy(6), at(date(2026, 2, 13)))
        assert six.due_at == end_of(date(2026, 2, 28))

    def test_cards_are_reached_in_turn(self):
        def reached(day: date) -> list[str]:
            return [card.rung.code for card in read(now=at(day)).cards if card.reached]

        assert reached(date(2026, 3, 5)) == []
        assert reached(date(2026, 3, 6)) == ["yellow"]  # three of five are used up: two are left
        assert reached(date(2026, 3, 9)) == ["yellow"]
        assert reached(date(2026, 3, 10)) == ["yellow", "red"]
        assert clock.next_rung_at(read(now=at(date(2026, 3, 6)))) == end_of(date(2026, 3, 9))
        assert clock.next_rung_at(read(now=at(date(2026, 3, 10)))) is None

    def test_the_last_day_may_end_with_the_office(self):
        shown = read(policy=Policy(5, closes_with_office=True), now=at(MONDAY))
        assert shown.due_at == at(date(2026, 3, 9), 17, 30)

    def test_calendar_days_and_office_minutes(self):
        assert read(policy=Policy(5, Count.DAY), now=at(MONDAY)).due_at == end_of(date(2026, 3, 7))
        minutes = read(policy=Policy(8 * 60, Count.OFFICE_MINUTE), now=at(date(2026, 3, 3), 9, 30))
        # Monday 10–12 and 13–17:30 are 390 minutes, the other 90 are worked on Tuesday from 9
        assert minutes.due_at == at(date(2026, 3, 3), 10, 30)
        assert minutes.elapsed == 390 + 30

    def test_a_year_without_holidays_is_refused(self):
        with pytest.raises(YearNotLoaded):
            clock.read([Event(at(date(2026, 12, 30)), What.START)], CALENDAR, FIVE, at(date(2026, 12, 30)))

    def test_no_limit_counts_only(self):
        shown = read(policy=Policy(0), now=at(date(2026, 3, 6)))
        assert (shown.elapsed, shown.remaining, shown.due_at) == (3, None, None)

    def test_a_policy_that_cannot_be_is_refused(self):
        with pytest.raises(Invalid):
            Policy(3, rungs=(Rung("yellow", "黄牌", 4),))


class TestCourses:
    def test_it_stands_while_materials_are_corrected(self):
        stop = Event(at(date(2026, 3, 4)), What.STOP, "补正材料")
        shown = read(stop, now=at(date(2026, 3, 20)))
        assert (shown.state, shown.stopped_for, shown.elapsed, shown.remaining) == ("stopped", "补正材料", 2, 3)
        assert shown.due_at is None and not shown.breached
        again = read(stop, Event(at(date(2026, 3, 20)), What.RESUME), now=at(date(2026, 3, 20), 11))
        assert again.due_at == end_of(date(2026, 3, 25))

    def test_closed_in_time_stays_in_time(self):
        shown = read(Event(at(date(2026, 3, 9)), What.CLOSE), now=at(date(2026, 6, 1)))
        assert (shown.state, shown.breached, shown.elapsed) == ("closed", False, 5)

    def test_closed_late_stays_late(self):
        shown = read(Event(at(date(2026, 3, 11)), What.CLOSE), now=at(date(2026, 6, 1)))
        assert shown.breached_at == end_of(date(2026, 3, 9))

    def test_a_return_goes_on_or_begins_anew_as_the_policy_says(self):
        back = Event(at(date(2026, 3, 5)), What.RETURN)
        assert read(back, now=at(date(2026, 3, 5))).due_at == end_of(date(2026, 3, 9))
        anew = read(back, policy=Policy(5, on_return=After.RESTART), now=at(date(2026, 3, 5)))
        assert (anew.elapsed, anew.due_at) == (0, end_of(date(2026, 3, 12)))
        other = Event(at(date(2026, 3, 5)), What.REASSIGN)
        assert read(other, policy=Policy(5, on_reassign=After.RESTART), now=at(date(2026, 3, 5))).elapsed == 0

    def test_events_that_make_no_sense_change_nothing(self):
        plain = read(now=at(date(2026, 3, 6)))
        noise = [Event(at(date(2026, 3, 4)), What.RESUME), Event(at(date(2026, 3, 5)), What.START)]
        assert read(*noise, now=at(date(2026, 3, 6))) == plain
        assert clock.read(noise[:1], CALENDAR, FIVE, at(date(2026, 3, 6))).state == "idle"


DAYS = st.dates(date(2025, 2, 1), date(2026, 8, 31))
MOMENTS = st.builds(lambda day, minute: at(day, 0) + timedelta(minutes=minute), DAYS, st.integers(0, 1439))
COURSES = st.lists(
    st.builds(Event, MOMENTS, st.sampled_from([What.START, What.STOP, What.RESUME, What.RETURN, What.REASSIGN])),
    max_size=12,
)
POLICIES = st.builds(
    lambda limit, count, back: Policy(limit, count, (Rung("yellow", "黄牌", min(2, limit)), Rung("red", "红牌", 0)), back),
    st.integers(1, 40), st.sampled_from([Count.WORKING_DAY, Count.DAY]), st.sampled_from(list(After)),
)  # fmt: skip


class TestProperties:
    @given(COURSES, POLICIES, MOMENTS, st.randoms())
    def test_the_order_of_telling_does_not_matter(self, events, policy, now, dice):
        events = list({event.at: event for event in events}.values())
        shuffled = list(events)
        dice.shuffle(shuffled)
        assert clock.read(events, CALENDAR, policy, now) == clock.read(shuffled, CALENDAR, policy, now)

    @given(COURSES, POLICIES, MOMENTS, st.integers(0, 60 * 24 * 30))
    def test_time_only_goes_on(self, events, policy, now, minutes):
        later = now + timedelta(minutes=minutes)
        if any(now < event.at <= later for event in events):
            return
        before, after = (clock.read(events, CALENDAR, policy, moment) for moment in (now, later))
        assert after.elapsed >= before.elapsed
        if after.remaining is not None and after.state != "idle":
            assert after.elapsed + after.remaining == policy.limit
        assert after.breached >= before.breached
        assert {card.rung.code for card in before.cards if card.reached} <= {
            card.rung.code for card in after.cards if card.reached
        }

    @given(MOMENTS, POLICIES, st.integers(0, 60), st.integers(0, 1439))
    def test_stopping_within_a_day_changes_nothing(self, start, policy, days, minute):
        events = [Event(start, What.START)]
        stop = at(start.date() + timedelta(days=days), 0) + timedelta(minutes=minute)
        resume = datetime.combine(stop.date(), time(23, 59, 59), LOCAL)
        if stop <= start:
            return
        now = resume + timedelta(seconds=1)
        plain = clock.read(events, CALENDAR, policy, now)
        if plain.breached:
            return
        broken = clock.read([*events, Event(stop, What.STOP), Event(resume, What.RESUME)], CALENDAR, policy, now)
        assert (broken.due_at, broken.remaining) == (plain.due_at, plain.remaining)

    @settings(max_examples=200)
    @given(MOMENTS, st.integers(1, 30), st.integers(0, 20), st.integers(0, 40))
    def test_a_pause_moves_the_end_by_its_working_days(self, start, limit, run, pause):
        policy = Policy(limit)
        stop = start + timedelta(days=run, minutes=1)
        resume = stop + timedelta(days=pause)
        events = [Event(start, What.START)]
        plain = clock.read(events, CALENDAR, policy, start)
        used = CALENDAR.working_days_between(start.date(), stop.date())
        if used >= limit:
            return
        moved = clock.read([*events, Event(stop, What.STOP), Event(resume, What.RESUME)], CALENDAR, policy, resume)
        assert plain.due_at is not None and moved.due_at is not None
        last = (plain.due_at - timedelta(days=1)).date()
        days = CALENDAR.working_days_between(stop.date(), resume.date())
        assert (moved.due_at - timedelta(days=1)).date() == (CALENDAR.add_working_days(last, days) if days else last)

    @given(MOMENTS, POLICIES, MOMENTS)
    def test_breached_means_used_up(self, start, policy, now):
        shown = clock.read([Event(start, What.START)], CALENDAR, policy, now)
        if shown.state == "running" and policy.count is Count.WORKING_DAY:
            assert shown.breached == (now > end_of(CALENDAR.add_working_days(start.date(), policy.limit)))
