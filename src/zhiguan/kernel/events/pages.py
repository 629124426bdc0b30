"""后台任务 with their progress; 事件订阅 and what was delivered."""

from __future__ import annotations

from typing import Any

from django.db.models import Q

from zhiguan.kit.actor import Actor
from zhiguan.kit.errors import Invalid
from zhiguan.kit.pages import (
    SIGNED_IN,
    Badge,
    Bool,
    BoolFilter,
    BulkAction,
    ChoiceFilter,
    Column,
    Custom,
    DateRangeFilter,
    DateTime,
    DetailPage,
    EmptyState,
    FormPage,
    ListPage,
    MenuItem,
    PageAction,
    Panel,
    RelatedList,
    VerbAction,
    ViewPage,
)

from . import queries, running, subscriptions, views
from .codes import (
    DELIVERY_COLOURS,
    JOB_COLOURS,
    JOB_VIEW,
    SUBSCRIPTION_MANAGE,
    SUBSCRIPTION_VIEW,
    DeliveryState,
    JobState,
)
from .forms import SubscriptionForm
from .models import Subscription

STATE = Badge("state", "状态", JOB_COLOURS, sortable=True)
KIND = Column("kind", "类型", value=lambda job: queries.kind_name(job.kind), needs=("kind",))
ASKED_BY = Column("requested_by.person.name", "提交人")


def _in(*states: str) -> Any:
    return lambda row: row.state in states


def _search(rows: Any, text: str) -> Any:
    return rows.filter(Q(title__icontains=text) | Q(message__icontains=text))


JOBS = ListPage(
    code="events.job",
    path="events/job/",
    title="后台任务",
    menu=MenuItem("base", order=40, icon="list-check"),
    permission=SIGNED_IN,
    rows=queries.jobs,
    columns=(
        Column("title", "任务", link=True, sortable=True),
        KIND,
        STATE,
        Column("progress", "进度", kind="integer", unit="%"),
        Column("message", "说明"),
        ASKED_BY,
        Column("unit.name", "单位", shown=False),
        DateTime("created_at", "提交时间", sortable=True),
        DateTime("finished_at", "结束时间", sortable=True),
        Column("attempts", "已执行次数", kind="integer", shown=False),
    ),
    search=_search,
    search_hint="任务名称、说明",
    filters=(
        ChoiceFilter("state", "状态"),
        ChoiceFilter("kind", "类型", options=queries.kind_options, facets=False),
        DateRangeFilter("created_at", "提交时间"),
        BoolFilter("periodic", "周期任务", condition=Q(scheduled_for__isnull=False)),
    ),
    views=(("全部", ""), ("进行中", "state=queued&state=running"), ("失败", "state=failed")),
    default_sort=("-created_at",),
    note="您提交的任务，以及您有权查看的单位的任务。",
    empty=EmptyState("没有后台任务", "批量导入等需要较长时间的工作在此显示进度和结果。", icon="list-check"),
)

JOB = DetailPage(
    code="events.job",
    path="events/job/<int:pk>/",
    title=lambda job: job.title,
    permission=SIGNED_IN,
    rows=queries.jobs,
    badge=STATE,
    panels=(
        Custom("events/job_progress.html", context=views.progress_context, title="进度"),
        Panel(
            "任务",
            fields=(
                KIND,
                ASKED_BY,
                Column("unit.name", "单位"),
                DateTime("created_at", "提交时间"),
                DateTime("started_at", "开始时间"),
                DateTime("finished_at", "结束时间"),
                DateTime("scheduled_for", "计划时间"),
                Column("attempts", "已执行次数", kind="integer"),
                Column("result", "结果", value=queries.result_text, wide=True),
                Column("error", "错误信息", permission=JOB_VIEW, wide=True),
            ),
        ),
    ),
    actions=(
        VerbAction("cancel", "取消", verb=running.cancel, permission=SIGNED_IN, icon="ban",
                   when=_in(JobState.QUEUED, JobState.RUNNING),
                   confirm="取消该任务？执行中的任务将在当前步骤结束后停止，已做的改动会撤销。", done="已要求取消"),
        VerbAction("retry", "重试", verb=running.retry, permission=SIGNED_IN, icon="refresh", style="primary",
                   when=_in(JobState.FAILED, JobState.CANCELLED), confirm="从头重新执行该任务？", done="已重新排队"),
    ),
    version=lambda job: f"{job.state}{job.attempts}",
)  # fmt: skip

PROGRESS = ViewPage(
    code="events.job.progress",
    path="events/job/<int:pk>/progress/",
    title="任务进度",
    permission=SIGNED_IN,
    view=views.progress,
)

ACTIVE = Bool("active", "启用")
DELIVERY_STATE = Badge("state", "状态", DELIVERY_COLOURS, sortable=True)

