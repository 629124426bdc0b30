"""通知: one's own inbox and wishes; and, for those who run the system, what was sent."""

from __future__ import annotations

from typing import Any

from django.db.models import Q, QuerySet
from django.urls import reverse

from zhiguan.kit.actor import Actor
from zhiguan.kit.manifest import MenuGroup
from zhiguan.kit.pages import (
    SIGNED_IN,
    Badge,
    Bool,
    BoolFilter,
    BulkAction,
    ChoiceFilter,
    Column,
    DateRangeFilter,
    DateTime,
    DetailPage,
    EmptyState,
    FormPage,
    ListPage,
    MenuItem,
    PageAction,
    Panel,
    Section,
    ViewPage,
)

from . import forms, queries, service, views
from .codes import DELIVERY_VIEW, SEND_COLOURS, Channel
from .models import Notice, Rhythm

GROUP = MenuGroup("notices", "通知", 790, "bell")
KIND = Column("kind", "类型", value=lambda row: queries.kind_name(row.kind), needs=("kind",))
READ = Badge(
    "read", "状态", {"unread": "blue", "read": "secondary"}, choices={"unread": "未读", "read": "已读"},
    value=lambda row: "read" if row.read_at else "unread", needs=("read_at",),
)  # fmt: skip


def _search(rows: QuerySet, text: str) -> QuerySet:
    return rows.filter(Q(title__icontains=text) | Q(body__icontains=text))


def _open(row: Notice) -> str:
    return reverse("notices.notice.open", args=[row.pk])


INBOX = ListPage(
    code="notices.notice",
    path="notices/notice/",
    title="通知中心",
    menu=MenuItem("notices", order=10, icon="bell"),
    permission=SIGNED_IN,
    rows=queries.inbox,
    columns=(
        Column("title", "标题", link=_open),
        Column("body", "内容", kind="long"),
        KIND,
        DateTime("at", "时间", sortable=True),
        READ,
        DateTime("read_at", "阅读时间", shown=False),
    ),
    search=_search,
    search_hint="标题、内容",
    filters=(
        ChoiceFilter("kind", "类型", options=queries.kind_options),
        BoolFilter("unread", "未读", condition=Q(read_at__isnull=True)),
        DateRangeFilter("at", "时间"),
    ),
    views=(("全部", ""), ("未读", "unread=1")),
    default_sort=("-at", "-pk"),
    bulk_actions=(
        BulkAction("read", "标为已读", verb=service.mark_read, permission=SIGNED_IN, icon="checks", style="primary"),
        BulkAction("unread", "标为未读", verb=service.mark_unread, permission=SIGNED_IN, icon="mail"),
    ),
    page_actions=(
        PageAction("全部标为已读", "notices.notice.read_all", icon="checks"),
        PageAction("通知设置", "notices.preference", icon="settings"),
    ),
    empty=EmptyState("没有通知", "审批结果、派车、问题线索和后台任务的进展在此通知您。", icon="bell"),
    detail="notices.notice.detail",
)

NOTICE = DetailPage(
    code="notices.notice",
    path="notices/notice/<int:pk>/",
    title=lambda row: row.title,
    permission=SIGNED_IN,
    rows=queries.inbox,
    badge=READ,
    panels=(
        Panel(
            "通知",
            fields=(
                KIND,
                DateTime("at", "时间"),
                DateTime("read_at", "阅读时间"),
                Column("link", "办理", value=lambda row: "前往办理" if row.link else "", link=lambda row: row.link),
                Column("body", "内容", kind="long", wide=True),
            ),
        ),
    ),
)

OPEN = ViewPage(
    code="notices.notice.open",
    path="notices/notice/<int:pk>/open/",
    title="打开通知",
    permission=SIGNED_IN,
    view=views.open_notice,
)

BELL = ViewPage(
    code="notices.bell", path="notices/bell/", title="未读通知", permission=SIGNED_IN, view=views.bell
)  # fmt: skip


def _read_all(actor: Actor, row: Any, values: dict[str, Any]) -> None:
    service.mark_all_read(actor, kind=values["kind"])


READ_ALL = FormPage(
    code="notices.notice.read_all",
    path="notices/notice/read-all/",
    title="全部标为已读",
    permission=SIGNED_IN,
    form=forms.ReadAllForm,
    verb=_read_all,
    submit="标为已读",
    done="已标为已读",
)


def _wishes(actor: Actor) -> Rhythm:
    return service.rhythm(actor)


def _initial(actor: Actor, row: Rhythm, query: Any) -> dict[str, Any]:
    return forms.initial(row, service.modes(actor, Channel.MAIL), service.modes(actor, Channel.WEBHOOK))


def _change(actor: Actor, row: Rhythm, values: dict[str, Any]) -> Rhythm:
    return service.change_preferences(actor, **values)


PREFERENCES = FormPage(
    code="notices.preference",
    path="notices/preference/",
    title="通知设置",
    menu=MenuItem("notices", order=20, icon="settings"),
    permission=SIGNED_IN,
    form=forms.PreferencesForm,
    load=_wishes,
    initial=_initial,
    verb=_change,
    success=lambda row, actor: reverse("notices.preference"),
    sections=(
        Section("接收时间", ("digest_at", "quiet_from", "quiet_to", "workdays_only")),
        Section("对接系统", ("webhook",)),
    ),
    done="通知设置已保存",
    parent="notices.notice",
    help="站内通知始终接收。邮件发送到账号登记的电子邮箱；没有登记邮箱，或本系统尚未配置邮件服务时，只有站内通知。",
)

STATE = Badge("state", "状态", SEND_COLOURS, sortable=True)

DELIVERIES = ListPage(
    code="notices.delivery",
    path="notices/delivery/",
    title="通知发送情况",
    menu=MenuItem("notices", order=30, icon="send"),
    permission=DELIVERY_VIEW,
    rows=queries.deliveries,
    columns=(
        KIND,
        Column("account.username", "接收账号"),
        Column("channel", "渠道"),
        Bool("digest", "汇总", shown=False),
        STATE,
        Column("attempts", "已尝试次数", kind="integer"),
        Column("error", "原因"),
        DateTime("due_at", "应发时间", sortable=True),
        DateTime("sent_at", "发送时间", sortable=True),
    ),
    search=("=account.username",),
    search_hint="接收账号",
    filters=(
        ChoiceFilter("state", "状态"),
        ChoiceFilter("channel", "渠道"),
        ChoiceFilter("kind", "类型", options=queries.kind_options, facets=False),
        DateRangeFilter("created_at", "生成时间"),
    ),
    views=(("全部", ""), ("待发送", "state=pending"), ("发送失败", "state=failed")),
    note="只列发送情况，不含通知内容。",
    empty=EmptyState("还没有发送记录", "按各人的通知设置发送邮件或推送后，情况在此列出。", icon="send"),
)
