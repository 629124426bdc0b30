"""填报: the form of a case, saved while it is filled in, with its materials; and submitting it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import render
from django.urls import reverse

from zhiguan.kernel.flow import forms as flow_forms
from zhiguan.kernel.flow import queries as flow
from zhiguan.kernel.flow import service
from zhiguan.kernel.flow.declare import Field, Table
from zhiguan.kernel.flow.lifecycle import WRITABLE
from zhiguan.kernel.orgs.service import Unit
from zhiguan.kit.api.problems import problem
from zhiguan.kit.errors import Conflict, Invalid, NotFound, Refusal
from zhiguan.kit.pages import SIGNED_IN, ViewPage

from .. import queries, workbooks
from .case import halted, names_in

SHOWN = 12
"""Faults listed above the form; each is beside its field, too."""


def _mine(request: HttpRequest, pk: int) -> Any:
    """The actor's own case, when it can be written now."""
    case = (
        flow.applications(request.actor).filter(pk=pk).select_related("unit", "definition").first()
        if pk < 2**63
        else None
    )
    if case is None:
        raise NotFound("没有找到该申请，或不是您的申请。")
    if case.state not in WRITABLE:
        raise Conflict(f"办件当前为“{case.state_name}”，不能修改。", code="state_changed")
    return case


def sent_values(case: Any, post: Mapping[str, Any]) -> dict[str, Any]:
    """Return the form's values as the page sends them: fields by name, tables as JSON under their name."""
    item = service.item_of(case.item)
    editable = service.editable(case)
    values: dict[str, Any] = {}
    for part in flow_forms.parts(item):
        if editable is not None and part.name not in editable:
            continue
        if isinstance(part, Table):
            if part.name in post:
                try:
                    values[part.name] = json.loads(post[part.name] or "[]")
                except ValueError as error:
                    raise Invalid(f"{part.label}的内容格式不正确。", fields={part.name: "请重新填写。"}) from error
            continue
        if part.kind == "computed":
            continue
        if part.kind == "choices":
            values[part.name] = post.getlist(part.name) if hasattr(post, "getlist") else post.get(part.name)
        elif part.kind == "boolean":
            values[part.name] = post.get(part.name, "")
        elif part.name in post:
            values[part.name] = post[part.name]
    return values


def form(request: HttpRequest, pk: int) -> HttpResponse:
    """The form. GET shows it, POST with ``_act=submit`` hands it in; saving goes to :func:`save`."""
    case = _mine(request, pk)
    errors: dict[str, str] = {}
    listed: list[tuple[str, str]] = []
    message = ""
    status = 200
    if request.method == "POST":
        try:
            values = sent_values(case, request.POST)
            if case.state == "draft":
                service.submit(request.actor, service.save(request.actor, case, values=values))
            else:
                service.resubmit(request.actor, service.save(request.actor, case, values=values))
            messages.success(request, "已提交。")
            return HttpResponseRedirect(reverse("governance.case.detail", args=[case.pk]))
        except Refusal as refusal:
            errors, message, status = refusal.fields, refusal.message, refusal.status
            listed = [(_place(service.item_of(case.item), path), text) for path, text in refusal.listed()]
            case = _mine(request, pk)
    request.zg_crumbs = [
        {"title": "我的申请", "url": reverse("governance.application")}, {"title": case.title, "url": ""},
    ]  # fmt: skip
    item = service.item_of(case.item)
    context = {
        "case": case, "item": item, "sections": _sections(request, case, errors), "title": item.name,
        "materials": _materials(case, errors), "errors": errors, "message": message,
        "listed": listed[:SHOWN], "unlisted": len(listed[SHOWN:]),
        "correction": service.open_correction(case), "halted": halted(case), "guide": queries.guide(item),
        "config": {
            "save_url": reverse("governance.case.save", args=[pk]), "lookup_url": reverse("governance.case.lookup", args=[pk]),
            "people_url": reverse("governance.people"), "table_url": reverse("governance.case.table", args=[pk]),
        },
    }  # fmt: skip
    return render(request, "governance/form.html", context, status=status)


def _place(item: Any, path: str) -> str:
    """Where on the page what a path names can be put right."""
    name = path.split(".", 1)[0]
    if any(table.name == name for table in item.tables()):
        return f"table-{name}"
    return f"part-{name}" if any(field.name == name for field in item.fields()) else "materials"


