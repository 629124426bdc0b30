"""解除隐私保护: the act on a vehicle's page, and the record of who lifted what."""

from __future__ import annotations

from django.db.models import Q
from django.db.models.functions import Now
from django.urls import reverse

from zhiguan.kit.pages import (
    BoolFilter,
    Column,
    Date,
    DateRangeFilter,
    DateTime,
    DetailPage,
    EmptyState,
    ListPage,
    MenuItem,
    Panel,
    UnitFilter,
    VerbAction,
)

from ..domain import privacy
from ..forms.places import LiftForm
from ..queries.privacy import LIFT, lifts_in_force
from .parts import of_car, unit_options

LIFT_PRIVACY = VerbAction(
    "lift", "解除隐私保护", verb=privacy.lift, permission=LIFT, form=LiftForm, reason=True, icon="eye",
    success=lambda lift, actor: reverse("vehicles.vehicle.detail", args=[lift.vehicle_id]),
    done="已解除，到时自动恢复；每次查看都记入痕迹",
    help="车辆登记了固定使用人时，非工作时间只显示是否移动。确需查看位置的，写明事由后在时限内对您本人解除；每次查看都记入痕迹。",
)  # fmt: skip
LIFTS = ListPage(
    code="vehicles.privacylift", path="vehicles/privacylift/", title="隐私保护解除记录",
    menu=MenuItem("vehicles", order=39, icon="eye"), permission=LIFT, rows=lifts_in_force,
    columns=(DateTime("created_at", "解除时间", sortable=True, link=True), Column("vehicle.plate", "车辆"),
             Column("account_name", "查看人"), Column("reason", "事由", kind="long"), Date("day_from", "起始日期"),
             Date("day_to", "截止日期"), DateTime("expires_at", "失效时间", sortable=True),
             Column("unit.name", "单位", shown=False)),
    search=("=vehicle.plate", "account_name", "reason"), search_hint="车牌号、查看人、事由",
    filters=(DateRangeFilter("created_at", "解除时间"), BoolFilter("valid", "尚未失效", condition=Q(expires_at__gt=Now())),
             UnitFilter("unit", "单位", options=unit_options(LIFT)), of_car()),
    default_sort="-created_at", export_name="隐私保护解除记录",
    note="解除只对办理人本人有效，到时自动失效；依据解除查看位置的每一次都在痕迹中。",
    empty=EmptyState("没有解除记录", "在车辆页面办理“解除隐私保护”后，在此列出。"),
)  # fmt: skip
LIFTED = DetailPage(
    code="vehicles.privacylift", path="vehicles/privacylift/<int:pk>/", permission=LIFT, rows=lifts_in_force,
    title=lambda lift: f"{lift.vehicle.plate} · {lift.account_name}",
    panels=(
        Panel("解除记录", fields=(
            Column("vehicle.plate", "车辆", link=lambda lift: reverse("vehicles.vehicle.detail", args=[lift.vehicle_id])),
            Column("account_name", "查看人"), Date("day_from", "起始日期"), Date("day_to", "截止日期"),
            DateTime("created_at", "解除时间"), DateTime("expires_at", "失效时间"), Column("reason", "事由", wide=True))),
    ),
    version=lambda lift: lift.pk,
)  # fmt: skip
