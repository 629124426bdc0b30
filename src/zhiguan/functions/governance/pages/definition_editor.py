"""Editing a draft in the browser: the process, its decision tables, its test cases. Everything is checked here again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import reverse

from zhiguan.kernel.decisions import dmn, feel
from zhiguan.kernel.decisions.dmn import jsonform
from zhiguan.kernel.flow import engine, layout, plan, terms
from zhiguan.kernel.flow import queries as flow
from zhiguan.kernel.flow.codes import EDIT
from zhiguan.kernel.flow.service import Definition, definitions
from zhiguan.kit.api.problems import problem
from zhiguan.kit.errors import Conflict, Invalid, NotFound, Refusal
from zhiguan.kit.pages import ViewPage

from .. import decision_grids, process_checks, processes, queries


def _draft(request: HttpRequest, pk: int) -> Definition:
    """A draft the actor may edit. Raises NotFound, Conflict."""
    row = flow.definitions(request.actor).filter(pk=pk).first() if pk < 2**63 else None
    if row is None or not request.actor.scope(EDIT).covers(row.scope_pos):
        raise NotFound("没有找到该流程定义，或不在您的数据权限范围内。")
    if row.state != "draft":
        raise Conflict("只有草稿可以修改；已提交复核的请先退回，已发布的请新建版本后修改。", code="not_draft")
    return row


def _crumbs(request: HttpRequest, row: Definition, last: str) -> str:
    title = f"{queries.item_name(row.item)} 第 {row.number} 版"
    request.zg_crumbs = [
        {"title": "流程定义", "url": reverse("governance.definition")},
        {"title": title, "url": reverse("governance.definition.detail", args=[row.pk])}, {"title": last, "url": ""},
    ]  # fmt: skip
    return title


def _version(request: HttpRequest) -> int:
    text = request.POST.get("version", "")
    if not text.isdigit() or len(text) > 9:
        raise Invalid("缺少版本，请刷新后再试。", code="version")
    return int(text)


def _sent(request: HttpRequest, name: str) -> Any:
    """JSON of one field of the form."""
    try:
        return json.loads(request.POST.get(name, ""))
    except (ValueError, RecursionError) as error:
        raise Invalid("提交的内容格式不正确，请刷新后再试。", code="json") from error


def _text(request: HttpRequest, name: str) -> str:
    text = request.POST.get(name, "")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise Invalid("提交的内容含有无法识别的字符。", code="text") from error
    return text


# --- the process ------------------------------------------------------------------------------------------------------


def edit(request: HttpRequest, pk: int) -> HttpResponse:
    """The modeller."""
    row = _draft(request, pk)
    process = processes.process_of(row)
    title = _crumbs(request, row, "编辑流程")
    config = {
        "xml": layout.with_drawing(row.bpmn, layout.EDITED), "version": row.version,
        "save_url": reverse("governance.definition.save", args=[pk]),
        "stages": plan.STAGES, "modes": plan.MODES, "acts": plan.ACTS, "kinds": terms.KINDS, "places": terms.WHERE,
        "placed": sorted(terms.PLACED), "known": processes.named_words(),
        "fields": processes.fields_of(processes.item_of(row.item)),
        "tables": {name: [[key, title] for key, title in processes.titles(process, name).items()] for name in process.tables},
        "names": process_checks.names(row, process),
    }  # fmt: skip
    tables = [(name, decision_grids.title_of(text) or name) for name, text in sorted(row.tables.items())]
    context = {"row": row, "title": title, "config": config, "tables": tables,
               "back": reverse("governance.definition.detail", args=[pk])}  # fmt: skip
    return render(request, "governance/definition_edit.html", context)


def found_in(row: Definition, bpmn: str) -> tuple[list[plan.Fault], list[plan.Fault]]:
    """Return (what keeps the file from running, what is likely meant otherwise), each at its element."""
    faults = plan.faults_of(bpmn.encode())
    if faults:
        return faults, []
    _, read = plan.read(bpmn.encode())
    models = {name: dmn.read(text.encode()) for name, text in row.tables.items()}
    for node, (table, decision) in read.decisions.items():
        if table not in models or models[table].find(decision) is None:
            faults.append(plan.Fault(f"{read.names[node]}：没有决策表“{table}”的决策“{decision}”", node))
    if not faults:
        try:
            engine.compiled(bpmn, row.tables)
        except Invalid as refusal:
            faults.append(plan.Fault(refusal.message))
    return faults, [] if faults else processes.doubts(row.item, read)


def save(request: HttpRequest, pk: int) -> HttpResponse:
    """Check a drawing (``act=check``) or check and keep it (``act=save``); answers with every fault at its element."""
    row = _draft(request, pk)
    try:
        bpmn = _text(request, "bpmn")
        faults, doubts = found_in(row, bpmn)
        answer: dict[str, Any] = {"faults": [vars(each) for each in faults], "doubts": [vars(each) for each in doubts]}
        if request.POST.get("act") != "save":
            return JsonResponse(answer)
        if faults:
            return JsonResponse(
                answer | {"title": "没有保存", "detail": f"流程有 {len(faults)} 处问题，请修改后再保存。"}, status=422
            )
        row = definitions.change(request.actor, row, bpmn=bpmn, version=_version(request))
    except Refusal as refusal:
        return problem(refusal, request)
    return JsonResponse(answer | {"version": row.version})


# --- decision tables --------------------------------------------------------------------------------------------------


def _file(row: Definition, name: str) -> str:
    if name not in row.tables:
        raise NotFound("该流程没有这张决策表。")
    return row.tables[name]


def table(request: HttpRequest, pk: int, name: str) -> HttpResponse:
    """The grid of one file of decision tables."""
    row = _draft(request, pk)
    data = _file(row, name)
    _crumbs(request, row, "编辑决策表")
    process = processes.process_of(row)
    model, names = process.tables[name], processes.titles(process, name)
    config = {
        "grids": decision_grids.read(data), "titles": names, "version": row.version,
        "url": reverse("governance.definition.table_save", args=[pk, name]),
        "policies": processes.POLICIES, "aggregations": processes.AGGREGATIONS | {"": "列出全部"},
        "types": {"": "不限", "string": "文字", "number": "数字", "boolean": "是否", "date": "日期", "dateTime": "日期时间", "time": "时间"},
        "inputs": {each.id: _inputs(model, each.id) for each in model.decisions()},
        "findings": [processes.told(each, model, names) for each in dmn.lint(model)],
    }  # fmt: skip
    context = {"row": row, "title": model.name or name, "config": config,
               "back": f"{reverse('governance.definition.detail', args=[pk])}?tab=决策表"}  # fmt: skip
    return render(request, "governance/definition_table.html", context)


def _inputs(model: dmn.Model, decision: str) -> list[dict[str, str]]:
    """What must be given to try a decision: name and kind of value."""
    types = {
        each.name: each.type.name for each in model.elements.values() if each.kind == "input" and each.type is not None
    }
    labels = {column.text: column.label for each in model.tables for column in each.columns}
    kinds = {"number": "number", "boolean": "boolean", "string": "text"}
    return [
        {"code": name, "name": labels.get(name, ""), "kind": kinds.get(types.get(name, ""), "feel")}
        for name in model.inputs_of(decision)
    ]


def table_save(request: HttpRequest, pk: int, name: str) -> HttpResponse:
    """Check a grid (``act=check``), keep it (``save``), or decide by it as it stands in the browser (``try``)."""
    row = _draft(request, pk)
    data = _file(row, name)
    try:
        grids = decision_grids.clean(_sent(request, "grids"))
        faults = decision_grids.faults(grids, decision_grids.names_in(data))
        if faults:
            act = request.POST.get("act")
            detail = f"有 {len(faults)} 个单元格写法有误，请修改后再{'试算' if act == 'try' else '保存'}。"
            return JsonResponse(
                {"title": "没有完成", "detail": detail, "faults": faults}, status=200 if act == "check" else 422
            )
        text = decision_grids.write(data, grids)
        model = dmn.read(text.encode())
        names = {each.id: each.name for each in model.decisions()} | processes.titles(processes.process_of(row), name)
        answer: dict[str, Any] = {
            "faults": [], "findings": [processes.told(each, model, names) for each in dmn.lint(model)],
            "inputs": {each.id: _inputs(model, each.id) for each in model.decisions()},
        }  # fmt: skip
        if request.POST.get("act") == "try":
            return JsonResponse(answer | {"tried": _tried(model, _sent(request, "given"))})
        if request.POST.get("act") == "save":
            row = definitions.change(request.actor, row, tables=row.tables | {name: text}, version=_version(request))
            answer |= {"version": row.version, "grids": decision_grids.read(row.tables[name])}
    except Refusal as refusal:
        return problem(refusal, request)
    return JsonResponse(answer)


def _tried(model: dmn.Model, given: Any) -> dict[str, Any]:
    """Decide with what was typed: the result in words, the rules that hit in every table on the way."""
    if not isinstance(given, Mapping) or not isinstance(given.get("values"), Mapping):
        raise Invalid("试算的内容格式不正确。", code="given")
    decision = str(given.get("decision", ""))
    typed = given["values"]
    values = {}
    for asked in _inputs(model, decision):
        code, text = asked["code"], str(typed.get(asked["code"], ""))[:3000]
        values[code] = process_checks.value_from(asked["kind"], text, asked["name"] or code)
    outcome = model.decide(decision, jsonform.from_json(model, values))
    ids = {each.name: each.id for each in model.decisions()}
    element = model.find(decision)
    table = element.table if element is not None else None
    labels = {each.name: each.label for each in table.results} if table is not None else {}
    value = jsonform.to_json(outcome.value)
    shown = value.items() if isinstance(value, Mapping) else [("", value)]
    return {
        "value": [[labels.get(name, name) or next(iter(labels.values()), ""), _said(each)] for name, each in shown],
        "hits": [{"decision": ids.get(step.decision, ""), "rules": [hit.rule for hit in step.hits]} for step in outcome.steps],
        "because": [hit.explanation for step in outcome.steps for hit in step.hits] + list(outcome.notes),
    }  # fmt: skip


def _said(value: Any) -> str:
    if isinstance(value, bool):
        return "是" if value else "否"
    return "没有结果" if value is None else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


# --- test cases -------------------------------------------------------------------------------------------------------


def checks(request: HttpRequest, pk: int) -> HttpResponse:
    """The form of the test cases."""
    row = _draft(request, pk)
    process = processes.process_of(row)
    _crumbs(request, row, "编辑测试用例")
    config = {
        "checks": process_checks.for_form(row.checks), "results": process_checks.run(process, row.checks), "version": row.version,
        "url": reverse("governance.definition.checks_save", args=[pk]), "names": process_checks.names(row, process),
        "kinds": process_checks.KINDS, "endings": processes.RESULTS,
        "steps": [{"id": step.id, "name": step.name, "outcomes": dict(step.outcomes)} for step in process.plan.steps.values()],
    }  # fmt: skip
    context = {"row": row, "title": "测试用例", "config": config,
               "back": f"{reverse('governance.definition.detail', args=[pk])}?tab=测试用例"}  # fmt: skip
    return render(request, "governance/definition_cases.html", context)


def checks_save(request: HttpRequest, pk: int) -> HttpResponse:
    """Run the test cases as they stand in the browser, and keep them (``act=save``)."""
    row = _draft(request, pk)
    try:
        process = processes.process_of(row)
        found = process_checks.clean(_sent(request, "checks"), process.plan)
        answer: dict[str, Any] = {"results": process_checks.run(process, found)}
        if request.POST.get("act") == "save":
            row = definitions.change(request.actor, row, checks=found, version=_version(request))
            answer["version"] = row.version
    except Refusal as refusal:
        return problem(refusal, request)
    return JsonResponse(answer)


def condition(request: HttpRequest, pk: int) -> HttpResponse:
    """Say whether a condition can be read, and what it asks for that the process does not know."""
    row = _draft(request, pk)
    text = request.GET.get("text", "")[:2000]
    try:
        asked = feel.check(text)
    except feel.FeelError as error:
        return JsonResponse({"fault": str(error)})
    process = processes.process_of(row)
    known = {each["code"] for each in process_checks.names(row, process)} | set(
        processes.parts(processes.item_of(row.item))
    )
    unknown = sorted(asked - known - set(process_checks.GIVEN))
    return JsonResponse({"fault": "", "unknown": unknown})


def _page(code: str, path: str, title: str, view: Any, *methods: str) -> ViewPage:
    return ViewPage(code=f"governance.definition.{code}", path=f"governance/definition/<int:pk>/{path}/", title=title,
                    permission=EDIT, view=view, parent="governance.definition",
                    **({"methods": methods} if methods else {}))  # fmt: skip


EDITOR = _page("edit", "edit", "编辑流程", edit)
SAVE = _page("save", "save", "保存流程", save, "POST")
CONDITION = _page("condition", "condition", "检查条件", condition)
TABLE = _page("table", "table/<str:name>", "编辑决策表", table)
TABLE_SAVE = _page("table_save", "table/<str:name>/save", "保存决策表", table_save, "POST")
CHECKS = _page("checks", "checks", "编辑测试用例", checks)
CHECKS_SAVE = _page("checks_save", "checks/save", "运行和保存测试用例", checks_save, "POST")
__all__ = ["CHECKS", "CHECKS_SAVE", "CONDITION", "EDITOR", "SAVE", "TABLE", "TABLE_SAVE"]
