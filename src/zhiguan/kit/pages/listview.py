"""The list: draws a :class:`Listing`, and takes what is done on it (bulk acts, columns, saved views, export)."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect, QueryDict
from django.shortcuts import render
from django.urls import reverse

from zhiguan.kit.actor import Actor
from zhiguan.kit.errors import Denied, Invalid, Refusal

from . import once
from .actions import BulkAction
from .columns import Column
from .declare import ListPage, may
from .drawing import cell_class, rows_html
from .export import file_response
from .links import action_link, detail_name, row_address, row_links
from .listing import SIZES, Listing
from .menu import place
from .ports import ports
from .scope import scoped

COLUMNS_KEY, SIZE_KEY = "zg.columns", "zg.size"
NAMED_REFUSALS = 5


def view(request: HttpRequest, page: ListPage, actor: Actor) -> HttpResponseBase:
    """Answer a list's address."""
    if request.method == "POST":
        return _post(request, page, actor)
    listing = listing_for(request, page, actor)
    kind = request.GET.get("_export", "")
    if kind in ("xlsx", "csv") and page.export_name:
        return _export(request, listing, kind)
    if listing.size != request.session.get(SIZE_KEY) and request.GET.get("size"):
        request.session[SIZE_KEY] = listing.size
    partial = request.headers.get("HX-Target") == "zg-list"
    context = context_for(request, listing)
    if not partial:
        place(request, page, actor)
    answer = render(request, "kit/_list_answer.html" if partial else "kit/list.html", context)
    answer["Vary"] = "HX-Request, HX-Target, Cookie"
    if partial:
        query = listing.address(page=listing.number if listing.number > 1 else None)
        answer["HX-Push-Url"] = f"{request.path}?{query}" if query else request.path
    return answer


def listing_for(request: HttpRequest, page: ListPage, actor: Actor, query: QueryDict | None = None) -> Listing:
    """Return the list as this request asks for it, with the columns and page size the user keeps."""
    chosen = request.session.get(COLUMNS_KEY, {}).get(page.code)
    return Listing(page, actor, request.GET if query is None else query, chosen, request.session.get(SIZE_KEY))


def context_for(request: HttpRequest, listing: Listing) -> dict[str, Any]:
    """Return what ``kit/list.html`` is drawn with."""
    page, actor = listing.page, listing.actor
    listing.count_facets()
    bulk = [action for action in page.bulk_actions if may(actor, action.permission)]
    links = row_links(page.row_actions, actor) if page.row_actions else None
    name = detail_name(page)
    rows = listing.shown
    first = (listing.number - 1) * listing.size
    actions = [link for action in page.page_actions if (link := action_link(action, actor))]
    empty_action = action_link(page.empty.action, actor) if page.empty.action else None
    saved = list(ports().saved_views.all(request, page.code))
    here = listing.address(page=None, size=None)
    return {
        "page": page,
        "listing": listing,
        "url": request.path,
        "bulk": bulk,
        "body": rows_html(
            rows, listing.columns, address=row_address(name) if name else None, links=links, checks=bool(bulk)
        ),
        "has_rows": bool(rows),
        "heads": [_head(listing, column) for column in listing.columns],
        "has_links": links is not None,
        "actions": actions,
        "empty_action": empty_action,
        "first": first + 1,
        "last": first + len(rows),
        "pager": _pager(listing),
        "sizes": [{"value": size, "current": size == listing.size} for size in SIZES],
        "chips": [
            {"text": text, "url": "?" + listing.address_without(name, value)}
            for applied in listing.applied
            for name, value, text in applied.chips
        ]
        + ([{"text": f"搜索：{listing.text}", "url": "?" + listing.address(q=None)}] if listing.text else []),
        "errors": [applied.error for applied in listing.applied if applied.error],
        "views": _views(page, listing, here),
        "saved": [{"view": view, "current": view.query == here, "url": f"?{view.query}"} for view in saved],
        "here": here,
        "can_export": bool(page.export_name) and may(actor, page.export_permission or page.permission),
        "export_query": listing.address(),
        "choosable": _choosable(listing),
        "deep": listing.capped and listing.number == listing.pages,
    }


def _head(listing: Listing, column: Column) -> dict[str, Any]:
    name, down = listing.sort
    current = name == column.name
    sortable = bool(column.order_path)
    upcoming = f"-{column.name}" if current and not down else column.name
    return {
        "title": column.title,
        "help": column.help,
        "css": cell_class(column),
        "url": "?" + listing.address(sort=None if current and down else upcoming) if sortable else "",
        "aria": ("descending" if down else "ascending") if current else ("none" if sortable else ""),
        "icon": ("sort-descending" if down else "sort-ascending") if current else "",
    }


