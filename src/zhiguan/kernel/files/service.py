"""Verbs of files: store, attach, detach, open; and what keeps the store clean."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any, BinaryIO

from django.conf import settings
from django.core.files.base import File
from django.db import connection, transaction
from django.db.models import Model, Q, QuerySet
from django.utils import timezone
from django.utils.module_loading import import_string

from zhiguan.kernel.orgs.tree import ROOT_POS
from zhiguan.kernel.trace import service as trace
from zhiguan.kit.actor import Actor
from zhiguan.kit.errors import Conflict, Denied, Invalid, NotFound

from . import store as disk
from .codes import LIMIT_MANAGE
from .declare import KEEP_DETACHED_DAYS, KEEP_UNATTACHED_HOURS, LARGEST_BYTES, TYPES, FileType
from .models import StoredFile, TypeLimit
from .sniff import clean_name, refuse, sniff

__all__ = [
    "StoredFile", "attach", "attachments", "check", "clean", "detach", "limits", "opened", "read", "set_limit", "store",
]  # fmt: skip

log = logging.getLogger("zhiguan.files")


def limits() -> dict[str, FileType]:
    """Return every known type with what this installation allows."""
    own = {row.media_type: row for row in TypeLimit.objects.all()}
    return {
        media_type: replace(kind, allowed=own[media_type].allowed, max_bytes=own[media_type].max_bytes)
        if media_type in own
        else kind
        for media_type, kind in TYPES.items()
    }


@transaction.atomic
def set_limit(actor: Actor, media_type: str, *, allowed: bool, max_bytes: int) -> TypeLimit:
    """设定附件限制: allow a known type or not, up to a size. Raises ``Invalid`` for types that cannot be checked."""
    actor.require(LIMIT_MANAGE, ROOT_POS)
    if media_type not in TYPES:
        raise Invalid("系统无法核验该类型的文件，不能设为允许。", fields={"media_type": "未知类型。"})
    if not 0 < max_bytes <= LARGEST_BYTES:
        message = f"大小限制应在 1 字节至 {size_text(LARGEST_BYTES)}之间。"
        raise Invalid(message, fields={"max_bytes": message})
    before = limits()[media_type]
    row, _ = TypeLimit.objects.update_or_create(
        media_type=media_type, defaults={"allowed": allowed, "max_bytes": max_bytes}
    )
    old, new = ({"allowed": each.allowed, "max_bytes": each.max_bytes} for each in (before, row))
    trace.record(actor, "files.limit.set", row, before=old, after=new)
    return row


def size_text(size: int) -> str:
    """Return a size in words."""
    return f"{size / 2**20:.0f} MB" if size >= 2**20 else (f"{size / 1024:.0f} KB" if size >= 1024 else f"{size} 字节")


def _chunks(content: bytes | BinaryIO | File) -> Iterable[bytes]:
    if isinstance(content, bytes):
        return [content]
    if isinstance(content, File):
        return content.chunks(disk.CHUNK)
    return iter(lambda: content.read(disk.CHUNK), b"")


def _scan(path: Any) -> None:
    """Ask the virus scanner (setting ZHIGUAN_FILE_SCAN: dotted path of ``scan(path) -> reason or ""``), if there is one.

    A scanner that fails refuses the file: what was not scanned is not stored.
    """
    name = getattr(settings, "ZHIGUAN_FILE_SCAN", "")
    if not name:
        return
    try:
        found = (import_string(name) if isinstance(name, str) else name)(path)
    except Exception as error:
        log.exception("virus scan failed")
        raise refuse("病毒扫描暂时不可用，文件没有保存，请稍后重试或联系系统管理员。", "scan_unavailable") from error
    if found:
        log.warning("virus scan refused a file: %s", found)
        raise refuse("文件未通过病毒扫描，没有保存。", "virus")


def _lock(digest: str) -> None:
    """Hold the content of that digest until the transaction ends: nobody clears it away meanwhile."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 7))", [f"files:{digest}"])


