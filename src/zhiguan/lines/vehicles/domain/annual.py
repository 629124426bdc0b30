"""Verbs of the year's report: draw up, compute again, sign, correct, discard. What was signed never changes. SPEC L4.5."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.utils import timezone

from zhiguan.kernel.ledger import service as ledger
from zhiguan.kernel.orgs.service import Unit
from zhiguan.kit.actor import Actor
from zhiguan.kit.errors import Conflict, Denied, Invalid

from ..models import AnnualReport
from ..queries import annual
from .reach import whole

MANAGE, SIGN = "vehicles.statistics.manage", "vehicles.statistics.sign"


def _content(actor: Actor, unit: Unit, year: int) -> dict[str, Any]:
    """Return the content; refuse whoever sees only a part of what it would claim to be about."""
    if year > timezone.localdate().year or year < 2000:
        raise Invalid("年度不能晚于今年。", fields={"year": "年度不能晚于今年。"})
    if unit.kind not in ("city", "district", "organ"):
        raise Invalid("填报单位须是市、区或机关。", fields={"unit": "填报单位须是市、区或机关。"})
    if not all(whole(unit, actor, permission) for permission in (MANAGE, *annual.NEEDED)):
        message = f"您不能查看{unit.name}及其全部下级单位的车辆、编制、派车单、行程和费用，汇总会不完整。"
        raise Denied(message, code="out_of_scope")
    return annual.draw_up(actor, unit, year)


def check_content(actor: Actor, report: AnnualReport) -> dict[str, Any]:
    """Return what the report would say if it were drawn up now."""
    actor.require(MANAGE, report)
    return _content(actor, report.unit, report.year)


@transaction.atomic
def draw_up(actor: Actor, *, unit: Unit, year: int) -> AnnualReport:
    """编制: the first edition of a unit's year. A year that has one is corrected, not drawn up again."""
    actor.require(MANAGE, unit.pos)
    known = AnnualReport.objects.filter(unit=unit, year=year).exclude(state="discarded")
    if known.exists():
        message = "该单位该年度的报表已经编制；未锁定的请重新汇总，已锁定的请更正。"
        raise Conflict(message, code="drawn_up", fields={"year": message})
    return _create(actor, unit, year, {"drawn_by": actor.name}, "编制")


def _create(actor: Actor, unit: Unit, year: int, values: dict[str, Any], name: str, reason: str = "") -> AnnualReport:
    last = AnnualReport.objects.filter(unit=unit, year=year).order_by("-edition").first()
    return ledger.create(AnnualReport, actor, {
        **values, "unit": unit, "year": year, "edition": last.edition + 1 if last else 1,
        "data": _content(actor, unit, year), "drawn_at": timezone.now(),
    }, name=name, reason=reason)  # fmt: skip


@transaction.atomic
def recompute(actor: Actor, report: AnnualReport) -> AnnualReport:
    """重新汇总: bring a draft up to what the ledgers say now."""
    actor.require(MANAGE, report)
    content = _content(actor, report.unit, report.year)
    return ledger.move(report, "recompute", actor, data=content, drawn_by=actor.name, drawn_at=timezone.now())


@transaction.atomic
def sign(actor: Actor, report: AnnualReport) -> AnnualReport:
    """锁定: the draft becomes the year's report as it stands; the edition it corrects is replaced by it."""
    actor.require(SIGN, report)
    if report.corrects is not None and report.corrects.state == "signed":
        replace_report(actor, report.corrects, reason=f"由第 {report.edition} 版更正：{report.correction}")
    return ledger.move(report, "sign", actor, signed_by=actor.name, signed_at=timezone.now())


@transaction.atomic
def replace_report(actor: Actor, report: AnnualReport, *, reason: str) -> AnnualReport:
    """被更正版替代: a signed edition gives way to the one that corrects it; its content stays readable."""
    actor.require(SIGN, report)
    return ledger.move(report, "replace", actor, reason=reason)


@transaction.atomic
def correct(actor: Actor, report: AnnualReport, *, reason: str) -> AnnualReport:
    """更正: a further edition of a signed year, drawn up from the ledgers of today; the signed one holds until it is signed."""
    actor.require(MANAGE, report)
    if report.state != "signed":
        raise Conflict("只有已锁定的报表可以更正。", code="not_signed")
    if AnnualReport.objects.filter(unit=report.unit, year=report.year, state="draft").exists():
        raise Conflict("该报表已有待锁定的更正版。", code="draft_present")
    values = {"corrects": report, "correction": reason, "drawn_by": actor.name}
    return _create(actor, report.unit, report.year, values, "更正", reason)


@transaction.atomic
def discard(actor: Actor, report: AnnualReport, *, reason: str) -> AnnualReport:
    """作废 a draft."""
    actor.require(MANAGE, report)
    return ledger.move(report, "discard", actor, reason=reason)