SUBSCRIPTIONS = ListPage(
    code="events.subscription",
    path="events/subscription/",
    title="事件订阅",
    menu=MenuItem("base", order=50, icon="webhook"),
    permission=SUBSCRIPTION_VIEW,
    rows=queries.subscriptions,
    columns=(
        Column("name", "名称", link=True, sortable=True),
        Column("unit.name", "单位"),
        Column("url", "接收地址"),
        Column("types", "事件类型"),
        ACTIVE,
        DateTime("created_at", "创建时间", sortable=True),
    ),
    search=("name", "url"),
    search_hint="名称、接收地址",
    filters=(BoolFilter("active", "启用", condition=Q(active=True)),),
    page_actions=(PageAction("新建订阅", "events.subscription.create", icon="plus", style="primary"),),
    empty=EmptyState("还没有事件订阅", "其他系统订阅后，业务变动会及时推送给它们。",
                     PageAction("新建订阅", "events.subscription.create"), icon="webhook"),
)  # fmt: skip


def _create(actor: Actor, row: Any, values: dict[str, Any]) -> Subscription:
    unit = queries.own_unit(actor)
    if unit is None:
        raise Invalid("您的账号没有所在单位，不能新建订阅。", code="no_unit")
    return subscriptions.subscribe(actor, unit=unit, **values)[0]


def _activate(actor: Actor, row: Subscription) -> Subscription:
    return subscriptions.set_active(actor, row, active=True)


def _deactivate(actor: Actor, row: Subscription) -> Subscription:
    return subscriptions.set_active(actor, row, active=False)


NEW = FormPage(
    code="events.subscription.create",
    path="events/subscription/new/",
    title="新建事件订阅",
    permission=SUBSCRIPTION_MANAGE,
    form=SubscriptionForm,
    verb=_create,
    help="订阅范围为您所在单位及其下级；只能订阅您有权查看的条线。签名密钥在订阅的“密钥”页签中查看。",
)

SUBSCRIPTION = DetailPage(
    code="events.subscription",
    path="events/subscription/<int:pk>/",
    title=lambda row: row.name,
    permission=SUBSCRIPTION_VIEW,
    rows=queries.subscriptions,
    panels=(
        Panel(
            "订阅",
            fields=(
                Column("unit.name", "单位"),
                ACTIVE,
                Column("url", "接收地址", wide=True),
                Column("types", "事件类型", wide=True),
                DateTime("created_at", "创建时间"),
                Column("generation", "密钥版本", kind="integer"),
            ),
        ),
        RelatedList(
            "最近的投递",
            rows=queries.deliveries_of,
            columns=(
                Column("event.type", "事件类型"),
                Column("subject", "对象"),
                DELIVERY_STATE,
                Column("attempts", "已尝试次数", kind="integer"),
                DateTime("delivered_at", "送达时间"),
                Column("error", "原因"),
            ),
            tab="投递记录",
        ),
        Custom("events/secret.html", context=views.secret_context, title="签名密钥", tab="密钥",
               permission=SUBSCRIPTION_MANAGE),
    ),
    actions=(
        VerbAction("activate", "启用", verb=_activate, permission=SUBSCRIPTION_MANAGE, icon="player-play",
                   when=lambda row: not row.active, done="已启用"),
        VerbAction("deactivate", "停用", verb=_deactivate, permission=SUBSCRIPTION_MANAGE, icon="player-pause",
                   when=lambda row: row.active, done="已停用", confirm="停用后产生的事件不再投递，也不会补投。"),
        VerbAction("rotate", "更换密钥", verb=subscriptions.rotate, permission=SUBSCRIPTION_MANAGE, icon="key",
                   style="danger", confirm="更换后原密钥立即失效，接收方须改用新密钥。", done="已更换密钥"),
    ),
    version=lambda row: f"{row.active}{row.generation}",
)  # fmt: skip

DELIVERIES = ListPage(
    code="events.delivery",
    path="events/delivery/",
    title="事件投递",
    menu=MenuItem("base", order=60, icon="send"),
    permission=SUBSCRIPTION_VIEW,
    rows=queries.deliveries,
    columns=(
        Column("event.type", "事件类型"),
        Column("subject", "对象"),
        Column("subscription.name", "订阅"),
        DELIVERY_STATE,
        Column("attempts", "已尝试次数", kind="integer"),
        Column("status", "应答状态码", kind="integer"),
        Column("error", "原因"),
        DateTime("created_at", "生成时间", sortable=True),
        DateTime("delivered_at", "送达时间", sortable=True),
        DateTime("next_at", "下次投递", shown=False),
    ),
    search=("=subject", "^event.type"),
    search_hint="对象、事件类型",
    filters=(ChoiceFilter("state", "状态"), DateRangeFilter("created_at", "生成时间")),
    views=(("全部", ""), ("投递失败", "state=dead")),
    bulk_actions=(
        BulkAction("redeliver", "重新投递", verb=subscriptions.redeliver, permission=SUBSCRIPTION_MANAGE,
                   confirm="重新投递所选的 {count} 条？", when=_in(DeliveryState.DEAD), icon="refresh"),
    ),
    empty=EmptyState("还没有投递记录", "有订阅且发生业务变动后，投递情况在此列出。", icon="send"),
)  # fmt: skip
