"""What the OpenAPI document says of each operation: parameters, bodies, answers and every refusal, in Chinese."""

from __future__ import annotations

from typing import Any

from pydantic.json_schema import models_json_schema

from zhiguan.kit.pages.columns import Column
from zhiguan.kit.pages.declare import ListPage
from zhiguan.kit.pages.filters import BoolFilter, ChoiceFilter, DateRangeFilter, Filter, NumberRangeFilter, UnitFilter

from .operations import Operations
from .problems import MEDIA_TYPE, TITLES
from .rows import DEFAULT_LIMIT, MAX_LIMIT, key_of, sorts_of
from .schemas import Body, column_schema, names_of

REF = "#/components/schemas/{model}"
READ_REFUSALS = (401, 403, 405, 422, 429)
ROW_REFUSALS = (401, 403, 404, 405, 422, 429)
MAKE_REFUSALS = (401, 403, 405, 409, 413, 415, 422, 429)
ACT_REFUSALS = (401, 403, 404, 405, 409, 412, 413, 415, 422, 429)
EDIT_REFUSALS = (*ACT_REFUSALS[:-1], 428, 429)

RATE_HEADERS = {
    "RateLimit-Limit": ("每分钟可补充的请求数，也是一次可连续使用的上限", "integer"),
    "RateLimit-Remaining": ("还可立即使用的请求数", "integer"),
    "RateLimit-Reset": ("多少秒后恢复到上限", "integer"),
}
COMPONENTS: dict[str, Any] = {
    "schemas": {
        "Problem": {
            "type": "object",
            "title": "问题说明（RFC 9457）",
            "required": ["type", "title", "status", "code", "detail"],
            "properties": {
                "type": {"type": "string"},
                "title": {"type": "string", "description": "问题类别"},
                "status": {"type": "integer", "description": "HTTP 状态码"},
                "code": {"type": "string", "description": "稳定的英文代码，供程序判断"},
                "detail": {"type": "string", "description": "说明和处理办法"},
                "instance": {"type": "string", "description": "本次请求的编号"},
                "errors": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "required": ["path", "message"],
                        "properties": {
                            "path": {"type": "string", "description": "数据项、查询参数或请求头的名称"},
                            "message": {"type": "string"},
                        },
                    },
                },
            },
        }
    },
    "responses": {
        f"Problem{status}": {
            "description": title,
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
        for status, title in TITLES.items()
        if status != 500
    },
    "headers": {
        name.replace("-", ""): {"description": text, "schema": {"type": kind}}
        for name, (text, kind) in RATE_HEADERS.items()
    },
    "securitySchemes": {
        "key": {"type": "http", "scheme": "bearer", "description": "接口密钥：Authorization: Bearer zgk_…"},
        "session": {"type": "apiKey", "in": "cookie", "name": "sessionid", "description": "已登录的浏览器会话；"
                    "变更操作另需请求头 X-CSRFToken"},
    },
}  # fmt: skip
SECURITY = [{"key": []}, {"session": []}]


def refusals(statuses: tuple[int, ...]) -> dict[str, Any]:
    """Return the responses of these statuses."""
    return {str(status): {"$ref": f"#/components/responses/Problem{status}"} for status in sorted(set(statuses))}


def success(description: str, schema: Any, *, media: str = "application/json", etag: bool = False) -> dict[str, Any]:
    """Return the response of success with its headers."""
    headers: dict[str, Any] = {name: {"$ref": f"#/components/headers/{name.replace('-', '')}"} for name in RATE_HEADERS}
    if etag:
        headers["ETag"] = {"description": "该记录的版本", "schema": {"type": "string"}}
    return {"description": description, "headers": headers, "content": {media: {"schema": schema}}}


def query(name: str, description: str, schema: dict[str, Any]) -> dict[str, Any]:
    """Return one query parameter."""
    return {"in": "query", "name": name, "required": False, "description": description, "schema": schema}


def _header(name: str, description: str, *, required: bool = False) -> dict[str, Any]:
    shape = {"type": "string", "minLength": 1, "maxLength": 128, "pattern": r"^[\x21-\x7e]+$"}
    return {"in": "header", "name": name, "required": required, "description": description, "schema": shape}


IDEMPOTENCY = _header("Idempotency-Key", "同一次提交使用同一个值：重复提交得到同一个答复，只办理一次（保留 24 小时）。")


def _filter(item: Filter) -> list[dict[str, Any]]:
    title = item.title
    if isinstance(item, UnitFilter):
        return [query(item.name, f"{title}：单位代码，含下级；可重复", _many({"type": "string"}))]
    if isinstance(item, ChoiceFilter):
        pairs = [] if callable(item.options) or item.options is None else list(_pairs(item.options))
        text = f"{title}：{'、'.join(f'{value} {name}' for value, name in pairs)}" if pairs else title
        shape: dict[str, Any] = {"type": "string", **({"enum": [str(value) for value, _ in pairs]} if pairs else {})}
        return [query(item.name, text + ("；可重复" if item.multiple else ""), _many(shape) if item.multiple else shape)]
    if isinstance(item, BoolFilter):
        return [query(item.name, f"{title}：1 {item.yes}、0 {item.no}", {"type": "string", "enum": ["1", "0"]})]
    if isinstance(item, DateRangeFilter):
        shape = {"type": "string", "format": "date"}
        return [query(name, f"{title}{word}（含当日）", shape)
                for name, word in zip(item.parameters, ("自", "至"), strict=True)]  # fmt: skip
    if isinstance(item, NumberRangeFilter):
        unit = f"（{item.unit}）" if item.unit else ""
        return [query(name, f"{title}{word}{unit}", {"type": "number"})
                for name, word in zip(item.parameters, ("不小于", "不大于"), strict=True)]  # fmt: skip
    return [query(name, title, {"type": "string", "maxLength": 100}) for name in item.parameters]


