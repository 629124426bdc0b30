"""解除隐私保护: applying on a vehicle's page, deciding, the record of all, and what its holders read afterwards."""

from __future__ import annotations

from typing import Any

from django.db.models import Q
from django.db.models.functions import Now
from django.urls import reverse
from django.utils import timezone

from zhiguan.kit.actor import Actor
from zhiguan.kit.pages import (
    SIGNED_IN,
    Badge,
    BoolFilter,
    ChoiceFilter,
    Column,
    Date,
    DateRangeFilter,
    DateTime,
    DetailPage,
    EmptyState,
    ListPage,
    MenuItem,
    Number,
    Panel,
    UnitFilter,
    VerbAction,
)

from .. import lifecycle, queries
from ..domain import privacy
from ..forms.places import ApproveLiftForm, LiftForm
from ..models import PrivacyLift
from ..queries import privacy as read
from ..queries.privacy import DECIDE, LIFT, VIEW
from .parts import address_of, in_state, of_car, replay_url, unit_options

APPLY_LIFT = VerbAction(
    "apply_lift", "申请解除隐私保护", verb=privacy.apply_lift, permission=LIFT, form=LiftForm, icon="eye",
    success=address_of("vehicles.privacylift.detail"), done="已提交，批准后方可查看", when=privacy.liftable,
    unfit="该车没有登记固定使用人，位置不受隐私保护，可直接查看轨迹，无需申请解除。",
    help="车辆登记了固定使用人时，非工作时间只显示是否移动。确需查看位置的，写明事由申请，由另一位有审批权限的人员批准后，在时限内对您本人解除；"
    "每次查看都记入痕迹，失效后固定使用人可以看到。",
)  # fmt: skip


def standing(row: PrivacyLift) -> str:
    """Return how the lift stands at this moment: what time has done to it is computed, not stored."""
    if privacy.lapsed(row):
        return "lapsed"
    if row.state == "approved" and row.expires_at is not None and row.expires_at <= timezone.now():
        return "over"
    return row.state


STANDING = Badge(
    "state", "状态", {**lifecycle.LIFT.colours, "lapsed": "secondary", "over": "secondary", "approved": "green"},
    choices={**lifecycle.LIFT.states, "approved": "生效中", "lapsed": "逾期未审批", "over": "已到时失效"}, value=standing,
    needs=("state", "created_at", "expires_at"),
)  # fmt: skip


def _mine(actor: Actor, row: PrivacyLift) -> bool:
    return actor.account_id is not None and actor.account_id == row.account_id


def _others(actor: Actor, row: PrivacyLift) -> bool:
    return not _mine(actor, row)


def _waits(row: Any) -> bool:
    return standing(row) == "applied"


