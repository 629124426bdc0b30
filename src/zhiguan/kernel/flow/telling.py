"""People told of cases, in the transaction of what they are told about."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from zhiguan.kernel.identity import service as identity
from zhiguan.kernel.notices import service as notices

from .declare import ASSIGN, SUPERVISE
from .lifecycle import DECIDED

if TYPE_CHECKING:
    from .desk import Desk

PAGE = "/governance/case/{pk}/"
"""Address of a case's page. Declared pages are above this storey; a house test holds the two together."""


def page_of(case: Any) -> str:
    return PAGE.format(pk=case.pk)


def holders_of(permission: str) -> list[Any]:
    return identity.grantees(permission=permission)


def tell(desk: Desk) -> None:
    """Tell everybody whom this act concerns, once."""
    case = desk.case
    for what, about in desk.told:
        if what == "todo" and about:
            step = about[0].step
            notices.notify(
                [seat.person for seat in about], "flow.step.open", f"待办：{case.title}",
                f"{case.unit.name}，{desk.item.name}，环节“{step.name}”。", page_of(case), subject=case,
                dedupe_key=f"flow.step/{step.pk}/open/{about[0].pk}/{case.version}",
            )  # fmt: skip
        elif what == "stuck":
            notices.notify(
                in_charge(case, ASSIGN, SUPERVISE), "flow.step.stuck", f"无人可办：{case.title}",
                f"环节“{about.name}”按规则找不到办理人，办件已停在这里。请指定办理人。", page_of(case), subject=case,
                dedupe_key=f"flow.step/{about.pk}/stuck",
            )  # fmt: skip
        elif what == "applicant" and case.applicant_id:
            kind, title, body = about
            notices.notify([case.applicant], kind, title, body, page_of(case), subject=case,
                           dedupe_key=f"{kind}/{case.pk}/{case.version}")  # fmt: skip
        elif what == "people":
            people, kind, title, body = about
            notices.notify(people, kind, title, body, page_of(case), subject=case,
                           dedupe_key=f"{kind}/{case.pk}/{case.version}")  # fmt: skip
    desk.told = []
    if case.state in DECIDED and case.applicant_id:
        notices.notify(
            [case.applicant], "flow.case.end", f"{case.state_name}：{case.title}",
            case.result or f"文号 {case.document_no}", page_of(case), subject=case,
            dedupe_key=f"flow.case/{case.pk}/end",
        )  # fmt: skip


def in_charge(case: Any, *acts: str, holders: Callable[[str], list[Any]] = holders_of) -> list[Any]:
    """The accounts that hold one of a line's case permissions over the case's unit. ``holders`` answers who holds a
    permission: for many cases, from one answer."""
    found = [identity.reaching(holders(f"{case.area}.case.{act}"), case.scope_pos) for act in acts]
    return list({account.pk: account for accounts in found for account in accounts}.values())
