from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import connection, connections, transaction

from zhiguan.kernel.events import running, service, tasks
from zhiguan.kernel.events.codes import JOB_MANAGE, JOB_VIEW
from zhiguan.kernel.events.declare import JobKind
from zhiguan.kernel.events.models import Event, Job
from zhiguan.kernel.events.tests.conftest import actor_at
from zhiguan.kit import actor as actors
from zhiguan.kit.actor import Scope, system
from zhiguan.kit.errors import Conflict, Denied, Invalid

LOCAL = ZoneInfo("Asia/Shanghai")


def enqueue(actor, code: str = "tests.thing.do", args=None, **more) -> Job:
    with actor.transaction():
        return service.enqueue(actor, code, args, **more)


def seen(job: Job) -> Job:
    with system("tests").transaction():
        return Job.objects.get(pk=job.pk)


def queued() -> list[int]:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT (args ->> 'job_id')::bigint FROM procrastinate_jobs WHERE task_name = 'events.run_job' "
            "AND status = 'todo' ORDER BY id"
        )
        return [row[0] for row in cursor.fetchall()]


def publish(actor, report, *, pos: int, fail: bool = False) -> dict:
    service.publish("vehicles.order.dispatch", "x/1", {}, scope_pos=pos)
    report(50, "正在办理")
    report.log("办了一半")
    if fail:
        raise OSError("disk")
    return {"message": "办完", "rows": 1}


@pytest.fixture
def as_requester(monkeypatch):
    """Give accounts permissions as of now, without grants; returns the dictionary to change."""
    held: dict[str, dict] = {}

    def of(account, *, via, only):
        assert via == "job"
        allowed = {code: value for code, value in held.get(account.username, {}).items() if code in set(only)}
        return actor_at(account, allowed)

    monkeypatch.setattr(running, "actor_for", of)
    return held


def test_a_job_runs_under_its_requester_s_scope_and_tells_its_progress(real, kind, as_requester) -> None:
    told = {}

    def look(actor, report):
        told["actor"], told["current"] = actor, actors.current()
        told["seen"] = Event.objects.count()
        report(40, "看到一半")
        told["progress"] = seen(Job(pk=told["job"])).progress
        report.log("第一行")
        return {"message": "看完", "count": told["seen"]}

    kind(look)
    with system("tests").transaction():
        service.publish("vehicles.order.dispatch", "x/1", {}, scope_pos=real.one.pos)
        service.publish("vehicles.order.dispatch", "x/2", {}, scope_pos=real.two.pos)
    as_requester["zhang"] = {"vehicles.vehicle.view": "below", "vehicles.vehicle.new": "below"}
    actor = actor_at(real.zhang, {"vehicles.vehicle.view": "below"})
    job = enqueue(actor, title="看一看")
    told["job"] = job.pk
    assert queued() == [job.pk] and service.run(job.pk) == "done"
    found = seen(job)
    assert (told["seen"], told["progress"]) == (1, 40) and told["actor"] is told["current"]
    assert set(told["actor"].permissions) == {"vehicles.vehicle.view"}, "no more than held when it was asked for"
    assert (found.progress, found.message, found.result["count"], found.attempts) == (100, "看完", 1, 1)
    assert found.lines[0].endswith("第一行") and found.finished_at and found.requested_by_id == real.zhang.pk
    assert service.run(job.pk) == "", "a job that has ended is not run again"


def test_a_right_withdrawn_since_is_gone(real, kind, as_requester) -> None:
    kind(lambda actor, report: None, permission="vehicles.vehicle.view")
    job = enqueue(actor_at(real.zhang, {"vehicles.vehicle.view": "below"}))
    assert service.run(job.pk) == "failed" and "权限" in seen(job).message
    other = enqueue(actor_at(real.zhang, {"vehicles.vehicle.view": "below"}))
    with system("tests").transaction():
        type(real.zhang).objects.filter(pk=real.zhang.pk).update(is_active=False)
    assert service.run(other.pk) == "failed" and "停用" in seen(other).message
    with pytest.raises(Denied):
        enqueue(actor_at(real.li))


def test_rolled_back_the_job_was_never_asked_for(real, kind) -> None:
    kind(publish)
    with pytest.raises(RuntimeError, match="undone"), system("tests").transaction():
        service.enqueue(system("tests"), "tests.thing.do", {"pos": 1})
        raise RuntimeError("undone")
    assert queued() == []
    with pytest.raises(RuntimeError, match="none is open"), system("tests").acting():
        service.enqueue(system("tests"), "tests.thing.do")
    with pytest.raises(KeyError):
        enqueue(system("tests"), "tests.no.such")


