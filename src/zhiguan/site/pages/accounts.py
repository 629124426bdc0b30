"""账号、在线会话、口令与会话策略."""

from __future__ import annotations

from typing import Any

from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponseBase
from django.urls import reverse
from django.utils import timezone

from zhiguan.kernel.identity.service import Account, Grant
from zhiguan.kit.actor import Actor
from zhiguan.kit.pages import (
    Badge,
    Bool,
    BoolFilter,
    BulkAction,
    Column,
    DateRangeFilter,
    DateTime,
    DetailPage,
    EmptyState,
    FormPage,
    ListPage,
    MenuItem,
    Number,
    PageAction,
    Panel,
    RelatedList,
    Section,
    VerbAction,
    ViewPage,
)
from zhiguan.kit.pages.forms import ReasonForm

from .. import administration as verbs
from ..forms import AccountForm, PolicyForm
from .shown_once import form_with_secret

MANAGE = "identity.account.manage"


def accounts(actor: Actor) -> QuerySet[Account]:
    return Account.objects.all()


def _state(account: Account) -> str:
    if not account.is_active:
        return "disabled"
    return "locked" if account.locked else "normal"


STATE = Badge(
    "account_state", "状态", {"normal": "green", "locked": "orange", "disabled": "secondary"}, value=_state,
    choices={"normal": "正常", "locked": "已锁定", "disabled": "已停用"}, needs=("is_active", "locked_until"),
)  # fmt: skip

ACCOUNTS = ListPage(
    code="identity.account",
    path="identity/account/",
    title="账号",
    menu=MenuItem("identity", order=10, icon="users"),
    permission="identity.account.view",
    rows=accounts,
    columns=(
        Column("username", "账号", link=True, sortable=True), STATE, Column("person.name", "人员"), Column("unit.name", "所在单位"),
        Bool("must_change_password", "须改口令"), DateTime("last_login", "最近登录", sortable=True),
        DateTime("password_set_at", "口令设置时间", shown=False), DateTime("created_at", "创建时间", sortable=True),
    ),
    search=("username", "=person.name", "unit.name"),
    search_hint="账号、姓名、单位",
    filters=(BoolFilter("is_active", "启用"), BoolFilter("must_change_password", "须改口令"),
             DateRangeFilter("last_login", "最近登录")),
    default_sort="username",
    page_actions=(PageAction("新建账号", "identity.account.create", icon="user-plus", style="primary"),),
    export_name="账号",
    empty=EmptyState("还没有账号", "", PageAction("新建账号", "identity.account.create")),
)  # fmt: skip
ACCOUNT = DetailPage(
    code="identity.account",
    path="identity/account/<int:pk>/",
    title=lambda account: account.username,
    subtitle=lambda account: " · ".join(
        part for part in (account.unit.name if account.unit else "", account.person.name if account.person else "接口账号")
        if part
    ),
    permission="identity.account.view",
    rows=lambda actor: accounts(actor).select_related("person", "unit").annotate(factors=Count("authenticator")),
    badge=STATE,
    panels=(
        Panel("基本信息", fields=(
            Column("username", "账号"), Column("person.name", "人员"), Column("unit.name", "所在单位"), Column("email", "电子邮箱"),
            DateTime("created_at", "创建时间"), DateTime("last_login", "最近登录"), DateTime("password_set_at", "口令设置时间"),
            Bool("must_change_password", "须改口令"), Column("failed_count", "连续失败次数"), DateTime("locked_until", "锁定至"),
            Number("factors", "登录验证方式", unit="种"),
        )),
        RelatedList("授权", rows=lambda account, actor: Grant.objects.filter(account=account).select_related("role", "unit"),
                    tab="授权", link="identity.grant.detail", permission="identity.grant.view",
                    columns=(Column("role.name", "角色", link=True), Column("state", "状态"), Column("scope", "数据权限"),
                             Column("unit.name", "单位"), Column("valid_from", "生效日期"), Column("valid_to", "截止日期"))),
    ),
    actions=(
        VerbAction("unlock", "解锁", verb=verbs.unlock_account, permission=MANAGE, style="primary",
                   when=lambda account: account.locked, confirm="解除该账号的锁定？"),
        VerbAction("clear_factors", "清除验证方式", verb=verbs.clear_factors, permission=MANAGE, reason=True, style="danger",
                   when=lambda account: account.factors > 0,
                   help="用于手机或密钥丢失：清除该账号的动态口令、恢复码和通行密钥，使用人凭密码登录后可重新设置。"),
        VerbAction("disable", "停用", verb=verbs.disable_account, permission=MANAGE, reason=True, style="danger",
                   when=lambda account: account.is_active, help="停用后立即下线，名下接口密钥同时失效。"),
        VerbAction("enable", "启用", verb=verbs.enable_account, permission=MANAGE, reason=True, style="primary",
                   when=lambda account: not account.is_active),
    ),
    page_actions=(PageAction("重置口令", "identity.account.password", icon="key", permission=MANAGE),),
)  # fmt: skip


