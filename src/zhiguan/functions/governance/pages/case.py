"""办件: one case, what it asks for, how it stands, who held it how long, and what the actor may do with it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db.models import Max
from django.http import FileResponse, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone

from zhiguan.kernel.documents import queries as documents
from zhiguan.kernel.files import service as files
from zhiguan.kernel.flow import forms as flow_forms
from zhiguan.kernel.flow import limits, service
from zhiguan.kernel.flow import queries as flow
from zhiguan.kernel.flow.clock import What
from zhiguan.kernel.flow.declare import Table
from zhiguan.kernel.flow.definitions import process_of
from zhiguan.kernel.flow.lifecycle import CASE as LIFE
from zhiguan.kernel.flow.lifecycle import DECIDED, OPEN
from zhiguan.kernel.ledger import service as ledger
from zhiguan.kernel.orgs.service import Person, Unit
from zhiguan.kernel.trace import service as trace
from zhiguan.kit.actor import Actor
from zhiguan.kit.errors import NotFound
from zhiguan.kit.pages import SIGNED_IN, Badge, Custom, DetailPage, HistoryEntry, VerbAction, ViewPage

from .. import diagrams, forms, queries

MASKED = "（已隐去）"
NUMBERS = ("integer", "decimal", "money")
STATE = Badge("state", "状态", LIFE.colours, choices=LIFE.choices)


# --- what is shown ----------------------------------------------------------------------------------------------------


def plan_of(case: Any) -> Any:
    """The plan of the step where the actor's own seat is, or None."""
    node = getattr(case, "my_node", None)
    return process_of(case.definition).plan.steps.get(node) if node else None


def names_in(item: Any, values: Any, actor: Actor) -> dict[tuple[str, Any], str]:
    """Names of the units, people and records that a form holds keys of."""
    keys: dict[str, set[Any]] = {"unit": set(), "person": set()}
    records: dict[tuple[str, Any], str] = {}
    for part in flow_forms.parts(item):
        fields = part.fields if isinstance(part, Table) else (part,)
        rows = (values.get(part.name) or ()) if isinstance(part, Table) else (values,)
        for field in fields:
            found = {row.get(field.name) for row in rows} - {None}
            if field.kind in keys:
                keys[field.kind] |= found
            elif field.kind == "record" and found:
                records |= forms.record_names(item, field, found, actor)
    names = {("unit", key): name for key, name in Unit.objects.filter(pk__in=keys["unit"]).values_list("pk", "name")}
    names |= {
        ("person", key): name for key, name in Person.objects.filter(pk__in=keys["person"]).values_list("pk", "name")
    }
    return names | records


def sections(case: Any, actor: Actor, hidden: Iterable[str] = ()) -> list[dict[str, Any]]:
    """Return the form for reading: sections of labelled values and tables, without what the step hides."""
    item, values, skip = service.item_of(case.item), case.values, set(hidden)
    names = names_in(item, values, actor)
    mask = _masked(case, actor)
    found = []
    for section in item.sections:
        blocks: list[dict[str, Any]] = []
        for part in section.parts:
            if part.name in skip:
                continue
            if isinstance(part, Table):
                blocks.append(_table(part, values.get(part.name) or (), names, mask=mask))
                continue
            text = flow_forms.in_words(part, values.get(part.name), names)
            if text:
                blocks.append({"field": part, "text": MASKED if part.sensitive and mask else text})
        found.append({"title": section.title, "blocks": blocks})
    return found


def _table(table: Table, rows: Any, names: Any, *, mask: bool) -> dict[str, Any]:
    """A table for reading: heads and cells with whether they are figures (and whose column), sensitive ones masked."""
    fields = flow_forms.shown_fields(table, rows)
    figures = [field.kind in NUMBERS or field.name in table.totals for field in fields]

    def line(texts: Iterable[str]) -> list[tuple[str, bool, str]]:
        shown = zip(texts, fields, figures, strict=True)
        return [
            (MASKED if text and field.sensitive and mask else text, figure, field.label) for text, field, figure in shown
        ]

    foot = forms.totals(table, fields, rows)
    return {
        "table": table, "heads": list(zip(fields, figures, strict=True)), "totals": line(foot) if foot else [],
        "rows": [line(flow_forms.in_words(field, row.get(field.name), names) for field in fields) for row in rows],
    }  # fmt: skip