@transaction.atomic
def store(
    actor: Actor, area: str, content: bytes | BinaryIO | File, name: str, *, unit: Any = None, permission: str = ""
) -> StoredFile:
    """上传附件: keep a file of the area's; whoever may see rows of the area in the unit may see it.

    ``unit`` defaults to the actor's own. ``permission`` is asked of those who download (beside the area's scope).
    The type is what the bytes say. Raises ``Invalid`` (field ``file``) for what is not allowed, too large, broken,
    misnamed or infected, and ``Denied`` for an actor without any permission in the area; nothing is kept then.
    """
    if not actor.system and area not in actor.frame.areas:
        raise Denied("您没有该条线的权限，不能上传附件。", code="permission_missing")
    known = limits()
    most = max(kind.max_bytes for kind in known.values() if kind.allowed)
    try:
        arrived = disk.receive(_chunks(content), most)
    except disk.TooLarge as error:
        raise refuse(f"文件过大，最大允许 {size_text(most)}。", "file_too_large") from error
    try:
        if arrived.size == 0:
            raise refuse("文件是空的，请检查后重新选择。", "file_empty")
        kind = sniff(arrived.path)
        kind = known[kind.media_type] if kind is not None else None
        if kind is None or not kind.allowed:
            allowed = "、".join(each.name for each in known.values() if each.allowed)
            what = kind.name if kind is not None else "该文件的类型"
            raise refuse(f"{what}不在允许范围内。可以上传：{allowed}。", "file_type")
        if arrived.size > kind.max_bytes:
            raise refuse(f"{kind.name}最大允许 {size_text(kind.max_bytes)}。", "file_too_large")
        cleaned = clean_name(name, kind)
        _scan(arrived.path)
        _lock(arrived.digest)
        disk.keep(arrived)
    finally:
        arrived.discard()
    made = StoredFile.objects.create(
        digest=arrived.digest, size=arrived.size, media_type=kind.media_type, name=cleaned, area=area,
        scope_pos=unit.pos if unit is not None else actor.unit_pos or ROOT_POS, permission=permission,
        uploaded_by_id=actor.account_id,
    )  # fmt: skip
    after = {"digest": made.digest, "size": made.size, "media_type": made.media_type, "name": made.name}
    trace.record(actor, "files.file.store", made, after=after)
    return made


@transaction.atomic
def attach(actor: Actor, file: StoredFile, subject: Model, *, role: str = "", permission: str = "") -> StoredFile:
    """关联附件: the file now belongs to ``subject``, a row with ``scope_pos``, and is seen by those who see its area.

    Only whoever uploaded it attaches it; the verb that calls has asked its own permission for the subject.
    """
    if not actor.system and (actor.account_id is None or file.uploaded_by_id != actor.account_id):
        raise Denied("只能关联本人上传的附件。", code="not_own_file")
    # What is kept for many lines in one table (cases) names the line it belongs to.
    area = getattr(subject, "ledger_area", subject._meta.app_label)
    if area != file.area:
        raise Invalid("附件与所关联的事项不属于同一条线。", code="file_area")
    done = StoredFile.objects.filter(pk=file.pk, subject_id__isnull=True, detached_at__isnull=True).update(
        subject_type=subject._meta.label_lower, subject_id=subject.pk, scope_pos=getattr(subject, "scope_pos"),  # noqa: B009
        role=role[:40], permission=permission or file.permission,
    )  # fmt: skip
    if not done:
        raise Conflict("该附件已关联到其他事项，或已被移除。", code="file_attached")
    trace.record(actor, "files.file.attach", file, after={"subject": f"{subject._meta.label_lower}/{subject.pk}"})
    file.refresh_from_db()
    return file


@transaction.atomic
def detach(actor: Actor, file: StoredFile, *, reason: str) -> StoredFile:
    """移除附件: it is no longer shown with its subject, and is cleared away after the time it is kept."""
    if not reason.strip():
        raise Invalid("请填写移除事由。", fields={"reason": "请填写移除事由。"})
    _require(actor, file)
    if not StoredFile.objects.filter(pk=file.pk, detached_at__isnull=True).update(detached_at=timezone.now()):
        raise Conflict("该附件已被移除。", code="file_detached")
    trace.record(actor, "files.file.detach", file, reason=reason)
    file.refresh_from_db()
    return file


