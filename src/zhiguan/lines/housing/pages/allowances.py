"""住房补贴: list, detail with every step of the amount, decision form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from zhiguan.kit.actor import Actor
from zhiguan.kit.pages import (
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
    PageAction,
    Panel,
    UnitFilter,
    VerbAction,
)

from .. import lifecycle, queries
from ..codes import GRADES
from ..domain import allowances
from ..forms import AllowanceForm, EndForm, PayForm
from .parts import GRADE, address_of, in_state, states, unit_options

VIEW, MANAGE, PAY = "housing.allowance.view", "housing.allowance.manage", "housing.allowance.pay"
STATE = states(lifecycle.ALLOWANCE)

ALLOWANCES = ListPage(
    code="housing.allowance",
    path="housing/allowance/",
    title="住房补贴",
    menu=MenuItem("housing", order=20, icon="wallet"),
    permission=VIEW,
    scope_persons=("person_id",),
    rows=queries.allowances,
    columns=(
        Column("person.name", "姓名", link=True),
        Column("unit.name", "单位"),
        Column("kind", "补贴种类", sortable=True),
        STATE,
        Column("grade", "职务层次", choices=GRADES),
        Money("amount_yuan", "补贴金额", sortable=True, help="按月补贴为每月金额"),
        Date("valid_from", "起始日期", sortable=True),
        Date("valid_to", "终止日期", sortable=True),
        Column("document_no", "核定文号", shown=False),
        Column("case_no", "办件编号", shown=False),
    ),
    search=("=person.name", "^person.pinyin", "^person.initials", "=person.code", "document_no", "=case_no"),
    search_hint="姓名、拼音、人员编号、文号",
    filters=(
        ChoiceFilter("kind", "补贴种类"),
        ChoiceFilter("state", "状态", options=lifecycle.ALLOWANCE.choices),
        ChoiceFilter("grade", "职务层次", options=GRADES),
        UnitFilter("unit", "单位", options=unit_options(VIEW)),
        DateRangeFilter("valid_from", "起始日期"),
        DateRangeFilter("valid_to", "终止日期"),
    ),
    default_sort="-valid_from",
    views=(("全部", ""), ("待发放", "state=approved"), ("发放中", "state=paying"), ("暂停发放", "state=suspended")),
    page_actions=(PageAction("核定补贴", "housing.allowance.create", icon="plus", style="primary"),),
    export_name="住房补贴",
    empty=EmptyState("还没有住房补贴", "核定后在此登记发放状态。", PageAction("核定补贴", "housing.allowance.create")),
)


def _working(row: Any, actor: Actor, request: Any) -> Mapping[str, Any]:
    return {"lines": row.working, "unverified": [line["name"] for line in row.working if not line["verified"]]}


ALLOWANCE = DetailPage(
    code="housing.allowance", path="housing/allowance/<int:pk>/",
    title=lambda row: f"{row.person.name}：{row.get_kind_display()}", permission=VIEW, scope_persons=("person_id",),
    rows=lambda actor: queries.allowances(actor).select_related("unit", "person"), badge=STATE,
    panels=(
        Panel("核定结果", fields=(
            Column("person.name", "姓名"), Column("person.code", "人员编号"), Column("unit.name", "单位"),
            Column("kind", "补贴种类"), GRADE, Money("amount_yuan", "补贴金额", help="按月补贴为每月金额"),
            Date("valid_from", "起始日期"), Date("valid_to", "终止日期"), Column("document_no", "核定文号"),
            Column("case_no", "办件编号"),
        )),
        Custom("housing/working.html", context=_working, title="核定过程"),
    ),
    actions=(
        VerbAction("start", "开始发放", verb=allowances.start, permission=PAY, style="primary",
                   when=lambda row: row.state == "approved" and row.by_month, confirm="从起始日期起按月发放？"),
        VerbAction("pay", "一次发放", verb=allowances.pay, form=PayForm, permission=PAY, style="primary",
                   when=lambda row: row.state == "approved" and not row.by_month),
        VerbAction("suspend", "暂停发放", verb=allowances.suspend, permission=PAY, reason=True, when=in_state("paying")),
        VerbAction("resume", "恢复发放", verb=allowances.resume, permission=PAY, reason=True, when=in_state("suspended")),
        VerbAction("end", "终止", verb=allowances.end, form=EndForm, permission=MANAGE, reason=True,
                   when=in_state("approved", "paying", "suspended"), style="danger"),
        VerbAction("revoke", "撤销核定", verb=allowances.revoke, permission=MANAGE, reason=True, when=in_state("approved"),
                   style="danger"),
    ),
    history=queries.history,
    print=True,
)  # fmt: skip


def _approve(actor: Actor, row: Any, values: dict[str, Any]) -> Any:
    return allowances.approve(actor, **values)


ALLOWANCE_NEW = FormPage(
    code="housing.allowance.create", path="housing/allowance/new/", title="核定补贴", permission=MANAGE, form=AllowanceForm,
    verb=_approve, success=address_of("housing.allowance.detail"),
    help="金额由系统按起始日期适用的规定计算，不能手工填写；不符合条件的会说明原因。",
)  # fmt: skip