def _masked(case: Any, actor: Actor) -> bool:
    """Whether the actor reads a case without its sensitive parts: only those with a part in it see them."""
    return not (actor.person_id is not None and actor.person_id in case.persons)


def values_for_programs(case: Any) -> dict[str, Any]:
    """The form without what the reader's step hides and without sensitive parts: programs have no part in a case."""
    return forms.redacted(service.item_of(case.item), case.values, _hidden(case))


def _hidden(case: Any) -> tuple[str, ...]:
    plan = plan_of(case)
    return plan.hide if plan is not None else ()


def head(case: Any, actor: Actor, request: HttpRequest) -> dict[str, Any]:
    """状态、时限、我要办的."""
    now = timezone.now()
    seats = service.open_seats(case, actor) if case.state == "running" else []
    plan = process_of(case.definition).plan
    mine = [{"seat": seat, "plan": plan.steps[seat.step.node]} for seat in seats[:1]]
    open_steps = []
    for step in case.steps.filter(state="open").prefetch_related("seats__person", "seats__organ"):
        waiting = [seat for seat in step.seats.all() if seat.state in ("offered", "working")]
        open_steps.append(
            {"step": step, "seats": waiting, "held": queries.held_for(step.opened_at), "clock": limits.in_words(step)}
        )
    reading = limits.reading(case, now) if case.clock else None
    corrections = list(case.corrections.order_by("pk"))
    return {
        "mine": mine, "open_steps": open_steps, "clock": limits.in_words(case), "reading": reading,
        "policy": case.policy, "correction": service.open_correction(case), "corrections": corrections,
        "parent": flow.cases(actor).filter(pk=case.parent_id).first() if case.parent_id else None,
        "is_applicant": actor.person_id is not None and actor.person_id == case.applicant_id,
        "form_url": reverse("governance.case.form", args=[case.pk]), "item": service.item_of(case.item),
        "effects": list(case.effects.all()), "children": list(case.children.all()),
        "cards": list(case.cards.select_related("step").order_by("reached_at", "pk")),
        "document": list(documents.of_case(actor, case.code)),
        "decisions": _decisions(case, plan), "halted": halted(case),
    }  # fmt: skip


def halted(case: Any) -> dict[str, Any] | None:
    """By what act a case was sent back, suspended or ended before a decision, when, by whom and why; None otherwise."""
    if case.state not in ("returned", "suspended", "withdrawn", "terminated"):
        return None
    event = ledger.history(case).filter(state_after=case.state).exclude(state_before=case.state).last()
    if event is None:
        return None
    at = case.ended_at or case.steps.aggregate(at=Max("closed_at"))["at"]
    if case.clock and case.clock[-1][1] == What.STOP:
        at = datetime.fromisoformat(case.clock[-1][0])
    return {"name": event.name, "by": event.actor_name, "at": at or event.at, "reason": event.reason}


def _decisions(case: Any, plan: Any) -> list[dict[str, Any]]:
    found = []
    for node, value in case.decisions.items():
        shown = value.items() if isinstance(value, dict) else [("结果", value)]
        texts = [str(each) for _, each in shown if isinstance(each, str)]
        found.append({"name": plan.names.get(node, node), "text": "；".join(texts) or str(value)})
    return found


