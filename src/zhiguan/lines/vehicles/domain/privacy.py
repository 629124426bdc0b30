"""解除隐私保护: one account sees one vehicle's positions outside duty hours, for some days and some hours, with a reason.

Two people: one applies, another decides. Nothing is shown before the decision, and nothing after the hours are over or
the applicant has lost the permission; each look is in the log. Holders of the vehicle read of it when it is over.
"""

from __future__ import annotations

from datetime import date, timedelta

from django.db import IntegrityError, transaction
from django.urls import reverse
from django.utils import timezone

from zhiguan.kernel.identity import service as identity
from zhiguan.kernel.ledger import service as ledger
from zhiguan.kernel.notices import service as notices
from zhiguan.kernel.orgs.service import Person
from zhiguan.kit.actor import Actor, system
from zhiguan.kit.errors import Conflict, Denied, Invalid

from ..models import PrivacyLift, Vehicle
from ..queries import privacy as read
from ..queries.privacy import DECIDE, LIFT

MOST_DAYS, MOST_HOURS = 31, 72
"""A lift is for one matter: of so many days at most, and over after so many hours at the latest."""
DECIDE_WITHIN = timedelta(hours=72)
"""An application that nobody decided in this time has lapsed: the matter may be another by now."""
TOLD_DAYS = 35
"""Holders are told of lifts that ended in so many days back; each lift once."""


