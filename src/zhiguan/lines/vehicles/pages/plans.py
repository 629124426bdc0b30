"""Plans to buy and renew, disposal, establishment and the forecast of renewal."""

from __future__ import annotations

from datetime import date

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_date

from zhiguan.kit.pages import (
    Bool,
    BoolFilter,
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
    UnitFilter,
    VerbAction,
    ViewPage,
)

from .. import lifecycle, queries
from ..domain import plans
from ..forms.plans import ApproveForm, BuyForm, DisposalForm, DisposedForm, EnrolForm, PlanForm
from ..queries import establishment, life, renewal
from .life import PLATE
from .parts import VEHICLE_STATE, address_of, changing, in_state, making, of_car, states, unit_options

VIEW, MANAGE, APPROVE = "vehicles.plan.view", "vehicles.plan.manage", "vehicles.plan.approve"
UNITS = UnitFilter("unit", "单位", options=unit_options(VIEW))
PLAN_STATE, DISPOSAL_STATE = states(lifecycle.PLAN), states(lifecycle.DISPOSAL)

PLAN_COLUMNS = (
    Column("code", "编号", link=True), PLAN_STATE, Column("unit.name", "单位"), Number("year", "年度", value=lambda row: str(row.year),
                                                                           needs=("year",)),
    Column("kind", "车辆种类"), Column("energy", "能源类型"), Money("budget_yuan", "预算价格", sortable=True),
    Column("replaces.plate", "更新车辆"), Column("vehicle.plate", "登记车辆"), DateTime("created_at", "编制时间", sortable=True),
)  # fmt: skip
DISPOSAL_COLUMNS = (
    Column("code", "编号", link=True), DISPOSAL_STATE, PLATE, Column("unit.name", "单位"), Column("method", "处置方式"),
    Column("to_unit.name", "调入单位"), Money("proceeds_yuan", "处置收入", sortable=True), Date("done_on", "完成日期", sortable=True),
    DateTime("created_at", "申请时间", sortable=True),
)  # fmt: skip

PLANS = ListPage(
    code="vehicles.plan", path="vehicles/plan/", title="配备更新计划", permission=VIEW,
    menu=MenuItem("vehicles", order=70, icon="file-text", badge="vehicles.plans"),
    rows=life.plans, columns=PLAN_COLUMNS, search=("=code", "need", "=vehicle.plate"), search_hint="编号、理由、车牌号",
    filters=(ChoiceFilter("state", "状态", options=lifecycle.PLAN.choices), ChoiceFilter("kind", "车辆种类"),
             ChoiceFilter("energy", "能源类型"), UNITS),
    default_sort="-created_at", views=(("全部", ""), ("待审批", "state=submitted"), ("待购置", "state=approved")),
    page_actions=(PageAction("编制计划", "vehicles.plan.create", icon="plus", style="primary"),
                  PageAction("更新预测", "vehicles.forecast", icon="chart-bar")),
    export_name="配备更新计划", empty=EmptyState("还没有计划", "", PageAction("编制计划", "vehicles.plan.create")),
)  # fmt: skip
PLAN = DetailPage(
    code="vehicles.plan", path="vehicles/plan/<int:pk>/", title=lambda row: row.code, permission=VIEW, badge=PLAN_STATE,
    subtitle=lambda row: f"{row.unit.name} · {row.get_kind_display()} · {row.year} 年",
    rows=lambda actor: life.plans(actor).select_related("unit", "replaces", "vehicle"),
    panels=(
        Panel("计划", fields=(
            Column("unit.name", "单位"), Column("kind", "车辆种类"), Column("body", "车型"), Column("energy", "能源类型"),
            Number("displacement_l", "排气量", unit="升"), Money("budget_yuan", "预算价格"), Bool("special_need", "确因工作需要"),
            Column("replaces.plate", "更新车辆", link=lambda row: reverse("vehicles.vehicle.detail", args=[row.replaces_id])
                   if row.replaces_id else ""),
            Column("need", "配备更新理由", wide=True),
        )),
        Panel("核对与审批", fields=(
            Column("quota_check", "编制核对", wide=True), Column("standard_check", "标准核对", wide=True),
            Column("approved_by", "审批人"), Column("document_no", "批准文号"),
        ), when=lambda row: row.state not in ("draft",)),
        Panel("购置与登记", fields=(
            Column("supplier", "供应商"), Column("contract_no", "合同编号"), Column("brand_model", "品牌型号"),
            Money("price_yuan", "成交价格"), Date("bought_on", "购置日期"),
            Column("vehicle.plate", "登记车辆", link=lambda row: reverse("vehicles.vehicle.detail", args=[row.vehicle_id])
                   if row.vehicle_id else ""),
        ), when=lambda row: row.state in ("bought", "enrolled")),
    ),
    actions=(
        VerbAction("submit", "提交", verb=plans.submit_plan, permission=MANAGE, style="primary", when=in_state("draft"),
                   confirm="提交时核对编制和配备标准，确定提交？"),
        VerbAction("approve", "批准", verb=plans.approve_plan, form=ApproveForm, permission=APPROVE, style="primary",
                   when=in_state("submitted")),
        VerbAction("refuse", "不批准", verb=plans.refuse_plan, permission=APPROVE, reason=True, when=in_state("submitted")),
        VerbAction("buy", "购置", verb=plans.buy_plan, form=BuyForm, permission=MANAGE, style="primary",
                   when=in_state("approved")),
        VerbAction("enrol", "登记入账", verb=plans.enrol_plan, form=EnrolForm, permission=MANAGE, style="primary",
                   when=in_state("bought"), help="登记后车辆为“待启用”，指定停放地点并启用后可以派车。"),
        VerbAction("cancel", "取消计划", verb=plans.cancel_plan, permission=MANAGE, reason=True,
                   when=in_state("draft", "submitted", "approved")),
    ),
    page_actions=(PageAction("修改", "vehicles.plan.edit", icon="edit", when=in_state("draft")),),
    history=queries.history, print=True,
)  # fmt: skip
PLAN_NEW = FormPage(
    code="vehicles.plan.create", path="vehicles/plan/new/", title="编制计划", permission=MANAGE, form=PlanForm,
    verb=making(plans.draft_plan), success=address_of("vehicles.plan.detail"),
    help="保存为草稿；提交时按编制和配备标准核对，超出的不能提交，并说明依据的条款。",
)  # fmt: skip
PLAN_EDIT = FormPage(
    code="vehicles.plan.edit", path="vehicles/plan/<int:pk>/edit/", title=lambda row: f"修改 {row.code}", permission=MANAGE,
    form=PlanForm, rows=life.plans, verb=changing(plans.edit_plan), success=address_of("vehicles.plan.detail"),
)  # fmt: skip