def form_view(case: Any, actor: Actor, request: HttpRequest) -> dict[str, Any]:
    """申请内容, in the version asked for, with what it differs in from the one before."""
    item = service.item_of(case.item)
    versions = list(case.submissions.order_by("number"))
    number = request.GET.get("version", "")
    chosen = next((each for each in versions if str(each.number) == number), None)
    shown = case
    if chosen is not None:
        shown = type(case)(pk=case.pk, item=case.item, values=chosen.values, persons=case.persons)
    differences = []
    if versions and len(versions) > 1:
        last = chosen or versions[-1]
        before = next((each for each in reversed(versions) if each.number < last.number), None)
        if before is not None:
            was, now = (
                forms.redacted(item, each.values, _hidden(case), sensitive=_masked(case, actor))
                for each in (before, last)
            )
            names = names_in(item, was, actor) | names_in(item, now, actor)
            differences = flow_forms.differences(item, was, now, names)
    return {"sections": sections(shown, actor, _hidden(case)), "versions": versions, "chosen": chosen,
            "differences": differences}  # fmt: skip


def materials(case: Any, actor: Actor, request: HttpRequest) -> dict[str, Any]:
    item = service.item_of(case.item)
    kept = list(case.files.filter(removed_at__isnull=True).select_related("file"))
    rows = [
        {"material": material, "needed": needed, "files": [each for each in kept if each.material == material.code]}
        for material, needed in flow_forms.wanted_materials(item, case.values)
    ]
    return {"rows": rows}


def timeline(case: Any, actor: Actor, request: HttpRequest) -> dict[str, Any]:
    """Who had it when, for how long, and what they said."""
    steps = []
    plan = process_of(case.definition).plan
    for step in flow.steps_of(case):
        end = step.closed_at or timezone.now()
        outcomes = plan.steps[step.node].outcomes if step.node in plan.steps else {}
        seats = [
            {"seat": seat, "outcome": outcomes.get(seat.outcome, seat.outcome)}
            for seat in step.seats.all() if seat.kind != "copy" and seat.state not in ("lapsed",)
        ]  # fmt: skip
        steps.append({"step": step, "seats": seats, "outcome": outcomes.get(step.outcome, step.outcome),
                      "held": _span(end - step.opened_at), "clock": limits.in_words(step),
                      "cards": list(step.cards.all())})  # fmt: skip
    return {"steps": steps}


