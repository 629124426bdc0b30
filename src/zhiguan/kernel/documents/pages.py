"""签发文书 and 电子印章."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.db.models import Q
from django.http import HttpRequest
from django.urls import reverse

from zhiguan.kit.actor import Actor
from zhiguan.kit.pages import (
    Badge,
    BoolFilter,
    ChoiceFilter,
    Column,
    Custom,
    Date,
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
    Section,
    UnitFilter,
    VerbAction,
    ViewPage,
)

from . import issuing, queries, seals, views
from .codes import REVOKE, SEAL_ACTIVATE, SEAL_UPLOAD, SEAL_VIEW, VIEW
from .declare import SEAL_PURPOSES
from .forms import SealForm, SupersedeForm
from .lifecycle import DOCUMENT, SEAL
from .models import OutcomeDocument, Seal
from .producing import PREVIEW_PAGES

STATE = Badge("state", "状态", DOCUMENT.colours, choices=DOCUMENT.choices, sortable=True)
SEAL_STATE = Badge("state", "状态", SEAL.colours, choices=SEAL.choices, sortable=True)
DOCUMENT_COLUMNS = (
    Column("number", "文号", kind="code", link=True, sortable=True),
    Column("kind_name", "文种"),
    Column("title", "标题", kind="long"),
    Column("unit.name", "相关单位"),
    Column("issuer_name", "签发机关"),
    STATE,
    Date("issued_on", "签发日期", sortable=True),
    Date("valid_until", "有效期至", sortable=True, shown=False),
    Column("case", "来源办件", shown=False),
    Column("subject_label", "对象", shown=False),
    Column("issued_by", "经办人", shown=False),
    DateTime("ended_at", "失效时间", sortable=True, shown=False),
)


def _kinds(actor: Actor) -> Iterable[tuple[str, str]]:
    return queries.kinds()


def _made(document: OutcomeDocument) -> bool:
    return bool(document.digest)


def _open(document: OutcomeDocument) -> bool:
    return document.state in ("making", "valid")


def _issuer(actor: Actor, document: OutcomeDocument) -> bool:
    return actor.scope(REVOKE).covers(document.issuer_pos)


def _preview(document: OutcomeDocument, actor: Actor, request: HttpRequest) -> Mapping[str, Any]:
    shown = range(1, min(document.pages or 0, PREVIEW_PAGES) + 1)
    return {
        "document": document,
        "pages": [reverse("documents.document.page", args=[document.pk, number]) for number in shown],
        "more": (document.pages or 0) - len(shown), "state": document.state_name,
    }  # fmt: skip


def _check(document: OutcomeDocument) -> str:
    return issuing.address(document.token)


def _seal_text(document: OutcomeDocument) -> str:
    if document.seal is not None:
        return str(document.seal)
    return "演示用章" if document.demo and document.digest else ""


def _stamp_text(document: OutcomeDocument) -> str:
    return "下载时间戳" if document.stamp else ""


def _stamp_link(document: OutcomeDocument) -> str:
    return reverse("documents.document.stamp", args=[document.pk]) if document.stamp else ""


def _successor(document: OutcomeDocument) -> str:
    return reverse("documents.document.detail", args=[document.successor_id]) if document.successor_id else ""


def _others(document: OutcomeDocument, actor: Actor) -> Any:
    rows = queries.documents(actor).filter(subject_type=document.subject_type, subject_id=document.subject_id)
    return rows.exclude(pk=document.pk)


def supersede(actor: Actor, document: OutcomeDocument, *, reason: str, **values: Any) -> OutcomeDocument:
    """更正: the verb, with the form's values."""
    return issuing.supersede(actor, document, values, reason=reason)


