"""平台与结算: pools and what is in them, rented cars, monthly statements, problems and complaints."""

from __future__ import annotations

from typing import Any

from django.db.models import Count, Q
from django.urls import reverse
from django.utils import timezone

from zhiguan.kit.actor import Actor
from zhiguan.kit.pages import (
    SIGNED_IN,
    Badge,
    ChoiceFilter,
    Column,
    Date,
    DateRangeFilter,
    DateTime,
    DetailPage,
    EmptyState,
    FormPage,
    ListPage,
    MenuItem,
    Money,
    Number,
    PageAction,
    Panel,
    RelatedList,
    Section,
    VerbAction,
)

from .. import lifecycle, queries
from ..codes import PoolKind
from ..domain import journeys, pools, settling
from ..forms import AnswerForm, ContractForm, NewPoolForm, PoolForm, RentedCarForm, SettleForm
from .parts import VEHICLE_STATE, address_of, changing, in_state, making, overdue, states

POOL_STATE, CONTRACT_STATE = states(lifecycle.POOL), states(lifecycle.CONTRACT)
SETTLEMENT_STATE, ISSUE_STATE = states(lifecycle.SETTLEMENT), states(lifecycle.ISSUE)
VIEW, MANAGE = "vehicles.pool.view", "vehicles.pool.manage"
SETTLE_VIEW, SETTLE = "vehicles.settlement.view", "vehicles.settlement.manage"
KIND = Badge("kind", "类型", {"organ": "azure", "district": "blue", "city": "green", "rental": "orange"},
             choices=PoolKind.choices)  # fmt: skip
IN_USE, OFF = in_state("active"), in_state("closed")


def _counted(actor: Actor) -> Any:
    return queries.run_pools(actor).annotate(
        cars=Count("vehicles", filter=~Q(vehicles__state="disposed"), distinct=True),
        people=Count("drivers", filter=Q(drivers__state="active"), distinct=True),
    )