def _sections(request: HttpRequest, case: Any, errors: Mapping[str, str]) -> list[dict[str, Any]]:
    item, editable = service.item_of(case.item), service.editable(case)
    about = flow_forms.context(item, case.values)
    names = names_in(item, case.values, request.actor)
    found = []
    for section in item.sections:
        parts: list[dict[str, Any]] = []
        for part in section.parts:
            locked = editable is not None and part.name not in editable
            if isinstance(part, Table):
                parts.append({"table": part, "locked": locked, "asked": editable is not None and not locked,
                              "error": errors.get(part.name, ""),
                              "config": _table(part, case, errors, names, locked)})  # fmt: skip
                continue
            value = case.values.get(part.name)
            if part.reviewed and value is None:
                continue
            parts.append({
                "asked": editable is not None and not locked and part.kind != "computed",
                "field": part, "value": "" if value is None else value, "locked": locked or part.kind == "computed",
                "text": flow_forms.in_words(part, value, names), "error": errors.get(part.name, ""),
                "hidden": bool(part.visible_if) and not flow_forms._true(part.visible_if, about),
                "required": part.required or bool(part.required_if and flow_forms._true(part.required_if, about)),
            })  # fmt: skip
        found.append({"title": section.title, "help": section.help, "parts": parts})
    return found


def _table(
    table: Table, case: Any, errors: Mapping[str, str], names: Mapping[Any, str], locked: bool
) -> dict[str, Any]:
    """What the island ``case-table`` edits: columns, rows, errors by row and field."""
    rows = case.values.get(table.name) or []
    labels = [
        {field.name: flow_forms.in_words(field, row.get(field.name), names) for field in table.fields} for row in rows
    ]
    prefix = f"{table.name}."
    return {
        "name": table.name, "label": table.label, "locked": locked, "maximum": table.maximum,
        "columns": [_column(field) for field in table.fields if not field.reviewed], "rows": rows, "labels": labels,
        "totals": list(table.totals),
        "errors": {
            path.removeprefix(prefix): text for path, text in errors.items() if path.startswith(prefix)
        },
    }  # fmt: skip


def _column(field: Field) -> dict[str, Any]:
    return {
        "name": field.name, "label": field.label, "kind": field.kind, "required": field.required, "unit": field.unit,
        "choices": [list(choice) for choice in field.choices], "lookup": field.lookup, "default": field.default,
        "help": field.help, "places": 2 if field.kind == "money" else field.places,
    }  # fmt: skip


def _materials(case: Any, errors: Mapping[str, str]) -> list[dict[str, Any]]:
    item, editable = service.item_of(case.item), service.editable(case)
    kept = list(case.files.filter(removed_at__isnull=True).select_related("file"))
    return [
        {"material": material, "needed": needed, "files": [each for each in kept if each.material == material.code],
         "locked": editable is not None and material.code not in editable,
         "asked": editable is not None and material.code in editable, "error": errors.get(material.code, "")}
        for material, needed in flow_forms.wanted_materials(item, case.values)
    ]  # fmt: skip


def save(request: HttpRequest, pk: int) -> HttpResponse:
    """Save what is there so far; answer what was worked out from it (computed fields, hidden ones, materials needed)."""
    case = _mine(request, pk)
    try:
        case = service.save(request.actor, case, values=sent_values(case, request.POST))
    except Refusal as refusal:
        return problem(refusal, request)
    item = service.item_of(case.item)
    about = flow_forms.context(item, case.values)
    fields = [part for part in flow_forms.parts(item) if isinstance(part, Field)]
    computed = {
        part.name: flow_forms.in_words(part, case.values.get(part.name)) for part in fields if part.kind == "computed"
    }
    tables = {
        table.name: [
            {field.name: flow_forms.in_words(field, row.get(field.name)) for field in table.fields if field.kind == "computed"}
            for row in case.values.get(table.name) or ()
        ]
        for table in item.tables() if any(field.kind == "computed" for field in table.fields)
    }  # fmt: skip
    return JsonResponse({
        "title": case.title, "version": case.version, "computed": computed, "tables": tables,
        "hidden": [part.name for part in fields if part.visible_if and not flow_forms._true(part.visible_if, about)],
        "required": [
            part.name for part in fields
            if part.required or (part.required_if and flow_forms._true(part.required_if, about))
        ],
        "materials": [material.code for material, _ in flow_forms.wanted_materials(item, case.values)],
    })  # fmt: skip


def lookup(request: HttpRequest, pk: int) -> HttpResponse:
    """Rows of the line's ledgers that a field may point at, and what choosing one fills in."""
    case = _mine(request, pk)
    question = service.work_of(case.item).lookups.get(request.GET.get("lookup", ""))
    if question is None:
        raise NotFound("没有这个选项来源。")
    found = question(request.actor, case.unit, request.GET.get("q", "").replace("\0", "")[:40])
    return JsonResponse({"items": [
        {"value": choice.value, "title": choice.label, "subtitle": choice.note, "fills": dict(choice.fills)} for choice in found
    ]})  # fmt: skip


