"""Papers and upkeep: insurance, claims, inspections, the maintenance schedule, visits to the workshop."""

from __future__ import annotations

from typing import Any

from django.urls import reverse

from zhiguan.kit.pages import (
    Badge,
    Bool,
    ChoiceFilter,
    Column,
    Custom,
    Date,
    DateRangeFilter,
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
    UnitFilter,
    VerbAction,
)

from .. import lifecycle, queries
from ..domain import papers, upkeep
from ..forms.life import (
    BeginForm,
    ClaimForm,
    ClaimPaidForm,
    FinishForm,
    InspectionForm,
    PolicyForm,
    RecordForm,
    RuleEditForm,
    RuleForm,
    UpkeepForm,
)
from ..queries import life
from .parts import MANAGE, address_of, changing, in_state, making, of_car, states, unit_options

VIEW = "vehicles.vehicle.view"
UNITS = UnitFilter("unit", "单位", options=unit_options(VIEW))
PLATE = Column("vehicle.plate", "车辆", link=lambda row: reverse("vehicles.vehicle.detail", args=[row.vehicle_id]))
POLICY_STATE, CLAIM_STATE = states(lifecycle.POLICY), states(lifecycle.CLAIM)
UPKEEP_STATE, INSPECTION_STATE = states(lifecycle.UPKEEP), states(lifecycle.INSPECTION)

POLICY_COLUMNS = (
    Column("number", "保险单号", link=True), POLICY_STATE, PLATE, Column("kind", "险种"), Column("insurer", "保险公司"),
    Date("valid_from", "起保日期"), Date("valid_to", "到期日期", sortable=True), Money("premium_yuan", "保险费", sortable=True),
    Column("unit.name", "单位"),
)  # fmt: skip
CLAIM_COLUMNS = (
    Column("policy.number", "保险单号", link=True), CLAIM_STATE,
    Column("kind", "理赔类别"), Date("reported_on", "报案日期", sortable=True), Column("accident.code", "事故"),
    Money("claimed_yuan", "索赔金额"), Money("paid_yuan", "赔付金额"), Date("paid_on", "赔付日期"),
)  # fmt: skip
INSPECTION_COLUMNS = (
    Date("inspected_on", "检验日期", link=True, sortable=True), INSPECTION_STATE, PLATE, Column("kind", "办理方式"),
    Badge("passed", "结论", {True: "green", False: "red"}, choices={True: "合格", False: "不合格"}),
    Date("valid_to", "有效期至", sortable=True), Column("station", "检验机构"), Money("fee_yuan", "检验费"),
    Column("unit.name", "单位"),
)  # fmt: skip
UPKEEP_COLUMNS = (
    Column("code", "单号", link=True), UPKEEP_STATE, PLATE, Column("kind", "类别"), Column("items", "内容", wide=True),
    Column("shop", "承修单位"), Date("planned_on", "计划日期", sortable=True), Date("done_on", "完工日期", sortable=True),
    Money("cost_yuan", "实际费用", sortable=True), Column("unit.name", "单位"),
)  # fmt: skip

