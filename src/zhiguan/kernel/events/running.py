"""Jobs: put in the queue in the transaction that asks for them, run by the worker, told about at once."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Mapping
from contextlib import nullcontext
from datetime import datetime
from typing import Any

from croniter import croniter
from django.contrib.auth import get_user_model
from django.core.serializers.json import DjangoJSONEncoder
from django.db import IntegrityError, connection, transaction
from django.db.models import sql
from django.urls import reverse
from django.utils import timezone

from zhiguan.kernel.identity.service import actor_for
from zhiguan.kernel.orgs.tree import ROOT_POS
from zhiguan.kernel.trace import service as trace
from zhiguan.kernel.trace.declare import Subject
from zhiguan.kit import registry
from zhiguan.kit.actor import Actor, system
from zhiguan.kit.errors import Conflict, Denied, Invalid, Refusal

from .codes import JOB_MANAGE, JobState
from .declare import Cancelled, JobKind
from .models import Job

log = logging.getLogger("zhiguan.jobs")

WRITE_SECONDS = 0.5
"""Progress is written at most this often."""
LINES = 500
LOCKS = 0x5A474A << 40
"""Base of the advisory locks by which a running job shows that its worker lives."""
UNEXPECTED = "执行时发生意外，没有保留任何改动，情况已记录；请稍后重试或联系系统管理员。"
INTERRUPTED = "执行任务的进程意外中断。"


def insert_unread(row: Any) -> None:
    """Insert a row without RETURNING: whoever asks for a job need not be allowed to read jobs."""
    fields = [field for field in row._meta.concrete_fields if not field.generated]
    query = sql.InsertQuery(type(row))
    query.insert_values(fields, [row])
    query.get_compiler(connection.alias).execute_sql(returning_fields=None)
    row._state.adding, row._state.db = False, connection.alias


def enqueue(
    actor: Actor, kind: str, args: Mapping[str, Any] | None = None, title: str = "", *, key: str = "",
    scheduled_for: datetime | None = None,
) -> Job:  # fmt: skip
    """提交后台任务: it runs once the transaction has been committed, and never if it is rolled back.

    ``args`` is JSON, handed to the kind's function. ``key`` names what the job is about: while a job of the kind with
    the same key waits or runs, another is refused with ``Conflict``. Outside a transaction: RuntimeError.
    """
    declared = registry.current().get(JobKind, kind)
    if not connection.in_atomic_block:
        raise RuntimeError(f"{kind}: a job is enqueued in the transaction that needs it, and none is open")
    if declared.permission:
        actor.require(declared.permission)
    if not actor.system and actor.account_id is None:
        raise Denied("没有账号，不能提交后台任务。", code="no_account")
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval(pg_get_serial_sequence('events_job', 'id'))")
        number = cursor.fetchone()[0]
    job = Job(
        pk=number, kind=kind, title=(title or declared.name)[:120], args=json.loads(_json(dict(args or {}))),
        key=key[:120], requested_by_id=None if actor.system else actor.account_id, unit_id=actor.unit_id,
        allowed=[] if actor.system else sorted(actor.permissions), scope_pos=actor.unit_pos or ROOT_POS,
        scheduled_for=scheduled_for,
    )  # fmt: skip
    try:
        with transaction.atomic():
            insert_unread(job)
    except IntegrityError as error:
        raise Conflict(f"“{declared.name}”已有相同的任务在排队或执行，请等待其完成。", code="job_active") from error
    _defer(job.pk, declared)
    if not actor.system:
        trace.record(actor, "events.job.enqueue", _subject(job), after={"kind": kind, "title": job.title})
    return job


def _json(value: Any) -> str:
    return json.dumps(value, cls=DjangoJSONEncoder, ensure_ascii=False, allow_nan=False).replace("\\u0000", "")


def _subject(job: Job) -> Subject:
    return Subject("events.job", str(job.pk), job.title, job.scope_pos)


def _defer(job_id: int, kind: JobKind, seconds: int = 0) -> None:
    from .tasks import run_job

    schedule = {"schedule_in": {"seconds": seconds}} if seconds else {}
    run_job.configure(queue=kind.queue, **schedule).defer(job_id=job_id)


def _may(actor: Actor, job: Job) -> None:
    if job.requested_by_id is None or job.requested_by_id != actor.account_id:
        actor.require(JOB_MANAGE, job)


@transaction.atomic
def cancel(actor: Actor, job: Job) -> Job:
    """取消任务: a waiting job is cancelled at once, a running one at its next report of progress."""
    _may(actor, job)
    now = timezone.now()
    own = Job.objects.filter(pk=job.pk)
    ended = own.filter(state=JobState.QUEUED).update(state=JobState.CANCELLED, finished_at=now)
    if not ended and not own.filter(state=JobState.RUNNING).update(cancel_asked=True):
        raise Conflict("任务已经结束，不能取消。", code="job_ended")
    trace.record(actor, "events.job.cancel", _subject(job))
    job.refresh_from_db()
    return job


@transaction.atomic
def retry(actor: Actor, job: Job) -> Job:
    """重试任务: a failed or cancelled job waits again, from the beginning."""
    _may(actor, job)
    try:
        with transaction.atomic():
            done = Job.objects.filter(pk=job.pk, state__in=[JobState.FAILED, JobState.CANCELLED]).update(
                state=JobState.QUEUED, progress=0, message="", error="", result=None, cancel_asked=False,
                started_at=None, finished_at=None, attempts=0,
            )  # fmt: skip
    except IntegrityError as error:
        raise Conflict("已有相同的任务在排队或执行，无需重试。", code="job_active") from error
    if not done:
        raise Conflict("只有失败或已取消的任务可以重试。", code="job_not_failed")
    _defer(job.pk, registry.current().get(JobKind, job.kind))
    trace.record(actor, "events.job.retry", _subject(job))
    job.refresh_from_db()
    return job


class Reporter:
    """The running job's own connection: what it writes is visible at once, whatever becomes of the job's work.

    It holds an advisory lock as long as the job runs, so that a dead worker is known for certain and without waiting.
    """

    def __init__(self, job_id: int) -> None:
        self.job_id = job_id
        self._connection = connection.copy()
        self._written = 0.0
        self._last: tuple[int, str] | None = None

    def __enter__(self) -> Reporter:
        self._one("SELECT set_config('zg.system', '1', false)")
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def _one(self, statement: str, *values: Any) -> Any:
        with self._connection.cursor() as cursor:
            cursor.execute(statement, values)
            return cursor.fetchone() if cursor.description else None

    def claim(self) -> bool:
        """Take the waiting job; False when it was cancelled, taken by another worker, or never committed."""
        if not self._one("SELECT pg_try_advisory_lock(%s)", LOCKS + self.job_id)[0]:
            return False
        taken = self._one(
            "UPDATE events_job SET state = 'running', started_at = now(), attempts = attempts + 1, progress = 0, "
            "message = '' WHERE id = %s AND state = 'queued' RETURNING id", self.job_id,
        )  # fmt: skip
        return taken is not None

    def __call__(self, percent: float, message: str = "") -> None:
        now = time.monotonic()
        self._last = (max(0, min(100, int(percent))), message[:300])
        if now - self._written < WRITE_SECONDS:
            return
        self._written = now
        self.flush()

    def flush(self) -> None:
        """Write the last progress told. Raises :class:`Cancelled`."""
        if self._last is None:
            return
        asked = self._one(
            "UPDATE events_job SET progress = %s, message = %s WHERE id = %s RETURNING cancel_asked",
            *self._last, self.job_id,
        )  # fmt: skip
        if asked is not None and asked[0]:
            raise Cancelled

    def log(self, line: str) -> None:
        text = json.dumps([f"{timezone.localtime():%H:%M:%S} {line}"[:300].replace("\0", "")], ensure_ascii=False)
        self._one(
            "UPDATE events_job SET lines = lines || %s::jsonb WHERE id = %s AND jsonb_array_length(lines) < %s",
            text, self.job_id, LINES,
        )  # fmt: skip

    def end(self, state: str, message: str = "", error: str = "") -> None:
        """Note that the job has ended other than well."""
        self._one(
            "UPDATE events_job SET state = %s, message = %s, error = %s, finished_at = now() "
            "WHERE id = %s AND state = 'running'", state, message[:300], error[:500].replace("\0", ""), self.job_id,
        )  # fmt: skip

    def requeue(self, message: str, error: str) -> None:
        self._one(
            "UPDATE events_job SET state = 'queued', message = %s, error = %s WHERE id = %s AND state = 'running'",
            message[:300], error[:500].replace("\0", ""), self.job_id,
        )  # fmt: skip


def actor_of(job: Job, kind: JobKind) -> Actor:
    """Return whom the job runs as, evaluated now. Raises ``Denied`` when the account may no longer act."""
    if job.requested_by_id is None or kind.as_system:
        return system(kind.code)
    account = get_user_model().objects.select_related("unit", "person").filter(pk=job.requested_by_id).first()
    if account is None or not account.is_active:
        raise Denied("提交任务的账号已停用。", code="account_inactive")
    actor = actor_for(account, via="job", only=job.allowed)
    if kind.permission:
        actor.require(kind.permission)
    return actor


def run(job_id: int) -> str:
    """Run one job to its end; return the state it ended in, or "" when it was not there to be taken."""
    with Reporter(job_id) as report:
        if not report.claim():
            return ""
        with system("events.run").transaction():
            job = Job.objects.get(pk=job_id)
        try:
            kind = registry.current().get(JobKind, job.kind)
        except KeyError:
            return _failed(report, job, "系统中已没有这一类任务。")
        try:
            with transaction.atomic():
                actor = actor_of(job, kind)
            with actor.transaction() if kind.atomic else nullcontext():
                result = kind.function(actor, report, **job.args)
                report.flush()
                _done(job, result)
            return JobState.DONE
        except Cancelled:
            report.end(JobState.CANCELLED, "已按要求取消。")
            return JobState.CANCELLED
        except Refusal as refusal:
            return _failed(report, job, refusal.message)
        except Exception as error:
            log.exception("job %s %s failed", job.kind, job_id)
            told = f"{type(error).__name__}: {error}"
            if job.attempts > kind.retries:
                return _failed(report, job, UNEXPECTED, told)
            wait = kind.retry_seconds * 2 ** (job.attempts - 1)
            report.requeue(f"第 {job.attempts} 次执行未成功，{wait} 秒后自动重试。", told)
    with transaction.atomic():
        _defer(job_id, kind, wait)
    return JobState.QUEUED


def _failed(report: Reporter, job: Job, message: str, error: str = "") -> str:
    """Note that the job has failed and tell whoever asked for it."""
    report.end(JobState.FAILED, message, error)
    with system("events.run").transaction():
        _tell(job, JobState.FAILED, message)
    return JobState.FAILED


def _tell(job: Job, state: str, message: str) -> None:
    """Tell the account that asked for the job how it ended; the attempt is part of what makes it the same telling."""
    from zhiguan.kernel.notices import service as notices  # notices are sent by this part's outbox

    act, words = ("done", "已完成") if state == JobState.DONE else ("fail", "未能完成")
    notices.notify(
        [job.requested_by_id], f"events.job.{act}", f"后台任务{words}：{job.title}", message,
        reverse("events.job.detail", args=[job.pk]), subject=job, dedupe_key=f"events.job/{job.pk}/{act}/{job.attempts}",
    )  # fmt: skip


def _done(job: Job, result: Any) -> None:
    """Note that the job is done: in its own transaction when it has one, so that work and note come together."""
    if result is not None and not isinstance(result, Mapping):
        raise TypeError(f"a job returns a mapping or None, not {type(result).__name__}")
    with system("events.run").transaction():
        message = str((result or {}).get("message", ""))[:300]
        ended = Job.objects.filter(pk=job.pk, state=JobState.RUNNING).update(
            state=JobState.DONE, progress=100, finished_at=timezone.now(), error="", message=message,
            result=None if result is None else json.loads(_json(result)),
        )  # fmt: skip
        if ended:
            _tell(job, JobState.DONE, message)


def recover() -> int:
    """Take up jobs whose worker died: wait again while attempts are left, else fail; return how many."""
    found = 0
    with system("events.recover").acting():
        with transaction.atomic():
            running = list(Job.objects.filter(state=JobState.RUNNING))
        for job in running:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [LOCKS + job.pk])
                if not cursor.fetchone()[0]:
                    continue  # its worker lives
                kind = next((each for each in registry.current().all(JobKind) if each.code == job.kind), None)
                again = kind is not None and job.attempts <= max(kind.retries, 1)
                values: dict[str, Any] = {"state": JobState.QUEUED, "message": f"{INTERRUPTED}将重新执行。"}
                if not again:
                    values = {"state": JobState.FAILED, "message": INTERRUPTED, "finished_at": timezone.now()}
                if Job.objects.filter(pk=job.pk, state=JobState.RUNNING).update(**values):
                    found += 1
                    if again and kind is not None:
                        _defer(job.pk, kind)
                    else:
                        _tell(job, JobState.FAILED, INTERRUPTED)
    return found


def tick(now: datetime | None = None) -> int:
    """Enqueue the periodic jobs whose time has come, once each; return how many."""
    moment = timezone.localtime(now)
    made = 0
    for kind in registry.current().all(JobKind):
        if not kind.cron:
            continue
        due = croniter(kind.cron, moment, ret_type=datetime).get_prev()
        at_the_minute = croniter.match(kind.cron, moment)
        due = moment.replace(second=0, microsecond=0) if at_the_minute else due
        if (moment - due).total_seconds() > kind.catch_up_minutes * 60:
            continue
        actor = system(kind.code)
        with actor.transaction():
            own = Job.objects.filter(kind=kind.code, requested_by=None)
            if own.filter(scheduled_for=due).exists():
                continue
            if own.filter(state__in=[JobState.QUEUED, JobState.RUNNING]).exists():
                continue  # the one before is still at work; the time is made up for when it has ended
            try:
                enqueue(actor, kind.code, scheduled_for=due)
                made += 1
            except Conflict:  # another worker was faster
                continue
    return made


def run_import(actor: Actor, page: str, token: str, step: str) -> None:
    """Have a large import checked or applied by the worker: fits ``kit.pages.ports.Ports.run_job``."""
    word = {"check": "检查导入文件", "apply": "导入数据"}.get(step)
    if word is None:
        raise Invalid("无法识别的导入步骤。", code="import_step")
    with transaction.atomic():
        enqueue(actor, "events.import.run", {"page": page, "token": token, "step": step}, word)


def import_step(actor: Actor, report: Any, *, page: str, token: str, step: str) -> None:
    """Run one step of an import as the account that uploaded the file."""
    from zhiguan.kit.pages.importview import run_step

    report(0, "正在处理上传的文件")
    run_step(actor, page, token, step)