def test_a_failure_undoes_the_work_is_told_and_retried_so_often(real, kind) -> None:
    kind(publish, retries=1, retry_seconds=7)
    job = enqueue(system("tests"), args={"pos": 5, "fail": True})
    assert service.run(job.pk) == "queued"
    found = seen(job)
    assert found.attempts == 1 and "7 秒后自动重试" in found.message and "OSError" in found.error
    assert queued() == [job.pk, job.pk]
    assert service.run(job.pk) == "failed"
    found = seen(job)
    assert found.message == running.UNEXPECTED and found.lines[0].endswith("办了一半")
    with system("tests").transaction():
        assert not Event.objects.exists(), "the job's own work was undone"
        Job.objects.filter(pk=job.pk).update(args={"pos": 5})
        service.retry(system("tests"), found)
    assert service.run(job.pk) == "done" and seen(job).error == ""
    with system("tests").transaction():
        assert Event.objects.count() == 1
        with pytest.raises(Conflict):
            service.retry(system("tests"), seen(job))


def test_a_refusal_is_an_answer_and_not_retried(real, kind) -> None:
    def refuse(actor, report):
        raise Invalid("表格第 3 行有误。")

    kind(refuse, retries=3)
    job = enqueue(system("tests"))
    assert service.run(job.pk) == "failed"
    assert (seen(job).message, queued()) == ("表格第 3 行有误。", [job.pk])


def test_cancelling_waiting_and_running(real, kind) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def long(actor, report):
        service.publish("vehicles.order.dispatch", "x/1", {}, scope_pos=5)
        begun.set()
        go_on.wait(10)
        report(60, "继续")

    kind(long)
    waiting, busy = enqueue(system("tests")), enqueue(system("tests"))
    with system("tests").transaction():
        assert service.cancel(system("tests"), waiting).state == "cancelled"
    assert service.run(waiting.pk) == ""
    ended: list[str] = []

    def work() -> None:
        ended.append(service.run(busy.pk))
        connections.close_all()

    thread = threading.Thread(target=work)
    thread.start()
    assert begun.wait(10)
    assert service.run(busy.pk) == "", "nobody else takes a running job"
    assert running.recover() == 0, "its worker lives"
    with system("tests").transaction():
        assert service.cancel(system("tests"), busy).cancel_asked
    go_on.set()
    thread.join(10)
    assert ended == ["cancelled"] and seen(busy).state == "cancelled"
    with system("tests").transaction():
        assert not Event.objects.exists()
        with pytest.raises(Conflict):
            service.cancel(system("tests"), busy)


def test_own_jobs_are_seen_and_others_only_by_permission(real, kind) -> None:
    kind(publish)
    job = enqueue(actor_at(real.zhang), args={"pos": 1})

    def visible(actor) -> bool:
        with actor.transaction():
            return Job.objects.filter(pk=job.pk).exists()

    assert visible(actor_at(real.zhang)) and not visible(actor_at(real.li))
    assert visible(actor_at(real.li, {JOB_VIEW: "city"})) and not visible(actor_at(real.li, {JOB_VIEW: "below"}))
    with actor_at(real.li, {JOB_VIEW: "city"}).transaction(), pytest.raises(Denied):
        service.cancel(actor_at(real.li, {JOB_VIEW: "city"}), job)
    with actor_at(real.li, {JOB_MANAGE: "city"}).transaction():
        assert service.cancel(actor_at(real.li, {JOB_MANAGE: "city"}), job).state == "cancelled"
    nobody = actors.Actor(name="x", permissions={JOB_VIEW: Scope()})
    with pytest.raises(Denied, match="没有账号"):
        enqueue(nobody)


def test_the_same_thing_twice_is_refused_while_the_first_is_at_work(real, kind) -> None:
    kind(publish)
    first = enqueue(system("tests"), args={"pos": 1}, key="2026-11")
    with pytest.raises(Conflict, match="相同的任务"):
        enqueue(system("tests"), key="2026-11")
    enqueue(system("tests"), args={"pos": 1}, key="2026-12")
    assert service.run(first.pk) == "done"
    enqueue(system("tests"), args={"pos": 1}, key="2026-11")


def test_periodic_jobs_start_once_and_make_up_for_a_missed_time(real, kind) -> None:
    kind(publish, code="tests.nightly.do", cron="30 2 * * *", catch_up_minutes=120)
    at = lambda hour, minute, day=1: datetime(2026, 3, day, hour, minute, 5, tzinfo=LOCAL)  # noqa: E731

    def start(moment) -> int:
        running.tick(moment)
        with system("tests").transaction():
            return Job.objects.filter(kind="tests.nightly.do").count()

    assert [start(at(2, 29)), start(at(2, 30)), start(at(2, 30)), start(at(2, 31))] == [0, 1, 1, 1]
    assert start(at(2, 30, day=2)) == 1, "the one before has not ended"
    with system("tests").transaction():
        job = Job.objects.get(kind="tests.nightly.do")
        assert job.scheduled_for == at(2, 30).replace(second=0) and job.requested_by_id is None
        Job.objects.update(state="done")
    assert start(at(4, 29, day=2)) == 2, "made up for"
    with system("tests").transaction():
        Job.objects.update(state="done")
    assert start(at(5, 0, day=3)) == 2, "too late to make up for"