def liftable(vehicle: Vehicle) -> bool:
    """Tell whether there is any day for which one could ask: kept, past or so near that one may ask already."""
    return read.kept_on(vehicle, date.min, timezone.localdate() + timedelta(days=MOST_HOURS // 24))


def _person_account(actor: Actor) -> int:
    if actor.account_id is None:
        raise Denied("只有登录账号可以办理解除隐私保护。", code="no_account")
    return actor.account_id


@transaction.atomic
def apply_lift(actor: Actor, vehicle: Vehicle, *, day_from: date, day_to: date, hours: int, reason: str) -> PrivacyLift:
    """申请解除: ask to see the vehicle's positions of ``[day_from, day_to]`` for ``hours`` from when it is agreed to.

    Raises ``Invalid`` for days or hours out of bounds or without a reason, ``Denied`` for jobs and keys without an
    account, ``Conflict`` when nothing of the vehicle is kept on these days or while the actor's earlier application for
    it waits.
    """
    actor.require(LIFT, vehicle)
    account = _person_account(actor)
    if day_to < day_from or (day_to - day_from).days >= MOST_DAYS:
        message = f"截止日期不能早于起始日期，且一次最多 {MOST_DAYS} 天。"
        raise Invalid(message, fields={"day_to": message})
    if day_to > timezone.localdate() + timedelta(days=MOST_HOURS // 24):
        message = f"截止日期不能晚于今天之后 {MOST_HOURS // 24} 天。"
        raise Invalid(message, fields={"day_to": message})
    if not 1 <= hours <= MOST_HOURS:
        message = f"查看时限应为 1 至 {MOST_HOURS} 小时。"
        raise Invalid(message, fields={"hours": message})
    if not (reason := reason.strip()):
        raise Invalid("请填写解除事由。", fields={"reason": "请填写解除事由。"})
    if not read.kept_on(vehicle, day_from, day_to):
        raise Conflict("该车在所选日期没有固定使用人，位置不受隐私保护，可直接查看轨迹，无需申请解除。", code="nothing_kept")
    waiting = PrivacyLift.objects.filter(account_id=account, vehicle=vehicle, state="applied").first()
    if waiting is not None and lapsed(waiting):
        ledger.move(waiting, "withdraw", actor, reason="逾期未审批，重新申请")
    try:
        with transaction.atomic():
            made = ledger.create(
                PrivacyLift, actor,
                {"unit": vehicle.unit, "vehicle": vehicle, "plate": vehicle.plate, "account_id": account,
                 "account_name": actor.name[:80], "applicant_person_id": actor.person_id, "day_from": day_from,
                 "day_to": day_to, "hours": hours, "reason": reason[:200]},
                name="申请", reason=reason,
            )  # fmt: skip
    except IntegrityError as error:
        message = "您对该车的申请正在等待审批，不能重复申请。"
        raise Conflict(message, code="lift_waiting") from error
    notices.notify(
        [each for each in _deciders(made) if each.pk != account], "vehicles.privacy.apply",
        f"待审批：解除 {made.plate} 的隐私保护", f"申请人：{made.account_name}。事由：{made.reason}", _address(made), subject=made,
        dedupe_key=f"vehicles.privacy.apply/{made.pk}",
    )  # fmt: skip
    return made


def _address(row: PrivacyLift) -> str:
    return reverse("vehicles.privacylift.detail", args=[row.pk])


def _deciders(row: PrivacyLift) -> list:
    return identity.reaching(identity.grantees(permission=DECIDE), row.scope_pos)


def lapsed(row: PrivacyLift) -> bool:
    """Tell whether the application waited longer than it may be decided."""
    return row.state == "applied" and timezone.now() >= row.created_at + DECIDE_WITHIN


def _check_decider(actor: Actor, row: PrivacyLift) -> int:
    """Return the decider's account. Raises ``Denied`` for the applicant, under whatever account, and for a holder."""
    actor.require(DECIDE, row)
    actor.require(DECIDE, row.vehicle)
    account = _person_account(actor)
    if account == row.account_id or (actor.person_id is not None and actor.person_id == row.applicant_person_id):
        raise Denied("申请人不能审批本人的申请，请由另一位有审批权限的人员办理。", code="same_person")
    if actor.person_id is not None and actor.person_id in read.holders_on(row.vehicle_id, row.day_from, row.day_to):
        raise Denied("您是该车的固定使用人，不能审批查看该车行踪的申请。", code="own_whereabouts")
    if lapsed(row):
        raise Conflict(
            f"该申请已超过 {DECIDE_WITHIN.total_seconds() / 3600:.0f} 小时未审批，不再办理；确需查看的请重新申请。", code="lift_lapsed"
        )
    return account


def _decide(actor: Actor, row: PrivacyLift, move: str, opinion: str, **values: object) -> PrivacyLift:
    account = _check_decider(actor, row)
    done = ledger.move(
        row, move, actor, reason=opinion, decided_by_id=account, decided_by=actor.name[:80], decided_at=timezone.now(),
        opinion=opinion[:200], **values,
    )  # fmt: skip
    words = f"已批准，{timezone.localtime(done.expires_at):%m月%d日 %H:%M} 失效" if done.expires_at else "未获批准"
    notices.notify(
        [done.account_id], "vehicles.privacy.decide", f"解除 {row.plate} 隐私保护的申请{words}",
        opinion and f"审批意见：{opinion}", _address(done), subject=done, dedupe_key=f"vehicles.privacy.decide/{done.pk}",
    )  # fmt: skip
    return done


@transaction.atomic
def approve_lift(actor: Actor, lift: PrivacyLift, *, opinion: str = "") -> PrivacyLift:
    """批准: from now on, for the hours asked for, the applicant sees where the vehicle was.

    Raises ``Denied`` for the applicant and for holders of the vehicle, ``Conflict`` when it was decided or has lapsed.
    """
    people = read.holders_on(lift.vehicle_id, lift.day_from, lift.day_to)
    return _decide(
        actor, lift, "approve", opinion.strip(), expires_at=timezone.now() + timedelta(hours=lift.hours),
        person_ids=sorted(people),
    )  # fmt: skip


@transaction.atomic
def refuse_lift(actor: Actor, lift: PrivacyLift, *, reason: str) -> PrivacyLift:
    """不批准."""
    return _decide(actor, lift, "refuse", reason.strip())


@transaction.atomic
def withdraw_lift(actor: Actor, lift: PrivacyLift) -> PrivacyLift:
    """撤回 one's own application before it is decided."""
    actor.require(LIFT, lift)
    if actor.account_id != lift.account_id:
        raise Denied("只能撤回本人的申请。", code="not_yours")
    return ledger.move(lift, "withdraw", actor)


@transaction.atomic
def end_lift(actor: Actor, lift: PrivacyLift, *, reason: str = "") -> PrivacyLift:
    """提前结束: the applicant, or anybody who may decide, ends it alone: less is safe. Over already: ``Conflict``."""
    if actor.account_id is None or actor.account_id != lift.account_id:
        actor.require(DECIDE, lift)
    now = timezone.now()
    if lift.state == "approved" and lift.expires_at is not None and lift.expires_at <= now:
        raise Conflict("该解除已经到时失效。", code="lift_over")
    return ledger.move(lift, "end", actor, reason=reason, expires_at=now)


def tell_holders() -> int:
    """告知: tell the holders of vehicles whose whereabouts were open to somebody, once that is over; return how many notices.

    For the daily job. Each lift is told once: the notice's key names it.
    """
    told = 0
    with system("vehicles.privacy").transaction():
        for row in read.over().filter(expires_at__gt=timezone.now() - timedelta(days=TOLD_DAYS)):
            told += notices.notify(
                Person.objects.filter(pk__in=row.person_ids), "vehicles.privacy.tell",
                f"{row.plate} 非工作时间的行踪曾被依规查看",
                f"{row.day_from} 至 {row.day_to}，查看人：{row.account_name}，批准人：{row.decided_by}。事由：{row.reason}",
                reverse("vehicles.privacylift.mine"), subject=row, dedupe_key=f"vehicles.privacy.tell/{row.pk}",
            )  # fmt: skip
    return told