def _pager(listing: Listing) -> list[dict[str, Any]]:
    """Return the page numbers to draw; a gap has no number."""
    at, last = listing.number, listing.pages
    wanted = sorted({1, last, *(number for number in range(at - 2, at + 3) if 1 <= number <= last)})
    drawn: list[dict[str, Any]] = []
    for before, number in zip([0, *wanted], wanted, strict=False):
        if number > before + 1:
            drawn.append({"number": None})
        query = listing.address(page=number if number > 1 else None)
        drawn.append({"number": number, "url": f"?{query}", "current": number == at})
    return drawn


def _views(page: ListPage, listing: Listing, here: str) -> list[dict[str, Any]]:
    current = QueryDict(here)
    drawn = []
    for title, query in page.views:
        wanted = QueryDict(query)
        drawn.append({"title": title, "url": f"?{query}", "current": dict(wanted.lists()) == dict(current.lists())})
    return drawn


def _choosable(listing: Listing) -> list[dict[str, Any]]:
    shown = [column.name for column in listing.columns]
    rest = [column for column in listing.columns_allowed if column.name not in shown]
    return [{"column": column, "shown": column.name in shown} for column in (*listing.columns, *rest)]


def _export(request: HttpRequest, listing: Listing, kind: str) -> HttpResponseBase:
    page, actor = listing.page, listing.actor
    permission = page.export_permission or page.permission
    if not may(actor, permission):
        raise Denied("您没有导出该列表的权限。", code="permission_missing")
    total = listing.filtered().order_by().values("pk")[: page.export_limit + 1].count()
    if total > page.export_limit:
        messages.error(request, f"符合条件的记录超过 {page.export_limit:,} 条，请缩小筛选范围后分批导出。")
        return HttpResponseRedirect(f"{request.path}?{listing.address()}")
    answer, count = file_response(listing.rows, listing.columns, page.export_name, kind)
    ports().on_export(actor, page, count, kind)
    return answer


def _post(request: HttpRequest, page: ListPage, actor: Actor) -> HttpResponseBase:
    if request.POST.get("_columns"):
        return _keep_columns(request, page)
    if request.POST.get("_save_view"):
        return _save_view(request, page)
    if request.POST.get("_delete_view"):
        ports().saved_views.delete(request, page.code, request.POST["_delete_view"][:64])
        messages.success(request, "已删除常用筛选。")
        return _back(request)
    for action in page.bulk_actions:
        if action.code == request.POST.get("_bulk"):
            return _bulk(request, page, actor, action)
    raise Invalid("无法识别所提交的操作，请刷新页面后重试。", code="unknown_act")


def _back(request: HttpRequest) -> HttpResponseRedirect:
    query = request.POST.get("_query", request.META.get("QUERY_STRING", ""))[:4000]
    return HttpResponseRedirect(f"{request.path}?{QueryDict(query).urlencode()}" if query else request.path)


def _keep_columns(request: HttpRequest, page: ListPage) -> HttpResponseRedirect:
    """Keep the ticked columns in the order they were sent; ``_move`` is ``name:-1`` or ``name:1``."""
    kept = dict(request.session.get(COLUMNS_KEY, {}))
    names = [column.name for column in page.columns]
    if request.POST.get("_columns") == "reset":
        kept.pop(page.code, None)
    else:
        order = [name for name in dict.fromkeys(request.POST.getlist("_order")) if name in names]
        ticked = set(request.POST.getlist("_shown"))
        moved, _, step = request.POST.get("_columns", "").partition(":")
        if moved in order and step in ("-1", "1"):
            at = order.index(moved)
            order.insert(max(0, at + int(step)), order.pop(at))
        chosen = [name for name in order if name in ticked]
        if not chosen:
            messages.error(request, "至少要显示一列。")
            return _back(request)
        kept[page.code] = chosen
    request.session[COLUMNS_KEY] = kept
    return _back(request)


