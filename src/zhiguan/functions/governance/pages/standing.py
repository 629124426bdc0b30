"""授权代办: who handles my steps while I am away."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.utils import timezone

from zhiguan.kernel.flow import service
from zhiguan.kit.actor import Actor
from zhiguan.kit.pages import (
    SIGNED_IN,
    Badge,
    Column,
    Date,
    DetailPage,
    EmptyState,
    FormPage,
    ListPage,
    MenuItem,
    PageAction,
    Panel,
    VerbAction,
)

from .. import forms, queries


def _own(actor: Actor) -> QuerySet:
    return service.Delegation.objects.filter(person=actor.person_id or 0)


def _state(row: Any) -> str:
    today = timezone.localdate()
    if row.revoked_at is not None:
        return "revoked"
    return "future" if row.valid_from > today else "over" if row.valid_to < today else "valid"


STATE = Badge(
    "state", "状态", {"valid": "green", "future": "azure", "over": "secondary", "revoked": "secondary"},
    choices={"valid": "生效中", "future": "未到期间", "over": "已到期", "revoked": "已收回"}, value=_state,
    needs=("valid_from", "valid_to", "revoked_at"),
)  # fmt: skip
ITEM = Column(
    "item", "事项", value=lambda row: queries.item_name(row.item) if row.item else "全部事项", needs=("item",)
)

DELEGATIONS = ListPage(
    code="governance.delegation",
    path="governance/delegation/",
    title="授权代办",
    menu=MenuItem("governance", order=9, icon="user-share", when=queries.concerned),
    permission=SIGNED_IN,
    rows=_own,
    columns=(Column("delegate.name", "代办人", link=True), ITEM, Date("valid_from", "起始日期", sortable=True),
             Date("valid_to", "截止日期", sortable=True), STATE, Column("reason", "事由")),
    search=("delegate.name", "reason"),
    search_hint="代办人、事由",
    default_sort="-valid_from",
    page_actions=(PageAction("授权他人代办", "governance.delegation.create", icon="plus", style="primary"),),
    empty=EmptyState("没有授权", "出差、休假期间，可以授权他人在一段时间内代办您的待办。",
                     PageAction("授权他人代办", "governance.delegation.create")),
)  # fmt: skip
DELEGATION = DetailPage(
    code="governance.delegation",
    path="governance/delegation/<int:pk>/",
    title=lambda row: f"授权{row.delegate.name}代办",
    permission=SIGNED_IN,
    rows=_own,
    badge=STATE,
    panels=(Panel("授权", fields=(Column("delegate.name", "代办人"), ITEM, Date("valid_from", "起始日期"), Date("valid_to", "截止日期"),
                                 Column("reason", "事由", wide=True))),),
    actions=(VerbAction("revoke", "收回授权", verb=service.revoke, permission=SIGNED_IN, style="danger",
                        when=lambda row: row.revoked_at is None and row.valid_to >= timezone.localdate(),
                        confirm="收回后代办人不能再办理您的待办。"),),
)  # fmt: skip
NEW_DELEGATION = FormPage(
    code="governance.delegation.create",
    path="governance/delegation/new/",
    title="授权他人代办",
    permission=SIGNED_IN,
    form=forms.AuthoriseForm,
    verb=lambda actor, row, values: service.authorise(actor, **values),
    help="授权期间，代办人可以签收、办理您的待办，办理记录写明由谁代办。到期自动失效。",
)
__all__ = ["DELEGATION", "DELEGATIONS", "NEW_DELEGATION"]
