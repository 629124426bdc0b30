"""审计: searching the log, one object's whole story, the signed checkpoints."""

from __future__ import annotations

import io
from typing import Any

from django.db.models import QuerySet
from django.http import FileResponse, HttpRequest, HttpResponseBase
from django.urls import reverse
from django.utils import timezone

from zhiguan.kernel.trace import export, names, queries
from zhiguan.kernel.trace import service as trace
from zhiguan.kernel.trace.declare import Subject
from zhiguan.kernel.trace.queries import Checkpoint, Entry
from zhiguan.kit.actor import Actor
from zhiguan.kit.pages import (
    Badge,
    ChoiceFilter,
    Column,
    DateRangeFilter,
    DateTime,
    DetailPage,
    EmptyState,
    ListPage,
    MenuItem,
    Number,
    PageAction,
    Panel,
    RelatedList,
    TextFilter,
    ViewPage,
)

VIEW = "trace.entry.view"


def story_address(entry: Entry) -> str:
    """Return the address of the list narrowed to the entry's object."""
    if not entry.subject_id:
        return ""
    return f"{reverse('trace.entry')}?subject_type={entry.subject_type}&subject_id={entry.subject_id}"


_KIND = Badge("kind", "类别", {Entry.Kind.ACT: "blue", Entry.Kind.READ: "purple"})
_NAME = Column("code_name", "事项", value=lambda entry: entry.code_name, link=True)
_WHO = Column("actor_label", "办理人", value=lambda entry: "系统作业" if entry.job else entry.actor_label)
_WHAT = Column("subject_label", "对象", value=lambda entry: entry.subject_label, link=story_address)
_VIA = Column("via", "途径", choices=names.VIA)
_WHY = Column("reason_text", "理由", value=lambda entry: entry.reason_text, wide=True)
_WHERE = Column("address_text", "来源地址", value=lambda entry: entry.address_text)
ENTRIES = ListPage(
    code="trace.entry", path="trace/entry/", title="痕迹查询", menu=MenuItem("audit", order=10, icon="timeline"),
    permission=VIEW, scope_persons=("person_id",), rows=queries.visible_to,
    columns=(DateTime("at", "时间", sortable=True), _NAME, _WHO, _WHAT, _VIA, _WHERE, _WHY, _KIND,
             Column("role_names", "当时角色", value=lambda entry: entry.role_names, shown=False),
             Column("case", "办件", shown=False), Column("code", "事项代码", shown=False)),
    search=("detail.actor_name", "detail.subject_label", "=detail.address", "=subject_id", "=request_id", "=case"),
    search_hint="办理人、对象、来源地址、请求编号",
    filters=(DateRangeFilter("at", "时间"), ChoiceFilter("kind", "类别", facets=False),
             ChoiceFilter("via", "途径", options=names.VIA, facets=False),
             TextFilter("code", "事项代码", lookup="istartswith", help="例如 vehicles. 或 identity.session.begin"),
             TextFilter("subject_type", "对象类型", lookup="iexact"), TextFilter("subject_id", "对象标识", lookup="iexact"),
             TextFilter("actor", "办理人", path="detail.actor_name")),
    default_sort="-pk", export_name="痕迹记录",
    views=(("全部", ""), ("登录", "code=identity.session"), ("授权", "code=identity.grant"), ("导出", "code=site.page.export"),
           ("查阅敏感数据", "kind=read")),
    empty=EmptyState("没有痕迹记录", "办理事项、登录、导出和查阅敏感数据都会留痕。", icon="timeline"),
    note="痕迹只增不改，没有任何人可以删除；点对象可看它的全部经过。",
)  # fmt: skip


def _story(entry: Entry, actor: Actor) -> QuerySet[Entry]:
    return queries.story(actor, Subject(entry.subject_type, entry.subject_id))


def _changes(entry: Entry, actor: Actor) -> list[dict[str, Any]]:
    if not hasattr(entry, "snapshot"):
        return []
    return [{"field": field, "before": before, "after": after} for field, before, after in entry.snapshot.changes]


