"""Tallies equal a count of the rows, whatever was done, in whatever order, by whomever; and nobody sees beyond their remit."""

from __future__ import annotations

import threading
from collections import Counter
from datetime import date, datetime, time, timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.models import Sum
from django.utils import timezone
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import invariant, rule, run_state_machine_as_test

from zhiguan.kernel.calendar.declare import LOCAL
from zhiguan.kernel.calendar.service import add_working_days
from zhiguan.kernel.flow import queries, service
from zhiguan.kernel.flow.cards import raise_due
from zhiguan.kernel.flow.models import Card, Case, CaseTally, Correction, DaysTally, Seat, Step, StepTally
from zhiguan.kernel.flow.tallies import gather, read_clocks, recount
from zhiguan.kernel.ledger.models import LedgerEvent
from zhiguan.kernel.orgs import service as orgs
from zhiguan.kernel.orgs.models import Unit
from zhiguan.kernel.orgs.tree import child_range
from zhiguan.kit.actor import system

from . import machine, sample
from .conftest import Office, load_calendar, publish
from .test_cards import clock_of

CASE_COUNTS = [field.name for field in CaseTally._meta.fields if field.name not in
               ("id", "unit", "scope_pos", "area", "item", "month", "gathered")]  # fmt: skip
STEP_COUNTS = ["count", "undone", "long", "seconds", "yellow_cards", "red_cards"]
CARD_COUNTS = {"yellow": "yellow_cards", "red": "red_cards"}


def month_of(moment: datetime) -> date:
    return moment.astimezone(LOCAL).date().replace(day=1)


def cell_of(case: Case, month: date | None) -> tuple:
    return (case.unit_id, case.scope_pos, case.area, case.item, month)


def seconds(first: datetime, last: datetime) -> int:
    return round((last - first).total_seconds())


def counted() -> dict[tuple, Counter[str]]:
    """What the rows add up to, counted here one by one."""
    found: dict[tuple, Counter[str]] = {}

    def add(key: tuple, **values: int) -> None:
        found.setdefault(key, Counter()).update(values)

    for case in Case.objects.filter(submitted_at__isnull=False):
        own = Card.objects.filter(case=case)
        assert case.yellow_card == own.filter(rung="yellow").exists() and case.red_card == own.filter(rung="red").exists()
        assert case.overdue == own.filter(rung="red", step__isnull=True).exists()
        assert case.corrected == Correction.objects.filter(case=case).exists()
        add(cell_of(case, month_of(case.submitted_at)), submitted=1)
        if case.ended_at is None:
            add(cell_of(case, None), stuck=int(case.stuck), **{case.state: 1})
            assert case.working_days is None
            continue
        values = {case.state: 1}
        if case.state in ("granted", "refused"):
            values |= {"overdue": int(case.overdue), "corrected": int(case.corrected), "rounds": case.rounds}
            if case.accepted_at is not None:
                values |= {"timed": 1, "seconds": seconds(case.accepted_at, case.ended_at)}
            if case.working_days is not None:
                add((*cell_of(case, month_of(case.ended_at)), case.working_days), count=1)
        add(cell_of(case, month_of(case.ended_at)), **values)
    for card in Card.objects.select_related("case"):
        add(cell_of(card.case, month_of(card.reached_at)), **{CARD_COUNTS[card.rung]: 1})
    for step in Step.objects.exclude(state="cancelled").select_related("case"):
        rungs = set(Card.objects.filter(step=step).values_list("rung", flat=True))
        assert (step.yellow_card, step.red_card) == ("yellow" in rungs, "red" in rungs)
        values = {"count": 1, "yellow_cards": int(step.yellow_card), "red_cards": int(step.red_card)}
        if step.state == "open":
            add((*cell_of(step.case, None), step.stage, step.name), **values)
        else:
            took = step.closed_at - step.opened_at
            values |= {"undone": int(step.state == "undone"), "long": int(took > timedelta(days=7)),
                       "seconds": seconds(step.opened_at, step.closed_at)}  # fmt: skip
            add((*cell_of(step.case, month_of(step.closed_at)), step.stage, step.name), **values)
    return {key: +values for key, values in found.items() if +values}


def tallied(case_rows: Any = None, step_rows: Any = None, days_rows: Any = None) -> dict[tuple, Counter[str]]:
    found: dict[tuple, Counter[str]] = {}
    for rows, names, more in (
        (CaseTally.objects.all() if case_rows is None else case_rows, CASE_COUNTS, ()),
        (StepTally.objects.all() if step_rows is None else step_rows, STEP_COUNTS, ("stage", "name")),
        (DaysTally.objects.all() if days_rows is None else days_rows, ["count"], ("days",)),
    ):
        key = ("unit_id", "scope_pos", "area", "item", "month", *more)
        for row in rows.order_by().values_list(*key).annotate(**{f"n_{name}": Sum(name) for name in names}):
            values = Counter({name: value for name, value in zip(names, row[len(key) :], strict=True) if value})
            if values:
                found[row[: len(key)]] = values
    return found