def _save_view(request: HttpRequest, page: ListPage) -> HttpResponseRedirect:
    name = " ".join(request.POST.get("_view_name", "").split())[:20]
    query = request.POST.get("_query", "")[:2000]
    if not name:
        messages.error(request, "请填写常用筛选的名称。")
    elif not query:
        messages.error(request, "当前没有任何筛选条件，无需保存。")
    else:
        ports().saved_views.save(request, page.code, name, QueryDict(query).urlencode())
        messages.success(request, f"已保存常用筛选“{name}”。")
    return _back(request)


def _chosen_rows(request: HttpRequest, page: ListPage, actor: Actor, action: BulkAction) -> QuerySet:
    """Return the ticked rows, or all that match, within the scope of the act's own permission."""
    rows = scoped(page, actor, action.permission)
    if request.POST.get("_all") == "1":
        listing = listing_for(request, page, actor, QueryDict(request.POST.get("_query", "")))
        return rows.filter(pk__in=listing.filtered().order_by().values("pk")).order_by("pk")
    keys = [int(key) for key in request.POST.getlist("pk")[:5000] if key.isascii() and key.isdigit() and len(key) < 19]
    visible = scoped(page, actor)
    return rows.filter(pk__in=keys).filter(pk__in=visible.order_by().values("pk")).order_by("pk")


def _bulk(request: HttpRequest, page: ListPage, actor: Actor, action: BulkAction) -> HttpResponseBase:
    if not may(actor, action.permission):
        raise Denied("您没有办理该事项的权限，请联系本单位的权限管理人员。", code="permission_missing")
    rows = list(_chosen_rows(request, page, actor, action)[: action.limit + 1])
    if len(rows) > action.limit:
        messages.error(request, f"一次最多办理 {action.limit:,} 条，请缩小范围后分批办理。")
        return _back(request)
    fit = [row for row in rows if action.when is None or action.when(row)]
    if not fit:
        messages.warning(request, f"所选记录中没有可以“{action.title}”的，请重新选择。")
        return _back(request)
    reason = " ".join(request.POST.get("reason", "").split())[:500]
    lacking = action.reason and len(reason) < 2
    if (action.confirm or action.reason) and (request.POST.get("_confirmed") != "1" or lacking):
        again = request.POST.get("_confirmed") == "1"
        return _confirm(request, page, actor, action, rows=rows, fit=fit, lacking=lacking and again)
    used = request.POST.get("_token", "")
    where = once.ended_at(request, used)
    if where is not None:
        messages.info(request, "该操作已经提交，无需重复提交。")
        return HttpResponseRedirect(where)
    values = {"reason": reason} if action.reason else {}
    refused: list[tuple[Any, str]] = []
    for row in fit:
        try:
            with transaction.atomic():
                action.verb(actor, row, **values)
        except Refusal as refusal:
            refused.append((row, refusal.message))
        except IntegrityError:
            refused.append((row, "与已有记录冲突"))
    _tell(request, action, len(fit) - len(refused), len(rows) - len(fit), refused)
    answer = _back(request)
    once.ended(request, used, answer.url)
    return answer


def _tell(request: HttpRequest, action: BulkAction, done: int, unfit: int, refused: list[tuple[Any, str]]) -> None:
    if done:
        messages.success(request, f"“{action.title}”已办理 {done:,} 条。")
    if unfit:
        messages.warning(request, f"另有 {unfit:,} 条当前状态不能“{action.title}”，未作改动。")
    if refused:
        named = "；".join(f"{row}：{message}" for row, message in refused[:NAMED_REFUSALS])
        more = f"；另有 {len(refused) - NAMED_REFUSALS} 条" if len(refused) > NAMED_REFUSALS else ""
        messages.error(request, f"{len(refused):,} 条未能“{action.title}”，未作改动。{named}{more}")


def _confirm(
    request: HttpRequest, page: ListPage, actor: Actor, action: BulkAction, *, rows: list, fit: list, lacking: bool
) -> HttpResponse:
    place(request, page, actor, (page.menu_title, reverse(page.url_name)), (action.title, ""))
    context = {
        "page": page,
        "action": action,
        "question": (action.confirm or f"{action.title}所选的 {{count}} 条记录？").replace("{count}", f"{len(fit):,}"),
        "fit": fit[:20],
        "fit_more": max(0, len(fit) - 20),
        "fit_count": len(fit),
        "unfit_count": len(rows) - len(fit),
        "keys": [row.pk for row in fit],
        "query": request.POST.get("_query", ""),
        "token": once.token(),
        "lacking": lacking,
        "reason": request.POST.get("reason", ""),
    }
    return render(request, "kit/bulk_confirm.html", context, status=422 if lacking else 200)