DISPOSALS = ListPage(
    code="vehicles.disposal", path="vehicles/disposal/", title="车辆处置", permission=VIEW,
    menu=MenuItem("vehicles", order=72, icon="trash", badge="vehicles.disposals"),
    rows=life.disposals, columns=DISPOSAL_COLUMNS, search=("=code", "=vehicle.plate"), search_hint="编号、车牌号",
    filters=(ChoiceFilter("state", "状态", options=lifecycle.DISPOSAL.choices), ChoiceFilter("method", "处置方式"), UNITS,
             of_car(), DateRangeFilter("done_on", "完成日期")),
    default_sort="-created_at", views=(("全部", ""), ("待审批", "state=applied"), ("待处置", "state=approved")),
    export_name="车辆处置", empty=EmptyState("没有车辆处置", "在车辆详情页办理“申请处置”。"),
)  # fmt: skip
DISPOSAL = DetailPage(
    code="vehicles.disposal", path="vehicles/disposal/<int:pk>/", title=lambda row: row.code, permission=VIEW,
    badge=DISPOSAL_STATE, subtitle=lambda row: f"{row.vehicle.plate} · {row.get_method_display()}",
    rows=lambda actor: life.disposals(actor).select_related("vehicle", "unit", "to_unit"),
    panels=(
        Panel("处置", fields=(
            PLATE, Column("unit.name", "单位"), Column("method", "处置方式"), Column("to_unit.name", "调入单位"),
            Money("estimate_yuan", "评估价值"), Column("why", "处置理由", wide=True), Column("approved_by", "审批人"),
            Column("document_no", "批准文号"),
        )),
        Panel("结果", fields=(
            Date("done_on", "完成日期"), Column("receiver", "受让人或回收单位"), Column("certificate_no", "凭证号"),
            Money("proceeds_yuan", "处置收入"),
        ), when=in_state("done")),
    ),
    actions=(
        VerbAction("approve", "批准", verb=plans.approve_disposal, form=ApproveForm, permission=APPROVE, style="primary",
                   when=in_state("applied")),
        VerbAction("refuse", "不批准", verb=plans.refuse_disposal, permission=APPROVE, reason=True, when=in_state("applied")),
        VerbAction("finish", "处置完成", verb=plans.finish_disposal, form=DisposedForm, permission=MANAGE, style="primary",
                   when=in_state("approved"), help="车辆转为“已处置”（调剂的转到调入单位），所占编制同时释放。"),
        VerbAction("withdraw", "撤回", verb=plans.withdraw_disposal, permission=MANAGE, reason=True,
                   when=in_state("applied", "approved")),
    ),
    history=queries.history, print=True,
)  # fmt: skip
DISPOSE = VerbAction(
    "apply_disposal", "申请处置", verb=plans.apply_disposal, form=DisposalForm, permission=MANAGE,
    when=in_state("in_service", "laid_up", "repair"), success=address_of("vehicles.disposal.detail"),
)  # fmt: skip