POOLS = ListPage(
    code="vehicles.pool", path="vehicles/pool/", title="用车平台", menu=MenuItem("vehicles", order=40, icon="sitemap"),
    permission=VIEW, rows=_counted,
    columns=(
        Column("name", "平台名称", link=True, sortable=True), KIND, Column("unit.name", "运行单位"),
        Number("cars", "车辆", unit="辆"), Number("people", "驾驶员", unit="人"), Column("phone", "调度电话"), POOL_STATE,
    ),
    search=("name",), search_hint="平台名称",
    filters=(ChoiceFilter("kind", "类型"), ChoiceFilter("state", "状态", options=lifecycle.POOL.choices)),
    default_sort="name", page_actions=(PageAction("设立平台", "vehicles.pool.create", icon="plus", style="primary"),),
    export_name="用车平台",
    empty=EmptyState("还没有用车平台", "设立平台并加入车辆后，各单位可以把用车申请转给平台调派。",
                     PageAction("设立平台", "vehicles.pool.create")),
)  # fmt: skip
POOL = DetailPage(
    code="vehicles.pool", path="vehicles/pool/<int:pk>/", title=lambda pool: pool.name, permission=VIEW,
    rows=lambda actor: queries.run_pools(actor).select_related("unit"), badge=POOL_STATE,
    panels=(
        Panel("基本信息", fields=(KIND, Column("unit.name", "运行单位"), Column("phone", "调度电话"), Column("note", "备注"))),
        RelatedList("服务单位", rows=lambda pool, actor: pool.members.select_related("unit"), limit=200,
                    columns=(Column("unit.name", "单位"),)),
        RelatedList("车辆", rows=lambda pool, actor: queries.vehicles(actor).filter(pool=pool), tab="车辆",
                    link="vehicles.vehicle.detail", limit=300,
                    columns=(Column("plate", "车牌号", link=True), Column("unit.name", "所属单位"), Column("tenure", "权属"),
                             Column("body", "车型"), Column("seats", "座位"), VEHICLE_STATE)),
        RelatedList("驾驶员", rows=lambda pool, actor: queries.drivers(actor).filter(pool=pool), tab="驾驶员",
                    link="vehicles.driver.detail", limit=300,
                    columns=(Column("person.name", "姓名", link=True), Column("unit.name", "所属单位"),
                             Column("licence_class", "准驾车型"), Column("phone", "联系电话"))),
        RelatedList("租赁合同", rows=lambda pool, actor: queries.contracts(actor).filter(pool=pool), tab="租赁合同",
                    link="vehicles.contract.detail",
                    columns=(Column("number", "合同编号", link=True), Column("company", "租赁公司"),
                             Money("day_rate_yuan", "日租金"), Date("valid_to", "终止日期"), CONTRACT_STATE)),
    ),
    actions=(
        VerbAction("close", "停用", verb=pools.close_pool, permission=MANAGE, reason=True, when=IN_USE, style="danger"),
        VerbAction("reopen", "恢复", verb=pools.reopen_pool, permission=MANAGE, when=OFF),
    ),
    page_actions=(PageAction("变更", "vehicles.pool.edit", icon="edit"),), history=queries.history,
)  # fmt: skip
_POOL_SECTIONS = (Section("平台", ("name", "kind", "unit", "phone", "note")), Section("服务范围", ("members",)))
POOL_NEW = FormPage(
    code="vehicles.pool.create", path="vehicles/pool/new/", title="设立用车平台", permission=MANAGE, form=NewPoolForm,
    verb=making(pools.open_pool), sections=_POOL_SECTIONS, success=address_of("vehicles.pool.detail"),
)  # fmt: skip
POOL_EDIT = FormPage(
    code="vehicles.pool.edit", path="vehicles/pool/<int:pk>/edit/", title=lambda pool: f"变更 {pool.name}",
    permission=MANAGE, form=PoolForm, rows=queries.run_pools, verb=changing(pools.edit_pool), sections=_POOL_SECTIONS,
    initial=lambda actor, pool, query: {name: getattr(pool, name) for name in ("name", "kind", "phone", "note")},
    history=queries.history, success=address_of("vehicles.pool.detail"),
)  # fmt: skip

CONTRACTS = ListPage(
    code="vehicles.contract", path="vehicles/contract/", title="车辆租赁合同",
    menu=MenuItem("vehicles", order=41, icon="file-certificate"), permission=VIEW, rows=queries.contracts,
    columns=(
        Column("number", "合同编号", link=True, sortable=True), Column("company", "租赁公司"), Column("pool.name", "服务平台"),
        Money("day_rate_yuan", "日租金"), Money("km_rate_yuan", "每公里"), Date("valid_from", "起始日期", shown=False),
        Date("valid_to", "终止日期", sortable=True), overdue("valid_to", "到期提示"), CONTRACT_STATE,
    ),
    search=("^number", "company"), search_hint="合同编号、租赁公司",
    filters=(ChoiceFilter("state", "状态", options=lifecycle.CONTRACT.choices), DateRangeFilter("valid_to", "终止日期")),
    default_sort="-valid_to", export_name="车辆租赁合同",
    page_actions=(PageAction("登记合同", "vehicles.contract.create", icon="plus", style="primary"),),
    empty=EmptyState("还没有租赁合同", "登记合同后可租入车辆，供平台调派。", PageAction("登记合同", "vehicles.contract.create")),
)  # fmt: skip
CONTRACT = DetailPage(
    code="vehicles.contract", path="vehicles/contract/<int:pk>/", title=lambda contract: contract.number,
    subtitle=lambda contract: contract.company, permission=VIEW, badge=CONTRACT_STATE,
    rows=lambda actor: queries.contracts(actor).select_related("pool__unit", "unit"),
    panels=(
        Panel("合同", fields=(
            Column("number", "合同编号"), Column("company", "租赁公司"), Column("pool.name", "服务平台"),
            Money("day_rate_yuan", "日租金"), Money("km_rate_yuan", "每公里"), Date("valid_from", "起始日期"),
            Date("valid_to", "终止日期"), Column("note", "备注"),
        )),
        RelatedList("租入车辆", rows=lambda contract, actor: queries.vehicles(actor).filter(contract=contract),
                    link="vehicles.vehicle.detail",
                    columns=(Column("plate", "车牌号", link=True), Column("body", "车型"), Column("brand_model", "品牌型号"),
                             Column("seats", "座位"), VEHICLE_STATE)),
    ),
    actions=(
        VerbAction("rent_vehicle", "租入车辆", verb=pools.rent_vehicle, form=RentedCarForm, permission=MANAGE,
                   style="primary", when=lambda row: row.state == "active" and row.valid_to >= timezone.localdate(),
                   success=lambda vehicle, actor: reverse("vehicles.vehicle.detail", args=[vehicle.pk])),
        VerbAction("close", "终止", verb=pools.close_contract, permission=MANAGE, reason=True, when=IN_USE, style="danger"),
        VerbAction("reopen", "恢复", verb=pools.reopen_contract, permission=MANAGE, when=OFF),
    ),
    history=queries.history,
)  # fmt: skip
CONTRACT_NEW = FormPage(
    code="vehicles.contract.create", path="vehicles/contract/new/", title="登记租赁合同", permission=MANAGE,
    form=ContractForm, verb=making(pools.sign_contract), success=address_of("vehicles.contract.detail"),
    sections=(Section("合同", ("number", "company", "pool", "valid_from", "valid_to", "note")),
              Section("租金", ("day_rate_yuan", "km_rate_yuan"))),
)  # fmt: skip


