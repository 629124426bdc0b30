"""The NinjaAPI made of every declared resource. The composition root builds it once the registry is frozen."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial, wraps
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.urls import URLPattern, path
from ninja import NinjaAPI
from ninja.openapi.schema import OpenAPISchema
from ninja.renderers import BaseRenderer

from zhiguan.kit.actor import system
from zhiguan.kit.errors import NotFound, Refusal
from zhiguan.kit.pages.columns import field_at

from .declare import Resource
from .gate import gate
from .openapi import COMPONENTS, SECURITY, describe, refusals, success
from .operations import Handler, Operations
from .problems import MethodRefused, problem
from .rows import dumps

PREFIX = "api/v1"
DESCRIPTION = (
    "与页面同源：同样的数据、同样的权限和数据权限、同样的筛选和办理事项。时间为 UTC（以 Z 结尾），金额等小数写作文字，"
    "坐标为 WGS84。出错时一律答复 application/problem+json，code 供程序判断，detail 说明原因和处理办法。"
)


class JsonRenderer(BaseRenderer):
    """orjson, as every answer."""

    media_type = "application/json"

    def render(self, request: HttpRequest, data: Any, *, response_status: int) -> bytes:
        return dumps(data)


class Api(NinjaAPI):
    """The site's API. ``schemas`` are the document's component schemas."""

    def __init__(self, title: str, version: str) -> None:
        super().__init__(
            title=title, version=version, description=DESCRIPTION, docs_url=None, openapi_url=None,
            renderer=JsonRenderer(), auth=[gate], urls_namespace="api-v1",
        )  # fmt: skip
        self.schemas: dict[str, Any] = {}
        self.add_exception_handler(Refusal, lambda request, refusal: problem(refusal, request))
        self.add_exception_handler(Http404, lambda request, _: problem(_missing(), request))
        self.add_exception_handler(Exception, _raise)

    def add(
        self, method: str, address: str, view: Callable[..., HttpResponseBase], *, operation: str, summary: str, tag: str,
        said: dict[str, Any], text: str = "",
    ) -> None:  # fmt: skip
        """Add one operation; ``said`` is what the document says of it beyond the path's own parameters."""
        self.default_router.add_api_operation(
            address, [method], view, operation_id=operation, summary=summary, tags=[tag], description=text or None,
            openapi_extra={**said, "security": SECURITY},
        )  # fmt: skip

    def document(self) -> dict[str, Any]:
        """Return the OpenAPI document: OpenAPI 3.1, keys in a stable order."""
        found = dict(OpenAPISchema(api=self, path_prefix=f"{PREFIX}/"))
        found["components"] = {**COMPONENTS, "schemas": {**COMPONENTS["schemas"], **dict(sorted(self.schemas.items()))}}
        found["servers"] = [{"url": "/"}]
        for item in found["paths"].values():
            for operation in item.values():
                # ninja answers 200 unless told; operations that say 201 have no other.
                if "201" in operation["responses"]:
                    operation["responses"].pop(200, None)
                operation["responses"] = {
                    str(status): said
                    for status, said in sorted(operation["responses"].items(), key=lambda pair: str(pair[0]))
                    if not (status == 200 and "200" in operation["responses"])
                }
                for parameter in operation["parameters"]:
                    if parameter["in"] == "path" and parameter["name"] == "pk":
                        parameter["schema"] = {"type": "integer", "minimum": 1, "title": "记录编号"}
        found["paths"] = dict(sorted(found["paths"].items()))
        return found

    def patterns(self) -> list[URLPattern]:
        """Return the addresses, each behind what every answer passes."""
        return [
            path(f"{PREFIX}/{entry.pattern}", _outer(entry.callback), name=f"api.{entry.name}")
            for entry in self.urls[0]
            if isinstance(entry, URLPattern) and entry.name != "api-root"
        ]


def _missing() -> NotFound:
    return NotFound("该内容不存在，或不在您的数据权限范围内。")


def _raise(request: HttpRequest, error: Exception) -> HttpResponse:
    """Hand an unexpected error on: Django rolls the transaction back, logs it and answers 500."""
    raise error


def _outer(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """Give every answer the rate headers, and a refused method a problem that says so."""

    @wraps(view)
    def answered(request: HttpRequest, *args: Any, **values: Any) -> HttpResponseBase:
        answer = view(request, *args, **values)
        if answer.status_code == 405:
            allowed = answer.get("Allow", "")
            answer = problem(MethodRefused(f"不支持 {str(request.method)[:20]} 方法，可用：{allowed or '无'}。"), request)
            answer["Allow"] = allowed
        standing = getattr(request, "zg_rate", None)
        if standing is not None:
            answer["RateLimit-Limit"] = str(standing.limit)
            answer["RateLimit-Remaining"] = str(standing.remaining)
            answer["RateLimit-Reset"] = str(standing.reset_s)
        return answer

    answered.csrf_exempt = True  # type: ignore[attr-defined] -- the gate checks it, and answers as a problem
    return answered


def _about_one(handler: Handler, **more: Any) -> Handler:
    def view(request: HttpRequest, pk: int) -> HttpResponseBase:
        return handler(request, pk, **more)

    view.__annotations__ = {"request": HttpRequest, "pk": int}
    return view


def _about_many(handler: Handler) -> Handler:
    def view(request: HttpRequest) -> HttpResponseBase:
        return handler(request)

    return view


def add_resource(api: Api, resource: Resource) -> None:
    """Add the operations of one resource."""
    work = Operations(resource)
    model = resource.list.rows(system("api.build")).model  # a queryset is lazy: no database is asked
    said, schemas = describe(work, model, field_at(model, "version") is not None)
    api.schemas |= schemas
    name, tag, base = resource.name, resource.name, resource.path
    single = base + "/{int:pk}"
    add = partial(api.add, tag=tag)
    add("GET", base, _about_many(work.list), operation=resource.operation("list"), summary=f"{name}：列表",
        said=said["list"])  # fmt: skip
    if "export" in said:
        add("GET", base + "/export", _about_many(work.export), operation=resource.operation("export"),
            summary=f"{name}：导出（NDJSON）", said=said["export"])  # fmt: skip
    if resource.create is not None:
        add("POST", base, _about_many(work.create), operation=resource.operation("create"),
            summary=f"{name}：{resource.create.title_for()}", said=said["create"], text=resource.create.help)  # fmt: skip
    add("GET", single, _about_one(work.get), operation=resource.operation("get"), summary=f"{name}：详情",
        said=said["get"])  # fmt: skip
    if resource.edit is not None:
        add("PATCH", single, _about_one(work.edit), operation=resource.operation("edit"), summary=f"{name}：变更",
            said=said["edit"], text="只提交要变更的数据项。")  # fmt: skip
    for act in work.acts:
        add("POST", f"{single}/{resource.word(act)}", _about_one(work.act, act=act),
            operation=resource.operation(act.code), summary=f"{name}：{act.title}", said=said[act.code],
            text=act.help)  # fmt: skip


def build(title: str, version: str, resources: Iterable[Resource]) -> Api:
    """Return the API of these resources."""
    api = Api(title, version)
    for resource in resources:
        add_resource(api, resource)
    return api


__all__ = ["PREFIX", "Api", "build", "refusals", "success"]
