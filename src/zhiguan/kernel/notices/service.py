"""Verbs of notices: tell people something; read it; say how one wants to be told."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import nullcontext
from datetime import date, datetime, time
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models import F, Model
from django.utils import timezone

from zhiguan.kernel.calendar import service as calendar
from zhiguan.kernel.identity.service import Account, actor_for
from zhiguan.kernel.orgs.service import Person
from zhiguan.kernel.orgs.tree import ROOT_POS
from zhiguan.kernel.trace import service as trace
from zhiguan.kernel.trace.declare import Subject
from zhiguan.kit import registry
from zhiguan.kit.actor import Actor, system
from zhiguan.kit.errors import Denied, Invalid
from zhiguan.kit.rowscope import frame as frames

from .codes import Channel, Mode
from .declare import DIGEST, OFF, NoticeKind
from .models import Notice, NoticeDelivery, Preference, Rhythm
from .schedule import due

__all__ = [
    "change_preferences", "holders", "mail_works", "mark_all_read", "mark_read", "mark_unread", "modes", "notify",
    "rhythm", "told", "unread_count",
]  # fmt: skip

MOST_HOLDERS = 200
"""How many accounts of one unit are asked for a permission; more would be a circular, not a notice."""
COUNT_CAP = 100

Recipient = Account | Person | int
"""An account, its key, or a person: then every active account of theirs."""


def mail_works() -> bool:
    """Tell whether this installation can send mail (``ZHIGUAN_MAIL_HOST``)."""
    return bool(settings.ZHIGUAN_MAIL)


def notify(
    recipients: Iterable[Recipient | None], kind: str, title: str, body: str = "", link: str = "", *,
    subject: Model | str | None = None, dedupe_key: str = "", at: datetime | None = None,
) -> int:  # fmt: skip
    """通知 each recipient once, in the transaction of what they are told about; return how many notices were new.

    ``kind`` is the code of a declared :class:`NoticeKind` (else KeyError), ``link`` an address of this site. The same
    ``dedupe_key`` tells an account the same thing only once, however often it is called. Rolled back, nobody was told.
    People without an account, and accounts that are disabled, are told nothing. Outside a transaction: RuntimeError.
    """
    declared = registry.current().get(NoticeKind, kind)
    if not connection.in_atomic_block:
        raise RuntimeError(f"{kind}: people are told in the transaction of what they are told, and none is open")
    if link and (not link.startswith("/") or link.startswith(("//", "/\\"))):
        raise ValueError(f"{kind}: {link!r} is not an address of this site")
    about = subject if isinstance(subject, str) else f"{subject._meta.label_lower}/{subject.pk}" if subject else ""
    moment = at or timezone.now()
    people, keys = _meant(recipients)
    if not people and not keys:
        return 0
    text = [_clean(title, 120), _clean(body, 1000), link[:300], about[:120], dedupe_key[:160], moment]
    # Whoever acts must not see what others are told, so the rows are the system's to write.
    with nullcontext() if frames.current().system else system("notices.notify").acting():
        with connection.cursor() as cursor:
            cursor.execute(
                "WITH made AS (INSERT INTO notices_notice (account_id, kind, title, body, link, subject, dedupe_key, at) "
                "SELECT id, %s, %s, %s, %s, %s, %s, %s FROM identity_account WHERE is_active "
                "AND (id = ANY(%s::bigint[]) OR person_id = ANY(%s::bigint[])) ORDER BY id "
                "ON CONFLICT DO NOTHING RETURNING account_id, id, kind) "
                "SELECT account_id, made.id, channel, mode FROM made LEFT JOIN notices_preference USING (account_id, kind)",
                [kind, *text, keys, people],
            )
            rows = cursor.fetchall()
        made = {account: notice for account, notice, _, _ in rows}
        chosen = {(account, channel): mode for account, _, channel, mode in rows if channel is not None}
        _plan(declared, made, chosen, max(moment, timezone.now()))
    return len(made)


def _clean(text: str, longest: int) -> str:
    text = text.replace("\0", "").strip()
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def _meant(recipients: Iterable[Recipient | None]) -> tuple[list[int], list[int]]:
    """Return the keys of the people and of the accounts that are meant."""
    people: set[int] = set()
    keys: set[int] = set()
    for each in recipients:
        if isinstance(each, Person):
            people.add(each.pk)
        elif isinstance(each, Account):
            keys.add(each.pk)
        elif each is not None:
            keys.add(int(each))
    return sorted(people), sorted(keys)


def _plan(
    kind: NoticeKind, notices: Mapping[int, int], chosen: Mapping[tuple[int, str], str], now: datetime
) -> None:
    """Write down what has to leave the site, and when: ``notices`` by account, ``chosen`` modes by account and channel."""
    if not notices or (not chosen and (kind.mail == OFF or not mail_works())):
        return
    wanted: list[tuple[Account, str, str]] = []
    for account in Account.objects.filter(pk__in=notices).select_related("unit").order_by("pk"):
        mail = chosen.get((account.pk, Channel.MAIL), kind.mail)
        if mail != OFF and account.email and mail_works():
            wanted.append((account, Channel.MAIL, mail))
        if chosen.get((account.pk, Channel.WEBHOOK), OFF) != OFF:
            wanted.append((account, Channel.WEBHOOK, Mode.INSTANT))
    if not wanted:
        return
    rhythms = Rhythm.objects.in_bulk([account.pk for account, _, _ in wanted])
    working = working_days()
    NoticeDelivery.objects.bulk_create(
        NoticeDelivery(
            notice_id=notices[account.pk], account=account, scope_pos=account.unit.pos if account.unit else ROOT_POS,
            kind=kind.code, channel=channel, digest=mode == DIGEST, created_at=now,
            due_at=due(now, rhythms.get(account.pk) or Rhythm(), digest=mode == DIGEST, working=working),
        )
        for account, channel, mode in wanted
    )  # fmt: skip


def working_days() -> Any:
    """Return the question "is it a working day", which asks the calendar at the first time it is asked itself.

    In a year that is not loaded every day counts: a message must not wait for an administrator.
    """
    known: list[calendar.Snapshot] = []

    def working(day: date) -> bool:
        if not known:
            known.append(calendar.snapshot())
        try:
            return known[0].is_working_day(day)
        except calendar.YearNotLoaded:
            return True

    return working


def holders(permission: str, row: Any, *, unit: Any) -> list[Account]:
    """Return the active accounts of ``unit`` and below whose ``permission`` reaches ``row`` today: those in charge."""
    accounts = (
        Account.objects.filter(
            is_active=True, unit__pos__range=(unit.pos, unit.pos_end), grants__state="active",
            grants__role__permissions__contains=[permission],
        )
        .select_related("unit", "person")
        .distinct()
        .order_by("pk")
    )  # fmt: skip
    return [
        account for account in accounts[:MOST_HOLDERS] if actor_for(account).scope(permission).covers(row.scope_pos)
    ]


def told(account_id: int) -> list[Notice]:
    """Return what an account was told, oldest first, as far as the frame in force shows it."""
    return list(Notice.objects.filter(account=account_id).order_by("pk"))


# --- reading ----------------------------------------------------------------------------------------------------------


def unread_count(actor: Actor) -> int:
    """Return how many notices the account has not read, 100 standing for more."""
    if actor.account_id is None:
        return 0
    return Notice.objects.filter(account=actor.account_id, read_at__isnull=True)[:COUNT_CAP].count()


def _own(actor: Actor) -> Any:
    if actor.account_id is None:
        raise Denied("没有账号，没有通知。", code="no_account")
    return Notice.objects.filter(account=actor.account_id)


def mark_read(actor: Actor, notice: Notice) -> Notice:
    """标为已读. A notice of somebody else is not touched; one that was read keeps its time."""
    if _own(actor).filter(pk=notice.pk, read_at__isnull=True).update(read_at=timezone.now()):
        notice.refresh_from_db()
    return notice


def mark_unread(actor: Actor, notice: Notice) -> Notice:
    """标为未读, to come back to it."""
    _own(actor).filter(pk=notice.pk).update(read_at=None)
    notice.refresh_from_db()
    return notice


def mark_all_read(actor: Actor, *, kind: str = "") -> int:
    """全部标为已读, or all of one kind; return how many were unread."""
    rows = _own(actor).filter(read_at__isnull=True)
    return (rows.filter(kind=kind) if kind else rows).update(read_at=timezone.now())


# --- wishes -----------------------------------------------------------------------------------------------------------


def rhythm(actor: Actor) -> Rhythm:
    """Return when the account wants to be told; the usual, unsaved, when it never said."""
    if actor.account_id is None:
        raise Denied("没有账号，没有通知设置。", code="no_account")
    return Rhythm.objects.filter(pk=actor.account_id).first() or Rhythm(pk=actor.account_id, version=0)


def modes(actor: Actor, channel: str) -> dict[str, str]:
    """Return how the account gets each declared kind by the channel."""
    chosen = dict(Preference.objects.filter(account=actor.account_id, channel=channel).values_list("kind", "mode"))
    return {
        kind.code: chosen.get(kind.code, kind.mail if channel == Channel.MAIL else OFF)
        for kind in registry.current().all(NoticeKind)
    }


@transaction.atomic
def change_preferences(
    actor: Actor, *, mail: Mapping[str, str], webhook: Iterable[str], digest_at: time, quiet_from: time | None = None,
    quiet_to: time | None = None, workdays_only: bool = False,
) -> Rhythm:  # fmt: skip
    """修改通知设置 of one's own account. What already waits to leave is held to the new times.

    ``mail`` maps kinds to modes, ``webhook`` names the kinds that connected systems get. Raises ``Invalid`` for half a
    quiet time or one without an end.
    """
    if actor.account_id is None:
        raise Denied("没有账号，没有通知设置。", code="no_account")
    if (quiet_from is None) != (quiet_to is None):
        field = "quiet_to" if quiet_to is None else "quiet_from"
        raise Invalid("免打扰的开始和结束时间须同时填写。", fields={field: "请填写该时间，或清空另一个时间。"})
    if quiet_from is not None and quiet_from == quiet_to:
        raise Invalid("免打扰的开始和结束时间不能相同。", fields={"quiet_to": "请填写不同于开始的时间。"})
    known = {kind.code for kind in registry.current().all(NoticeKind)}
    through = set(webhook)
    chosen = [(kind, Channel.MAIL, Mode(mode)) for kind, mode in mail.items() if kind in known]
    chosen += [(kind, Channel.WEBHOOK, Mode.INSTANT if kind in through else Mode.OFF) for kind in sorted(known)]
    Preference.objects.bulk_create(
        [
            Preference(account_id=actor.account_id, kind=kind, channel=channel, mode=mode)
            for kind, channel, mode in chosen
        ],
        update_conflicts=True, update_fields=["mode"], unique_fields=["account", "kind", "channel"],
    )  # fmt: skip
    times = {"digest_at": digest_at, "quiet_from": quiet_from, "quiet_to": quiet_to, "workdays_only": workdays_only}
    Rhythm.objects.get_or_create(pk=actor.account_id)
    Rhythm.objects.filter(pk=actor.account_id).update(**times, version=F("version") + 1)
    made = Rhythm.objects.get(pk=actor.account_id)
    _replan(made)
    after = {name: str(value) for name, value in times.items()} | {
        f"{channel}:{kind}": str(mode) for kind, channel, mode in chosen if mode != Mode.OFF
    }
    own = Subject("notices.preference", str(actor.account_id), "通知设置", actor.unit_pos or ROOT_POS)
    trace.record(actor, "notices.preference.change", own, after=after)
    return made


def _replan(wishes: Rhythm) -> None:
    """Give what waits the times that follow from new wishes; what a worker holds at this moment keeps its own."""
    working = working_days()
    with system("notices.replan").acting():
        waiting = NoticeDelivery.objects.filter(account_id=wishes.pk, state="pending", attempts=0)
        for pk, created, digest in waiting.values_list("pk", "created_at", "digest"):
            moment = due(max(created, timezone.now()), wishes, digest=digest, working=working)
            NoticeDelivery.objects.filter(pk=pk, state="pending", attempts=0).update(due_at=moment)
