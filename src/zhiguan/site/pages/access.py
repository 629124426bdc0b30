"""角色、授权、权限矩阵、应用白名单、接口密钥."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone

from zhiguan.kernel.identity.codes import GrantState, RoleKind, ScopeKind
from zhiguan.kernel.identity.service import AllowedApp, ApiKey, Grant, Role, matrix
from zhiguan.kit import registry
from zhiguan.kit.actor import Actor
from zhiguan.kit.desk import Todo
from zhiguan.kit.manifest import Permission
from zhiguan.kit.pages import (
    SIGNED_IN,
    Badge,
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
    Number,
    Page,
    PageAction,
    Panel,
    RelatedList,
    Section,
    VerbAction,
    ViewPage,
)
from zhiguan.kit.pages.export import download, stamp
from zhiguan.kit.pages.menu import parent_of
from zhiguan.kit.pages.ports import ports

from .. import administration as verbs
from ..forms import AppForm, GrantForm, KeyForm
from .shown_once import form_with_secret

VIEW_GRANTS, PROPOSE, CONFIRM = "identity.grant.view", "identity.grant.propose", "identity.grant.confirm"
APPS, KEYS = "identity.app.manage", "identity.apikey.manage"


def roles(actor: Actor) -> QuerySet[Role]:
    """Return the roles with ``holders``: accounts that hold them now."""
    return Role.objects.annotate(holders=Count("grants", filter=Q(grants__state=GrantState.ACTIVE)))


def _permission_rows(role: Role, actor: Actor) -> list[dict[str, str]]:
    names, opened = permission_names(), opens()
    return [{"name": names.get(code, ""), "code": code, "opens": opened.get(code, "")} for code in role.permissions]


def permission_names() -> dict[str, str]:
    return {each.code: each.name for each in registry.current().all(Permission)}


def opens() -> dict[str, str]:
    """Return what each permission opens: the titles of pages and acts that ask for it."""
    found: dict[str, list[str]] = {}
    for page in registry.current().all(Page):
        title = page.title if isinstance(page.title, str) else f"{page.code}（详情）"
        above = parent_of(page) if title != page.title else None
        if above is not None:
            title = f"{above.menu_title}（{'变更' if isinstance(page, FormPage) else '详情'}）"
        found.setdefault(page.permission, []).append(title)
        for act in (*getattr(page, "actions", ()), *getattr(page, "bulk_actions", ())):
            found.setdefault(act.permission, []).append(act.title)
    return {code: "、".join(dict.fromkeys(titles)) for code, titles in found.items()}


_KIND = Badge("kind", "类别", {RoleKind.BUSINESS: "blue", RoleKind.SYSTEM_ADMIN: "purple", RoleKind.SECURITY_ADMIN: "orange",
                             RoleKind.AUDIT_ADMIN: "teal"})  # fmt: skip
ROLES = ListPage(
    code="identity.role", path="identity/role/", title="角色", menu=MenuItem("identity", order=20, icon="id-badge-2"),
    permission=VIEW_GRANTS, rows=roles,
    columns=(Column("name", "角色", link=True, sortable=True), _KIND, Column("code", "代码"),
             Number("permission_count", "权限点", value=lambda role: len(role.permissions), needs=("permissions",), unit="项"),
             Number("holders", "持有人数", unit="人"), Column("scope", "默认数据权限"), Bool("builtin", "内置")),
    search=("name", "code"), search_hint="名称、代码", filters=(ChoiceFilter("kind", "类别", facets=False),),
    default_sort=("kind", "code"), export_name="角色", empty=EmptyState("还没有角色", ""),
    note="角色由各部分随系统发布，不能在此修改；系统管理员、安全管理员、审计管理员互不兼任，也不持有业务角色。",
)  # fmt: skip
ROLE = DetailPage(
    code="identity.role", path="identity/role/<int:pk>/", title=lambda role: role.name, permission=VIEW_GRANTS, rows=roles,
    badge=_KIND,
    panels=(
        Panel("基本信息", fields=(Column("name", "名称"), Column("code", "代码"), Column("scope", "默认数据权限"),
                              Bool("builtin", "内置"), Number("holders", "持有人数", unit="人"))),
        RelatedList("权限点", rows=_permission_rows, limit=200,
                    columns=(Column("name", "权限"), Column("opens", "可以打开的页面与办理的事项", wide=True),
                             Column("code", "代码"))),
        RelatedList("持有人", tab="持有人", link="identity.grant.detail", limit=200,
                    rows=lambda role, actor: Grant.objects.filter(role=role, state=GrantState.ACTIVE)
                    .select_related("account__person", "unit"),
                    columns=(Column("account.username", "账号", link=True), Column("account.person.name", "人员"),
                             Column("scope", "数据权限"), Column("unit.name", "单位"), Date("valid_to", "截止日期"))),
    ),
)  # fmt: skip


def grants(actor: Actor) -> QuerySet[Grant]:
    return Grant.objects.all()


_GRANT_STATE = Badge("state", "状态", {GrantState.PROPOSED: "yellow", GrantState.ACTIVE: "green", GrantState.REFUSED: "red",
                                     GrantState.REVOKED: "secondary"})  # fmt: skip
GRANTS = ListPage(
    code="identity.grant", path="identity/grant/", title="授权",
    menu=MenuItem("identity", order=25, icon="user-check", badge="identity.grants"),
    permission=VIEW_GRANTS, rows=grants,
    columns=(Column("account.username", "账号", link=True), Column("account.person.name", "人员"), Column("role.name", "角色"),
             _GRANT_STATE, Column("scope", "数据权限"), Column("unit.name", "单位"), Date("valid_from", "生效日期"),
             Date("valid_to", "截止日期"), Column("proposed_by.username", "提出人"), DateTime("proposed_at", "提出时间", sortable=True),
             Column("decided_by.username", "复核人"), DateTime("decided_at", "复核时间", shown=False),
             Column("reason", "事由", shown=False)),
    search=("account.username", "=account.person.name", "role.name"), search_hint="账号、姓名、角色",
    filters=(ChoiceFilter("state", "状态"), ChoiceFilter("scope", "数据权限", options=ScopeKind.choices, facets=False),
             DateRangeFilter("proposed_at", "提出时间")),
    default_sort="-proposed_at", views=(("全部", ""), ("待复核", "state=proposed"), ("已生效", "state=active")),
    page_actions=(PageAction("提出授权", "identity.grant.create", icon="plus", style="primary"),), export_name="授权",
    empty=EmptyState("还没有授权", "", PageAction("提出授权", "identity.grant.create")),
    note="授权由系统管理员提出，经安全管理员复核后生效；提出人不能复核自己的授权。",
)  # fmt: skip
GRANTS_DESK = Todo(
    code="identity.grants", title="待复核的授权", order=5, permission=CONFIRM, page="identity.grant", query="state=proposed",
    rows=lambda actor: grants(actor).filter(state=GrantState.PROPOSED).select_related("account", "role").order_by("proposed_at"),
    url_name="identity.grant.detail", title_of=lambda grant: f"{grant.account.username} · {grant.role.name}",
    detail_of=lambda grant: f"{grant.get_scope_display()} · {timezone.localtime(grant.proposed_at):%m月%d日 %H:%M}",
    icon="user-check",
)  # fmt: skip


def _in(*states: str) -> Any:
    return lambda grant: grant.state in states


GRANT = DetailPage(
    code="identity.grant", path="identity/grant/<int:pk>/",
    title=lambda grant: f"{grant.account.username} · {grant.role.name}", permission=VIEW_GRANTS,
    rows=lambda actor: grants(actor).select_related("account__person", "role", "unit", "proposed_by", "decided_by"),
    badge=_GRANT_STATE,
    panels=(
        Panel("授权", fields=(
            Column("account.username", "账号"), Column("account.person.name", "人员"), Column("role.name", "角色"),
            Column("scope", "数据权限"), Column("unit.name", "单位"),
            Column("custom", "指定单位", value=lambda grant: [unit.name for unit in grant.custom_units.all()]),
            Date("valid_from", "生效日期"), Date("valid_to", "截止日期"), Column("reason", "事由"),
        )),
        Panel("办理", fields=(Column("proposed_by.username", "提出人"), DateTime("proposed_at", "提出时间"),
                            Column("decided_by.username", "复核人"), DateTime("decided_at", "复核时间"))),
    ),
    actions=(
        VerbAction("confirm", "同意", verb=verbs.confirm_grant, permission=CONFIRM, style="primary",
                   when=_in(GrantState.PROPOSED), confirm="同意后立即生效。请核对账号、角色和数据权限。"),
        VerbAction("refuse", "不同意", verb=verbs.refuse_grant, permission=CONFIRM, reason=True,
                   when=_in(GrantState.PROPOSED), style="danger"),
        VerbAction("revoke", "撤销授权", verb=verbs.revoke_grant, permission=PROPOSE, reason=True, style="danger",
                   when=_in(GrantState.PROPOSED, GrantState.ACTIVE)),
        VerbAction("withdraw", "撤销授权", verb=verbs.revoke_grant, permission=CONFIRM, reason=True, style="danger",
                   when=_in(GrantState.ACTIVE)),
    ),
)  # fmt: skip
GRANT_NEW = FormPage(
    code="identity.grant.create", path="identity/grant/new/", title="提出授权", permission=PROPOSE, form=GrantForm,
    verb=lambda actor, row, values: verbs.propose_grant(actor, **values), submit="提出", done="授权已提出，待安全管理员复核",
    success=lambda grant, actor: reverse("identity.grant.detail", args=[grant.pk]),
    sections=(Section("授权对象", ("account", "role")), Section("数据权限", ("scope", "unit", "custom_units")),
              Section("期限与事由", ("valid_from", "valid_to", "reason"))),
)  # fmt: skip

# --- the matrix ---------------------------------------------------------------------------------------------------------

MATRIX_COLUMNS = (
    Column("role_name", "角色"), Column("kind", "类别"), Column("permission_name", "权限"), Column("permission", "权限代码"),
    Column("opens", "页面与事项", wide=True), Column("account", "账号"), Column("person", "持有人"), Column("scope", "数据权限"),
    Column("unit", "单位"), Column("valid_from", "生效日期"), Column("valid_to", "截止日期"),
)  # fmt: skip


def matrix_rows() -> list[dict[str, str]]:
    opened = opens()
    return [{**row, "opens": opened.get(row["permission"], "")} for row in matrix()]


def show_matrix(request: HttpRequest) -> HttpResponseBase:
    """权限矩阵: roles × permissions; the file adds who holds them and over which rows."""
    kind = request.GET.get("export", "")
    if kind in ("xlsx", "csv"):
        return _matrix_file(request, matrix_rows(), kind)
    rows: dict[str, dict[str, Any]] = {}
    known = list(Role.objects.order_by("kind", "code"))
    opened = opens()
    for each in registry.current().all(Permission):
        held = [each.code in role.permissions for role in known]
        rows[each.code] = {"name": each.name, "code": each.code, "opens": opened.get(each.code, ""), "held": held}
    return render(request, "site/matrix.html", {"roles": known, "rows": rows.values()})


def _matrix_file(request: HttpRequest, rows: Iterable[dict[str, str]], kind: str) -> HttpResponseBase:
    answer, count = download(rows, MATRIX_COLUMNS, f"权限矩阵-{stamp()}", kind, sheet="权限矩阵")
    ports().on_export(request.actor, MATRIX, count, kind)  # type: ignore[attr-defined]
    return answer


MATRIX = ViewPage(
    code="identity.matrix", path="identity/matrix/", title="权限矩阵", permission="identity.matrix.export",
    menu=MenuItem("identity", order=30, icon="table"), view=show_matrix,
)  # fmt: skip

# --- applications and keys ----------------------------------------------------------------------------------------------

_ACTIVE = Badge("active", "状态", {True: "green", False: "secondary"}, choices={True: "启用", False: "停用"})
ALLOWED = ListPage(
    code="identity.app", path="identity/app/", title="应用白名单", menu=MenuItem("identity", order=60, icon="list-check"),
    permission=APPS, rows=lambda actor: AllowedApp.objects.annotate(key_count=Count("keys")),
    columns=(Column("name", "应用名称", link=True, sortable=True), Column("code", "应用代码", sortable=True), _ACTIVE,
             Column("origin", "来源地址"), Number("key_count", "接口密钥", unit="个"), DateTime("created_at", "登记时间", sortable=True)),
    search=("name", "code"), search_hint="名称、代码", filters=(BoolFilter("active", "启用"),), default_sort="code",
    page_actions=(PageAction("登记应用", "identity.app.create", icon="plus", style="primary"),), export_name="应用白名单",
    empty=EmptyState("还没有登记应用", "登记后才能为其签发接口密钥。", PageAction("登记应用", "identity.app.create")),
)  # fmt: skip
ALLOWED_APP = DetailPage(
    code="identity.app", path="identity/app/<int:pk>/", title=lambda app: app.name, permission=APPS,
    rows=lambda actor: AllowedApp.objects.all(), badge=_ACTIVE,
    panels=(Panel("应用", fields=(Column("name", "应用名称"), Column("code", "应用代码"), Column("origin", "来源地址"),
                                DateTime("created_at", "登记时间"))),
            RelatedList("接口密钥", rows=lambda app, actor: app.keys.select_related("account"),
                        columns=(Column("prefix", "前缀"), Column("name", "用途"), Column("account.username", "账号"),
                                 DateTime("expires_at", "有效期至"), DateTime("revoked_at", "停用时间")))),
    actions=(
        VerbAction("disable", "停用", verb=verbs.disable_app, permission=APPS, reason=True, style="danger",
                   when=lambda app: app.active, help="停用后，该应用的全部接口密钥立即失效。"),
        VerbAction("enable", "启用", verb=verbs.enable_app, permission=APPS, reason=True, when=lambda app: not app.active),
    ),
)  # fmt: skip
APP_NEW = FormPage(
    code="identity.app.create", path="identity/app/new/", title="登记应用", permission=APPS, form=AppForm,
    verb=lambda actor, row, values: verbs.allow_app(actor, **values), submit="登记", done="应用已登记",
    success=lambda app, actor: reverse("identity.app.detail", args=[app.pk]),
)  # fmt: skip


def keys(actor: Actor) -> QuerySet[ApiKey]:
    return ApiKey.objects.all()


def own_keys(actor: Actor) -> QuerySet[ApiKey]:
    return keys(actor).filter(account_id=actor.account_id)


def _key_state(key: ApiKey) -> str:
    if key.revoked_at is not None:
        return "revoked"
    return "expired" if key.expires_at <= timezone.now() else "live"


_KEY_STATE = Badge("key_state", "状态", {"live": "green", "expired": "yellow", "revoked": "secondary"}, value=_key_state,
                   choices={"live": "有效", "expired": "已过期", "revoked": "已停用"}, needs=("revoked_at", "expires_at"))  # fmt: skip
_KEY_COLUMNS = (
    Column("name", "用途", link=True), _KEY_STATE, Column("prefix", "前缀"), Column("app.name", "应用"),
    Column("account.username", "账号"), DateTime("expires_at", "有效期至", sortable=True),
    DateTime("last_used_at", "最近使用", sortable=True), DateTime("created_at", "签发时间", sortable=True),
)  # fmt: skip


def _key_permissions(key: ApiKey, actor: Actor) -> list[dict[str, str]]:
    names = permission_names()
    return [{"name": names.get(code, ""), "code": code} for code in key.permissions]


_KEY_PANELS = (
    Panel("密钥", fields=(*_KEY_COLUMNS, DateTime("revoked_at", "停用时间"))),
    RelatedList("权限点", rows=_key_permissions, columns=(Column("name", "权限"), Column("code", "代码")), limit=200),
)
_REVOKING = VerbAction("revoke", "停用", verb=verbs.revoke_key, permission=KEYS, reason=True, style="danger",
                       when=lambda key: key.revoked_at is None, help="停用后立即失效，不能恢复。")  # fmt: skip
ALL_KEYS = ListPage(
    code="identity.apikey", path="identity/apikey/", title="接口密钥", menu=MenuItem("identity", order=70, icon="key"),
    permission=KEYS, rows=keys, columns=_KEY_COLUMNS, search=("name", "^prefix", "account.username"),
    search_hint="用途、前缀、账号", filters=(DateRangeFilter("expires_at", "有效期至"), BoolFilter(
        "live", "未停用", condition=Q(revoked_at__isnull=True))),
    default_sort="-created_at", export_name="接口密钥", empty=EmptyState("还没有接口密钥", "由使用人在“我的接口密钥”中签发。"),
    note="密钥由账号本人签发，权限不超过本人；管理员可以查看和停用，看不到密钥内容。",
)  # fmt: skip
ANY_KEY = DetailPage(
    code="identity.apikey", path="identity/apikey/<int:pk>/", title=lambda key: key.name, permission=KEYS,
    rows=lambda actor: keys(actor).select_related("account", "app"), badge=_KEY_STATE, panels=_KEY_PANELS,
    actions=(_REVOKING,),
)  # fmt: skip
MY_KEYS = ListPage(
    code="identity.mykey", path="identity/mykey/", title="我的接口密钥", menu=MenuItem("api", order=20, icon="key"),
    permission=SIGNED_IN, rows=own_keys, columns=tuple(column for column in _KEY_COLUMNS if column.name != "account.username"),
    search=("name", "^prefix"), search_hint="用途、前缀", default_sort="-created_at",
    page_actions=(PageAction("签发密钥", "identity.mykey.create", icon="plus", style="primary"),),
    empty=EmptyState("还没有接口密钥", "签发后，程序可凭密钥以您的身份调用接口。", PageAction("签发密钥", "identity.mykey.create")),
)  # fmt: skip
MY_KEY = DetailPage(
    code="identity.mykey", path="identity/mykey/<int:pk>/", title=lambda key: key.name, permission=SIGNED_IN,
    rows=lambda actor: own_keys(actor).select_related("account", "app"), badge=_KEY_STATE, panels=_KEY_PANELS,
    actions=(replace(_REVOKING, permission=SIGNED_IN),),
)  # fmt: skip


def new_key(request: HttpRequest) -> HttpResponseBase:
    """签发接口密钥; the secret is shown once."""

    def work(values: dict[str, Any]) -> tuple[Any, str, str]:
        key, secret = verbs.issue_key(request.actor, **values)  # type: ignore[attr-defined]
        return key, secret, "接口密钥"

    return form_with_secret(request, KeyForm, work, page="identity.mykey.detail", title="签发接口密钥", submit="签发",
                            cancel=reverse("identity.mykey"))  # fmt: skip


MY_KEY_NEW = ViewPage(
    code="identity.mykey.create", path="identity/mykey/new/", title="签发接口密钥", permission=SIGNED_IN, view=new_key,
    methods=("GET", "POST"), parent="identity.mykey",
)  # fmt: skip