LIST = ListPage(
    code="documents.document",
    path="documents/document/",
    title="签发文书",
    menu=MenuItem("documents", order=10, icon="file-certificate"),
    permission=VIEW,
    scope_column="",  # by the subject's unit, the issuing organ and the people named: queries.documents
    rows=queries.documents,
    columns=DOCUMENT_COLUMNS,
    search=("number", "title", "=case", "subject_label"),
    search_hint="文号、标题、对象、办件编号",
    filters=(
        ChoiceFilter("kind", "文种", options=_kinds),
        ChoiceFilter("state", "状态", options=DOCUMENT.choices),
        UnitFilter("unit", "相关单位", options=queries.unit_options),
        DateRangeFilter("issued_on", "签发日期"),
        DateRangeFilter("valid_until", "有效期至"),
        BoolFilter("waiting", "等待用印", condition=Q(state="making") & ~Q(problem="")),
    ),
    views=(
        ("全部", ""),
        ("有效", "state=valid"),
        ("制作中", "state=making"),
        ("已失效", "state=revoked&state=superseded"),
    ),
    default_sort="-issued_on",
    export_name="签发文书",
    empty=EmptyState("还没有签发的文书", "办件办结后，批复、登记证和通知在此列出。", icon="file-certificate"),
    search_global=True,
)

DETAIL = DetailPage(
    code="documents.document",
    path="documents/document/<int:pk>/",
    title=lambda document: document.title,
    subtitle=lambda document: document.number,
    permission=VIEW,
    scope_column="",
    rows=lambda actor: queries.documents(actor).select_related("unit", "successor", "seal"),
    badge=STATE,
    panels=(
        Custom("documents/preview.html", context=_preview, title="文书", tab="文书"),
        Panel(
            "登记",
            tab="登记信息",
            fields=(
                Column("number", "文号", kind="code"),
                Column("kind_name", "文种"),
                Column("issuer_name", "签发机关"),
                Date("issued_on", "签发日期"),
                Column("unit.name", "相关单位"),
                Column("subject_label", "对象"),
                Column("case", "来源办件"),
                Column("issued_by", "经办人"),
                Date("valid_until", "有效期至"),
                Column("problem", "制作情况", wide=True),
            ),
        ),
        Panel(
            "核验与签名",
            tab="登记信息",
            fields=(
                Column("code", "核验码", kind="code"),
                Column("check", "核验网址", value=_check, link=_check, wide=True),
                Column("digest", "文件摘要", kind="code", wide=True),
                Column("signed_by", "签名证书", wide=True),
                DateTime("stamped_at", "可信时间"),
                Column("stamped_by", "时间戳服务"),
                Column("stamp", "补盖的时间戳", value=_stamp_text, link=_stamp_link),
                Column("seal", "用印", value=_seal_text),
                Column("pages", "页数", kind="integer"),
            ),
        ),
        Panel(
            "失效",
            tab="登记信息",
            fields=(
                DateTime("ended_at", "失效时间"),
                Column("end_reason", "失效事由", kind="long", wide=True),
                Column("successor.number", "替代文书", link=_successor),
            ),
            when=lambda document: document.ended_at is not None,
        ),
        RelatedList(
            "同一对象的其他文书",
            rows=_others,
            columns=(
                Column("number", "文号", link=True), Column("kind_name", "文种"), Column("title", "标题"), STATE,
                Date("issued_on", "签发日期"),
            ),
            tab="其他文书",
            link="documents.document.detail",
        ),
    ),
    actions=(
        VerbAction(
            "supersede", "更正替代", verb=supersede, form=SupersedeForm, permission=REVOKE, reason=True, icon="edit",
            when=_open, only=_issuer, done="已签发更正后的文书，原文书即刻失效",
            help="按下列内容签发一份新文号的文书；原文书即刻失效，核验页随之显示。其余内容沿用原文书。",
            success=lambda made, actor: reverse("documents.document.detail", args=[made.pk]),
        ),
        VerbAction(
            "revoke", "撤销", verb=issuing.revoke, permission=REVOKE, reason=True, style="danger", icon="ban",
            when=_open, only=_issuer, done="已撤销",
            help="撤销后核验页立即显示“已撤销”，文号不再使用，不能恢复。",
        ),
    ),
    page_actions=(
        PageAction("下载", "documents.document.download", icon="download", style="primary", when=_made),
        PageAction("打开", "documents.document.open", icon="eye", when=_made),
    ),
    history=queries.history,
    print=False,
)  # fmt: skip