POLICIES = ListPage(
    code="vehicles.policy", path="vehicles/policy/", title="车辆保险", permission=VIEW,
    menu=MenuItem("vehicles", order=42, icon="shield"), rows=life.policies, columns=POLICY_COLUMNS,
    search=("=number", "=vehicle.plate", "insurer"), search_hint="保险单号、车牌号、保险公司",
    filters=(ChoiceFilter("kind", "险种"), ChoiceFilter("state", "状态", options=lifecycle.POLICY.choices), UNITS, of_car(),
             DateRangeFilter("valid_to", "到期日期")),
    default_sort="-valid_to",
    page_actions=(PageAction("登记保单", "vehicles.policy.create", icon="plus", style="primary"),
                  PageAction("保险理赔", "vehicles.claim", icon="receipt")),
    export_name="车辆保险", empty=EmptyState("还没有保险单", "", PageAction("登记保单", "vehicles.policy.create")),
)  # fmt: skip
POLICY = DetailPage(
    code="vehicles.policy", path="vehicles/policy/<int:pk>/", title=lambda row: row.number, permission=VIEW,
    subtitle=lambda row: f"{row.vehicle.plate} · {row.get_kind_display()}", badge=POLICY_STATE,
    rows=lambda actor: life.policies(actor).select_related("vehicle", "unit"),
    panels=(
        Panel("保险单", fields=(
            PLATE, Column("unit.name", "单位"), Column("kind", "险种"), Column("insurer", "保险公司"), Column("number", "保险单号"),
            Date("valid_from", "起保日期"), Date("valid_to", "到期日期"), Money("premium_yuan", "保险费"), Column("cover", "投保项目"),
        )),
        RelatedList("理赔", rows=lambda row, actor: life.claims(actor).filter(policy=row), tab="理赔",
                    columns=(Date("reported_on", "报案日期", link=True), *CLAIM_COLUMNS[1:3], *CLAIM_COLUMNS[4:]),
                    link="vehicles.claim.detail"),
    ),
    actions=(
        VerbAction("open_claim", "报案理赔", verb=papers.open_claim, form=ClaimForm, permission=MANAGE,
                   when=in_state("active"), success=address_of("vehicles.claim.detail")),
        VerbAction("cancel", "退保", verb=papers.cancel_policy, permission=MANAGE, reason=True, when=in_state("active"),
                   style="danger", help="退保后，该保单的保险费同时冲销。"),
    ),
    history=queries.history, print=True,
)  # fmt: skip
POLICY_NEW = FormPage(
    code="vehicles.policy.create", path="vehicles/policy/new/", title="登记保单", permission=MANAGE, form=PolicyForm,
    verb=making(papers.insure), success=address_of("vehicles.policy.detail"), help="保险费自动计入车辆费用。",
)  # fmt: skip

CLAIMS = ListPage(
    code="vehicles.claim", path="vehicles/claim/", title="保险理赔", permission=VIEW, rows=life.claims, parent="vehicles.policy",
    columns=(Date("reported_on", "报案日期", link=True, sortable=True), CLAIM_STATE, Column("policy.vehicle.plate", "车辆"),
             Column("policy.number", "保险单号"), *CLAIM_COLUMNS[2:3], *CLAIM_COLUMNS[4:], Column("unit.name", "单位")),
    search=("=policy.vehicle.plate", "=policy.number", "=report_no"), search_hint="车牌号、保险单号、报案号",
    filters=(ChoiceFilter("state", "状态", options=lifecycle.CLAIM.choices), ChoiceFilter("kind", "理赔类别"), UNITS,
             of_car("policy.vehicle.plate"), DateRangeFilter("reported_on", "报案日期")),
    default_sort="-reported_on", export_name="保险理赔", empty=EmptyState("没有理赔", "在保险单详情页办理“报案理赔”。"),
)  # fmt: skip
CLAIM = DetailPage(
    code="vehicles.claim", path="vehicles/claim/<int:pk>/", permission=VIEW, badge=CLAIM_STATE,
    title=lambda row: f"理赔 {row.policy.number}",
    rows=lambda actor: life.claims(actor).select_related("policy__vehicle", "accident", "unit"),
    panels=(
        Panel("理赔", fields=(
            Column("policy.vehicle.plate", "车辆"), Column("policy.number", "保险单号",
                   link=lambda row: reverse("vehicles.policy.detail", args=[row.policy_id])),
            Column("kind", "理赔类别"), Date("reported_on", "报案日期"), Column("report_no", "报案号"),
            Column("accident.code", "事故", link=lambda row: reverse("vehicles.accident.detail", args=[row.accident_id])
                   if row.accident_id else ""),
            Money("claimed_yuan", "索赔金额"), Money("paid_yuan", "赔付金额"), Date("paid_on", "赔付日期"),
        )),
    ),
    actions=(
        VerbAction("settle", "赔付", verb=papers.settle_claim, form=ClaimPaidForm, permission=MANAGE, style="primary",
                   when=in_state("open")),
        VerbAction("refuse", "拒赔", verb=papers.refuse_claim, permission=MANAGE, reason=True, when=in_state("open")),
    ),
    history=queries.history,
)  # fmt: skip

