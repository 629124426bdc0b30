"""The import page: template, upload, dry run, all-or-nothing apply; large files as a job with progress."""

from __future__ import annotations

import io
import logging
from typing import Any

from django.contrib import messages
from django.db import IntegrityError, transaction
from django.http import FileResponse, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect, QueryDict
from django.shortcuts import render
from django.urls import NoReverseMatch, reverse

from zhiguan.kit import registry
from zhiguan.kit.actor import Actor
from zhiguan.kit.errors import Invalid, NotFound, Refusal
from zhiguan.kit.importing import checking, reading, workbooks
from zhiguan.kit.importing.declare import Problem

from . import once
from .declare import ImportPage
from .export import XLSX
from .guard import working
from .menu import place
from .ports import ports

log = logging.getLogger(__name__)

SHOWN_PROBLEMS = 200
PREVIEW_ROWS = 5
RUNNING = ("checking", "applying")


def view(request: HttpRequest, page: ImportPage, actor: Actor) -> HttpResponseBase:
    """Answer an import's address. ``t`` is the upload's token; ``_template`` and ``_report`` are downloads."""
    if request.method == "POST":
        return _apply(request, page, actor) if request.POST.get("_apply") else _upload(request, page, actor)
    if request.GET.get("_template"):
        content = workbooks.template(page.importer, actor, page.title_for())
        return _download(content, f"{page.title_for()}模板.xlsx")
    token = request.GET.get("t", "")
    state = _state(page, actor, token) if token else None
    if state is not None and request.GET.get("_report"):
        problems = [Problem(*entry) for entry in state.get("problems", [])]
        table = checking.load(page.importer, ports().uploads.content(token), state["filename"])
        return _download(workbooks.report(table, problems), f"{state['filename'].rsplit('.', 1)[0]}-错误报告.xlsx")
    return _draw(request, page, actor, token, state)


def _download(content: bytes, filename: str) -> FileResponse:
    return FileResponse(io.BytesIO(content), as_attachment=True, filename=filename, content_type=XLSX)


def _state(page: ImportPage, actor: Actor, token: str) -> dict[str, Any]:
    try:
        state = ports().uploads.state(token)
    except KeyError:
        state = {}
    if state.get("page") != page.code or state.get("owner") != _owner(actor):
        raise NotFound("该次上传不存在或已过期（上传的文件保留一天），请重新上传。")
    return state


def _owner(actor: Actor) -> str:
    return f"{actor.account_id or ''}/{actor.person_id or ''}/{actor.name}"


def _draw(
    request: HttpRequest, page: ImportPage, actor: Actor, token: str = "", state: dict[str, Any] | None = None,
    *, error: str = "", status: int = 200,
) -> HttpResponse:  # fmt: skip
    stage = state["stage"] if state else "start"
    context = {
        "page": page,
        "title": page.title_for(),
        "columns": page.importer.columns,
        "back": _back(page),
        "token": token,
        "state": state,
        "stage": stage,
        "running": stage in RUNNING,
        "passed": stage == "checked" and not (state or {}).get("problems"),
        "step": {"start": 1, "checking": 2, "failed": 2, "applying": 3, "applied": 3}.get(stage, 2),
        "problems": [Problem(*entry) for entry in (state or {}).get("problems", [])[:SHOWN_PROBLEMS]],
        "shown_problems": SHOWN_PROBLEMS,
        "max_bytes": reading.MAX_BYTES,
        "error": error,
    }
    if request.headers.get("HX-Target") == "zg-import":
        return render(request, "kit/_import_state.html", context)
    place(request, page, actor)
    return render(request, "kit/import.html", context, status=status)


def _back(page: ImportPage) -> str:
    try:
        return reverse(page.back or page.code)
    except NoReverseMatch:
        return "/"