def _span(delta: Any) -> str:
    minutes = int(delta.total_seconds() // 60)
    days, hours = minutes // 1440, minutes % 1440 // 60
    return f"{days} 天 {hours} 小时" if days else f"{hours} 小时 {minutes % 60} 分" if hours else f"{minutes} 分钟"


def diagram(case: Any, actor: Actor, request: HttpRequest) -> dict[str, Any]:
    return {"diagram": diagrams.config(case.definition, case), "definition": case.definition}


def history(case: Any, actor: Actor) -> Iterable[HistoryEntry]:
    for event in ledger.history(case).order_by("-at", "-id"):
        yield HistoryEntry(event.at, event.name, event.actor_name, event.reason)


# --- what may be done -------------------------------------------------------------------------------------------------


def _has_seat(op: str) -> Any:
    def only(actor: Actor, case: Any) -> bool:
        plan = plan_of(case)
        return plan is not None and case.my_state in ("working", "offered") and op in service.allowed(plan)

    return only


def _running(case: Any) -> bool:
    return case.state == "running"


def _on_seat(verb: Any) -> Any:
    """A verb of a seat, on the seat the page shows."""

    def act(actor: Actor, case: Any, **values: Any) -> Any:
        seats = service.open_seats(case, actor)
        if not seats:
            raise service.refuse_act(actor, case, verb.__name__)
        return verb(actor, case, seat=seats[0], **values)

    act.__name__ = verb.__name__
    return act


def _is_applicant(actor: Actor, case: Any) -> bool:
    return actor.person_id is not None and actor.person_id == case.applicant_id


def _manages(actor: Actor, case: Any) -> bool:
    return actor.scope(f"{case.area}.case.assign").covers(case.scope_pos)


def _involved(actor: Actor, case: Any) -> bool:
    return actor.person_id is not None and actor.person_id in case.persons


def _may_open(actor: Actor, case: Any) -> bool:
    """Whether the actor has the step in hand and may open a sub-case of anything."""
    return case.my_state == "working" and _has_seat("open_subcase")(actor, case) and bool(service.openable(actor, case))


def _may_urge(actor: Actor, case: Any) -> bool:
    return (
        _is_applicant(actor, case)
        or _manages(actor, case)
        or actor.scope(f"{case.area}.case.supervise").covers(case.scope_pos)
    )


def _seat_act(code: str, title: str, verb: Any, form: Any = None, **more: Any) -> VerbAction:
    return VerbAction(code, title, verb=_on_seat(verb), permission=SIGNED_IN, form=form, when=_running,
                      only=_has_seat(more.pop("op", code)), **more)  # fmt: skip


ACTS = (
    _seat_act("decide", "办理", service.decide, forms.DecideForm, style="primary", icon="check",
              program=forms.DecideByProgramForm),
    VerbAction("claim", "签收", verb=_on_seat(service.claim), permission=SIGNED_IN, when=_running, icon="hand-grab",
               only=lambda actor, case: case.my_state == "offered", confirm="签收后由您办理。"),
    VerbAction("release", "退还签收", verb=_on_seat(service.release), permission=SIGNED_IN, when=_running,
               only=lambda actor, case: case.my_state == "working", confirm="退还后，其他候选人员可以签收办理。"),
    _seat_act("correct", "通知补正", service.correct, forms.CorrectForm, icon="edit", program=forms.CorrectByProgramForm),
    _seat_act("return_", "退回环节", service.return_, forms.ReturnForm, reason=True, icon="arrow-back-up"),
    _seat_act("send_back", "退回申请人", service.send_back, reason=True, icon="arrow-back"),
    _seat_act("transfer", "转办", service.transfer, forms.PersonForm, reason=True, icon="transfer"),
    _seat_act("delegate", "委派", service.delegate, forms.PersonForm, icon="user-share"),
    _seat_act("add_sign_before", "前加签", service.add_sign_before, forms.PeopleForm, icon="user-plus"),
    _seat_act("add_sign_after", "后加签", service.add_sign_after, forms.PeopleForm, icon="user-plus"),
    VerbAction("reduce_sign", "减签", verb=_on_seat(service.reduce_sign), permission=SIGNED_IN, form=forms.ReduceForm, reason=True,
               when=_running, icon="user-minus",
               only=lambda actor, case: plan_of(case) is not None and case.my_state in ("working", "waiting")),
    VerbAction("open_subcase", "发起子办件", verb=_on_seat(service.open_subcase), permission=SIGNED_IN, form=forms.SubcaseForm,
               when=_running, only=_may_open, done="已建立子办件，请填写后提交。", icon="git-branch", makes=True,
               success=lambda child, actor: reverse("governance.case.form", args=[child.pk])),
    _seat_act("suspend", "挂起", service.suspend, forms.SuspendForm, reason=True, icon="player-pause"),
    VerbAction("resume", "恢复办理", verb=service.resume, permission=SIGNED_IN, when=lambda case: case.state == "suspended",
               only=lambda actor, case: case.my_seat is not None or _manages(actor, case), icon="player-play",
               style="primary", confirm="恢复办理后时限继续计算。"),
    VerbAction("withdraw", "撤回申请", verb=service.withdraw, permission=SIGNED_IN, reason=True, style="danger", icon="arrow-back",
               when=lambda case: case.state in ("running", "correcting", "returned") and not case.document_no,
               only=_is_applicant),
    VerbAction("discard", "放弃草稿", verb=service.discard, permission=SIGNED_IN, style="danger", only=_is_applicant,
               when=lambda case: case.state == "draft", confirm="放弃后不能再提交，草稿内容保留在变动记录中。"),
    VerbAction("receive", "签收结果", verb=service.receive, permission=SIGNED_IN, style="primary", icon="checks", only=_is_applicant,
               when=lambda case: case.state in DECIDED and case.received_at is None, confirm="确认已收到办理结果。"),
    VerbAction("urge", "催办", verb=service.urge, permission=SIGNED_IN, form=forms.UrgeForm, when=_running, only=_may_urge,
               icon="bell-ringing"),
    VerbAction("copy_to", "抄送", verb=service.copy_to, permission=SIGNED_IN, form=forms.PeopleOnlyForm, only=_involved,
               when=lambda case: case.state != "draft", icon="mail"),
    VerbAction("comment", "留言", verb=service.comment, permission=SIGNED_IN, form=forms.CommentForm, only=_involved,
               when=lambda case: case.state != "draft", icon="message"),
    VerbAction("reassign", "指定办理人", verb=service.reassign, permission=SIGNED_IN, form=forms.ReassignForm, reason=True,
               when=_running, only=_manages, icon="users"),
    VerbAction("migrate", "更换流程版本", verb=service.migrate, permission=SIGNED_IN, form=forms.MigrateForm, reason=True,
               when=_running, only=_manages, icon="versions"),
    VerbAction("terminate", "终止办理", verb=service.terminate, permission=SIGNED_IN, reason=True, style="danger", only=_manages,
               when=lambda case: case.state in OPEN, icon="ban"),
)  # fmt: skip

def home(case: Any, actor: Actor) -> str:
    """The list a case is looked at from: one's applications, what waits for one, or all."""
    if actor.person_id is not None and actor.person_id == case.applicant_id:
        return "governance.application"
    return "governance.todo" if case.my_state in flow.TODO and case.state == "running" else "governance.case"


CASE = DetailPage(
    code="governance.case",
    path="governance/case/<int:pk>/",
    title=lambda case: case.title,
    permission=SIGNED_IN,
    rows=queries.cases,
    scope_column="",
    badge=STATE,
    subtitle=lambda case: f"{case.code} · {queries.item_name(case.item)} · {case.unit.name}",
    panels=(
        Custom("governance/case_head.html", head, title="", tab="办理"),
        Custom("governance/case_timeline.html", timeline, title="办理过程", tab="办理"),
        Custom("governance/case_form.html", form_view, title="申请内容", tab="申请内容"),
        Custom("governance/case_materials.html", materials, title="申请材料", tab="申请材料"),
        Custom("governance/case_diagram.html", diagram, title="流程图", tab="流程图"),
    ),
    actions=ACTS,
    history=history,
    home=home,
    print=True,
)


def seat(request: HttpRequest, pk: int) -> HttpResponse:
    """The case of a seat: where a to-do leads."""
    found = flow.todo(request.actor).filter(pk=pk).first() if pk < 2**63 else None
    if found is None:
        raise NotFound("该待办已办理，或不由您办理。")
    return HttpResponseRedirect(reverse("governance.case.detail", args=[found.case_id]))


def file(request: HttpRequest, pk: int, file: int) -> HttpResponse:
    """A material of a case, for whoever sees the case; the download is traced."""
    case = flow.cases(request.actor).filter(pk=pk).first() if pk < 2**63 else None
    row = service.CaseFile.objects.select_related("file").filter(pk=file, case=case).first() if case else None
    if row is None:
        raise NotFound("没有找到该材料，或不在您的数据权限范围内。")
    trace.record_read(request.actor, "files.file.download", row.file, ["content"], case=case.code)
    answer = FileResponse(files.read(row.file), filename=row.file.name, content_type=row.file.media_type,
                          as_attachment=request.GET.get("inline") != "1")  # fmt: skip
    answer["X-Content-Type-Options"] = "nosniff"
    return answer


SEAT = ViewPage(code="governance.seat", path="governance/todo/<int:pk>/", title="待办", permission=SIGNED_IN, view=seat,
                parent="governance.todo")  # fmt: skip
FILE = ViewPage(code="governance.case.file", path="governance/case/<int:pk>/file/<int:file>/", title="申请材料",
                permission=SIGNED_IN, view=file, parent="governance.case")  # fmt: skip
__all__ = ["ACTS", "CASE", "FILE", "SEAT"]