def check() -> None:
    expected = counted()
    assert tallied() == expected
    gather()
    assert tallied() == expected
    assert not any(model.objects.filter(gathered=False).exists() for model in (CaseTally, StepTally, DaysTally))


class Acts(machine.Acts):
    """Anybody does anything; warnings come; what was done turns out to have been done earlier."""

    @rule(days=st.integers(1, 40), step=st.booleans())
    def late(self, days: int, step: bool) -> None:
        case = Case.objects.filter(pk=self.case.pk, state="running").first()
        if case is not None:
            clock_of(case, timezone.now() - timedelta(days=days), step=step)
            raise_due()

    @rule(days=st.integers(0, 70))
    def earlier(self, days: int) -> None:
        now, back = timezone.now(), timedelta(days=days)
        Step.objects.filter(case=self.case, closed_at__isnull=False).update(opened_at=now - 2 * back, closed_at=now - back)
        submitted = Case.objects.filter(pk=self.case.pk, submitted_at__isnull=False)  # a sub-case may be a draft yet
        submitted.update(submitted_at=now - 2 * back, accepted_at=now - 2 * back)
        Case.objects.filter(pk=self.case.pk, ended_at__isnull=False).update(ended_at=now - back, working_days=days)
        Card.objects.filter(case=self.case).update(reached_at=now - back)

    @rule(number=st.integers(0, 3))
    def withdraw_card(self, number: int) -> None:
        Card.objects.filter(pk__in=Card.objects.order_by("pk")[number : number + 1]).delete()

    @invariant()
    def whole(self) -> None:
        check()


@pytest.mark.django_db
def test_after_anything_anybody_did(office):
    Acts.office, Acts.accepted = office, {}
    run_state_machine_as_test(
        Acts, settings=settings(max_examples=5, stateful_step_count=18, deadline=None, phases=(Phase.generate,),
                                suppress_health_check=list(HealthCheck)),
    )  # fmt: skip
    assert Acts.accepted.get("submit") and len(Acts.accepted) >= 4, Acts.accepted


@pytest.mark.django_db
class TestMoved:
    def test_a_case_that_turns_out_to_be_another_organs(self, office, case_at):
        case = case_at("review", "one")
        clock_of(case, timezone.now() - timedelta(days=60))
        raise_due()
        other = office.units["乙"]
        Case.objects.filter(pk=case.pk).update(unit=other, scope_pos=other.pos, area="assets")
        check()
        assert not +sum((Counter(values) for key, values in tallied().items() if key[0] == office.units["甲"].pk), Counter())

    def test_an_organ_that_moves_takes_its_figures_along(self, office, case_at):
        case_at("review", "one")
        gather()
        case_at("lead")  # sums and rows that are not gathered yet
        lo, hi = child_range(office.city.pos, office.city.pos_end, 9)
        Unit.objects.filter(pk=office.units["甲"].pk).update(pos=lo, pos_end=hi)
        orgs.realign()
        assert orgs.misplaced() == {}
        check()

    def test_counted_anew_is_the_same(self, office, case_at):
        case = case_at("review", "one")
        clock_of(case, timezone.now() - timedelta(days=60))
        raise_due()
        office.does("赵审查", service.correct, Case.objects.get(pk=case.pk), items=[{"path": "reason", "text": "写明"}])
        before = tallied()
        recount()
        assert tallied() == before == counted() and before
        CaseTally.objects.all().delete()
        StepTally.objects.all().delete()
        DaysTally.objects.all().delete()
        Case.objects.update(corrected=False, yellow_card=False)
        recount()
        check()


