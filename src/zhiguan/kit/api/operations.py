"""What each operation does. Permission, scope, form, verb and version check are those of the page."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable
from dataclasses import replace
from typing import IO, Any

from django import forms
from django.conf import settings
from django.db import IntegrityError, transaction
from django.http import FileResponse, HttpRequest, HttpResponse, HttpResponseBase
from django.utils import timezone
from pydantic import ValidationError

from zhiguan.kit.actor import Actor, system
from zhiguan.kit.errors import Conflict, Denied, Invalid, Stale
from zhiguan.kit.pages import ports as page_ports
from zhiguan.kit.pages.actions import VerbAction
from zhiguan.kit.pages.columns import Column, field_at
from zhiguan.kit.pages.declare import DetailPage, Page, Panel, may
from zhiguan.kit.pages.detailview import _allowed, _form_class
from zhiguan.kit.pages.formview import initial_of, version_of
from zhiguan.kit.pages.guard import working
from zhiguan.kit.pages.scope import one
from zhiguan.kit.pages.statements import recall, remember

from . import ports
from .declare import Resource
from .fields import filled
from .glimpses import NotDeclared
from .problems import TooLarge, VersionRequired, invalid
from .rows import (
    DEFAULT_LIMIT,
    MAX_LIMIT,
    Shape,
    cursor_for,
    cut,
    dumps,
    listing_of,
    parameters_of,
    read_cursor,
    shape_for,
    whole_number,
)
from .schemas import Body, model_of, takes_file

Handler = Callable[..., HttpResponseBase]
KEY_LENGTH = 128
FILES_BYTES = 70 * 2**20
"""Largest body that holds files: as text they are a third longer, and the largest that is usual has 50 MB."""
REPLAYED = ("ETag", "Location")


def answer(value: Any, status: int = 200, **headers: str) -> HttpResponse:
    """Return JSON."""
    return HttpResponse(
        dumps(value), status=status, content_type="application/json",
        headers={name.replace("_", "-"): text for name, text in headers.items()},
    )  # fmt: skip


def permit(page: Page, actor: Actor) -> None:
    """Raise Denied unless the actor may open the page."""
    if not page.allows(actor):
        raise Denied("您没有办理该事项的权限，请联系本单位的权限管理人员。", code="permission_missing")


def no_query(request: HttpRequest) -> None:
    """Raise Invalid when there are query parameters where none are known."""
    if request.GET:
        wrong = {name[:60]: "没有该参数。" for name in request.GET}
        raise Invalid("查询参数不符合要求，请按 errors 逐项更正。", code="invalid_query", fields=wrong)


def receive(request: HttpRequest, form: type[forms.Form]) -> None:
    """Read the body, whole, as ``request.zg_body``; raises TooLarge: a body without files is a few megabytes at most."""
    most = FILES_BYTES if takes_file(form) else settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    length = request.META.get("CONTENT_LENGTH") or "0"
    if length.isdigit() and int(length) > most:
        raise TooLarge(f"请求内容过大，最多 {most // 2**20} MB。")
    request.zg_body = request.read()  # type: ignore[attr-defined]


def read_body(request: HttpRequest, model: type[Body]) -> dict[str, Any]:
    """Return the members that were sent, checked against ``model``; an empty body is an empty object."""
    try:
        return model.model_validate_json(request.zg_body or b"{}").model_dump(exclude_unset=True)  # type: ignore[attr-defined]
    except ValidationError as error:
        raise invalid(error.errors(include_url=False, include_input=False)) from error


def cleaned(form: forms.Form) -> dict[str, Any]:
    """Return the form's values; raises Invalid with the message of each field."""
    if form.is_valid():
        return form.cleaned_data
    fields, general = {}, []
    for name, errors in form.errors.as_data().items():
        for error in errors:
            text = "".join(error.messages)
            if name not in form.fields:
                general.append(text)
                continue
            within = error.params.get("path") if isinstance(error.params, dict) else None
            path = f"{name}.{within}" if within else name
            fields[path] = fields.get(path, "") + text
    message = "".join(general) or "填写的内容不符合要求，请按 errors 逐项更正。"
    raise Invalid(message, fields=fields)