def _upload(request: HttpRequest, page: ImportPage, actor: Actor) -> HttpResponseBase:
    file = request.FILES.get("file")
    if file is None:
        return _draw(request, page, actor, error="请选择要导入的文件。", status=422)
    if file.size > reading.MAX_BYTES:
        return _draw(
            request, page, actor, error=f"文件超过 {reading.MAX_BYTES // 2**20} MB，请拆分后分批导入。", status=413
        )
    content, filename = file.read(), file.name[-120:]
    try:
        table = checking.load(page.importer, content, filename)
    except Invalid as refusal:
        return _draw(request, page, actor, error=f"“{filename}”：{refusal.message}", status=refusal.status)
    total = len(table.rows)
    token = ports().uploads.add(
        content,
        {
            "page": page.code,
            "owner": _owner(actor),
            "filename": filename,
            "stage": "checking",
            "done": 0,
            "total": total,
        },
    )
    _start(page, actor, token, "check", total)
    return _to(page, request, token)


def _to(page: ImportPage, request: HttpRequest, token: str) -> HttpResponseRedirect:
    query = QueryDict(mutable=True)
    query["t"] = token
    return HttpResponseRedirect(f"{request.path}?{query.urlencode()}")


def _start(page: ImportPage, actor: Actor, token: str, step: str, total: int) -> None:
    run_job = ports().run_job
    if run_job is not None and total > page.importer.in_request_limit:
        run_job(actor, page.code, token, step)
    else:
        run_step(actor, page.code, token, step)


def _apply(request: HttpRequest, page: ImportPage, actor: Actor) -> HttpResponseBase:
    token = request.POST["_apply"][:64]
    state = _state(page, actor, token)
    where = once.ended_at(request, token)
    if where is not None or state["stage"] in ("applying", "applied"):
        messages.info(request, "该文件已经提交导入，无需重复提交。")
        return _to(page, request, token)
    if state["stage"] != "checked" or state.get("problems"):
        raise Invalid("该文件还没有通过检查，不能导入。", code="not_checked")
    ports().uploads.update(token, stage="applying", done=0)
    answer = _to(page, request, token)
    _start(page, actor, token, "apply", state["total"])
    once.ended(request, token, answer.url)
    return answer


def run_step(actor: Actor, code: str, token: str, step: str) -> None:
    """Check or apply an upload as ``actor``, in one transaction, noting progress in its state. Jobs call this.

    A refusal or a failure leaves the database as it was and the state saying so; unexpected errors are logged.
    """
    page = registry.current().get(ImportPage, code)
    try:
        with working(actor), transaction.atomic():
            if step == "apply":
                _run_apply(page, actor, token)
            else:
                _run_check(page, actor, token)
    except Refusal as refusal:
        ports().uploads.update(token, stage="failed", message=refusal.message)
    except IntegrityError:
        log.exception("import %s: refused by a constraint", code)
        message = "数据与已有记录冲突（例如编号重复），没有导入任何一条，请核对后重新上传。"
        ports().uploads.update(token, stage="failed", message=message)
    except Exception:
        log.exception("import %s failed", code)
        message = "处理时发生意外，没有导入任何一条，情况已记录，请稍后重试或联系系统管理员。"
        ports().uploads.update(token, stage="failed", message=message)


def _progress(token: str) -> Any:
    def note(done: int) -> None:
        ports().uploads.update(token, done=done)

    return note


def _run_check(page: ImportPage, actor: Actor, token: str) -> checking.Outcome:
    store = ports().uploads
    table = checking.load(page.importer, store.content(token), store.state(token)["filename"])
    outcome = checking.dry_run(page.importer, table, actor, _progress(token))
    preview = [
        [checking.shown(row.values.get(column.name)) for column in page.importer.columns]
        for row in outcome.rows[:PREVIEW_ROWS]
    ]
    store.update(
        token, stage="checked", total=outcome.total, done=outcome.total, good=len(outcome.rows), bad=outcome.bad_rows,
        problem_count=len(outcome.problems), cut=outcome.cut, warnings=outcome.warnings, preview=preview,
        problems=[[problem.row, problem.column, problem.value, problem.message] for problem in outcome.problems],
    )  # fmt: skip
    return outcome


def _run_apply(page: ImportPage, actor: Actor, token: str) -> None:
    """Check again, because the database has moved on since the dry run, then write everything."""
    outcome = _run_check(page, actor, token)
    if not outcome.ok:
        return  # the state now shows the new problems
    store = ports().uploads
    store.update(token, stage="applying", done=0)
    written = page.importer.apply(outcome.rows, actor, _progress(token))
    transaction.on_commit(lambda: store.update(token, stage="applied", done=written, written=written))
