"""The API of this installation: every declared resource, the metrics, the document."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.urls import URLPattern, path

import zhiguan
from zhiguan.kernel.metrics import service as metrics
from zhiguan.kernel.metrics.declare import Metric
from zhiguan.kit import registry
from zhiguan.kit.api.declare import Resource
from zhiguan.kit.api.factory import Api, build
from zhiguan.kit.api.openapi import READ_REFUSALS, ROW_REFUSALS, query, refusals, success
from zhiguan.kit.api.operations import answer, no_query
from zhiguan.kit.api.rows import dumps
from zhiguan.kit.errors import Invalid
from zhiguan.kit.pages.guard import working

TITLE = "智管开放接口"


def _metric(found: Metric) -> dict[str, Any]:
    return {
        "code": found.code, "name": found.name, "unit": found.unit, "formula": found.formula, "source": found.source,
        "clause": found.clause, "responsible": found.responsible, "direction": found.direction, "kind": found.kind,
        "timed": found.timed, "additive": found.additive,
        "dimensions": [
            {"code": code, "name": found.dimension_name(code), "values": dict(found.choices.get(code, {}))}
            for code in found.dimensions
        ],
    }  # fmt: skip


def metric_list(request: HttpRequest) -> HttpResponseBase:
    """The metrics the caller may read."""
    no_query(request)
    return answer({"items": [_metric(each) for each in metrics.catalogue(request.actor)]})  # type: ignore[attr-defined]


def metric_get(request: HttpRequest, code: str) -> HttpResponseBase:
    """One metric's value, with ``group_by`` its breakdown."""
    actor = request.actor  # type: ignore[attr-defined]
    if double := [name for name in request.GET if len(request.GET.getlist(name)) > 1]:
        raise Invalid("查询参数不符合要求，请按 errors 逐项更正。", code="invalid_query",
                      fields={name[:60]: "只能给出一个值。" for name in double})  # fmt: skip
    dims: dict[str, Any] = dict(request.GET.items())
    group_by = dims.pop("group_by", "")
    if reserved := {"code", "actor"} & set(dims):
        raise Invalid("查询参数不符合要求，请按 errors 逐项更正。", code="invalid_query",
                      fields=dict.fromkeys(sorted(reserved), "没有该参数。"))  # fmt: skip
    with working(actor):
        reading = metrics.read(code, actor, **dims)
        body = {**_metric(reading.metric), "value": reading.value, "text": reading.text, "rows_url": reading.url}
        if group_by:
            groups = metrics.series(code, actor, group_by, **dims)
            body["groups"] = [
                {"key": group.key, "label": group.label, "value": group.value, "rows_url": group.url} for group in groups
            ]
    return answer(body)


def _add_metrics(api: Api) -> None:
    number = {"type": ["number", "string", "null"]}
    api.schemas["Metric"] = {
        "type": "object", "required": ["code", "name"],
        "properties": {
            **{name: {"type": "string", "title": title} for name, title in (
                ("code", "代码"), ("name", "名称"), ("unit", "单位"), ("formula", "计算公式"), ("source", "数据来源"),
                ("clause", "依据"), ("responsible", "责任部门"), ("direction", "方向"), ("kind", "数值类型"))},
            "timed": {"type": "boolean", "title": "可按起止日期查询"},
            "additive": {"type": "boolean", "title": "各组之和等于总数"},
            "dimensions": {"type": "array", "items": {"type": "object"}, "title": "维度"},
        },
    }  # fmt: skip
    api.schemas["MetricValue"] = {
        "allOf": [{"$ref": "#/components/schemas/Metric"}],
        "type": "object",
        "properties": {
            "value": {**number, "title": "数值；小数写作文字，没有数据时为空"}, "text": {"type": "string", "title": "带单位的文字"},
            "rows_url": {"type": "string", "title": "构成该数值的记录所在页面"},
            "groups": {"type": "array", "items": {"type": "object"}, "title": "分组数值（给出 group_by 时）"},
        },
    }  # fmt: skip
    known = registry.current().all(Metric)
    dimensions = {name: each.dimension_name(name) for each in known for name in each.dimensions}
    text = {"type": "string", "maxLength": 100}
    parameters = [query(name, f"维度：{title}", text) for name, title in sorted(dimensions.items())]
    parameters += [query(name, title, {"type": "string", "format": "date"})
                   for name, title in (("start", "起始日期（含）"), ("end", "截止日期（含）"))]  # fmt: skip
    parameters.append(query("group_by", "按该维度分组", {"type": "string", "enum": sorted(dimensions)} if dimensions else text))
    items = {"type": "array", "items": {"$ref": "#/components/schemas/Metric"}}
    listed = {"type": "object", "required": ["items"], "properties": {"items": items}}
    api.add("GET", "/metrics", metric_list, operation="metrics_list", summary="指标：目录", tag="指标",
            said={"responses": {"200": success("指标", listed), **refusals(READ_REFUSALS)}})  # fmt: skip
    value = success("指标及数值", {"$ref": "#/components/schemas/MetricValue"})
    api.add("GET", "/metrics/{code}", metric_get, operation="metrics_get", summary="指标：取值与分组", tag="指标",
            said={"parameters": parameters, "responses": {"200": value, **refusals(ROW_REFUSALS)}},
            text="与页面、驾驶舱取自同一函数，数值一致。")  # fmt: skip


@lru_cache(maxsize=2)
def _made(known: registry.Registry) -> Api:
    api = build(TITLE, zhiguan.__version__, known.all(Resource))
    _add_metrics(api)
    return api


def api() -> Api:
    """Return the API of the frozen registry, made once."""
    return _made(registry.current())


@lru_cache(maxsize=2)
def _document(known: registry.Registry) -> bytes:
    return dumps(_made(known).document())


def pretty_document() -> str:
    """Return the OpenAPI document for people and for comparison: indented, ending in a line break."""
    return json.dumps(api().document(), ensure_ascii=False, indent=1) + "\n"


def document(request: HttpRequest) -> HttpResponse:
    """Answer the OpenAPI document. It holds no data: whoever connects a program reads it first."""
    return HttpResponse(_document(registry.current()), content_type="application/json")


def urlpatterns() -> list[URLPattern]:
    """Return the addresses of the API."""
    return [path("api/openapi.json", document, name="api.openapi"), *api().patterns()]