DIES = """
import os, django
os.environ["DJANGO_SETTINGS_MODULE"] = "zhiguan.site.settings"
django.setup()
from zhiguan.kernel.events import running
from zhiguan.kernel.events.declare import JobKind
from zhiguan.kit import registry
def die(actor, report, **args):
    report(30, "快要断电")
    os._exit(9)
registry.current()._by_type[JobKind]["tests.thing.do"] = JobKind("tests.thing.do", "x", die)
running.run(int(os.environ["JOB"]))
"""


@pytest.mark.faults
def test_a_job_whose_worker_is_killed_is_taken_up_again_and_not_for_ever(real, kind) -> None:
    kind(publish)
    job = enqueue(system("tests"), args={"pos": 1})

    def kill() -> None:
        environment = {**os.environ, "DATABASE_URL": real_url(), "JOB": str(job.pk)}
        assert subprocess.run([sys.executable, "-c", DIES], env=environment, timeout=60).returncode == 9
        deadline = time.monotonic() + 5
        while seen(job).state == "running" and running.recover() == 0 and time.monotonic() < deadline:
            time.sleep(0.1)  # the server needs a moment to notice that the connection is gone

    kill()
    found = seen(job)
    assert (found.state, found.attempts) == ("queued", 1) and "重新执行" in found.message
    kill()
    found = seen(job)
    assert (found.state, found.message) == ("failed", running.INTERRUPTED)


def real_url() -> str:
    values = connection.settings_dict
    port = f"&port={values['PORT']}" if values["PORT"] else ""
    return f"postgresql://{values['USER']}:{values['PASSWORD']}@/{values['NAME']}?host={values['HOST']}{port}"


def test_the_worker_itself_runs_jobs_and_frees_what_dead_workers_hold(real, kind) -> None:
    from procrastinate.contrib.django import app

    kind(publish)
    job = enqueue(system("tests"), args={"pos": 1})
    with app.replace_connector(app.connector.get_worker_connector()) as worker:
        worker.run_worker(wait=False, install_signal_handlers=False, listen_notify=False, concurrency=1,
                          update_heartbeat_interval=1, stalled_worker_timeout=5)  # fmt: skip
    assert seen(job).state == "done"
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO procrastinate_jobs (queue_name, task_name, lock, status) VALUES ('default', 'x', 'x', 'doing')"
        )
    assert tasks.free_stalled() == 1 and tasks.free_stalled() == 0


def test_the_queue_is_cleaned(real) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        for age in (1, 30):
            cursor.execute(
                "INSERT INTO procrastinate_jobs (queue_name, task_name, status) VALUES ('default', 'x', 'succeeded') "
                "RETURNING id"
            )
            cursor.execute(
                "INSERT INTO procrastinate_events (job_id, type, at) VALUES (%s, 'succeeded', %s)",
                [cursor.fetchone()[0], datetime.now(LOCAL) - timedelta(days=age)],
            )
    job = enqueue(system("tests"), "events.queue.clean")
    assert service.run(job.pk) == "done" and seen(job).result["deleted"] == 1


@pytest.mark.parametrize(
    "values", [{"code": "Bad"}, {"code": "one"}, {"cron": "* * *"}, {"retries": -1}, {"catch_up_minutes": 0}]
)
def test_malformed_kinds_are_refused(values) -> None:
    with pytest.raises(ValueError, match="JobKind"):
        JobKind(**{"code": "a.b.c", "name": "x", "run": publish, **values})


def test_every_declared_kind_has_a_function() -> None:
    from zhiguan.kit import registry

    for each in registry.current().all(JobKind):
        assert callable(each.function)


def test_whoever_asked_is_told_how_it_ended_once(real, kind, as_requester) -> None:
    from zhiguan.kernel.notices.models import Notice

    def told() -> list[tuple[int, str, str]]:
        with system("tests").transaction():
            return list(Notice.objects.order_by("pk").values_list("account_id", "kind", "body"))

    kind(lambda actor, report, bad: 1 / 0 if bad else {"message": "导入 3 条"})
    good, bad = (enqueue(actor_at(real.zhang), args={"bad": bad}, title="导入") for bad in (False, True))
    assert (service.run(good.pk), service.run(bad.pk), service.run(good.pk)) == ("done", "failed", "")
    assert told() == [
        (real.zhang.pk, "events.job.done", "导入 3 条"), (real.zhang.pk, "events.job.fail", running.UNEXPECTED)
    ]  # fmt: skip
    kind(lambda actor, report: None, code="tests.thing.own")
    assert service.run(enqueue(system("tests"), "tests.thing.own").pk) == "done" and len(told()) == 2