def attachments(subject: Model) -> QuerySet[StoredFile]:
    """Return the files attached to a row, as far as the actor may see them."""
    return StoredFile.objects.filter(
        subject_type=subject._meta.label_lower, subject_id=subject.pk, detached_at__isnull=True
    ).order_by("pk")


def _require(actor: Actor, file: StoredFile) -> None:
    own = actor.account_id is not None and file.uploaded_by_id == actor.account_id
    if not own and file.permission:
        actor.require(file.permission, file)


def opened(actor: Actor, pk: int) -> tuple[StoredFile, BinaryIO]:
    """Return a file and its content for reading; the download is traced. Raises ``NotFound`` and ``Denied``."""
    file = StoredFile.objects.filter(pk=pk, detached_at__isnull=True).first() if pk < 2**63 else None
    if file is None:
        raise NotFound("该附件不存在，或不在您的数据权限范围内。")
    _require(actor, file)
    content = read(file)
    trace.record_read(actor, "files.file.download", file, ["content"])
    return file, content


def read(file: StoredFile) -> BinaryIO:
    """Return a file's content for a part that hands it out by its own rules: it has asked whether the actor may, and
    traces what leaves. Raises ``NotFound`` when the content is missing."""
    try:
        return disk.place(file.digest).open("rb")
    except FileNotFoundError as error:
        log.error("content %s of file %s is missing", file.digest, file.pk)
        raise NotFound("附件内容缺失，请联系系统管理员。", code="content_missing") from error


def _orphans() -> QuerySet[StoredFile]:
    now = timezone.now()
    return StoredFile.objects.filter(
        Q(subject_id__isnull=True, uploaded_at__lt=now - timedelta(hours=KEEP_UNATTACHED_HOURS))
        | Q(detached_at__lt=now - timedelta(days=KEEP_DETACHED_DAYS))
    )


def clean(actor: Actor, report: Any) -> dict[str, Any]:
    """Clear away files nobody attached or that were detached long ago, contents without a file, and remains of uploads."""
    rows = list(_orphans().order_by("pk"))
    for number, row in enumerate(rows):
        trace.record(actor, "files.file.purge", row, before={"digest": row.digest, "name": row.name})
        StoredFile.objects.filter(pk=row.pk).delete()
        report(50 * number / len(rows), "清除无主附件")
    found = list(disk.contents())
    dropped = 0
    for number, digest in enumerate(found):
        dropped += _drop_unused(digest)
        report(50 + 50 * number / len(found), "核对存储内容")
    stale = disk.stale_arrivals(KEEP_UNATTACHED_HOURS * 3600, time.time())
    for path in stale:
        path.unlink(missing_ok=True)
    message = f"清除 {len(rows)} 个附件、{dropped} 份内容、{len(stale)} 个未完成的上传"
    return {"message": message, "files": len(rows), "contents": dropped, "stale": len(stale)}


def _drop_unused(digest: str) -> bool:
    _lock(digest)
    if StoredFile.objects.filter(digest=digest).exists():
        return False
    transaction.on_commit(lambda: _drop_after(digest), robust=True)
    return True


def _drop_after(digest: str) -> None:
    """Remove a content once the rows are gone for good, unless it was uploaded again meanwhile."""
    from zhiguan.kit.actor import system

    with system("files.clean").transaction():
        _lock(digest)
        if not StoredFile.objects.filter(digest=digest).exists():
            disk.drop(digest)


def check(actor: Actor, report: Any) -> dict[str, Any]:
    """Read every content and compare it with its digest; what is missing or changed is named in the log and result."""
    digests = list(StoredFile.objects.order_by("digest").values_list("digest", flat=True).distinct())
    bad = [digest for digest in _progress(digests, report) if not disk.intact(digest)]
    for digest in bad:
        report.log(f"内容缺失或已改变：{digest}")
    state = f"{len(bad)} 份缺失或已改变" if bad else "全部完好"
    return {"message": f"核对 {len(digests)} 份内容，{state}", "checked": len(digests), "bad": bad[:100]}


def _progress(items: list[str], report: Any) -> Iterator[str]:
    for number, item in enumerate(items):
        report(100 * number / len(items), "核对附件内容")
        yield item
