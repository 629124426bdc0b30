"""一车一档: what the vehicle's own page shows of its whole life, tab by tab."""

from __future__ import annotations

from typing import Any

from django.urls import reverse

from zhiguan.kit.pages import Column, Custom, Date, Money, Panel, RelatedList

from ..codes import Marking
from ..queries import dues, establishment, life, spending
from .costs import CARD_COLUMNS, COST_COLUMNS, ENERGY_COLUMNS
from .due import DUE_COLUMNS
from .life import CLAIM_COLUMNS, INSPECTION_COLUMNS, POLICY_COLUMNS, UPKEEP_COLUMNS
from .mishaps import ACCIDENT_COLUMNS, VIOLATION_COLUMNS
from .plans import DISPOSAL_COLUMNS

SPENDING = "vehicles.cost.view"
HERE = {"vehicle.plate", "unit.name"}


def _own(columns: tuple[Column, ...]) -> tuple[Column, ...]:
    """Return the columns that say more than which vehicle it is."""
    return tuple(column for column in columns if column.name not in HERE)


def _more(page: str) -> Any:
    return lambda vehicle: f"{reverse(page)}?car={vehicle.plate}"


def _list(title: str, tab: str, rows: Any, columns: Any, page: str, *related: str, permission: str = "") -> RelatedList:
    """Return the rows of one vehicle, newest ten; the whole list is one step away."""
    return RelatedList(
        title, rows=life.of(rows, *related), columns=_own(columns), tab=tab, link=f"{page}.detail" if page else "",
        more=_more(page) if page else None, limit=10, permission=permission,
    )  # fmt: skip


REGISTRATION = Panel("登记与标识", fields=(
    Column("engine_no", "发动机号"), Column("certificate_no", "登记证书编号"), Date("registered_on", "注册登记日期"),
    Column("marking", "标识喷涂", kind="badge", badge={Marking.PENDING: "yellow", Marking.DONE: "green",
                                                  Marking.EXEMPT: "secondary"}),
    Date("marked_on", "喷涂日期"), Column("marking_note", "免喷涂理由"), Date("disposed_on", "处置日期"),
))  # fmt: skip
BLOCKS = (
    REGISTRATION,
    Custom("vehicles/timeline.html", context=lambda row, actor, request: {"events": life.timeline(row, actor)},
           title="生命历程"),
    Custom("vehicles/standing.html", context=lambda row, actor, request: establishment.standing(row, actor),
           title="编制、标准与更新", tab="编制与标准"),
    Panel("配备依据", tab="编制与标准", fields=(
        Column("special_need", "确因工作需要"), Column("over_standard_note", "超标准情况说明", wide=True),
        Money("price_yuan", "购置价格"))),
    RelatedList("到期提醒", rows=dues.of_vehicle, columns=DUE_COLUMNS, tab="保险年检", limit=20),
    _list("保险单", "保险年检", life.policies, POLICY_COLUMNS, "vehicles.policy"),
    RelatedList("保险理赔", rows=life.claims_of, columns=CLAIM_COLUMNS, tab="保险年检", link="vehicles.claim.detail", limit=10),
    _list("检验记录", "保险年检", life.inspections, INSPECTION_COLUMNS, "vehicles.inspection"),
    _list("维修保养", "维修保养", life.upkeeps, UPKEEP_COLUMNS, "vehicles.upkeep"),
    _list("加油充电", "能耗", life.energy, ENERGY_COLUMNS, "vehicles.energy", "card", permission=SPENDING),
    _list("加油充电卡", "能耗", life.cards, CARD_COLUMNS, "vehicles.card", permission=SPENDING),
    Custom("vehicles/vehicle_costs.html", context=lambda row, actor, request: spending.of_vehicle(row, actor),
           title="费用构成", tab="费用", permission=SPENDING),
    _list("费用明细", "费用", life.costs, COST_COLUMNS, "vehicles.cost", permission=SPENDING),
    _list("事故", "事故违章", life.accidents, ACCIDENT_COLUMNS, "vehicles.accident", "driver__person"),
    _list("交通违法", "事故违章", life.violations, VIOLATION_COLUMNS, "vehicles.violation", "driver__person", "order"),
    _list("处置", "处置", life.disposals, DISPOSAL_COLUMNS, "vehicles.disposal", "to_unit", permission="vehicles.plan.view"),
)  # fmt: skip