def new_account(request: HttpRequest) -> HttpResponseBase:
    """新建账号; the first password is shown once."""

    def work(values: dict[str, Any]) -> tuple[Any, str, str]:
        account, secret = verbs.create_account(request.actor, **values)  # type: ignore[attr-defined]
        return account, secret, "初始口令"

    return form_with_secret(
        request, AccountForm, work, page="identity.account.detail", title="新建账号", submit="新建",
        cancel=reverse("identity.account"), help_text="新账号没有任何权限，须另行提出授权并经安全管理员复核。",
    )  # fmt: skip


def new_password(request: HttpRequest, pk: int) -> HttpResponseBase:
    """重置口令; the new one is shown once."""
    from zhiguan.kit.pages.scope import one

    account = one(ACCOUNT, request.actor, pk)  # type: ignore[attr-defined]

    def work(values: dict[str, Any]) -> tuple[Any, str, str]:
        return account, verbs.reset_password(request.actor, account, **values), "临时口令"  # type: ignore[attr-defined]

    return form_with_secret(
        request, ReasonForm, work, page="identity.account.detail", title=f"重置口令：{account.username}", submit="重置",
        cancel=reverse("identity.account.detail", args=[pk]),
        help_text="重置后该账号立即下线，使用人凭临时口令登录后须设置自己的口令。",
    )  # fmt: skip


ACCOUNT_NEW = ViewPage(
    code="identity.account.create", path="identity/account/new/", title="新建账号", permission=MANAGE, view=new_account,
    methods=("GET", "POST"), parent="identity.account",
)  # fmt: skip
ACCOUNT_PASSWORD = ViewPage(
    code="identity.account.password", path="identity/account/<int:pk>/password/", title="重置口令", permission=MANAGE,
    view=new_password, methods=("GET", "POST"), parent="identity.account",
)  # fmt: skip


def sessions(actor: Actor) -> QuerySet[UserSession]:
    """Return the sessions that are alive."""
    alive = Session.objects.filter(expire_date__gt=timezone.now()).values("session_key")
    return UserSession.objects.filter(session_key__in=alive)


_SESSION_COLUMNS = (
    Column("user.username", "账号", link=True, sortable=True), Column("user.person.name", "人员"),
    Column("user.unit.name", "单位"), Column("ip", "网络地址"), DateTime("created_at", "登录时间", sortable=True),
    DateTime("last_seen_at", "最近活动", sortable=True), Column("user_agent", "终端", wide=True),
)  # fmt: skip
SESSIONS = ListPage(
    code="identity.session",
    path="identity/session/",
    title="在线会话",
    menu=MenuItem("identity", order=40, icon="devices"),
    permission="identity.session.view",
    rows=sessions,
    columns=_SESSION_COLUMNS,
    search=("user.username", "=user.person.name"),
    search_hint="账号、姓名",
    filters=(DateRangeFilter("last_seen_at", "最近活动"),),
    default_sort="-last_seen_at",
    bulk_actions=(
        BulkAction("end", "强制下线", verb=verbs.end_session, permission="identity.session.end", reason=True, icon="logout",
                   confirm="让所选的 {count} 个会话下线？"),
    ),
    export_name="在线会话",
    empty=EmptyState("没有在线会话", ""),
)  # fmt: skip
SESSION = DetailPage(
    code="identity.session", path="identity/session/<int:pk>/", title=lambda session: session.user.username,
    permission="identity.session.view", rows=lambda actor: sessions(actor).select_related("user__person", "user__unit"),
    panels=(Panel("会话", fields=_SESSION_COLUMNS),),
    actions=(VerbAction("end", "强制下线", verb=verbs.end_session, permission="identity.session.end", reason=True,
                        style="danger", success=lambda result, actor: reverse("identity.session")),),
)  # fmt: skip

POLICY = FormPage(
    code="identity.policy", path="identity/policy/", title="口令与会话策略", permission="identity.policy.manage",
    menu=MenuItem("identity", order=50, icon="shield-lock"), form=PolicyForm,
    verb=lambda actor, row, values: verbs.set_rules(actor, values),
    success=lambda row, actor: reverse("identity.policy"), done="策略已保存，即时生效",
    sections=(Section("口令", ("min_length", "min_classes", "max_age_days", "history")),
              Section("锁定与会话", ("lock_after", "lock_minutes", "idle_minutes"))),
)  # fmt: skip