def _pairs(options: Any) -> list[tuple[Any, str]]:
    return list(options.items() if hasattr(options, "items") else options)


def _many(shape: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": shape, "maxItems": 50}


def list_parameters(page: ListPage, *, paged: bool = True) -> list[dict[str, Any]]:
    """Return the query parameters of a list."""
    found = [query("q", f"搜索：{page.search_hint or '关键词'}", {"type": "string", "maxLength": 100})] if page.search else []
    sorts = sorts_of(page)
    if sorts:
        known = [sign + name for name in sorts for sign in ("", "-")]
        found.append(query("sort", "排序，前加 - 为降序；默认与页面相同", {"type": "string", "enum": known}))
    if paged:
        whole = {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT}
        found.append(query("limit", "每次条数", whole))
        found.append(query("cursor", "上一次答复中的 next", {"type": "string"}))
        count = {"type": "integer", "enum": [0, 1], "default": 0}
        found.append(query("count", f"1 为同时返回总数（至 {page.count_cap:,} 为止）", count))
    for item in page.filters:
        found += _filter(item)
    return found


def row_schema(columns: list[Column], model: type, *, versioned: bool, acts: list[str] | None = None) -> dict[str, Any]:
    """Return the schema of one row."""
    members: dict[str, Any] = {"id": {"type": "integer", "title": "编号"}}
    if versioned:
        members["version"] = {"type": "integer", "title": "版本"}
    for column in columns:
        key = key_of(column.name)
        members.setdefault(key, column_schema(column, model))
        if names_of(column, model):
            members.setdefault(f"{key}_name", {"type": ["string", "null"], "title": f"{column.title}（名称）"})
    if acts is not None:
        shape = {"type": "string", "enum": acts} if acts else {"type": "string"}
        members["acts"] = {"type": "array", "items": shape, "title": "当前可办理的事项"}
    return {"type": "object", "required": ["id"], "properties": members}


def describe(work: Operations, model: type, versioned: bool) -> tuple[dict[str, dict[str, Any]], dict[str, Any]]:
    """Return (what each operation adds to the document by act, the component schemas of the resource)."""
    page = work.resource.list
    prefix = "".join(part.title() for part in work.resource.code.replace("_", ".").split("."))
    acts = [work.resource.word(act) for act in work.acts]
    schemas = {
        f"{prefix}Row": row_schema(list(page.columns), model, versioned=versioned),
        prefix: row_schema([column for column, _ in work._columns], model, versioned=versioned, acts=acts),
        f"{prefix}List": {
            "type": "object",
            "required": ["items", "next"],
            "properties": {
                "items": {"type": "array", "items": {"$ref": REF.format(model=f"{prefix}Row")}},
                "next": {"type": ["string", "null"], "description": "取下一批用的游标；没有更多时为空"},
                "count": {"type": "integer", "description": "总数（count=1 时）"},
                "count_capped": {"type": "boolean", "description": "实际总数超过所示"},
            },
        },
    }
    one = {"$ref": REF.format(model=prefix)}
    said: dict[str, dict[str, Any]] = {
        "list": {
            "parameters": list_parameters(page),
            "responses": {"200": success("列表", {"$ref": REF.format(model=f"{prefix}List")}), **refusals(READ_REFUSALS)},
        },
        "get": {
            "parameters": [_header("If-None-Match", "已有的版本；未变则答复 304")],
            "responses": {"200": success("该记录", one, etag=True), "304": {"description": "未变"},
                          **refusals(ROW_REFUSALS)},
        },
    }  # fmt: skip
    if page.export_name:
        line = success("每行一条 JSON", {"type": "string"}, media="application/x-ndjson")
        said["export"] = {
            "parameters": list_parameters(page, paged=False), "responses": {"200": line, **refusals(READ_REFUSALS)},
        }  # fmt: skip
    if work.resource.create is not None:
        said["create"] = {
            "parameters": [IDEMPOTENCY], "requestBody": _body(work.bodies["create"]),
            "responses": {"201": success("已办理", one, etag=True), **refusals(MAKE_REFUSALS)},
        }  # fmt: skip
    if work.resource.edit is not None:
        match = _header("If-Match", "所依据的版本（ETag）", required=True)
        said["edit"] = {
            "parameters": [match], "requestBody": _body(work.bodies["edit"]),
            "responses": {"200": success("变更后的记录", one, etag=True), **refusals(EDIT_REFUSALS)},
        }  # fmt: skip
    for act in work.acts:
        said[act.code] = {
            "parameters": [IDEMPOTENCY, _header("If-Match", "所依据的版本（ETag），可不填")],
            "requestBody": _body(work.bodies[act.code]),
            "responses": {
                "201" if act.makes else "200": success("新建的记录" if act.makes else "办理后的记录", one, etag=True),
                **refusals(ACT_REFUSALS),
            },
        }
    _, bodies = models_json_schema(
        [(body, "validation") for body in work.bodies.values()], ref_template=REF.replace("{model}", "{model}")
    )
    return said, schemas | bodies.get("$defs", {})


def _body(model: type[Body]) -> dict[str, Any]:
    needed = any(field.is_required() for field in model.model_fields.values())
    return {"required": needed, "content": {"application/json": {"schema": {"$ref": REF.format(model=model.__name__)}}}}
