"""Costs: the ledger, energy, cards, doubtful doubles, layouts of statements, imports, the year by months."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone

from zhiguan.kernel.files import service as files
from zhiguan.kit.pages import (
    Bool,
    ChoiceFilter,
    Column,
    Custom,
    Date,
    DateRangeFilter,
    DateTime,
    DetailPage,
    EmptyState,
    FormPage,
    ImportPage,
    ListPage,
    MenuItem,
    Money,
    Number,
    NumberRangeFilter,
    PageAction,
    Panel,
    RelatedList,
    UnitFilter,
    VerbAction,
    ViewPage,
)

from .. import lifecycle, queries
from ..codes import CostKind
from ..domain import costs, statements
from ..domain.statements import COLUMNS
from ..forms.costs import CardForm, CostForm, EnergyForm, FileForm, ProfileEditForm, ProfileForm
from ..importers import COST_IMPORT, STATEMENT_IMPORT
from ..queries import life, spending
from .life import PLATE
from .parts import address_of, changing, in_state, making, of_car, of_kind, states, unit_options

VIEW, MANAGE, PROFILE = "vehicles.cost.view", "vehicles.cost.manage", "vehicles.profile.manage"
UNITS = UnitFilter("unit", "单位", options=unit_options(VIEW))
COST_STATE, CARD_STATE, DOUBT_STATE = states(lifecycle.COST), states(lifecycle.CARD), states(lifecycle.DOUBT)

COST_COLUMNS = (
    Date("spent_on", "发生日期", link=True, sortable=True), COST_STATE, PLATE, Column("kind", "费用类别"),
    Money("amount_yuan", "金额", sortable=True), Column("item", "费用事项"), Column("payee", "收款单位"),
    Column("invoice_no", "票据号码", shown=False), Column("source", "来源"), Column("unit.name", "单位"),
    Column("batch", "导入批次", shown=False),
)  # fmt: skip
ENERGY_COLUMNS = (
    DateTime("at", "时间", link=True, sortable=True),
    PLATE, Column("kind", "类别"), Number("quantity", "数量", digits=2, sortable=True),
    Money("amount_yuan", "金额", sortable=True), Number("odometer_km", "里程表", unit="公里"), Column("station", "站点"),
    Column("card.number", "卡号"), Column("source", "来源"), Column("unit.name", "单位"),
)  # fmt: skip
CARD_COLUMNS = (
    Column("number", "卡号", link=True, sortable=True), CARD_STATE, Column("kind", "类别"), PLATE, Column("issuer", "发卡单位"),
    Date("opened_on", "启用日期"), Date("expires_on", "有效期至", sortable=True), Column("unit.name", "单位"),
)  # fmt: skip

COSTS = ListPage(
    code="vehicles.cost", path="vehicles/cost/", title="车辆费用", permission=VIEW,
    menu=MenuItem("vehicles", order=60, icon="receipt"), rows=life.costs, columns=COST_COLUMNS,
    search=("=vehicle.plate", "=invoice_no", "item", "payee"), search_hint="车牌号、票据号码、事项、收款单位",
    filters=(ChoiceFilter("kind", "费用类别"), ChoiceFilter("state", "状态", options=lifecycle.COST.choices),
             ChoiceFilter("source", "来源"), UNITS,
             UnitFilter("own", "登记单位", options=unit_options(VIEW), below=False), of_car(), of_kind(),
             DateRangeFilter("spent_on", "发生日期"), NumberRangeFilter("amount_yuan", "金额（元）")),
    default_sort="-spent_on", export_name="车辆费用",
    page_actions=(
        PageAction("登记费用", "vehicles.cost.create", icon="plus", style="primary"),
        PageAction("登记加油充电", "vehicles.energy.create", icon="droplet"),
        PageAction("导入费用", "vehicles.cost.import", icon="upload"),
        PageAction("导入对账单", "vehicles.statement.import", icon="upload"),
        PageAction("疑似重复", "vehicles.doubt", icon="copy"),
    ),
    empty=EmptyState("还没有费用", "登记、导入费用表或发卡公司对账单后，在这里汇总。",
                     PageAction("登记费用", "vehicles.cost.create")),
)  # fmt: skip


def _attachments(row: Any, actor: Any, request: HttpRequest) -> dict[str, Any]:
    return {"files": list(files.attachments(row))}


COST = DetailPage(
    code="vehicles.cost", path="vehicles/cost/<int:pk>/", permission=VIEW, badge=COST_STATE,
    title=lambda row: f"{row.get_kind_display()} {row.amount_yuan:,.2f} 元",
    subtitle=lambda row: f"{row.vehicle.plate} · {row.spent_on:%Y-%m-%d}",
    rows=lambda actor: life.costs(actor).select_related("vehicle", "unit", "driver__person", "energy__card"),
    panels=(
        Panel("费用", fields=(
            PLATE, Column("unit.name", "单位"), Column("kind", "费用类别"), Date("spent_on", "发生日期"),
            Money("amount_yuan", "金额"), Column("item", "费用事项"), Column("payee", "收款单位"), Column("invoice_no", "票据号码"),
            Column("driver.person.name", "驾驶员"), Column("source", "来源"), Column("batch", "导入批次"), Column("note", "备注"),
        )),
        Panel("加油充电", fields=(
            DateTime("energy.at", "时间"), Column("energy.kind", "类别"), Number("energy.quantity", "数量", digits=2),
            Number("energy.odometer_km", "里程表", unit="公里"), Column("energy.station", "站点"),
            Column("energy.card.number", "卡号"),
        ), when=lambda row: row.energy_id is not None),
        Custom("vehicles/attachments.html", context=_attachments, title="票据"),
    ),
    actions=(
        VerbAction("attach_file", "上传票据", verb=costs.attach_file, form=FileForm, permission=MANAGE,
                   when=in_state("booked")),
        VerbAction("void", "冲销", verb=costs.void_entry, permission=MANAGE, reason=True, style="danger",
                   when=lambda row: row.state == "booked" and row.origin_id is None,
                   help="冲销后不再计入费用，可以重新登记正确的金额。"),
    ),
    history=queries.history,
)  # fmt: skip
COST_NEW = FormPage(
    code="vehicles.cost.create", path="vehicles/cost/new/", title="登记费用", permission=MANAGE, form=CostForm,
    verb=making(costs.book), success=address_of("vehicles.cost.detail"),
)  # fmt: skip
COST_IMPORTING = ImportPage(
    code="vehicles.cost", path="vehicles/cost/import/", title="导入费用", permission=MANAGE, importer=COST_IMPORT
)
STATEMENT_IMPORTING = ImportPage(
    code="vehicles.statement", path="vehicles/cost/statement/", title="导入对账单", permission=MANAGE,
    importer=STATEMENT_IMPORT, back="vehicles.energy", parent="vehicles.cost",
)  # fmt: skip

ENERGY = ListPage(
    code="vehicles.energy", path="vehicles/energy/", title="加油充电", permission=VIEW,
    menu=MenuItem("vehicles", order=62, icon="droplet"),
    rows=life.energy, columns=ENERGY_COLUMNS,
    search=("=vehicle.plate", "=card.number", "station"), search_hint="车牌号、卡号、站点",
    filters=(ChoiceFilter("kind", "类别"), ChoiceFilter("source", "来源"), UNITS, of_car(), of_kind(),
             DateRangeFilter("at", "时间")),
    default_sort="-at", export_name="加油充电",
    page_actions=(
        PageAction("登记加油充电", "vehicles.energy.create", icon="plus", style="primary"),
        PageAction("导入对账单", "vehicles.statement.import", icon="upload"),
        PageAction("加油充电卡", "vehicles.card", icon="id"),
    ),
    empty=EmptyState("还没有加油充电记录", "", PageAction("登记加油充电", "vehicles.energy.create")),
)  # fmt: skip
ENERGY_RECORD = DetailPage(
    code="vehicles.energy", path="vehicles/energy/<int:pk>/", permission=VIEW,
    title=lambda row: f"{row.get_kind_display()} {row.quantity:,.2f}",
    subtitle=lambda row: f"{row.vehicle.plate} · {timezone.localtime(row.at):%Y-%m-%d %H:%M}",
    rows=lambda actor: life.energy(actor).select_related("vehicle", "unit", "card", "entry"),
    panels=(
        Panel("加油充电", fields=(
            PLATE, Column("unit.name", "单位"), DateTime("at", "时间"), Column("kind", "类别"),
            Number("quantity", "数量", digits=2), Money("amount_yuan", "金额"), Number("odometer_km", "里程表", unit="公里"),
            Column("station", "站点"), Column("card.number", "卡号"), Column("invoice_no", "票据号码"), Column("source", "来源"),
            Column("entry", "费用", value=lambda row: "查看费用", needs=("entry",),
                   link=lambda row: reverse("vehicles.cost.detail", args=[row.entry.pk])),
        )),
    ),
)  # fmt: skip
ENERGY_NEW = FormPage(
    code="vehicles.energy.create", path="vehicles/energy/new/", title="登记加油充电", permission=MANAGE, form=EnergyForm,
    verb=making(costs.record_energy), success=address_of("vehicles.energy.detail"),
)  # fmt: skip

CARDS = ListPage(
    code="vehicles.card", path="vehicles/card/", title="加油充电卡", permission=VIEW, rows=life.cards, columns=CARD_COLUMNS,
    menu=MenuItem("vehicles", order=64, icon="id"), search=("=number", "=vehicle.plate"), search_hint="卡号、车牌号",
    filters=(ChoiceFilter("state", "状态", options=lifecycle.CARD.choices), ChoiceFilter("kind", "类别"), UNITS, of_car()),
    default_sort="number", export_name="加油充电卡",
    page_actions=(PageAction("登记加油充电卡", "vehicles.card.create", icon="plus", style="primary"),),
    empty=EmptyState("还没有加油充电卡", "", PageAction("登记加油充电卡", "vehicles.card.create")),
)  # fmt: skip
CARD = DetailPage(
    code="vehicles.card", path="vehicles/card/<int:pk>/", title=lambda row: row.number, permission=VIEW, badge=CARD_STATE,
    rows=lambda actor: life.cards(actor).select_related("vehicle", "unit"),
    panels=(
        Panel("加油充电卡", fields=CARD_COLUMNS[2:]),
        RelatedList("使用记录", rows=lambda row, actor: life.energy(actor).filter(card=row),
                    columns=ENERGY_COLUMNS[:7], tab="使用记录", link="vehicles.energy.detail"),
    ),
    actions=(
        VerbAction("suspend", "挂失", verb=costs.suspend_card, permission=MANAGE, reason=True, when=in_state("active")),
        VerbAction("restore", "解除挂失", verb=costs.restore_card, permission=MANAGE, when=in_state("suspended"),
                   confirm="解除挂失后该卡恢复使用？"),
        VerbAction("close", "注销", verb=costs.close_card, permission=MANAGE, reason=True, style="danger",
                   when=in_state("active", "suspended")),
    ),
    history=queries.history,
)  # fmt: skip
CARD_NEW = FormPage(
    code="vehicles.card.create", path="vehicles/card/new/", title="登记加油充电卡", permission=MANAGE, form=CardForm,
    verb=making(costs.issue_card), success=address_of("vehicles.card.detail"), help="一车一卡：一张卡只绑定一辆车。",
)  # fmt: skip

_DOUBT_COLUMNS = (
    Date("spent_on", "发生日期", link=True, sortable=True), DOUBT_STATE, PLATE, Column("kind", "费用类别"),
    Money("amount_yuan", "金额", sortable=True), Column("why", "疑点"), Date("alike.spent_on", "相似费用日期"),
    Column("batch", "导入批次"), Column("unit.name", "单位"),
)  # fmt: skip
DOUBTS = ListPage(
    code="vehicles.doubt", path="vehicles/cost/doubt/", title="疑似重复费用", permission=VIEW, rows=life.doubts,
    columns=_DOUBT_COLUMNS, search=("=vehicle.plate",), search_hint="车牌号", parent="vehicles.cost",
    filters=(ChoiceFilter("state", "状态", options=lifecycle.DOUBT.choices), ChoiceFilter("kind", "费用类别"), UNITS, of_car()),
    default_sort="-created_at", views=(("待判定", "state=pending"), ("全部", "")), export_name="疑似重复费用",
    note="导入的费用与已登记费用相似时列在这里，判定后才计入。", empty=EmptyState("没有疑似重复的费用", ""),
)  # fmt: skip
DOUBT = DetailPage(
    code="vehicles.doubt", path="vehicles/cost/doubt/<int:pk>/", permission=VIEW, badge=DOUBT_STATE,
    title=lambda row: f"{row.get_kind_display()} {row.amount_yuan:,.2f} 元",
    rows=lambda actor: life.doubts(actor).select_related("vehicle", "unit", "alike__energy"),
    panels=(
        Panel("导入的费用", fields=(PLATE, Column("unit.name", "单位"), *_DOUBT_COLUMNS[3:6], Date("spent_on", "发生日期"),
                                Column("batch", "导入批次"))),
        Custom("vehicles/doubt_values.html", context=lambda row, actor, request: {"pairs": spending.compared(row)},
               title="逐项对照"),
    ),
    actions=(
        VerbAction("keep", "不是重复", verb=statements.keep_doubt, permission=MANAGE, reason=True, when=in_state("pending"),
                   style="primary", help="确认后按导入的内容登记。"),
        VerbAction("drop", "确属重复", verb=statements.drop_doubt, permission=MANAGE, when=in_state("pending"),
                   confirm="确属重复，不再登记？"),
    ),
    page_actions=(), history=queries.history,
)  # fmt: skip

PROFILES = ListPage(
    code="vehicles.profile", path="vehicles/cost/profile/", title="对账单格式", permission=VIEW, rows=life.profiles,
    columns=(Column("name", "名称", link=True), Column("company", "发卡单位"), Column("kind", "类别"), Bool("active", "启用"),
             Column("columns", "列名", value=lambda row: "、".join(row.columns.values()), needs=("columns",), wide=True)),
    menu=MenuItem("vehicles", order=66, icon="columns"), search=("name", "company"), search_hint="名称、发卡单位",
    filters=(ChoiceFilter("kind", "类别"),), default_sort="name", export_name="对账单格式",
    page_actions=(PageAction("登记对账单格式", "vehicles.profile.create", icon="plus", style="primary"),),
    empty=EmptyState("还没有对账单格式", "登记发卡公司对账单的列名后，可以直接导入其文件。",
                     PageAction("登记对账单格式", "vehicles.profile.create")),
)  # fmt: skip
PROFILE_PAGE = DetailPage(
    code="vehicles.profile", path="vehicles/cost/profile/<int:pk>/", title=lambda row: row.name, permission=VIEW,
    rows=life.profiles,
    panels=(
        Panel("对账单格式", fields=(Column("name", "名称"), Column("company", "发卡单位"), Column("kind", "类别"),
                                Bool("active", "启用"))),
        Panel("列名对应", fields=tuple(
            Column(f"columns.{name}", title, value=lambda row, name=name: row.columns.get(name, ""))
            for name, title in COLUMNS.items()
        )),
    ),
    page_actions=(PageAction("变更", "vehicles.profile.edit", icon="edit"),),
)  # fmt: skip
PROFILE_NEW = FormPage(
    code="vehicles.profile.create", path="vehicles/cost/profile/new/", title="登记对账单格式", permission=PROFILE,
    form=ProfileForm, verb=making(statements.add_profile), success=address_of("vehicles.profile.detail"),
    help="填写对账单表头中的列名；对账单里没有的留空。卡号和车牌号至少填写一项。",
)  # fmt: skip
PROFILE_EDIT = FormPage(
    code="vehicles.profile.edit", path="vehicles/cost/profile/<int:pk>/edit/", title=lambda row: f"变更 {row.name}",
    permission=PROFILE, form=ProfileEditForm, rows=life.profiles, verb=changing(statements.edit_profile),
    success=address_of("vehicles.profile.detail"),
)  # fmt: skip


def months(request: HttpRequest) -> HttpResponse:
    """The year by months: ``?year=``, ``?by=`` vehicle, unit or kind, ``?kind=`` of cost."""
    today = timezone.localdate()
    text = request.GET.get("year", "")
    year = int(text) if text.isascii() and text.isdigit() and 2000 <= int(text[:6]) <= 2100 else today.year
    by = request.GET.get("by", "")
    by = by if by in spending.BY else "unit"
    kind = request.GET.get("kind", "")
    kind = kind if kind in CostKind.values else ""
    found = spending.by_month(request.actor, year, by, kind)  # type: ignore[attr-defined]
    return render(request, "vehicles/cost_months.html", {
        "found": found, "year": year, "by": by, "kind": kind, "kinds": CostKind.choices, "by_title": spending.BY[by],
        "bys": spending.BY.items(), "years": range(today.year, today.year - 5, -1), "chart": spending.month_chart(found),
        "list_url": reverse("vehicles.cost"),
    })  # fmt: skip


COST_MONTHS = ViewPage(
    code="vehicles.costmonth", path="vehicles/cost/month/", title="费用月报", permission=VIEW, view=months,
    menu=MenuItem("vehicles", order=61, icon="chart-bar"), parent="vehicles.cost",
)  # fmt: skip