_DAYS = (Date("day_from", "查看起始日期"), Date("day_to", "查看截止日期"))
LIFTS = ListPage(
    code="vehicles.privacylift", path="vehicles/privacylift/", title="解除隐私保护",
    menu=MenuItem("vehicles", order=39, icon="eye", badge="vehicles.lift"),
    permission=VIEW, rows=read.lift_rows,
    columns=(DateTime("created_at", "申请时间", sortable=True, link=True), STANDING, Column("plate", "车辆"),
             Column("account_name", "申请人"), Column("reason", "事由", kind="long"), *_DAYS,
             Column("decided_by", "审批人"), DateTime("expires_at", "失效时间", sortable=True),
             Column("unit.name", "单位", shown=False)),
    search=("=plate", "account_name", "reason"), search_hint="车牌号、申请人、事由",
    filters=(ChoiceFilter("state", "状态", options=lifecycle.LIFT.choices), DateRangeFilter("created_at", "申请时间"),
             BoolFilter("valid", "生效中", condition=Q(state="approved", expires_at__gt=Now())),
             UnitFilter("unit", "单位", options=unit_options(VIEW)), of_car("plate")),
    views=(("全部", ""), ("待审批", "state=applied"), ("生效中", "valid=1")),
    default_sort="-created_at", export_name="解除隐私保护",
    note="一人申请、另一人审批；批准后只对申请人本人有效，到时自动失效。依据解除的每一次查看都在痕迹中。",
    empty=EmptyState("没有解除隐私保护的申请", "在车辆页面办理“申请解除隐私保护”后，在此列出。"),
)  # fmt: skip
_WHAT = (
    Column("plate", "车辆", link=lambda lift: reverse("vehicles.vehicle.detail", args=[lift.vehicle_id])),
    Column("holders", "固定使用人", value=read.whose, permission="vehicles.holder.view"),
    Column("account_name", "申请人"), DateTime("created_at", "申请时间"), *_DAYS, Number("hours", "查看时限", unit="小时"),
    Column("reason", "事由", wide=True),
)  # fmt: skip
LIFTED = DetailPage(
    code="vehicles.privacylift", path="vehicles/privacylift/<int:pk>/", permission=VIEW,
    rows=lambda actor: read.lift_rows(actor).select_related("unit"), badge=STANDING,
    title=lambda lift: f"解除隐私保护 {lift.plate}", subtitle=lambda lift: f"{lift.unit.name} · 申请人 {lift.account_name}",
    panels=(
        Panel("申请", fields=_WHAT),
        Panel("审批", fields=(Column("decided_by", "审批人"), DateTime("decided_at", "审批时间"),
                            DateTime("expires_at", "失效时间"), Column("opinion", "审批意见", wide=True)),
              when=lambda lift: lift.decided_at is not None),
        Panel("查看", when=lambda lift: standing(lift) == "approved", fields=(
            Column("replay", "轨迹回放", value=lambda lift: f"{lift.plate} {lift.day_from:%Y-%m-%d}", permission="vehicles.trip.view",
                   link=lambda lift: replay_url(lift.vehicle_id, lift.day_from), help="非工作时间的位置只对申请人本人显示。"),
        )),
    ),
    actions=(
        VerbAction("approve", "批准", verb=privacy.approve_lift, form=ApproveLiftForm, permission=DECIDE, style="primary",
                   when=_waits, only=_others, done="已批准，申请人在时限内可以查看",
                   help="批准后，申请人自现在起在申请的时限内可以查看该车非工作时间的位置。"),
        VerbAction("refuse", "不批准", verb=privacy.refuse_lift, permission=DECIDE, reason=True, when=_waits, only=_others),
        VerbAction("withdraw", "撤回", verb=privacy.withdraw_lift, permission=LIFT, when=in_state("applied"), only=_mine,
                   confirm="撤回这件申请？"),
        VerbAction("end", "提前结束", verb=privacy.end_lift, permission=VIEW, confirm="立即结束？之后不能再依据它查看。",
                   when=lambda lift: standing(lift) == "approved",
                   only=lambda actor, row: _mine(actor, row) or actor.can(DECIDE)),
    ),
    history=queries.history,
)  # fmt: skip
LOOKED_AT = ListPage(
    code="vehicles.privacylift.mine", path="vehicles/privacylift/mine/", title="本人行踪被查看的记录",
    permission=SIGNED_IN,  # it lists only lifts about vehicles the reader held
    rows=read.looked_at, scope_column="",
    columns=(DateTime("decided_at", "批准时间", sortable=True), Column("plate", "车辆"), *_DAYS,
             Column("account_name", "查看人"), Column("decided_by", "批准人"), Column("reason", "事由", kind="long"),
             DateTime("expires_at", "失效时间")),
    default_sort="-decided_at", filters=(DateRangeFilter("decided_at", "批准时间"),),
    note="您登记为固定使用人的车辆，非工作时间的位置只显示是否移动。他人经批准查看过的，在查看时限结束后列在这里。",
    empty=EmptyState("没有查看记录", "您固定使用的车辆，非工作时间的行踪没有被查看过。"),
)  # fmt: skip
