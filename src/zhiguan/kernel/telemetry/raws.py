"""Messages kept as they came: for people to look at, and for jobs that must read each of them exactly once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db import connection, transaction
from django.utils import timezone

from .jt808 import decode_body
from .jt808.tables import MESSAGES
from .models import RawReader, RawTaken, Source

SETTLED = timedelta(minutes=10)
"""Keys are given out before the commit, so a message may appear below one that was read. None takes this long."""
REASONS: dict[str, str] = {
    "message": "已接收", "unknown": "未知消息", "encrypted": "加密消息", "time": "定位时间不合理", "position": "坐标不合理",
    "body": "消息体不完整", "refused": "数据库未接受",
}  # fmt: skip


class Kept(NamedTuple):
    """A kept message. ``edition`` is that of its source."""

    id: int
    source_id: int
    received_at: datetime
    reason: str
    msg_id: int
    body: bytes
    edition: int | None

    @property
    def name(self) -> str:
        return MESSAGES.get(self.msg_id, "未知消息")

    @property
    def reason_label(self) -> str:
        return REASONS.get(self.reason, self.reason)

    def fields(self) -> dict[str, Any]:
        """The body read, {} when it is not known."""
        fields, _ = decode_body(self.msg_id, self.body, int((self.edition or 0) >= 2019))
        return fields or {}


_SELECT = """SELECT r.id, r.source_id, r.received_at, r.reason, coalesce(r.msg_id, 0), r.body, s.edition
    FROM telemetry_raw r JOIN telemetry_source s ON s.id = r.source_id """


def _rows(statement: str, values: Sequence[Any]) -> list[Kept]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return [Kept(*row[:5], bytes(row[5]), row[6]) for row in cursor.fetchall()]


def kept_of(source: Source, *, msg_ids: Sequence[int] = (), limit: int = 50) -> list[Kept]:
    """Return the latest kept messages of a source, newest first, of these kinds (all when none is named)."""
    return _rows(
        f"""{_SELECT} WHERE r.source_id = %s AND (%s::int[] IS NULL OR r.msg_id = ANY(%s))
            ORDER BY r.received_at DESC, r.id DESC LIMIT %s""",
        [source.pk, list(msg_ids) or None, list(msg_ids), limit],
    )


def consume(reader: str, msg_ids: Sequence[int], handle: Callable[[Kept], None], *, limit: int = 200) -> int:
    """Hand each kept message of these kinds to ``handle``, exactly once; return how many there were.

    What ``handle`` writes and the note that the message was read are one transaction; what it raises undoes both, and
    the message comes again. ``reader`` names the progress. Runs inside a system actor's frame.
    """
    with transaction.atomic():
        RawReader.objects.get_or_create(name=reader)
        progress = RawReader.objects.select_for_update().get(name=reader)
        found = _rows(
            f"""{_SELECT} WHERE r.id > %s AND r.msg_id = ANY(%s) AND r.reason = 'message' AND NOT EXISTS (
                    SELECT 1 FROM telemetry_rawtaken t WHERE t.reader_id = %s AND t.raw_id = r.id)
                ORDER BY r.id LIMIT %s""",  # noqa: S608 -- names of our own
            [progress.floor_id, list(msg_ids), reader, limit],
        )
        for message in found:
            handle(message)
        RawTaken.objects.bulk_create([RawTaken(reader=progress, raw_id=message.id) for message in found])
        if len(found) < limit:
            _settle(progress)
    return len(found)


def _settle(progress: RawReader) -> None:
    """Move the floor up to what had been seen long enough ago; notes below it are not needed any more."""
    now = timezone.now()
    if progress.seen_at is not None and now - progress.seen_at < SETTLED:
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT coalesce(max(id), 0) FROM telemetry_raw")
        (top,) = cursor.fetchone()
    if progress.seen_at is not None:
        progress.floor_id = max(progress.floor_id, progress.seen_id)
        RawTaken.objects.filter(reader=progress, raw_id__lte=progress.floor_id).delete()
    progress.seen_id, progress.seen_at = top, now
    progress.save()