@pytest.mark.django_db
class TestWorkingDays:
    """What the clock shows when a case ends is kept with it, and counted."""

    def granted(self, office, case_at, days: int) -> Case:
        case = case_at("decision", "one")
        start = datetime.combine(add_working_days(timezone.localdate(), -days), time(10), LOCAL)
        Case.objects.filter(pk=case.pk).update(
            accepted_at=start, clock=[[start.isoformat() if what == "start" else at, what, why] for at, what, why in case.clock]
        )
        case.refresh_from_db()
        return office.agrees("吴决定", case)

    def test_written_in_the_event_that_ends_the_case(self, office, case_at):
        cases = [self.granted(office, case_at, days) for days in (3, 0)]
        whole = add_working_days(timezone.localdate(), 1) == timezone.localdate() + timedelta(days=1)
        assert cases[0].state == "granted" and cases[0].working_days in ((3,) if whole else (2, 3))
        event = LedgerEvent.objects.get(case=cases[0].code, code="grant")
        assert event.snapshot["working_days"] == cases[0].working_days and "working_days" in event.changes
        assert sum(DaysTally.objects.values_list("count", flat=True)) == 2
        check()

    def test_neither_before_acceptance_nor_while_it_runs(self, office, case_at):
        running = case_at("review", "one")
        gone = office.acts("张申请", service.withdraw, case_at("lead", "one"))
        assert running.working_days is None and gone.ended_at and gone.working_days is None
        taken = office.acts("张申请", service.withdraw, running)
        assert taken.working_days == 0 and not DaysTally.objects.exists()  # withdrawn: taken, but not decided

    def test_of_cases_that_ended_unread_it_is_read_by_night(self, office, case_at):
        cases = [self.granted(office, case_at, days) for days in (5, 2)]
        expected = {case.pk: case.working_days for case in cases}
        Case.objects.update(working_days=None)
        check()
        Case.objects.filter(pk=cases[1].pk).update(clock=[["1990-01-02T10:00:00+08:00", "start", ""],
                                                          ["1990-01-05T10:00:00+08:00", "close", ""]])  # fmt: skip
        assert read_clocks() == 1 and read_clocks() == 0  # of 1990 nobody knows the holidays
        assert dict(Case.objects.values_list("pk", "working_days")) == {cases[0].pk: expected[cases[0].pk], cases[1].pk: None}
        check()


@pytest.mark.django_db
class TestScope:
    def test_a_supervisor_counts_the_remit_and_no_more(self, office, case_at, draft):
        case_at("review", "one")
        other = office.acts("陈外人", service.submit, draft("陈外人"))
        Case.objects.filter(pk=other.pk).update(area="assets")
        actor = office.actor("冯监督")
        with actor.acting():
            seen = tallied(queries.case_tally(actor), queries.step_tally(actor), queries.days_tally(actor))
            everything = tallied()  # row-level security, nothing else
        assert {key[2] for key in seen} == {"vehicles"} and seen == everything
        assert {key[2] for key in tallied()} == {"assets", "vehicles"}

    @pytest.mark.parametrize("name", ["陈外人", "褚专家"])
    def test_without_a_remit_there_is_nothing(self, office, case_at, name):
        case_at("review", "one")
        actor = office.actor(name)
        with actor.acting():
            assert not queries.case_tally(actor).exists() and not queries.step_tally(actor).exists()

    def test_of_another_organ_the_database_shows_nothing(self, office, case_at):
        case_at("review", "one")
        with office.actor("陈外人").acting():  # may view the cases of their own organ
            assert not CaseTally.objects.exists() and not StepTally.objects.exists()
        with office.actor("张申请").acting():
            assert CaseTally.objects.exists()


@pytest.mark.faults
def test_many_at_the_same_time(committed_db, items):
    """Cases go on in four threads while rows are gathered: nothing is lost or counted twice."""
    from zhiguan.kernel.reference import service as reference

    with system("tests").transaction():
        reference.sync()
        load_calendar()
        office = Office()
        publish(sample.bpmn("one"))
        actors = {name: office.actor(name) for name in ("张申请", "李领导", "王受理", "赵审查", "吴决定")}
    wrong: list[Exception] = []
    done = threading.Event()

    def go() -> None:
        try:
            for _ in range(4):
                with actors["张申请"].acting():
                    with transaction.atomic():
                        case = service.create(actors["张申请"], sample.ITEM, values={"reason": "修车", "amount": "100"})
                    case = service.submit(actors["张申请"], case)
                for name in list(actors)[1:]:
                    with actors[name].transaction():
                        seat = Seat.objects.get(case=case, person=office.people[name], state__in=("offered", "working"))
                        case = service.decide(actors[name], case, seat=seat, outcome="agree", opinion="同意")
        except Exception as error:
            wrong.append(error)
        finally:
            connection.close()

    def collect() -> None:
        try:
            while not done.is_set():
                gather()
        except Exception as error:
            wrong.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=go) for _ in range(4)]
    collectors = [threading.Thread(target=collect) for _ in range(2)]
    for thread in (*threads, *collectors):
        thread.start()
    for thread in threads:
        thread.join(120)
    done.set()
    for thread in collectors:
        thread.join(60)
    assert not wrong, wrong
    with system("tests").transaction():
        assert Case.objects.filter(state="granted").count() == 16
        check()