def _month(row: Any) -> str:
    return f"{row.month:%Y年%m月}"


SETTLEMENTS = ListPage(
    code="vehicles.settlement", path="vehicles/settlement/", title="用车结算",
    menu=MenuItem("vehicles", order=42, icon="receipt"), permission=SETTLE_VIEW, rows=queries.settlements,
    columns=(
        Column("code", "单号", link=True, sortable=True), SETTLEMENT_STATE,
        Column("month", "月份", value=_month, needs=("month",), sort="month"), Column("unit.name", "服务单位"),
        Column("payer.name", "用车单位"), Number("order_count", "派车单", unit="件"), Number("km", "里程", digits=1, unit="公里"),
        Money("amount_yuan", "应付金额", sortable=True),
    ),
    search=("^code", "payer.name", "unit.name"), search_hint="单号、单位",
    filters=(ChoiceFilter("state", "状态", options=lifecycle.SETTLEMENT.choices), DateRangeFilter("month", "月份")),
    default_sort="-month", export_name="用车结算",
    views=(("全部", ""), ("待对方确认", "state=issued"), ("有异议", "state=disputed")),
    page_actions=(PageAction("编制结算单", "vehicles.settlement.create", icon="plus", style="primary"),),
    note="平台为其他单位提供的用车按里程和时长计费；标准见“标准依据”中的用车服务结算标准。",
    empty=EmptyState("还没有结算单", "每月结束后，由平台编制并提交用车单位确认。"),
)  # fmt: skip
SETTLEMENT = DetailPage(
    code="vehicles.settlement", path="vehicles/settlement/<int:pk>/", title=lambda row: row.code,
    subtitle=lambda row: f"{row.unit.name} → {row.payer.name} · {_month(row)}", permission=SETTLE_VIEW,
    rows=lambda actor: queries.settlements(actor).select_related("unit", "payer"), badge=SETTLEMENT_STATE,
    panels=(
        Panel("结算", fields=(
            Column("unit.name", "服务单位"), Column("payer.name", "用车单位"), Column("month", "月份", value=_month),
            Number("order_count", "派车单", unit="件"), Number("km", "里程", digits=1, unit="公里"),
            Number("hours", "时长", digits=1, unit="小时"), Money("amount_yuan", "应付金额"), Column("issued_by", "提交人"),
            Column("confirmed_by", "确认人"), Column("dispute", "异议"),
        )),
        RelatedList("明细", rows=queries.settlement_lines, limit=500, columns=(
            Date("used_on", "日期"), Column("order_code", "派车单"), Column("plate", "车辆"),
            Number("km", "里程", digits=1, unit="公里"), Money("km_rate_yuan", "每公里"),
            Number("hours", "时长", digits=1, unit="小时"), Money("hour_rate_yuan", "每小时"),
            Money("expenses_yuan", "随车费用"), Money("amount_yuan", "金额"))),
    ),
    actions=(
        VerbAction("issue", "提交对方确认", verb=settling.issue, permission=SETTLE, style="primary",
                   when=in_state("draft", "disputed"), confirm="提交后由用车单位确认。"),
        VerbAction("recompute", "重新计算", verb=settling.recompute, permission=SETTLE, when=in_state("draft", "disputed")),
        VerbAction("confirm", "确认", verb=settling.confirm, permission=SETTLE, style="primary", when=in_state("issued"),
                   confirm="确认该结算单的里程、时长和金额？"),
        VerbAction("dispute", "提出异议", verb=settling.dispute, permission=SETTLE, reason=True, when=in_state("issued")),
    ),
    history=queries.history, print=True,
)  # fmt: skip