def once(request: HttpRequest, actor: Actor, work: Callable[[], HttpResponse]) -> HttpResponse:
    """Do ``work`` once per Idempotency-Key; the same request again gets the same answer, another one is refused."""
    key = request.headers.get("Idempotency-Key", "")
    if not key:
        return work()
    if len(key) > KEY_LENGTH or not key.isascii() or not key.isprintable():
        message = f"应为不超过 {KEY_LENGTH} 个可见的 ASCII 字符。"
        raise Invalid("请求头 Idempotency-Key 不符合要求。", code="bad_idempotency_key", fields={"Idempotency-Key": message})
    body: bytes = request.zg_body  # type: ignore[attr-defined]
    digest = hashlib.sha256(b"\0".join((str(request.method).encode(), request.get_full_path().encode(), body))).hexdigest()
    found = ports.answers().find(actor, key)
    if found is not None:
        if found.digest != digest:
            raise Invalid("该 Idempotency-Key 已用于另一次不同的请求，请换用新的。", code="idempotency_key_reused",
                          fields={"Idempotency-Key": "已用于另一次不同的请求。"})  # fmt: skip
        return HttpResponse(
            found.body, status=found.status, content_type="application/json",
            headers={**found.headers, "Idempotency-Replayed": "true"},
        )  # fmt: skip
    done = work()
    kept = {name: done[name] for name in REPLAYED if name in done}
    ports.answers().keep(actor, key, ports.Answer(digest, done.status_code, kept, done.content))
    return done


def acted(work: Callable[[], Any]) -> Any:
    """Run a verb in a savepoint: a refusal leaves nothing behind."""
    try:
        with transaction.atomic():
            return work()
    except IntegrityError as error:
        raise Conflict("填写的内容与已有记录冲突（例如编号重复，或同一时段已被占用），请核对后重新提交。") from error


def _cut(page: Any, query: Any, items: list, places: list, limit: int) -> dict[str, Any]:
    more = len(items) > limit
    return {"items": items[:limit], "next": cursor_for(page, query, places[limit - 1]) if more else None}