INSPECTIONS = ListPage(
    code="vehicles.inspection", path="vehicles/inspection/", title="车辆检验", permission=VIEW,
    menu=MenuItem("vehicles", order=44, icon="clipboard-check"), rows=life.inspections, columns=INSPECTION_COLUMNS,
    search=("=vehicle.plate", "station"), search_hint="车牌号、检验机构",
    filters=(ChoiceFilter("kind", "办理方式"), UNITS, of_car(), DateRangeFilter("inspected_on", "检验日期"),
             DateRangeFilter("valid_to", "有效期至")),
    default_sort="-inspected_on",
    page_actions=(PageAction("登记检验", "vehicles.inspection.create", icon="plus", style="primary"),),
    export_name="车辆检验", empty=EmptyState("还没有检验记录", "", PageAction("登记检验", "vehicles.inspection.create")),
)  # fmt: skip
INSPECTION = DetailPage(
    code="vehicles.inspection", path="vehicles/inspection/<int:pk>/", permission=VIEW, badge=INSPECTION_STATE,
    title=lambda row: f"{row.vehicle.plate} {row.inspected_on:%Y-%m-%d} 检验",
    rows=lambda actor: life.inspections(actor).select_related("vehicle", "unit"),
    panels=(
        Panel("检验", fields=(
            PLATE, Column("unit.name", "单位"), Column("kind", "办理方式"), Date("inspected_on", "检验日期"),
            Bool("passed", "检验合格"), Date("valid_to", "检验有效期至"), Column("station", "检验机构"),
            Money("fee_yuan", "检验费"), Number("odometer_km", "里程表", unit="公里"), Column("note", "备注"),
        )),
    ),
    actions=(VerbAction("void", "作废", verb=papers.void_inspection, permission=MANAGE, reason=True,
                        when=in_state("booked"), style="danger", help="登记有误时作废；检验费同时冲销。"),),
    history=queries.history,
)  # fmt: skip
INSPECTION_NEW = FormPage(
    code="vehicles.inspection.create", path="vehicles/inspection/new/", title="登记检验", permission=MANAGE,
    form=InspectionForm, verb=making(papers.record_inspection), success=address_of("vehicles.inspection.detail"),
)  # fmt: skip

UPKEEPS = ListPage(
    code="vehicles.upkeep", path="vehicles/upkeep/", title="维修保养", permission=VIEW,
    menu=MenuItem("vehicles", order=46, icon="tool"), rows=life.upkeeps, columns=UPKEEP_COLUMNS,
    search=("=code", "=vehicle.plate", "items", "shop"), search_hint="单号、车牌号、内容、承修单位",
    filters=(ChoiceFilter("state", "状态", options=lifecycle.UPKEEP.choices), ChoiceFilter("kind", "类别"), UNITS, of_car(),
             DateRangeFilter("planned_on", "计划日期"), DateRangeFilter("done_on", "完工日期")),
    default_sort="-planned_on",
    views=(("全部", ""), ("待进厂", "state=planned"), ("维修保养中", "state=in_shop")),
    page_actions=(PageAction("登记维修保养", "vehicles.upkeep.create", icon="plus", style="primary"),
                  PageAction("补登已完工", "vehicles.upkeep.record", icon="plus"),
                  PageAction("保养周期", "vehicles.upkeeprule", icon="refresh")),
    export_name="维修保养", empty=EmptyState("还没有维修保养", "", PageAction("登记维修保养", "vehicles.upkeep.create")),
)  # fmt: skip
UPKEEP = DetailPage(
    code="vehicles.upkeep", path="vehicles/upkeep/<int:pk>/", title=lambda row: row.code, permission=VIEW,
    subtitle=lambda row: f"{row.vehicle.plate} · {row.get_kind_display()}", badge=UPKEEP_STATE,
    rows=lambda actor: life.upkeeps(actor).select_related("vehicle", "unit"),
    panels=(
        Panel("维修保养", fields=(
            PLATE, Column("unit.name", "单位"), Column("kind", "类别"), Column("items", "内容", wide=True),
            Column("shop", "承修单位"), Date("planned_on", "计划日期"), Money("estimate_yuan", "预计费用"),
            Date("began_on", "进厂日期"), Date("done_on", "完工日期"), Number("odometer_km", "里程表", unit="公里"),
            Money("cost_yuan", "实际费用"), Column("invoice_no", "票据号码"),
        )),
        Custom("vehicles/upkeep_items.html", context=lambda row, actor, request: {"rules": life.rules_of(row)},
               title="保养项目", when=lambda row: bool(row.rule_keys)),
    ),
    actions=(
        VerbAction("begin", "进厂", verb=upkeep.begin_upkeep, form=BeginForm, permission=MANAGE, style="primary",
                   when=in_state("planned"), help="在用车辆同时转为“维修”，期间不能派车。"),
        VerbAction("finish", "完工结算", verb=upkeep.finish_upkeep, form=FinishForm, permission=MANAGE, style="primary",
                   when=in_state("in_shop"), help="费用计入车辆费用；车辆恢复使用；所选保养项目重新计算周期。"),
        VerbAction("cancel", "取消", verb=upkeep.cancel_upkeep, permission=MANAGE, reason=True,
                   when=in_state("planned", "in_shop")),
    ),
    history=queries.history, print=True,
)  # fmt: skip
UPKEEP_NEW = FormPage(
    code="vehicles.upkeep.create", path="vehicles/upkeep/new/", title="登记维修保养", permission=MANAGE, form=UpkeepForm,
    verb=making(upkeep.plan_upkeep), success=address_of("vehicles.upkeep.detail"),
)  # fmt: skip
UPKEEP_RECORD = FormPage(
    code="vehicles.upkeep.record", path="vehicles/upkeep/record/", title="补登维修保养", permission=MANAGE, form=RecordForm,
    verb=making(upkeep.record_upkeep), success=address_of("vehicles.upkeep.detail"),
    help="已经完工的维修保养在此补登，费用计入车辆费用；车辆状态不变。",
)  # fmt: skip

