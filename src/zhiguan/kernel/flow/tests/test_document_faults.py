"""kill -9 of the worker between the write points of making a document, and of the server at the commit that closes a case."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest
from django.db import DatabaseError, connection

from zhiguan.kernel.documents.declare import DocumentKind
from zhiguan.kernel.documents.models import OutcomeDocument
from zhiguan.kernel.events.models import Job
from zhiguan.kernel.events.running import recover, run
from zhiguan.kernel.files import service as files
from zhiguan.kernel.files import store
from zhiguan.kernel.ledger.models import LedgerEvent
from zhiguan.kernel.orgs.models import Unit
from zhiguan.kernel.orgs.queries import DEMO_NOTE
from zhiguan.kit import registry
from zhiguan.kit.actor import system

from . import sample
from .conftest import Office, load_calendar, publish
from .test_faults import act, at_step, in_another_process, whole

pytestmark = pytest.mark.faults
PAPER = DocumentKind("vehicles.sample_decision", "测试批复", "{word}测〔{year}〕{n}号")
ITEM = replace(sample.ITEM, document=PAPER.code)
WORK = replace(sample.WORK, document=lambda case: {"title": case.title, "to": case.unit.name, "paragraphs": ["同意。"]})
POINTS = (("files_storedfile", True), ('UPDATE "documents_outcomedocument"', True), ("COMMIT", False), ("COMMIT", True))


@pytest.fixture
def with_paper(monkeypatch: pytest.MonkeyPatch, settings: Any, tmp_path: Path) -> None:
    """The sample item ends with a document; files and keys are the test's own."""
    settings.MEDIA_ROOT, settings.VAR = tmp_path / "files", tmp_path
    monkeypatch.setattr(sample, "ITEM", ITEM)
    monkeypatch.setattr(registry, "_current", sample.Known(registry.current(), ITEM, WORK, PAPER))


def world(settings: Any) -> Office:
    from zhiguan.kernel.reference import service as reference

    with system("tests").transaction():
        reference.sync()
        load_calendar()
        office = Office()
        Unit.objects.filter(pk=office.city.pk).update(note=DEMO_NOTE)  # sealed with the demo's seal
        settings.ZHIGUAN_BUREAU = office.units["局"].code
        publish(sample.bpmn("one"))
    return office


def seen(case: Any) -> tuple[str, list[str], int]:
    """The document of a case: its state, what its ledger tells, and how many files it has."""
    with system("tests").transaction():
        row = OutcomeDocument.objects.get(case=case.code)
        told = LedgerEvent.objects.filter(subject_type="documents.outcomedocument", subject_id=row.pk).order_by("id")
        kept = files.attachments(row).filter(role="document")
        assert row.state == "making" or (kept.get().digest == row.digest and store.intact(row.digest))
        return row.state, list(told.values_list("code", flat=True)), kept.count()


MADE, UNMADE = ("valid", ["create", "produce"], 1), ("making", ["create"], 0)


def job_of(case: Any) -> int:
    with system("tests").transaction():
        return Job.objects.get(key=str(OutcomeDocument.objects.get(case=case.code).pk)).pk


def taken_up(job: int) -> None:
    """Wait for what the worker does every minute: a dead worker's job is queued again."""
    until = time.monotonic() + 10  # the server notices the lost connection in its own time
    while not recover():
        assert time.monotonic() < until
        time.sleep(0.02)
    with system("tests").transaction():
        assert Job.objects.filter(pk=job, state="queued").update(attempts=0)


def serve() -> None:
    """Start a worker for each line (job, point, after) that comes in, which dies at the point; tell what ended it.

    In a process of its own that never sets a document itself: a fork has none of the threads that setting one leaves.
    """
    registry._current = sample.Known(registry.current(), ITEM, WORK, PAPER)  # type: ignore[assignment]
    for line in sys.stdin:
        job, point, after = json.loads(line)
        print(in_another_process(lambda job=job: run(job), point, after), flush=True)


@pytest.fixture
def workers(with_paper: None, committed_db: Any, tmp_path: Path) -> Iterator[Any]:
    """``workers(job, point, after)`` runs the job in a worker that dies at the point; returns the signal that ended it."""
    text = "import django; django.setup(); from zhiguan.kernel.flow.tests import test_document_faults as t; t.serve()"
    process = subprocess.Popen(
        [sys.executable, "-c", text], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        env={**os.environ, "DATABASE_URL": committed_db.app, "ZHIGUAN_VAR": str(tmp_path)},
    )  # fmt: skip

    def work(job: int, point: str, after: bool) -> int:
        assert process.stdin and process.stdout
        process.stdin.write(json.dumps([job, point, after]) + "\n")
        process.stdin.flush()
        return int(process.stdout.readline())

    yield work
    process.kill()
    process.wait()


def test_the_worker_is_killed_between_the_write_points_of_a_document(
    workers: Any, settings: Any
) -> None:
    office = world(settings)
    case = at_step(office, 4)
    act(office, "吴决定", case)
    assert whole(case)[0] == "granted" and seen(case) == UNMADE
    job = job_of(case)
    for point, after in POINTS:
        assert workers(job, point, after) == -signal.SIGKILL, (point, after)
        if (point, after) == ("COMMIT", True):
            break
        assert seen(case) == UNMADE, (point, after)
        taken_up(job)
    assert seen(case) == MADE
    assert recover() == 0 and run(job) == ""
    assert seen(case) == MADE


def kill(server: Any) -> None:
    """SIGKILL to every process of the server, as when the machine goes down."""
    head = psutil.Process(int((server.data_dir / "postmaster.pid").read_text().split("\n", 1)[0]))
    for process in (head, *head.children(recursive=True)):
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue


@contextmanager
def dies_at_the_commit(server: Any, when: str) -> Iterator[None]:
    """Kill the server during or after the first commit of a transaction that wrote to the ledger."""
    connection.ensure_connection()
    commit, wrote = connection._commit, []

    def note(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if "ledger_ledgerevent" in sql and not sql.startswith("SELECT"):
            wrote.append(sql)
        return execute(sql, params, many, context)

    def strike() -> None:
        if wrote and when == "during":
            threading.Timer(random.uniform(0, 0.002), kill, [server]).start()
        commit()
        if wrote and when == "after":
            kill(server)

    connection._commit = strike
    try:
        with connection.execute_wrapper(note):
            yield
    finally:
        del connection._commit


def test_the_server_is_killed_at_the_commit_that_closes_a_case(
    with_paper: None, own_server: Any, settings: Any
) -> None:
    from zhiguan.site.runtime.postgres import ensure_cluster

    office, cases = world(settings), []
    for when in ("during", "after"):
        case = at_step(office, 4)
        before = whole(case)
        acknowledged = False
        try:
            with dies_at_the_commit(own_server, when):
                act(office, "吴决定", case)
                acknowledged = True
        except DatabaseError:
            pass
        connection.close()
        time.sleep(0.01)  # the blow "during" may come last
        ensure_cluster(own_server.data_dir)
        left = whole(case)
        assert left == before or left[0] == "granted", when
        assert left[0] == "granted" or not acknowledged, when
        assert left != before or when == "during", when
        if left == before:
            act(office, "吴决定", case)
        state, *_, effects = whole(case)
        assert (state, effects) == ("granted", 1)
        cases.append(case)
    for case in cases:
        assert run(job_of(case)) == "done" and seen(case) == MADE
    with system("tests").transaction():
        serials = list(OutcomeDocument.objects.order_by("serial").values_list("case", "serial"))
    assert serials == [(case.code, number) for number, case in enumerate(cases, 1)]