class Operations:
    """The operations of one resource."""

    def __init__(self, resource: Resource) -> None:
        self.resource = resource
        page = resource.detail
        panels = [panel for panel in page.panels if isinstance(panel, Panel)]
        model = resource.list.rows(system("api.build")).model
        # What a list computes may rest on what its own query adds to the rows; the detail's rows have their own.
        self._columns: list[tuple[Column, str]] = [
            (column, column.permission)
            for column in resource.list.columns
            if column.value is None and field_at(model, column.name) is not None
        ]
        self._columns += [(page.badge, "")] if page.badge is not None else []
        self._columns += [
            (column, permission)
            for panel in panels
            for column in panel.fields
            for permission in (panel.permission or column.permission,)
        ]
        self._columns += [(column, column.permission) for column in resource.also]
        self.bodies: dict[str, type[Body]] = {}
        prefix = "".join(part.title() for part in resource.code.replace("_", ".").split("."))
        if resource.create is not None:
            self.bodies["create"] = model_of(resource.create.form, f"{prefix}Create")
        if resource.edit is not None:
            self.bodies["edit"] = model_of(resource.edit.form, f"{prefix}Edit", partial=True)
        self.acts = [*page.actions, *resource.acts]
        for act in self.acts:
            name = "".join(part.title() for part in act.code.split("_"))
            self.bodies[act.code] = model_of(form_of(act), f"{prefix}{name}")

    # --- reading

    def list(self, request: HttpRequest) -> HttpResponseBase:
        page, actor = self.resource.list, request.actor  # type: ignore[attr-defined]
        permit(page, actor)
        with working(actor):
            query = request.GET
            question = ("api", id(page), actor.account_id, request.META.get("QUERY_STRING", ""))
            kept = recall(question, actor)
            if kept is not None:
                shape, paths, limit = kept.more
                try:
                    items, places = shape.from_values(kept.rows(), paths)
                    return answer(_cut(page, query, items, places, limit))
                except NotDeclared:
                    shape.plain = False
            listing = listing_of(page, actor, query, allowed=parameters_of(page))
            limit = whole_number(query, "limit", DEFAULT_LIMIT, 1, MAX_LIMIT)
            counting = whole_number(query, "count", 0, 0, 1)
            after = read_cursor(page, query, query["cursor"]) if query.get("cursor") else None
            rows = cut(listing.filtered().order_by(*listing.order), listing.order, after)[: limit + 1]
            paths = tuple(expression.expression.name for expression in listing.order)
            shape = shape_for(page, actor, rows)
            items, places = shape.dicts(rows, paths)
            body = _cut(page, query, items, places, limit)
            if counting:
                body["count"] = min(listing.count, page.count_cap)
                body["count_capped"] = listing.capped
            elif not listing.text and (statement := shape.statement(rows, paths)) is not None:
                remember(question, actor, *statement, (shape, paths, limit))  # a search holds the keys it found
            return answer(body)

    def export(self, request: HttpRequest) -> HttpResponseBase:
        page, actor = self.resource.list, request.actor  # type: ignore[attr-defined]
        permit(page, actor)
        if not may(actor, page.export_permission or page.permission):
            raise Denied("您没有导出该列表的权限。", code="permission_missing")
        allowed = [name for name in parameters_of(page) if name not in ("limit", "cursor", "count")]
        # Written whole before it is sent: the answer goes out after the transaction has ended.
        target: IO[bytes] = tempfile.SpooledTemporaryFile(max_size=4 * 2**20)  # noqa: SIM115 -- the response closes it
        with working(actor):
            listing = listing_of(page, actor, request.GET, allowed=allowed)
            rows = listing.filtered().order_by(*listing.order)
            items, _ = shape_for(page, actor, rows).dicts(rows[: page.export_limit + 1])
            if len(items) > page.export_limit:
                raise Invalid(f"符合条件的记录超过 {page.export_limit:,} 条，请缩小筛选范围后分批导出。", code="too_many_rows")
            for item in items:
                target.write(dumps(item) + b"\n")
            page_ports.ports().on_export(actor, page, len(items), "ndjson")
        target.seek(0)
        name = f"{page.export_name}-{timezone.localtime():%Y%m%d-%H%M}.ndjson"
        return FileResponse(target, as_attachment=True, filename=name, content_type="application/x-ndjson")

    def shape(self, actor: Actor, model: Any) -> Shape:
        """Return the shape of one whole row: the list's columns and the detail's, less what permissions hide."""
        return Shape(model, [column for column, permission in self._columns if not permission or may(actor, permission)])

    def whole(self, actor: Actor, obj: Any) -> dict[str, Any]:
        """Return the row as ``get`` answers it, with the acts that can be done on it now."""
        found = self.shape(actor, type(obj)).one(obj)
        found["acts"] = [
            self.resource.word(act)
            for act in self.acts
            if _allowed(act, actor, obj) and (act.when is None or act.when(obj))
        ]
        return found

    def get(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        page, actor = self.resource.detail, request.actor  # type: ignore[attr-defined]
        permit(page, actor)
        no_query(request)
        with working(actor):
            obj = one(page, actor, pk)
            etag = self.etag(page, obj)
            if etag in _tags(request, "If-None-Match"):
                return HttpResponse(status=304, headers={"ETag": etag})
            return answer(self.whole(actor, obj), ETag=etag)

    # --- changing

    def create(self, request: HttpRequest) -> HttpResponseBase:
        page, actor = self.resource.create, request.actor  # type: ignore[attr-defined]
        assert page is not None
        permit(page, actor)
        no_query(request)
        receive(request, page.form)

        def work() -> HttpResponse:
            given = read_body(request, self.bodies["create"])
            fields = page.form(actor=actor).fields
            first = {name: field.initial for name, field in fields.items() if field.initial is not None}
            form = page.form(*filled(fields, first | given), actor=actor)
            row = acted(lambda: page.verb(actor, None, cleaned(form)))
            return self._answer_for(request, actor, row.pk, 201)

        with working(actor):
            return once(request, actor, work)

    def edit(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        page, actor = self.resource.edit, request.actor  # type: ignore[attr-defined]
        assert page is not None
        permit(page, actor)
        no_query(request)
        receive(request, page.form)
        with working(actor):
            obj = one(page, actor, pk)
            self._match(request, obj, required=True)
            given = read_body(request, self.bodies["edit"])
            form_fields = page.form(actor=actor, obj=obj).fields
            if unknown := {name: "该项不能修改。" for name in given if name not in form_fields}:
                raise Invalid("填写的内容不符合要求，请按 errors 逐项更正。", fields=unknown)
            initial = dict(page.initial(actor, obj, {})) if page.initial else initial_of(page.form, obj, {})
            form = page.form(*filled(form_fields, {**initial, **given}), actor=actor, obj=obj)
            acted(lambda: page.verb(actor, obj, cleaned(form)))
            return self._answer_for(request, actor, pk, 200)

    def act(self, request: HttpRequest, pk: int, act: VerbAction) -> HttpResponseBase:
        page, actor = self.resource.detail, request.actor  # type: ignore[attr-defined]
        permit(page, actor)
        no_query(request)
        wanted = form_of(act)
        receive(request, wanted)

        def work() -> HttpResponse:
            one(page, actor, pk)  # who cannot see the row learns no more than that
            if not may(actor, act.permission):
                actor.require(act.permission)
            obj = one(page, actor, pk, act.permission)
            self._match(request, obj, required=False)
            given = read_body(request, self.bodies[act.code])
            if act.when is not None and not act.when(obj):
                raise Conflict(act.unfit or f"当前状态不能办理“{act.title}”。", code="state_unfit")
            values = cleaned(wanted(*filled(wanted.base_fields, given), actor=actor, obj=obj))
            done = acted(lambda: act.verb(actor, obj, **values))
            if act.makes:
                return self._answer_for(request, actor, done.pk, 201, about=pk)
            return self._answer_for(request, actor, pk, 200)

        with working(actor):
            return once(request, actor, work)

    # --- parts

    def etag(self, page: DetailPage | Any, obj: Any) -> str:
        """Return the row's version as an entity tag; of a row without one, a digest of what it shows."""
        version = version_of(obj, page.version)
        if not version:
            version = hashlib.sha256(dumps(Shape(type(obj), [c for c, _ in self._columns]).one(obj))).hexdigest()[:24]
        return f'"{version}"'

    def _match(self, request: HttpRequest, obj: Any, *, required: bool) -> None:
        tags = _tags(request, "If-Match")
        if not tags:
            if required:
                raise VersionRequired("请在 If-Match 请求头中提供所依据的版本（读取时返回的 ETag）。")
            return
        if "*" not in tags and self.etag(self.resource.detail, obj) not in tags:
            raise Stale("该记录已被他人修改，请重新读取后再提交。")

    def _answer_for(
        self, request: HttpRequest, actor: Actor, pk: int, status: int, *, about: int | None = None
    ) -> HttpResponse:
        """Answer with the row after the act; with its key alone when the act took it out of the actor's sight.

        ``about`` is the row whose act made this one, when one did.
        """
        page = self.resource.detail
        headers = {}
        if status == 201:
            rows = request.path.rstrip("/")
            headers["Location"] = f"{rows if about is None else rows.rsplit('/', 2)[0]}/{pk}"
        obj = page.rows(actor).filter(pk=pk).first() if page.allows(actor) else None
        if obj is None:
            return answer({"id": pk}, status, **headers)
        return answer(self.whole(actor, obj), status, ETag=self.etag(page, obj), **headers)


def form_of(act: VerbAction) -> type[forms.Form]:
    """Return the form that a program fills for an act."""
    return _form_class(replace(act, form=act.program or act.form))


def _tags(request: HttpRequest, header: str) -> set[str]:
    text = request.headers.get(header, "")
    return {part.strip().removeprefix("W/") for part in text.split(",") if part.strip()}
