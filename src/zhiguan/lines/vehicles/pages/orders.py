"""Lists of 用车申请与派车单, one for each kind of user. The order itself: ``order``."""

from __future__ import annotations

from zhiguan.kit.pages import (
    BoolFilter,
    BulkAction,
    ChoiceFilter,
    Column,
    Date,
    DateRangeFilter,
    DateTime,
    EmptyState,
    ListPage,
    MenuItem,
    PageAction,
    RowAction,
    UnitFilter,
)

from .. import lifecycle, queries
from ..domain import orders
from ..queries.evaluation import timed
from .parts import ORDER_COLUMNS, ORDER_STATE, PLATE, of_car, of_kind, overdue, unit_options

_ORDER_FILTERS = (
    ChoiceFilter("state", "状态", options=lifecycle.ORDER.choices, facets=False),
    ChoiceFilter("kind", "类别", facets=False),
    UnitFilter("unit", "单位", options=unit_options("vehicles.order.view")),
    DateRangeFilter("planned_from", "用车时间"),
)
_FIGURES = (of_kind(), of_car(), BoolFilter("timed", "有响应时间", condition=timed))
"""Filters that figures of evaluation open the list with."""
ORDERS = ListPage(
    code="vehicles.order",
    path="vehicles/order/",
    title="派车单",
    menu=MenuItem("vehicles", order=12, icon="clipboard-list"),
    permission="vehicles.order.view",
    scope_persons=("requester_id", "driver_person_id"),
    rows=queries.orders,
    columns=ORDER_COLUMNS,
    search=("^code", "=plate", "=vehicle.plate", "=requester.name"),
    search_hint="单号、车牌号、申请人姓名",
    filters=(*_ORDER_FILTERS, *_FIGURES),
    default_sort="-created_at",
    views=(("全部", ""), ("待审批", "state=requested"), ("待派车", "state=approved"), ("出车中", "state=started")),
    page_actions=(PageAction("申请用车", "vehicles.order.create", icon="plus", style="primary"),),
    export_name="派车单",
    empty=EmptyState(
        "还没有派车单", "申请用车后，在这里查看审批和派车进展。", PageAction("申请用车", "vehicles.order.create")
    ),
    search_global=True,
)
MY_REQUESTS = ListPage(
    code="vehicles.order.mine",
    path="vehicles/order/mine/",
    title="我的用车申请",
    menu=MenuItem("vehicles", order=2, icon="file-text"),
    permission="vehicles.order.request",
    scope_persons=("requester_id",),
    rows=queries.my_requests,
    note="包括您申请的和您作为乘车人的用车。",
    columns=tuple(column for column in ORDER_COLUMNS if column.name not in ("unit.name", "requester.name")),
    search=("^code", "destination", "purpose"),
    search_hint="单号、目的地、事由",
    filters=(
        ChoiceFilter("state", "状态", options=lifecycle.ORDER.choices),
        DateRangeFilter("planned_from", "用车时间"),
    ),
    default_sort="-created_at",
    page_actions=(PageAction("申请用车", "vehicles.order.create", icon="plus", style="primary"),),
    detail="vehicles.order.detail",
    empty=EmptyState("还没有用车申请", "", PageAction("申请用车", "vehicles.order.create")),
)
TO_APPROVE = ListPage(
    code="vehicles.order.approving",
    path="vehicles/order/to-approve/",
    title="待我审批",
    menu=MenuItem("vehicles", order=4, icon="checkbox", badge="vehicles.approve"),
    permission="vehicles.order.approve",
    rows=queries.to_approve,
    columns=ORDER_COLUMNS[:7],
    search=("^code", "=requester.name", "destination"),
    search_hint="单号、申请人、目的地",
    filters=(ChoiceFilter("kind", "类别"), DateRangeFilter("planned_from", "用车时间")),
    default_sort="planned_from",
    bulk_actions=(
        BulkAction("approve", "批量批准", verb=orders.approve, permission="vehicles.order.approve", icon="check",
                   style="primary", confirm="批准所选的 {count} 件申请？"),
        BulkAction("refuse", "批量不批准", verb=orders.refuse, permission="vehicles.order.approve", reason=True),
    ),
    detail="vehicles.order.detail",
    empty=EmptyState("没有待审批的用车申请", "新的申请会出现在这里。"),
)  # fmt: skip
TO_DISPATCH = ListPage(
    code="vehicles.order.dispatching",
    path="vehicles/order/to-dispatch/",
    title="待派车",
    menu=MenuItem(
        "vehicles", order=6, icon="steering-wheel", badge="vehicles.dispatch"
    ),
    permission="vehicles.order.dispatch",
    rows=queries.to_dispatch,
    columns=ORDER_COLUMNS[:7],
    search=("^code", "=requester.name", "destination"),
    search_hint="单号、申请人、目的地",
    filters=(ChoiceFilter("kind", "类别"), DateRangeFilter("planned_from", "用车时间")),
    default_sort="planned_from",
    row_actions=(RowAction("派车", "vehicles.order.dispatch", icon="steering-wheel"),),
    detail="vehicles.order.detail",
    empty=EmptyState("没有待派车的申请", "审批通过的申请会出现在这里。"),
)
MY_DRIVES = ListPage(
    code="vehicles.order.driving",
    path="vehicles/order/my-drives/",
    title="我的出车记录",
    menu=MenuItem("vehicles", order=9, icon="history"),
    permission="vehicles.order.drive",
    scope_persons=("driver_person_id",),
    rows=queries.my_drives,
    columns=(ORDER_COLUMNS[0], ORDER_STATE, DateTime("planned_from", "用车时间", sortable=True), Column("origin", "上车地点"),
             Column("destination", "目的地"), Column("passengers", "乘车人"), PLATE),
    search=("^code", "destination"),
    search_hint="单号、目的地",
    filters=(ChoiceFilter("state", "状态", options=lifecycle.ORDER.choices), DateRangeFilter("planned_from", "用车时间")),
    default_sort="-planned_from",
    views=(("全部", ""), ("待出车", "state=dispatched"), ("出车中", "state=started")),
    detail="vehicles.order.detail",
    empty=EmptyState("没有出车任务", "派给您的任务会出现在这里。"),
)  # fmt: skip
TO_RATIFY = ListPage(
    code="vehicles.order.ratifying",
    path="vehicles/order/to-ratify/",
    title="应急用车补批",
    menu=MenuItem("vehicles", order=5, icon="clock-exclamation",
                  badge="vehicles.ratify"),
    permission="vehicles.order.approve",
    rows=queries.to_ratify,
    columns=(*ORDER_COLUMNS[:5], Date("ratify_by_on", "补批期限", sortable=True), overdue("ratify_by_on", "时限")),
    search=("^code", "=requester.name", "purpose"),
    search_hint="单号、申请人、事由",
    filters=(DateRangeFilter("ratify_by_on", "补批期限"),),
    default_sort="ratify_by_on",
    detail="vehicles.order.detail",
    note="应急用车先派车后审批，须在期限内补办；逾期仍可补批，并保留逾期记录。",
    empty=EmptyState("没有待补批的应急用车", "先派车后审批的应急用车会出现在这里。"),
)  # fmt: skip
