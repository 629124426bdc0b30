"""接口文档: the OpenAPI document as a page, drawn here; nothing is loaded from elsewhere."""

from __future__ import annotations

import json
from typing import Any

from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import render
from django.views.decorators.gzip import gzip_page

from zhiguan.kit.pages import SIGNED_IN, MenuItem, ViewPage


def _type(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        return schema["$ref"].rsplit("/", 1)[-1]
    if "anyOf" in schema:
        return "、".join(dict.fromkeys(_type(each) for each in schema["anyOf"] if each.get("type") != "null"))
    kinds = schema.get("type", "")
    kinds = [kind for kind in (kinds if isinstance(kinds, list) else [kinds]) if kind != "null"]
    words = {"string": "文字", "integer": "整数", "number": "数字", "boolean": "是否", "array": "数组", "object": "对象"}
    formats = {"date": "日期", "date-time": "时间", "decimal": "小数（文字）"}
    if schema.get("contentEncoding"):
        return "Base64 文字"
    if kinds == ["array"]:
        return f"{_type(schema.get('items', {}))}数组"
    return formats.get(schema.get("format", "")) or "、".join(words.get(kind, kind) for kind in kinds) or "任意"


def _members(document: dict[str, Any], schema: dict[str, Any]) -> list[dict[str, Any]]:
    name = _type(schema) if "$ref" in schema else ""
    found = document["components"]["schemas"].get(name, schema)
    needed = set(found.get("required", ()))
    listed = []
    for key, value in found.get("properties", {}).items():
        listed.append({"name": key, "type": _type(value), "required": key in needed,
                       "text": value.get("description") or value.get("title", "")})  # fmt: skip
        inner = value.get("items", value)
        if "$ref" in inner:
            mark = f"{key}[]" if inner is not value else key
            listed += [{**each, "name": f"{mark}.{each['name']}"} for each in _members(document, inner)]
    return listed


def _operations(document: dict[str, Any], chosen: str) -> dict[str, list[dict[str, Any]]]:
    """Return tag → its operations; what they take and answer is told of the chosen tag's only, or the page has no end."""
    tags: dict[str, list[dict[str, Any]]] = {}
    for address, methods in document["paths"].items():
        for method, said in methods.items():
            tag = said["tags"][0]
            found = tags.setdefault(tag, [])
            found.append({
                "id": said["operationId"], "method": method.upper(), "path": address,
                "summary": said["summary"].split("：", 1)[-1],
            })  # fmt: skip
            if tag != chosen:
                continue
            body = said.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
            good = next((each for code, each in said["responses"].items() if code in ("200", "201")), {})
            media = next(iter(good.get("content", {}).values()), {}).get("schema", {})
            found[-1] |= {
                "text": said.get("description", ""),
                "parameters": [
                    {"name": each["name"], "in": {"path": "路径", "query": "查询", "header": "请求头"}[each["in"]],
                     "type": _type(each["schema"]), "required": each["required"], "text": each.get("description", "")}
                    for each in said["parameters"]
                ],
                "body": _members(document, body) if body else [], "answer": _members(document, media),
                "statuses": list(said["responses"]),
            }  # fmt: skip
    return tags


@gzip_page  # the longest page of all, and every word of it public
def docs(request: HttpRequest) -> HttpResponseBase:
    """接口文档."""
    from zhiguan.kit.api.problems import TITLES
    from zhiguan.site.api import document

    loaded = json.loads(document(request).content)
    chosen = request.GET.get("tag", "")
    return render(
        request, "site/api_docs.html", {
            "info": loaded["info"], "tags": _operations(loaded, chosen), "chosen": chosen, "titles": TITLES.items(),
            "base": request.build_absolute_uri("/").rstrip("/"),
        },
    )  # fmt: skip


DOCS = ViewPage(
    code="api.docs", path="api/docs/", title="接口文档", permission=SIGNED_IN, view=docs,
    menu=MenuItem("api", order=10, icon="book"),
)  # fmt: skip
