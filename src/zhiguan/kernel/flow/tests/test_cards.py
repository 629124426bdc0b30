"""Yellow and red cards: each raised once, whatever restarts, jumps or runs twice."""

from __future__ import annotations

import threading
from datetime import date, datetime, time, timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone

from zhiguan.kernel.calendar import service as calendar
from zhiguan.kernel.calendar.declare import LOCAL
from zhiguan.kernel.flow import limits, service
from zhiguan.kernel.flow.cards import look_again, raise_due
from zhiguan.kernel.flow.clock import What
from zhiguan.kernel.flow.models import Card, Case, Step
from zhiguan.kernel.notices.models import Notice
from zhiguan.kit.actor import system

from .conftest import Office, publish, sample

POLICY = {"limit": 5, "rungs": [["yellow", 2], ["red", 0]], "pos": 0}


def at(day: date, hour: int = 10) -> datetime:
    return datetime.combine(day, time(hour), LOCAL)


def clock_of(case: Any, began: datetime, *, step: bool = False) -> None:
    """Let the clock of a case, or of its open step, have begun at a moment."""
    events = [limits.event(began, What.START)]
    values = {"clock": events, "policy": POLICY, "look_at": limits.look_at(events, POLICY, began)}
    if step:
        Step.objects.filter(case=case, state="open").update(**values)
    else:
        Step.objects.filter(case=case).update(clock=[], policy={}, look_at=None)
        Case.objects.filter(pk=case.pk).update(**values)


def rungs(case: Any) -> list[str]:
    return sorted(Card.objects.filter(case=case).values_list("rung", flat=True))


def last_midnight(began: datetime, count: int) -> datetime:
    return at(calendar.add_working_days(began.astimezone(LOCAL).date(), count) + timedelta(days=1), 0)


@pytest.mark.django_db
class TestOnce:
    def test_in_turn_and_not_again(self, office, case_at):
        case = case_at("review", "one")
        began = timezone.now()
        clock_of(case, began)
        yellow, red = last_midnight(began, 3), last_midnight(began, 5)
        for now, made, have in (
            (began, 0, []), (yellow - timedelta(seconds=1), 0, []), (yellow, 0, []),
            (yellow + timedelta(minutes=1), 1, ["yellow"]),
            (yellow + timedelta(minutes=2), 0, ["yellow"]), (red + timedelta(minutes=1), 1, ["red", "yellow"]),
            (red + timedelta(days=30), 0, ["red", "yellow"]),
        ):  # fmt: skip
            assert (raise_due(now), rungs(case)) == (made, have), now
        assert Case.objects.get(pk=case.pk).look_at is None
        told = Notice.objects.filter(kind="flow.case.card", account=office.accounts["冯监督"])
        assert told.count() == 2  # whoever supervises, once for each
        assert Notice.objects.filter(kind="flow.case.card", account=office.accounts["赵审查"]).count() == 2
        assert not Notice.objects.filter(kind="flow.case.card", account=office.accounts["陈外人"]).exists()

    def test_looked_at_in_the_very_moment_it_comes_a_moment_later(self, office, case_at):
        case = case_at("review", "one")
        began = timezone.now()
        clock_of(case, began)
        yellow = last_midnight(began, 3)
        assert raise_due(yellow) == 0
        assert Case.objects.get(pk=case.pk).look_at <= yellow + timedelta(minutes=1)
        assert raise_due(yellow + timedelta(minutes=1)) == 1

    def test_both_at_once_after_a_long_silence(self, office, case_at):
        case = case_at("review", "one")
        clock_of(case, timezone.now() - timedelta(days=60))
        assert raise_due() == 2 and rungs(case) == ["red", "yellow"]
        assert raise_due() == 0

    def test_a_step_has_cards_of_its_own(self, office, case_at):
        case = case_at("review", "one")
        clock_of(case, timezone.now() - timedelta(days=60))
        clock_of(case, timezone.now() - timedelta(days=60), step=True)
        assert raise_due() == 4 and Card.objects.filter(case=case, step__isnull=False).count() == 2
        assert case.state == "running" and Case.objects.get(pk=case.pk).state == "running"  # nothing was decided

    def test_a_restart_and_an_index_that_was_lost(self, office, case_at):
        case = case_at("review", "one")
        clock_of(case, timezone.now() - timedelta(days=60))
        raise_due()
        for moment in (timezone.now() - timedelta(days=1), timezone.now()):  # as if the index had not been written
            Case.objects.filter(pk=case.pk).update(look_at=moment)
            assert raise_due() == 0
        look_again()
        assert raise_due() == 0 and rungs(case) == ["red", "yellow"]

    def test_nobody_looked_when_it_was_due(self, office, case_at):
        """The calendar moved it into the past, or what was to be looked at was lost: it is warned of all the same."""
        case = case_at("review", "one")
        clock_of(case, timezone.now() - timedelta(days=60))
        Case.objects.filter(pk=case.pk).update(look_at=None)
        assert raise_due() == 0
        assert look_again() == 1 and raise_due() == 2 and rungs(case) == ["red", "yellow"]
        assert look_again() == 0 and raise_due() == 0

    def test_a_clock_that_jumps_forth_and_back(self, office, case_at):
        case = case_at("review", "one")
        began = timezone.now()
        clock_of(case, began)
        yellow, red = last_midnight(began, 3), last_midnight(began, 5)
        assert raise_due(yellow + timedelta(hours=1)) == 1
        assert raise_due(began) == 0 and raise_due(began - timedelta(days=400)) == 0
        look_again(began)  # the clock was put right; the card stays, and is not raised anew
        assert rungs(case) == ["yellow"] and raise_due(yellow + timedelta(hours=2)) == 0
        assert raise_due(red + timedelta(hours=1)) == 1 and rungs(case) == ["red", "yellow"]

    def test_a_correction_stops_it(self, office, case_at):
        case = case_at("review", "one")
        began = timezone.now() - timedelta(days=1)
        clock_of(case, began)
        case.refresh_from_db()
        case = office.does("赵审查", service.correct, case, items=[{"path": "reason", "text": "写明"}])
        later = timezone.now() + timedelta(days=90)
        assert raise_due(later) == 0 and look_again() == 0 and raise_due(later) == 0 and rungs(case) == []
        case = office.acts("张申请", service.resubmit, case, values={"reason": "写明了"})
        assert case.look_at is not None and case.look_at > timezone.now()
        assert raise_due(later) == 2

    def test_an_ended_case_is_not_looked_at(self, office, case_at):
        case = case_at("review", "one")
        clock_of(case, timezone.now() - timedelta(days=1))
        case.refresh_from_db()
        case = office.acts("张申请", service.withdraw, case)
        assert raise_due(timezone.now() + timedelta(days=90)) == 0 and rungs(case) == []


