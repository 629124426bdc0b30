"""Forms: filling in, checking, the version check, the guard against double submits, refusals shown in place."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import ImproperlyConfigured
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import render
from django.urls import NoReverseMatch, reverse

from zhiguan.kit.actor import Actor
from zhiguan.kit.errors import Refusal, Stale

from . import once
from .columns import Column
from .declare import FormPage, History, Section
from .forms import PageForm
from .links import targets
from .menu import parent_of, place
from .scope import one


@dataclass
class Job:
    """One form at work, whoever declared it (a form page, or an act of a detail page).

    ``work(values)`` does it and returns the address to go to; ``cancel`` is where giving up leads.
    """

    form_class: type[PageForm]
    actor: Actor
    obj: Any
    initial: Mapping[str, Any]
    version: str
    work: Callable[[dict[str, Any]], str]
    done: str
    submit: str
    cancel: str
    style: str = "primary"
    sections: tuple[Section, ...] = ()
    help: str = ""
    confirm: str = ""
    history: History | None = None
    lead: str = ""
    extra: dict[str, Any] = field(default_factory=dict)


def view(request: HttpRequest, page: FormPage, actor: Actor, **values: Any) -> HttpResponseBase:
    """Answer a form page's address."""
    obj = None
    if page.load is not None:
        obj = page.load(actor, **values)
    elif page.rows is not None and "pk" in values:
        obj = one(page, actor, values["pk"])
    elif values:
        raise ImproperlyConfigured(f"FormPage {page.code!r}: its path holds values but it has no rows and no load")
    place(request, page, actor, row=obj)
    if page.initial is not None:
        initial = dict(page.initial(actor, obj, request.GET))
    else:
        initial = initial_of(page.form, obj, request.GET)

    def work(cleaned: dict[str, Any]) -> str:
        row = page.verb(actor, obj, cleaned)
        return page.success(row, actor) if page.success is not None else after(page, row)

    job = Job(
        page.form, actor, obj, initial, version_of(obj, page.version), work, page.done, page.submit, after(page, obj),
        sections=page.sections, help=page.help, history=page.history,
        extra={"page": page, "title": page.title_for(obj)},
    )  # fmt: skip
    return run(request, job)


def initial_of(form_class: type[forms.Form], obj: Any, query: Mapping[str, Any]) -> dict[str, Any]:
    """Return first values: of the row's attributes of the fields' names, or for a new row from the address."""
    names = form_class.base_fields
    if obj is None:
        return {name: query[name] for name in names if name in query}
    found = {}
    for name in names:
        if hasattr(obj, name):
            value = getattr(obj, name)
            found[name] = getattr(value, "pk", value)
    return found


def version_of(obj: Any, version: Callable[[Any], Any] | None) -> str:
    """Return the row's version as text; empty when it has none."""
    if obj is None:
        return ""
    found = version(obj) if version is not None else getattr(obj, "version", "")
    return "" if found is None else str(found)


def after(page: FormPage, row: Any) -> str:
    """Return where to go after a form page: the row's detail of the same subject, or the page above."""
    above = parent_of(page)
    if row is not None and getattr(row, "pk", None) is not None:
        code = above.code if above is not None else page.code.rsplit(".", 1)[0]
        if f"{code}.detail" in targets():
            return reverse(f"{code}.detail", kwargs={"pk": row.pk})
    if above is not None:
        try:
            return reverse(above.url_name)
        except NoReverseMatch:
            return "/"
    return "/"


def run(request: HttpRequest, job: Job) -> HttpResponseBase:
    """Show the form, or take it: check, do the work in a savepoint, and go on; refusals are shown in place."""
    if request.method != "POST":
        form = job.form_class(initial=job.initial, actor=job.actor, obj=job.obj)
        return draw(request, job, form, 200)
    used = request.POST.get("_token", "")
    where = once.ended_at(request, used)
    if where is not None:
        messages.info(request, "该表单已经提交成功，无需重复提交。")
        return HttpResponseRedirect(where)
    form = job.form_class(request.POST, request.FILES, initial=job.initial, actor=job.actor, obj=job.obj)
    if job.version and "_version" in request.POST and request.POST["_version"] != job.version:
        return draw(request, job, form, Stale.status, stale=True)
    if not form.is_valid():
        return draw(request, job, form, 422)
    try:
        with transaction.atomic():
            where = job.work(form.cleaned_data)
    except Refusal as refusal:
        refuse(form, refusal)
        return draw(request, job, form, refusal.status, stale=isinstance(refusal, Stale))
    except IntegrityError:
        form.add_error(None, "填写的内容与已有记录冲突（例如编号重复，或同一时段已被占用），请核对后重新提交。")
        return draw(request, job, form, 409)
    once.ended(request, used, where)
    messages.success(request, job.done)
    return HttpResponseRedirect(where)


def refuse(form: forms.Form, refusal: Refusal) -> None:
    """Put a refusal's messages at the fields they name, and the rest above the form."""
    placed = False
    inputs = form.inputs if isinstance(form, PageForm) else {}
    for path, message in refusal.fields.items():
        name = inputs.get(path, path)
        if name in form.fields:
            form.add_error(name, message)
            placed = True
    if not placed or refusal.message not in refusal.fields.values():
        form.add_error(None, refusal.message)
    if isinstance(form, PageForm):
        form.mark_errors()


def draw(request: HttpRequest, job: Job, form: PageForm, status: int, *, stale: bool = False) -> HttpResponse:
    """Answer with the form as it stands."""
    context = {
        **job.extra,
        "job": job,
        "form": form,
        "sections": sections_of(form, job.sections),
        "token": once.token(),
        "stale": stale,
        "differences": differences(form, job) if stale else [],
        "last_change": _last_change(job) if stale else None,
        "error_count": sum(len(errors) for errors in form.errors.values()) if form.is_bound and not stale else 0,
    }
    return render(request, "kit/form.html", context, status=status)


def sections_of(form: PageForm, sections: tuple[Section, ...]) -> list[dict[str, Any]]:
    """Return the visible fields grouped as declared; fields no section names come last."""
    named = [name for section in sections for name in section.fields]
    drawn = [
        {"title": section.title, "help": section.help, "fields": [form[n] for n in section.fields if n in form.fields]}
        for section in sections
    ]
    rest = [bound for bound in form.visible_fields() if bound.name not in named]
    if rest:
        drawn.append({"title": form.rest_title if drawn else "", "help": "", "fields": rest})
    return drawn


def differences(form: PageForm, job: Job) -> list[dict[str, str]]:
    """Return where the stored values differ from what was filled in: title, stored and filled text."""
    found = []
    for bound in form.visible_fields():
        if isinstance(bound.field, forms.FileField):
            continue
        stored, filled = job.initial.get(bound.name), bound.value()
        try:
            same = not bound.field.has_changed(stored, filled)
        except forms.ValidationError:
            same = False
        if not same:
            found.append({"title": bound.label, "stored": _readable(bound, stored), "filled": _readable(bound, filled)})
    return found


def _readable(bound: forms.BoundField, value: Any) -> str:
    choices = getattr(bound.field, "choices", None)
    if choices is not None:
        wanted = {str(item) for item in (value if isinstance(value, (list, tuple, set)) else [value])}
        return "、".join(str(title) for key, title in choices if str(key) in wanted) or "（空）"
    cell = Column("value", "").cell({"value": value})
    return cell.text or "（空）"


def _last_change(job: Job) -> Any:
    if job.history is None or job.obj is None:
        return None
    return next(iter(job.history(job.obj, job.actor)), None)
