"""标准依据: what the rules of the platform rest on, and how sure each value is."""

from __future__ import annotations

from django.db.models import Q

from zhiguan.kit.pages import (
    SIGNED_IN,
    Badge,
    BoolFilter,
    ChoiceFilter,
    Column,
    Date,
    DateTime,
    DetailPage,
    EmptyState,
    ListPage,
    MenuItem,
    Panel,
    RelatedList,
    VerbAction,
)

from . import queries, service
from .codes import MANAGE
from .forms import AdjustForm
from .models import Fact

VERIFIED = Badge("verified", "核对", {True: "green", False: "yellow"}, choices={True: "已核对", False: "未核对"})
VALUE = Column("value", "取值", value=lambda fact: fact.value_text, needs=("value", "unit", "bound"))
TOPIC = Column("topic", "主题", value=lambda fact: queries.topic_name(fact.topic), needs=("topic",))


def _whole_number(fact: Fact) -> str:
    return f"{fact.source}{f'（{fact.number}）' if fact.number else ''}"


LIST = ListPage(
    code="reference.fact",
    path="reference/",
    title="标准依据",
    menu=MenuItem("base", order=10, icon="book"),
    permission=SIGNED_IN,
    rows=queries.in_force,
    columns=(
        Column("name", "名称", link=True, sortable=True),
        VALUE,
        Column("source", "依据", value=_whole_number, needs=("source", "number"), sort="source"),
        Column("clause", "条款"),
        VERIFIED,
        Column("group", "类别", sortable=True),
        Date("valid_from", "生效日期", sortable=True),
        Column("topic", "主题", value=lambda fact: queries.topic_name(fact.topic), needs=("topic",), shown=False),
        Column("local", "本地调整", kind="bool", shown=False),
        Column("evidence", "核对情况", shown=False),
        Column("status", "依据性质", shown=False),
        Column("issuer", "制定机关", shown=False),
        Column("code", "代码", kind="code", shown=False, sortable=True),
        Column("note", "说明", kind="long", shown=False),
    ),
    search=("name", "code", "source", "number", "clause"),
    search_hint="名称、代码、依据、文号、条款",
    filters=(
        ChoiceFilter("topic", "主题", options=queries.topic_options),
        BoolFilter("verified", "已核对原文", condition=Q(verified=True)),
        ChoiceFilter("status", "依据性质"),
        BoolFilter("local", "本地调整", condition=Q(local=True)),
        ChoiceFilter("evidence", "核对情况", facets=False),
    ),
    views=(("全部", ""), ("未核对原文", "verified=0"), ("建议值", "status=proposal"), ("本地调整", "local=1")),
    default_sort=("topic", "code"),
    export_name="标准依据",
    search_global=True,
    note="监督规则和办理标准取自这里。未核对原文的取值和建议值不能作为处理依据，可按本地规定调整。",
    empty=EmptyState("还没有标准依据", "系统升级时装入随附的标准依据。", icon="book"),
)

DETAIL = DetailPage(
    code="reference.fact",
    path="reference/<int:pk>/",
    title=lambda fact: fact.name,
    subtitle=lambda fact: fact.code,
    permission=SIGNED_IN,
    rows=queries.all_rows,
    badge=VERIFIED,
    panels=(
        Panel(
            "取值与依据",
            fields=(
                VALUE,
                Column("citation", "引用", value=lambda fact: fact.citation, wide=True),
                Column("source", "依据"),
                Column("number", "文号"),
                Column("issuer", "制定机关"),
                Column("clause", "条款"),
                Column("status", "依据性质"),
                Column("evidence", "核对情况"),
                TOPIC,
                Column("group", "类别"),
                Date("valid_from", "生效日期"),
                Date("valid_to", "失效日期"),
                Column("limits_text", "可调整范围"),
                Column("note", "说明", wide=True),
            ),
        ),
        Panel(
            "本地调整",
            fields=(
                Column("place.name", "适用单位"),
                Column("changed_by", "调整人"),
                DateTime("created_at", "调整时间"),
                Column("reason", "调整事由", wide=True),
            ),
            when=lambda fact: fact.local,
        ),
        RelatedList(
            "历次取值",
            rows=queries.editions,
            columns=(
                Date("valid_from", "生效日期"),
                VALUE,
                Column("local", "本地调整", kind="bool"),
                Column("place.name", "适用单位"),
                Column("changed_by", "调整人"),
                Column("reason", "调整事由"),
            ),
            tab="历次取值",
            link="reference.fact.detail",
        ),
    ),
    actions=(
        VerbAction("adjust", "调整取值", verb=service.adjust, permission=MANAGE, form=AdjustForm, reason=True,
                   icon="adjustments", style="primary", when=lambda fact: fact.adjustable, done="已调整",
                   help="调整后自生效日期起执行，原取值保留备查。"),
    ),
    version=lambda fact: fact.pk,
)  # fmt: skip