def people(request: HttpRequest) -> HttpResponse:
    """Suggestions of people and units for fields: by name or pinyin."""
    from zhiguan.kernel.orgs import service as orgs

    text = request.GET.get("q", "").replace("\0", "").strip()[:30]
    if request.GET.get("kind") == "unit":
        rows = orgs.search_units(text, limit=10) if text else []
        return JsonResponse({"items": [{"value": unit.pk, "title": unit.name, "subtitle": unit.code} for unit in rows]})
    within = Unit.objects.filter(pk=request.actor.unit_id).first()
    organ = orgs.organ_of(within) if within is not None else None
    found = orgs.search_people(text, limit=10, within=organ if request.GET.get("mine") else None) if text else []
    return JsonResponse({"items": [
        {"value": person.pk, "title": person.name, "subtitle": f"{person.unit.name} {person.code}"} for person in found
    ]})  # fmt: skip


def upload(request: HttpRequest, pk: int) -> HttpResponse:
    """Add a file to a material."""
    case = _mine(request, pk)
    sent = request.FILES.get("file")
    if sent is None:
        return problem(Invalid("请选择文件。", fields={"file": "请选择文件。"}), request)
    dated = request.POST.get("dated_on", "")
    try:
        day = date.fromisoformat(dated) if dated else None
        row = service.add_file(
            request.actor, case, material=request.POST.get("material", ""), content=sent, name=sent.name, dated_on=day
        )
    except ValueError:
        return problem(Invalid("材料日期须为日期。", fields={"dated_on": "例如 2026-03-01。"}), request)
    except Refusal as refusal:
        return problem(refusal, request)
    # Each time another address: to one that differs by nothing but what stands behind # a browser only scrolls.
    return JsonResponse({"url": f"{reverse('governance.case.form', args=[pk])}?saved={row.pk}#materials"})


def remove(request: HttpRequest, pk: int, file: int) -> HttpResponse:
    """Take a file off a material again."""
    case = _mine(request, pk)
    row = case.files.filter(pk=file).first() if file < 2**63 else None
    if row is None:
        raise NotFound("没有找到该材料。")
    service.remove_file(request.actor, case, row=row)
    return HttpResponseRedirect(reverse("governance.case.form", args=[pk]) + "#materials")


def table(request: HttpRequest, pk: int) -> HttpResponse:
    """GET: a workbook to fill a table in. POST: its rows, checked row by row; all of them or none."""
    case = _mine(request, pk)
    wanted = next(
        (part for part in service.item_of(case.item).tables() if part.name == request.GET.get("table", "")), None
    )
    if wanted is None:
        raise NotFound("没有这张表。")
    if request.method == "GET":
        return workbooks.template(wanted, case, request.actor)
    sent = request.FILES.get("file")
    if sent is None:
        return problem(Invalid("请选择文件。", fields={"file": "请选择文件。"}), request)
    try:
        rows = workbooks.rows(wanted, sent, case, request.actor)
    except Refusal as refusal:
        return problem(refusal, request)
    service.save(request.actor, case, values={wanted.name: rows})
    return JsonResponse({"url": f"{reverse('governance.case.form', args=[pk])}#table-{wanted.name}", "rows": len(rows)})


def _page(code: str, path: str, title: str, view: Any, *methods: str) -> ViewPage:
    return ViewPage(code=code, path=f"governance/{path}", title=title, permission=SIGNED_IN, view=view,
                    parent="governance.application", **({"methods": methods} if methods else {}))  # fmt: skip


FORM = _page("governance.case.form", "case/<int:pk>/form/", "填报", form, "GET", "POST")
SAVE = _page("governance.case.save", "case/<int:pk>/save/", "保存草稿", save, "POST")
LOOKUP = _page("governance.case.lookup", "case/<int:pk>/lookup/", "台账选项", lookup, "GET")
PEOPLE = _page("governance.people", "people/", "人员和单位选项", people, "GET")
UPLOAD = _page("governance.case.upload", "case/<int:pk>/upload/", "上传材料", upload, "POST")
REMOVE = _page("governance.case.remove", "case/<int:pk>/file/<int:file>/remove/", "移除材料", remove, "POST")
TABLE = _page("governance.case.table", "case/<int:pk>/table/", "批量填写", table, "GET", "POST")
__all__ = ["FORM", "LOOKUP", "PEOPLE", "REMOVE", "SAVE", "TABLE", "UPLOAD"]