_RULE_COLUMNS: tuple[Any, ...] = (
    Column("item", "保养项目", link=True), Column("kind", "车辆种类"), Column("energy", "能源类型"), Column("brand_model", "品牌型号"),
    Number("every_km", "里程间隔", unit="公里"), Number("every_months", "时间间隔", unit="个月"), Column("basis", "依据"),
    Bool("active", "启用"),
)  # fmt: skip
UPKEEP_RULES = ListPage(
    code="vehicles.upkeeprule", path="vehicles/upkeep/rule/", title="保养周期", permission=VIEW, rows=life.upkeep_rules,
    columns=_RULE_COLUMNS, search=("item", "brand_model"), search_hint="保养项目、品牌型号", default_sort="item",
    filters=(ChoiceFilter("kind", "车辆种类"), ChoiceFilter("energy", "能源类型")), parent="vehicles.upkeep",
    page_actions=(PageAction("登记保养周期", "vehicles.upkeeprule.create", icon="plus", style="primary"),),
    export_name="保养周期", note="同一项目有多条时，条件更具体的一条适用。",
    empty=EmptyState("还没有保养周期", "登记后，系统按里程和时间推算下次保养。",
                     PageAction("登记保养周期", "vehicles.upkeeprule.create")),
)  # fmt: skip
UPKEEP_RULE = DetailPage(
    code="vehicles.upkeeprule", path="vehicles/upkeep/rule/<int:pk>/", title=lambda row: row.item, permission=VIEW,
    rows=life.upkeep_rules, panels=(Panel("保养周期", fields=_RULE_COLUMNS),),
    page_actions=(PageAction("变更", "vehicles.upkeeprule.edit", icon="edit"),),
)  # fmt: skip
UPKEEP_RULE_NEW = FormPage(
    code="vehicles.upkeeprule.create", path="vehicles/upkeep/rule/new/", title="登记保养周期",
    permission="vehicles.upkeep.manage", form=RuleForm, verb=making(upkeep.add_rule),
    success=address_of("vehicles.upkeeprule.detail"), help="里程间隔和时间间隔至少填写一项，先到的为准。",
)  # fmt: skip
UPKEEP_RULE_EDIT = FormPage(
    code="vehicles.upkeeprule.edit", path="vehicles/upkeep/rule/<int:pk>/edit/", title=lambda row: f"变更 {row.item}",
    permission="vehicles.upkeep.manage", form=RuleEditForm, rows=life.upkeep_rules, verb=changing(upkeep.edit_rule),
    success=address_of("vehicles.upkeeprule.detail"),
)  # fmt: skip