def _draw_up(actor: Actor, row: Any, values: dict[str, Any]) -> Any:
    settling.draw_up(actor, **values)
    return None


SETTLEMENT_NEW = FormPage(
    code="vehicles.settlement.create", path="vehicles/settlement/new/", title="编制结算单", permission=SETTLE,
    form=SettleForm, verb=_draw_up, submit="编制", done="已编制该月的结算单",
    success=lambda row, actor: reverse("vehicles.settlement"),
    help="按该月平台为各单位完成的派车单逐一计费；已提交或已确认的结算单不受影响。",
)  # fmt: skip

ISSUES = ListPage(
    code="vehicles.issue", path="vehicles/issue/", title="行车问题与投诉",
    menu=MenuItem("vehicles", order=14, icon="message", badge="vehicles.issues"),
    permission="vehicles.issue.view", scope_persons=("reporter_id",), rows=queries.issues,
    columns=(
        Column("text", "情况", link=True, wide=True), Column("kind", "类别"), ISSUE_STATE, Column("order_code", "派车单"),
        Column("unit.name", "单位"), Column("reporter.name", "反映人"), DateTime("created_at", "时间", sortable=True),
    ),
    search=("^order_code", "text"), search_hint="派车单号、内容",
    filters=(ChoiceFilter("kind", "类别"), ChoiceFilter("state", "状态", options=lifecycle.ISSUE.choices),
             DateRangeFilter("created_at", "时间")),
    default_sort="-created_at", export_name="行车问题与投诉",
    empty=EmptyState("没有行车问题和投诉", "驾驶员反映的问题和乘车人的投诉会出现在这里。"),
)  # fmt: skip
ISSUE = DetailPage(
    code="vehicles.issue", path="vehicles/issue/<int:pk>/", title=lambda row: f"{row.get_kind_display()} {row.order_code}",
    permission=SIGNED_IN, rows=lambda actor: queries.issues(actor).select_related("unit", "reporter"), badge=ISSUE_STATE,
    panels=(
        Panel("情况", fields=(
            Column("kind", "类别"), Column("order_code", "派车单", link=lambda row: reverse(
                "vehicles.order.detail", args=[row.order_id])), Column("reporter.name", "反映人"),
            DateTime("created_at", "时间"), Column("text", "情况", wide=True),
        )),
        Panel("答复", fields=(Column("answer", "答复", wide=True), Column("answered_by", "答复人"), DateTime("updated_at", "答复时间")),
              when=in_state("answered")),
    ),
    actions=(
        VerbAction("answer", "答复", verb=journeys.answer, form=AnswerForm, permission="vehicles.issue.answer",
                   style="primary", when=in_state("open")),
    ),
    history=queries.history,
)  # fmt: skip