@pytest.mark.django_db
def test_a_year_that_is_loaded_later(office, case_at):
    case = case_at("review", "one")
    began = at(date(2037, 12, 28))
    clock_of(case, began)
    case.refresh_from_db()
    assert limits.in_words(case, began)[0] == "节假日未录入"
    assert case.look_at == began + limits.AGAIN  # it is not forgotten, and no date is guessed
    assert raise_due(began + timedelta(days=30)) == 0 and rungs(case) == []
    for year in (2037, 2038):
        calendar.load_year(system("tests"), year, days_off={}, work_days=[], notice="测试用")
    assert look_again(began) >= 1
    case.refresh_from_db()
    assert case.look_at == last_midnight(began, 3)
    assert raise_due(began + timedelta(days=30)) == 2 and rungs(case) == ["red", "yellow"]


@pytest.mark.faults
def test_two_workers_at_the_same_moment(committed_db, items):
    from zhiguan.kernel.reference import service as reference

    from .conftest import load_calendar

    with system("tests").transaction():
        reference.sync()
        load_calendar()
        office = Office()
        publish(sample.bpmn("one"))
    cases = []
    for _ in range(6):
        with transaction.atomic(), office_acting(office, "张申请") as actor:
            case = service.create(actor, sample.ITEM, values={"reason": "修车", "amount": "100"})
            case = service.submit(actor, case)
        with transaction.atomic(), system("tests").acting():
            clock_of(case, timezone.now() - timedelta(days=60))
        cases.append(case)
    now, made, barrier = timezone.now(), [], threading.Barrier(4)

    def work() -> None:
        try:
            barrier.wait(30)
            made.append(raise_due(now))
        except Exception as error:
            made.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    with system("tests").transaction():
        assert not [each for each in made if isinstance(each, Exception)], made
        assert sum(made) == 12 and Card.objects.count() == 12
        assert Notice.objects.filter(kind="flow.case.card", account=office.accounts["冯监督"]).count() == 12


def office_acting(office: Any, name: str) -> Any:
    with system("tests").transaction():
        actor = office.actor(name)
    return actor.acting()