def picture(request: HttpRequest) -> HttpResponse:
    """Establishment and actual of every organ and kind as of ``?on=``."""
    today = timezone.localdate()
    day, error = today, ""
    text = request.GET.get("on", "")
    if text:
        try:
            day = parse_date(text) or today
        except ValueError:
            error = "日期有误，已显示今天的情况。"
    if not date(2000, 1, 1) <= day <= date(today.year + 5, 12, 31):
        day, error = today, "日期超出范围，已显示今天的情况。"
    found = establishment.picture(request.actor, day)  # type: ignore[attr-defined]
    over = request.GET.get("over") == "1"
    rows = [row for row in found["rows"] if row["total"]["over"]] if over else found["rows"]
    chart = {
        "type": "bar", "title": "编制与实有（按车辆种类）", "unit": "辆", "x": [each["label"] for each in found["totals"]],
        "series": [{"name": "编制", "data": [each["quota"] for each in found["totals"]]},
                   {"name": "实有", "data": [each["held"] for each in found["totals"]]}],
        "height": 260, "table": "hidden",
    }  # fmt: skip
    changed = establishment.changes(request.actor)  # type: ignore[attr-defined]
    changed = changed.select_related("unit").order_by("-valid_from", "-pk")[:20]
    return render(request, "vehicles/establishment.html", {
        "found": found, "rows": rows, "day": day, "today": today, "error": error, "over": over, "chart": chart,
        "changes": changed,
    })  # fmt: skip


ESTABLISHMENT = ViewPage(
    code="vehicles.establishment", path="vehicles/establishment/", title="编制与实有", permission="vehicles.quota.view",
    view=picture, menu=MenuItem("vehicles", order=31, icon="list-numbers"),
)  # fmt: skip


def forecast(request: HttpRequest) -> HttpResponse:
    """The forecast of renewal for the next years."""
    found = establishment.forecast(request.actor)  # type: ignore[attr-defined]
    return render(request, "vehicles/forecast.html", {"found": found, "list_url": reverse("vehicles.renewal")})


FORECAST = ViewPage(
    code="vehicles.forecast", path="vehicles/forecast/", title="更新预测", permission="vehicles.vehicle.view",
    view=forecast, menu=MenuItem("vehicles", order=71, icon="chart-bar"),
)  # fmt: skip
RENEWALS = ListPage(
    code="vehicles.renewal", path="vehicles/renewal/", title="更新年限", permission="vehicles.vehicle.view",
    rows=renewal.with_renewal, parent="vehicles.forecast", detail="vehicles.vehicle.detail",
    columns=(Column("plate", "车牌号", link=True, sortable=True), VEHICLE_STATE, Column("unit.name", "单位"),
             Column("kind", "车辆种类"), Column("brand_model", "品牌型号"), Date("registered_on", "注册登记日期", sortable=True),
             Date("bought_on", "购置日期", shown=False), Date("renewal_on", "达到更新年限", sortable=True),
             Money("price_yuan", "购置价格")),
    search=("^plate", "brand_model"), search_hint="车牌号、品牌型号",
    filters=(ChoiceFilter("kind", "车辆种类"), ChoiceFilter("energy", "能源类型"),
             UnitFilter("unit", "单位", options=unit_options("vehicles.vehicle.view")),
             DateRangeFilter("renewal", "达到更新年限", path="renewal_on"),
             BoolFilter("over_standard", "超出标准", condition=establishment.standards.over_standard)),
    default_sort="renewal_on", export_name="更新年限", note="达到年限可以申请更新，并非必须更新；仍能使用的应当继续使用。",
)  # fmt: skip