ENTRY = DetailPage(
    code="trace.entry", path="trace/entry/<int:pk>/", title=lambda entry: entry.code_name, permission=VIEW,
    subtitle=lambda entry: f"{timezone.localtime(entry.at):%Y-%m-%d %H:%M:%S} · {entry.actor_label}",
    scope_persons=("person_id",), rows=lambda actor: queries.visible_to(actor).select_related("detail", "link", "snapshot"),
    badge=_KIND,
    panels=(
        Panel("痕迹", fields=(
            Column("code_name", "事项"), Column("code", "事项代码"), _WHO, Column("role_names", "当时角色"), _WHAT,
            Column("subject_type", "对象类型"), Column("subject_id", "对象标识"), _VIA, _WHERE, _WHY, Column("case", "办件"),
            Column("fields", "查阅的数据项"), Column("request_id", "请求编号"), Number("seq", "链上序号"),
            Column("hex", "内容摘要", value=lambda entry: bytes(entry.digest).hex(), wide=True),
        )),
        RelatedList("变动内容", rows=_changes, empty="没有变动内容，或不在您的业务数据权限范围内",
                    columns=(Column("field", "数据项"), Column("before", "变动前"), Column("after", "变动后")), limit=200),
        RelatedList("该对象的全部经过", rows=_story, tab="全部经过", link="trace.entry.detail", limit=200,
                    columns=(DateTime("at", "时间"), _NAME, _WHO, _VIA, _WHY)),
    ),
)  # fmt: skip

_ROOT = Column("root_hex", "默克尔根", value=lambda each: bytes(each.root).hex()[:32] + "…", needs=("root",))
CHECKPOINTS = ListPage(
    code="trace.checkpoint", path="trace/checkpoint/", title="检查点", menu=MenuItem("audit", order=20, icon="certificate"),
    permission="trace.checkpoint.view", rows=lambda actor: Checkpoint.objects.all(),
    columns=(Number("size", "记录数", unit="条", sortable=True, link=True), DateTime("at", "时间", sortable=True),
             Column("algorithm", "摘要算法"), _ROOT),
    filters=(DateRangeFilter("at", "时间"),), default_sort="-size", export_name="检查点",
    page_actions=(PageAction("导出痕迹链", "trace.export", icon="download"),),
    empty=EmptyState("还没有检查点", "后台作业每分钟为新的痕迹签署检查点。", icon="certificate"),
    note="检查点是系统对“至此共有哪些痕迹”的签名承诺。导出的文件可用 zhiguan trace verify 离线核验，删除、改写、截断都会被指出。",
)  # fmt: skip
CHECKPOINT = DetailPage(
    code="trace.checkpoint", path="trace/checkpoint/<int:pk>/", title=lambda each: f"检查点 {each.size}",
    permission="trace.checkpoint.view", rows=lambda actor: Checkpoint.objects.all(),
    panels=(Panel("检查点", fields=(
        Number("size", "记录数", unit="条"), DateTime("at", "时间"), Column("algorithm", "摘要算法"),
        *(Column(f"{name}_hex", title, value=lambda each, name=name: bytes(getattr(each, name)).hex(), wide=True)
          for name, title in (("root", "默克尔根"), ("head", "链尾"), ("previous", "上一检查点"), ("public_key", "公钥"),
                              ("signature", "签名"))),
    )),),
)  # fmt: skip


def download(request: HttpRequest) -> HttpResponseBase:
    """The log up to the newest checkpoint, without personal data, for verification elsewhere."""
    actor: Actor = request.actor  # type: ignore[attr-defined]
    text = io.StringIO()
    count = export.export(text)
    trace.record(actor, "trace.log.export", Subject("trace.log", "", f"{count} 条"), after={"entries": count})
    name = f"痕迹-{timezone.localtime():%Y%m%d-%H%M}.jsonl"
    return FileResponse(
        io.BytesIO(text.getvalue().encode()), as_attachment=True, filename=name, content_type="application/x-ndjson"
    )


EXPORT = ViewPage(
    code="trace.export", path="trace/export/", title="导出痕迹链", permission="trace.checkpoint.view", view=download,
    parent="trace.checkpoint",
)  # fmt: skip
