"""What the worker does for this part."""

from __future__ import annotations

from django.db import connection

from zhiguan.kit.actor import Actor
from zhiguan.kit.jobs import Periodic

from . import delivery
from .declare import JobKind, Report
from .outbox import DELIVER

KEEP_DAYS = 3
"""Days that ended entries of the queue are kept; our own record of a job is kept as long as nobody deletes it."""


def clean(actor: Actor, report: Report) -> dict[str, int | str]:
    """Delete ended entries of the queue, so that it stays small."""
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM procrastinate_jobs job WHERE status IN ('succeeded', 'failed', 'cancelled', 'aborted') "
            "AND NOT EXISTS (SELECT FROM procrastinate_events event WHERE event.job_id = job.id "
            "AND event.at > now() - make_interval(days => %s))",
            [KEEP_DAYS],
        )
        return {"message": f"清理 {cursor.rowcount} 条队列记录", "deleted": cursor.rowcount}


DELIVERING = Periodic(DELIVER, "投递事件", "* * * * * */10", delivery.run)
IMPORT = JobKind("events.import.run", "批量导入", "zhiguan.kernel.events.running.import_step", atomic=False)
CLEAN = JobKind("events.queue.clean", "清理任务队列", clean, cron="20 3 * * *")
