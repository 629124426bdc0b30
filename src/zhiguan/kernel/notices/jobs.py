"""What the worker does for this part."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.db import connection
from django.utils import timezone

from zhiguan.kernel.events.declare import JobKind, Report
from zhiguan.kit.actor import Actor
from zhiguan.kit.jobs import Periodic

from . import delivery

BATCH = 5000


def expire(actor: Actor, report: Report) -> dict[str, int | str]:
    """Delete notices that are past their time: read ones after ZHIGUAN_NOTICE_DAYS, unread ones after twice as long.

    What still waits to be sent is kept. In batches, each its own transaction: run again, it goes on.
    """
    days, now, deleted = settings.ZHIGUAN_NOTICE_DAYS, timezone.now(), 0
    while True:
        with connection.cursor() as cursor:
            cursor.execute(
                "WITH gone AS (SELECT id FROM notices_notice n WHERE (at < %s AND read_at IS NOT NULL OR at < %s) "
                "AND NOT EXISTS (SELECT FROM notices_noticedelivery d WHERE d.notice_id = n.id AND d.state = 'pending') "
                "ORDER BY at LIMIT %s), "
                "sent AS (DELETE FROM notices_noticedelivery WHERE notice_id IN (SELECT id FROM gone)) "
                "DELETE FROM notices_notice WHERE id IN (SELECT id FROM gone)",
                [now - timedelta(days=days), now - timedelta(days=2 * days), BATCH],
            )
            if not cursor.rowcount:
                return {"message": f"清理 {deleted} 条过期通知", "deleted": deleted}
            deleted += cursor.rowcount
        report(50, f"已清理 {deleted} 条")


DELIVERING = Periodic("notices.deliver", "发送通知", "* * * * * */15", delivery.run)
EXPIRE = JobKind("notices.notice.expire", "清理过期通知", expire, cron="50 3 * * *", atomic=False, as_system=True)
