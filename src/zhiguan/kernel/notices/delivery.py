"""What leaves the site: mails at once or gathered into one a day, and events for connected systems.

Two workers may do this at the same time: whoever changes a row from due to taken, sends it. A worker that dies while it
sends leaves the row taken for LEASE; then it is sent again, with the same Message-ID, by which mail systems know it. An
event is published in the transaction that notes it, so exactly once.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.conf import settings
from django.core.mail import EmailMessage
from django.db import transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from zhiguan.kernel.events import service as events
from zhiguan.kernel.identity.service import Account
from zhiguan.kit import registry
from zhiguan.kit.actor import system

from .codes import Channel, SendState
from .declare import NoticeKind
from .models import NoticeDelivery
from .schedule import LOCAL

log = logging.getLogger("zhiguan.notices")

LEASE = timedelta(minutes=5)
BACK_OFF_SECONDS = (60, 300, 1800, 7200, 21600)
"""Waits between attempts; after the last one the mail has failed. The notice stands in the site whatever happens."""
BATCH = 200
DIGEST_ROWS = 200
"""Notices in one digest; what is beyond stands in the site and is counted."""
EVENT = "notices.notice.notify"


def run(now: datetime | None = None) -> str:
    """Send what is due. The worker calls it."""
    moment = now or timezone.now()
    sent = failed = 0
    with system("notices.deliver").acting():
        while found := _due(moment):
            for good in [_one(row, moment) for row in found]:
                sent, failed = sent + (good is True), failed + (good is False)
    return f"发送 {sent} 份通知，{failed} 份未成功" if sent or failed else ""


def _waiting(now: datetime) -> QuerySet[NoticeDelivery]:
    return NoticeDelivery.objects.filter(state=SendState.PENDING, due_at__lte=now)


@transaction.atomic
def _due(now: datetime) -> list[NoticeDelivery]:
    return list(_waiting(now).order_by("due_at", "pk")[:BATCH])


def _one(row: NoticeDelivery, now: datetime) -> bool | None:
    """Send one row, or its account's whole digest; None when somebody else has it."""
    if row.channel == Channel.WEBHOOK:
        return _publish(row, now)
    rows = _take(row, now)
    if not rows:
        return None
    error = _mail(rows)
    attempts = max(each.attempts for each in rows)
    values: dict[str, object] = {"state": SendState.SENT, "sent_at": timezone.now(), "error": ""}
    if error and attempts > len(BACK_OFF_SECONDS):
        values = {"state": SendState.FAILED, "error": error[:200]}
    elif error:
        values = {"due_at": now + timedelta(seconds=BACK_OFF_SECONDS[attempts - 1]), "error": error[:200]}
    with transaction.atomic():
        NoticeDelivery.objects.filter(pk__in=[each.pk for each in rows], state=SendState.PENDING).update(**values)
    return not error


@transaction.atomic
def _take(row: NoticeDelivery, now: datetime) -> list[NoticeDelivery]:
    """Take the row, and of a digest every due row of its account, so that one mail is made of them; [] when taken.

    A second worker waits for the first one's locks and then finds the rows no longer due.
    """
    same = _waiting(now).filter(channel=Channel.MAIL)
    same = same.filter(account_id=row.account_id, digest=True) if row.digest else same.filter(pk=row.pk)
    keys = list(same.select_for_update().order_by("pk").values_list("pk", flat=True))
    NoticeDelivery.objects.filter(pk__in=keys).update(due_at=now + LEASE, attempts=F("attempts") + 1)
    taken = NoticeDelivery.objects.filter(pk__in=keys).select_related("notice", "account__person")
    return list(taken.order_by("notice__at", "pk"))


@transaction.atomic
def _publish(row: NoticeDelivery, now: datetime) -> bool | None:
    """Publish the notice as an event; those who subscribed for the receiver's unit get it."""
    mine = _waiting(now).filter(pk=row.pk)
    if not mine.update(state=SendState.SENT, sent_at=timezone.now(), attempts=F("attempts") + 1):
        return None
    notice = row.notice
    told = {
        "kind": notice.kind, "title": notice.title, "link": address(notice.link), "account": row.account.username,
        "subject": notice.subject, "at": notice.at.isoformat(),
    }  # fmt: skip
    events.publish(EVENT, notice, told, scope_pos=row.scope_pos)
    return True


def address(link: str) -> str:
    """Return the link as a whole address where the installation knows its own."""
    return f"{settings.ZHIGUAN_URL}{link}" if link and settings.ZHIGUAN_URL else link


def _mail(rows: Sequence[NoticeDelivery]) -> str:
    """Send the mail of the rows, which are one account's; return what went wrong, or ""."""
    account: Account = rows[0].account
    if not account.email or not account.is_active:
        return "接收人已停用或没有电子邮箱"
    names = {kind.code: kind.name for kind in registry.current().all(NoticeKind)}
    subject, text = (digest if rows[0].digest else single)(rows, names)
    mark = f"<notice-{rows[0].notice_id}-{'d' if rows[0].digest else 'i'}@{settings.ZHIGUAN_MAIL or 'zhiguan'}>"
    mail = EmailMessage(
        f"【{settings.ZHIGUAN_SITE_NAME}】{subject}", text, None, [account.email], headers={"Message-ID": mark}
    )
    try:
        mail.send()
    except (OSError, ValueError) as error:  # SMTPException is an OSError
        log.warning("mail of notice %s: %s", rows[0].notice_id, type(error).__name__)
        return f"邮件服务未接收：{type(error).__name__}"
    return ""


def _foot() -> str:
    return "—— \n此邮件由系统自动发送，请勿直接回复。可在“通知设置”中修改接收方式。\n"


def single(rows: Sequence[NoticeDelivery], names: dict[str, str]) -> tuple[str, str]:
    """Return subject and text of the mail about one notice."""
    notice = rows[0].notice
    kind = names.get(notice.kind, notice.kind)
    parts = [notice.title, notice.body, f"类型：{kind}", f"时间：{notice.at.astimezone(LOCAL):%Y-%m-%d %H:%M}"]
    if notice.link:
        parts.append(f"办理：{address(notice.link)}")
    return notice.title, "\n".join(part for part in parts if part) + f"\n\n{_foot()}"


def digest(rows: Sequence[NoticeDelivery], names: dict[str, str]) -> tuple[str, str]:
    """Return subject and text of one mail about many notices, by kind."""
    parts: list[str] = []
    shown = sorted(rows[:DIGEST_ROWS], key=lambda row: (row.notice.kind, row.notice.at))
    last = ""
    for notice in (row.notice for row in shown):
        if notice.kind != last:
            last = notice.kind
            parts.append(f"\n■ {names.get(last, last)}")
        where = f"  {address(notice.link)}" if notice.link else ""
        parts.append(f"· {notice.at.astimezone(LOCAL):%m-%d %H:%M} {notice.title}{where}")
    if len(rows) > DIGEST_ROWS:
        parts.append(f"\n另有 {len(rows) - DIGEST_ROWS} 条，请登录系统查看。")
    return f"您有 {len(rows)} 条通知", "\n".join(parts).strip() + f"\n\n{_foot()}"