DOWNLOAD = ViewPage(
    code="documents.document.download", path="documents/document/<int:pk>/download/", title="下载文书", permission=VIEW,
    view=views.download,
)  # fmt: skip
OPEN = ViewPage(
    code="documents.document.open", path="documents/document/<int:pk>/pdf/", title="打开文书", permission=VIEW,
    view=views.opened,
)  # fmt: skip
STAMP = ViewPage(
    code="documents.document.stamp", path="documents/document/<int:pk>/stamp/", title="下载时间戳", permission=VIEW,
    view=views.stamp,
)  # fmt: skip
PAGE = ViewPage(
    code="documents.document.page", path="documents/document/<int:pk>/page/<int:number>/", title="文书页面",
    permission=VIEW, view=views.page,
)  # fmt: skip


SEALS = ListPage(
    code="documents.seal",
    path="documents/seal/",
    title="电子印章",
    menu=MenuItem("documents", order=20, icon="certificate"),
    permission=SEAL_VIEW,
    rows=queries.seals,
    columns=(
        Column("legend", "印文", link=True, sortable=True),
        Column("unit.name", "用印机关"),
        Column("purpose", "印章种类"),
        SEAL_STATE,
        Date("valid_from", "启用日期", sortable=True),
        Date("valid_to", "停用日期", sortable=True),
        Column("uploader", "登记人"),
        Column("activator", "启用人"),
    ),
    search=("legend",),
    search_hint="印文",
    filters=(
        ChoiceFilter("state", "状态", options=SEAL.choices),
        ChoiceFilter("purpose", "印章种类", options=list(SEAL_PURPOSES.items())),
    ),
    views=(("全部", ""), ("在用", "state=active"), ("待启用", "state=proposed")),
    default_sort="-valid_from",
    page_actions=(PageAction("登记印章", "documents.seal.create", icon="plus", style="primary"),),
    export_name="电子印章",
    empty=EmptyState(
        "还没有电子印章", "登记印模并由另一人审核启用后，签发的文书自动用印。", PageAction("登记印章", "documents.seal.create"),
        icon="certificate",
    ),
)  # fmt: skip


def _proposed(seal: Seal) -> bool:
    return seal.state == "proposed"


SEAL_PAGE = DetailPage(
    code="documents.seal",
    path="documents/seal/<int:pk>/",
    title=lambda seal: seal.legend,
    permission=SEAL_VIEW,
    rows=lambda actor: queries.seals(actor).select_related("unit", "file"),
    badge=SEAL_STATE,
    panels=(
        Custom("documents/seal.html", context=lambda seal, actor, request: {"seal": seal}, title="印模", tab="印章"),
        Panel(
            "登记",
            tab="印章",
            fields=(
                Column("unit.name", "用印机关"),
                Column("purpose", "印章种类"),
                Column("diameter_mm", "直径（毫米）", kind="integer"),
                Date("valid_from", "启用日期"),
                Date("valid_to", "停用日期"),
                Column("uploader", "登记人"),
                Column("activator", "启用人"),
                Column("digest", "印模摘要", kind="code", wide=True),
            ),
        ),
    ),
    actions=(
        VerbAction(
            "activate", "启用", verb=seals.activate, permission=SEAL_ACTIVATE, style="primary", icon="check", when=_proposed,
            only=lambda actor, seal: actor.account_id != seal.uploaded_by_id, done="已启用",
            confirm="启用后，该机关同类印章中原在用的一枚同时停用。确定启用？",
        ),
        VerbAction(
            "reject", "不予启用", verb=seals.reject, permission=SEAL_ACTIVATE, reason=True, icon="x", when=_proposed,
            done="已退回",
        ),
        VerbAction(
            "retire", "停用", verb=seals.retire, permission=SEAL_ACTIVATE, reason=True, style="danger", icon="ban",
            when=lambda seal: seal.state == "active", done="已停用",
            help="停用后新签发的文书等待用印，直到启用新的印章；已签发的文书不受影响。",
        ),
    ),
    history=queries.history,
)  # fmt: skip

NEW_SEAL = FormPage(
    code="documents.seal.create",
    path="documents/seal/new/",
    title="登记印章",
    permission=SEAL_UPLOAD,
    form=SealForm,
    verb=lambda actor, seal, values: seals.upload(actor, **values),
    sections=(
        Section("印章", ("unit", "purpose", "legend")),
        Section("印模", ("image", "diameter_mm", "valid_from")),
    ),
)
