"""kill -9 and a lost connection at each write point of submitting, deciding and granting; two at once.

A process of its own does the act and is killed just before or after one of its statements. Afterwards the case is as it
was before, or as it is after: never between; and done again it comes to its end with its effect and its number once.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from typing import Any

import pytest
from django.db import connection, transaction

from zhiguan.kernel.flow import service
from zhiguan.kernel.flow.models import Case, Effect, Seat
from zhiguan.kernel.ledger.models import LedgerEvent
from zhiguan.kernel.trace.models import Entry
from zhiguan.kit.actor import system
from zhiguan.kit.errors import Refusal

from . import sample
from .conftest import Office, load_calendar, publish
from .machine import check, let_the_bureau_apply

pytestmark = pytest.mark.faults
POINTS = ("flow_seat", "flow_step", "flow_effect", 'UPDATE "flow_case"', "ledger_ledgerevent", "trace_append", "events_event",
          "notices_notice", "COMMIT")  # fmt: skip


@pytest.fixture
def office(committed_db: Any, items: None) -> Office:
    from zhiguan.kernel.reference import service as reference

    with system("tests").transaction():
        reference.sync()
        load_calendar()
        made = Office()
        publish(sample.bpmn("one"))
    return made


def actor_of(office: Office, name: str) -> Any:
    with system("tests").transaction():
        return office.actor(name)


def draft(office: Office) -> Any:
    actor = actor_of(office, "张申请")
    with actor.acting():
        return service.create(actor, sample.ITEM, values={"reason": "修车", "amount": "100"})


def act(office: Office, name: str, case: Any) -> Any:
    """What the person does next to the case: submit it, or agree."""
    actor = actor_of(office, name)
    with system("tests").transaction():
        case = Case.objects.get(pk=case.pk)
        seat = Seat.objects.filter(case=case, person=office.people[name], state__in=("offered", "working")).first()
    with actor.acting():
        if case.state == "draft":
            return service.submit(actor, case)
        return service.decide(actor, case, seat=seat, outcome="agree", opinion="同意")


def at_step(office: Office, count: int) -> Any:
    case = draft(office)
    for name in ("张申请", "李领导", "王受理", "赵审查")[:count]:
        act(office, name, case)
    return case


def whole(case: Any) -> tuple[Any, ...]:
    """Check the case; return all that an act would change."""
    with system("tests").transaction():
        row = Case.objects.get(pk=case.pk)
        sample.DONE[:] = [(row.code, "") for _ in Effect.objects.filter(case=row)]
        check(row)
        return (
            row.state, row.version, tuple(Seat.objects.filter(case=row).order_by("pk").values_list("pk", "state")),
            LedgerEvent.objects.filter(subject_type="flow.case", subject_id=row.pk).count(),
            Entry.objects.filter(case=row.code).count(), Effect.objects.filter(case=row).count(),
        )  # fmt: skip


def struck(point: str, after: bool, blow: Any) -> Any:
    """A wrapper of statements that strikes at the first one which names the point."""
    struck_ = []

    def run(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        writes = not sql.startswith("SELECT") or point == "trace_append"
        hit = not struck_ and writes and point in sql
        if hit and not after:
            struck_.append(sql)
            blow()
        answer = execute(sql, params, many, context)
        if hit and after:
            struck_.append(sql)
            blow()
        return answer

    return run


def kill_at_commit(after: bool, die: Any) -> None:
    """Strike at the commit of the transaction that wrote to the ledger; those before it only looked."""
    connection.ensure_connection()
    commit, wrote = connection._commit, []

    def note(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if "ledger_ledgerevent" in sql and not sql.startswith("SELECT"):
            wrote.append(sql)
        return execute(sql, params, many, context)

    def strike() -> None:
        if not wrote or after:
            commit()
        if wrote:
            die()

    connection.execute_wrappers.append(note)
    connection._commit = strike


def in_another_process(work: Any, point: str, after: bool) -> int:
    """Fork, do the work, be killed at the point; return the signal that ended it (0: it was not reached)."""
    connection.close()
    child = os.fork()
    if child == 0:
        try:
            die = lambda: os.kill(os.getpid(), signal.SIGKILL)  # noqa: E731
            if point == "COMMIT":
                kill_at_commit(after, die)
            with connection.execute_wrapper(struck(point, after, die)):
                work()
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@pytest.mark.parametrize(("done", "name"), [(0, "张申请"), (2, "王受理"), (4, "吴决定")], ids=["submit", "accept", "grant"])
def test_killed_at_each_write_point(office: Office, done: int, name: str) -> None:
    reached = 0
    for point in POINTS:
        for after in (False, True):
            case = at_step(office, done)
            before = whole(case)
            ended = in_another_process(lambda case=case: act(office, name, case), point, after)
            left = whole(case)
            reached += ended == -signal.SIGKILL
            if ended == 0 or (point == "COMMIT" and after):
                assert left[1] > before[1], point  # acknowledged, or committed before the blow: it is there
                continue
            assert left == before, (point, after)
            act(office, name, case)  # nothing hinders doing it again
            after_all = whole(case)
            assert after_all[1] > before[1] and after_all[5] == (1 if name == "吴决定" else 0)
    assert reached >= 10


def test_the_database_connection_is_lost_at_each_write_point(office: Office, committed_db: Any) -> None:
    import psycopg

    def cut() -> None:
        key = connection.connection.info.backend_pid
        with psycopg.connect(committed_db.superuser, autocommit=True) as owner:
            owner.execute("SELECT pg_terminate_backend(%s)", [key])

    for point in ("flow_seat", "flow_effect", 'UPDATE "flow_case"', "trace_append", "notices_notice"):
        case = at_step(office, 4)
        before = whole(case)
        lost = False
        try:
            with connection.execute_wrapper(struck(point, False, cut)):
                act(office, "吴决定", case)
        except Refusal:
            raise
        except Exception:
            lost = True
        connection.close()
        assert lost and whole(case) == before, point
        act(office, "吴决定", case)
        assert whole(case)[0] == "granted"


def together(*acts: Any) -> list[Any]:
    barrier, said = threading.Barrier(len(acts)), []

    def run(one: Any) -> None:
        try:
            barrier.wait(30)
            said.append(one())
        except Exception as error:
            said.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(one,)) for one in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return said


def test_two_approvers_at_once(office: Office) -> None:
    case = at_step(office, 3)  # 审查: three candidates, one handles
    seats = {}
    for name in ("赵审查", "钱审查", "孙审查"):
        with system("tests").transaction():
            seats[name] = (actor_of(office, name), Seat.objects.get(case=case, person=office.people[name], state="offered"))

    def decides(name: str) -> Any:
        actor, seat = seats[name]
        with actor.acting():
            return service.decide(actor, case, seat=seat, outcome="agree", opinion="同意")

    said = together(*(lambda name=name: decides(name) for name in seats))
    assert len([each for each in said if isinstance(each, Case)]) == 1
    assert all(isinstance(each, (Case, Refusal)) for each in said), said
    whole(case)


def behind_another(first: Any, second: Any) -> Any:
    """Do the first act, and the second from a thread that waits for the lock the first one holds; return what came of it."""
    said: list[Any] = []

    def late() -> None:
        try:
            said.append(second())
        except Exception as error:
            said.append(error)
        finally:
            connection.close()

    thread = threading.Thread(target=late)
    with transaction.atomic():
        first()
        thread.start()
        with connection.cursor() as cursor:
            until = time.monotonic() + 20
            while not said and time.monotonic() < until:  # until it waits
                cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted AND pid <> pg_backend_pid()")
                if cursor.fetchone()[0]:
                    break
                time.sleep(0.01)
    thread.join(60)
    return said[0]


def decision(office: Office, name: str, case: Any) -> Any:
    """What lets a person decide on their seat, found beforehand."""
    actor = actor_of(office, name)
    with system("tests").transaction():
        seat = Seat.objects.get(case=case, person=office.people[name], state__in=("offered", "working"))

    def decides() -> Any:
        with actor.acting():
            return service.decide(actor, case, seat=seat, outcome="agree", opinion="同意")

    return decides


def test_a_decision_that_waited_for_another_version_is_made_on_it(office: Office) -> None:
    case = at_step(office, 4)
    manager, decides = actor_of(office, "郑管理"), decision(office, "吴决定", case)
    with system("tests").transaction():
        target = publish(sample.bpmn("any"), number=2)

    def migrates() -> None:
        with manager.acting():
            service.migrate(manager, case, definition=target, reason="新版")

    said = behind_another(migrates, decides)
    assert isinstance(said, Case) and said.state == "granted" and said.definition_id == target.pk, said
    whole(case)


def test_a_decision_that_waited_while_a_sub_case_was_opened_waits_for_it(office: Office) -> None:
    with system("tests").transaction():
        let_the_bureau_apply(office)
    case = at_step(office, 4)
    actor, decides = actor_of(office, "吴决定"), decision(office, "吴决定", case)
    with system("tests").transaction():
        seat = Seat.objects.get(case=case, person=office.people["吴决定"])

    def opens() -> None:
        with actor.acting():
            service.open_subcase(actor, case, seat=seat, item=sample.ITEM, values={"reason": "委托", "amount": "1"})

    said = behind_another(opens, decides)
    assert isinstance(said, Refusal) and said.code == "subcase_open", said
    assert whole(case)[0] == "running"


def test_a_sub_case_ends_while_its_case_is_withdrawn(office: Office) -> None:
    """Whichever is first: both end, and nothing waits for the other for ever."""
    with system("tests").transaction():
        let_the_bureau_apply(office)
    for _ in range(3):
        case = at_step(office, 4)
        applicant, actor = actor_of(office, "张申请"), actor_of(office, "吴决定")
        with system("tests").transaction():
            seat = Seat.objects.get(case=case, person=office.people["吴决定"])
        with actor.acting():
            child = service.open_subcase(actor, case, seat=seat, item=sample.ITEM, values={"reason": "委托", "amount": "1"})
            child = service.submit(actor, child)

        def withdraws(actor: Any, case: Any) -> Any:
            with actor.acting():
                return service.withdraw(actor, case)

        said = together(lambda: withdraws(actor, child), lambda: withdraws(applicant, case))  # noqa: B023
        assert all(isinstance(each, (Case, Refusal)) for each in said), said
        assert whole(case)[0] == "withdrawn" and whole(child)[0] in ("withdrawn", "terminated")


def test_approve_against_withdraw(office: Office) -> None:
    for _ in range(4):
        case = at_step(office, 4)
        applicant, decider = actor_of(office, "张申请"), actor_of(office, "吴决定")
        with system("tests").transaction():
            seat = Seat.objects.get(case=case, person=office.people["吴决定"], state="working")

        def withdraws(case: Any = case, applicant: Any = applicant) -> Any:
            with applicant.acting():
                return service.withdraw(applicant, case)

        def grants(case: Any = case, seat: Any = seat, decider: Any = decider) -> Any:
            with decider.acting():
                return service.decide(decider, case, seat=seat, outcome="agree", opinion="同意")

        said = together(withdraws, grants)
        assert len([each for each in said if isinstance(each, Case)]) == 1, said
        assert all(isinstance(each, (Case, Refusal)) for each in said), said
        state, *_, effects = whole(case)
        assert (state, effects) in (("granted", 1), ("withdrawn", 0))
