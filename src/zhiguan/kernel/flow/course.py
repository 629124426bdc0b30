"""What changes a case's course: back to an earlier step or to the applicant, corrections, suspension, other people, the end."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.db import transaction

from zhiguan.kernel.orgs import service as orgs
from zhiguan.kernel.orgs.service import Person
from zhiguan.kernel.reference import service as reference
from zhiguan.kit.actor import Actor
from zhiguan.kit.errors import Conflict, Denied, Invalid

from . import applying, children, definitions, forms, queries
from .applying import need
from .clock import What
from .codes import LEGAL_GROUNDS
from .declare import ASSIGN, SUPERVISE, ServiceItem
from .desk import Desk, on_desk
from .engine import Process, Run
from .handling import _not_in, _someone, seat_of
from .models import Case, Correction, Definition, Seat, Step
from .seating import OPEN_SEATS


def returnable(case: Case, step: Step, process: Process) -> list[Step]:
    """Return the earlier steps a step may be returned to: those that were done and lead here, the latest of each."""
    before = set(process.plan.before(step.node))
    found: dict[str, Step] = {}
    for each in case.steps.filter(state="done").order_by("round"):
        if each.node in before:
            found[each.node] = each
    return sorted(found.values(), key=lambda each: each.round)


@transaction.atomic
def return_(actor: Actor, case: Case, *, seat: Seat, to: Step, reason: str) -> Case:
    """退回: to an earlier step, with everything as it was there.

    The target opens again for those who handled it and are still where they were, on the version of the form it had;
    every step that comes after it in the process is undone, other branches keep what they decided; the clocks go on
    or begin anew as the policy says, their warnings stay. What took effect cannot be returned behind.
    """
    reason = need(reason, "退回事由", "reason")
    with on_desk(actor, case) as desk:
        found, step, _ = seat_of(desk, seat, "return_", "working", "offered")
        known = {each.pk for each in returnable(desk.case, step, desk.process)}
        target = desk.seating.step(to.pk)
        if target is None or target.pk not in known:
            raise Invalid("只能退回到本办件此前办理过的环节。", fields={"to": "请选择要退回的环节。"})
        if desk.in_effect():
            raise Conflict("办件已经生效，不能退回。", code="in_effect")
        children.wait(desk)
        people = [
            each.person
            for each in target.seats.filter(kind="main", state="done").select_related("person__unit").order_by("order")
            if each.person.active and each.organ_id == (orgs.organ_of(each.person.unit) or each.person.unit).pk
        ]
        _undo(desk, target, people)
        desk.told.append(("applicant", ("flow.case.send_back", f"退回到“{target.name}”：{desk.case.title}", reason)))
        desk.seating.put([found], opinion=reason[:2000])
        return desk.flush("return_", f"退回到“{target.name}”：{reason}")


def _undo(desk: Desk, target: Step, people: list[Any]) -> None:
    """Bring the process back to ``target``: undo it and what lies behind it, keep the rest, replay."""
    behind = desk.process.plan.behind(target.node) | {target.node}
    done = desk.steps("done")
    undone = [each for each in done if each.node in behind and each.round >= target.round]
    kept = [
        (each.node, each.outcome)
        for each in sorted(done, key=lambda each: each.closed_at or desk.now)
        if each not in undone
    ]
    desk.close_steps([each for each in desk.steps("open") if each.node in behind], "undone")
    desk.seating.put(undone, state="undone")
    values = applying.version_of(desk.case, target.submission)
    if values is not None and values != desk.value("values"):
        desk.changes["values"] = dict(values)
        desk.submit_version("退回恢复")
    desk.changes |= {"outcomes": {}, "decisions": {}}
    run = Run.replay(desk.process, kept, desk.context(), desk.perform)
    if target.node not in run.open:
        raise Conflict("按现在的台账情况，流程走不到要退回的环节，请选择更早的环节。", code="not_reached")
    desk.open_step(target.node, people or None)
    if desk.case.clock:
        desk.mark(What.RETURN)
    desk.settle(run)


@transaction.atomic
def send_back(actor: Actor, case: Case, *, seat: Seat, reason: str) -> Case:
    """退回申请人: to be changed and submitted anew, or withdrawn. A case that was accepted keeps its clock standing still."""
    reason = need(reason, "退回事由", "reason")
    with on_desk(actor, case) as desk:
        seat_of(desk, seat, "send_back", "working", "offered")
        if desk.in_effect():
            raise Conflict("办件已经生效，不能退回。", code="in_effect")
        children.wait(desk)
        desk.close_steps(desk.steps("open"), "undone")
        desk.seating.put(desk.steps("done"), state="undone")
        if desk.case.clock:
            desk.mark(What.STOP, "退回申请人")
        desk.changes["stage"] = "申请人修改"
        desk.told.append(("applicant", ("flow.case.send_back", f"退回修改：{desk.case.title}", reason)))
        return desk.flush("send_back", reason)


@transaction.atomic
def correct(actor: Actor, case: Case, *, seat: Seat, items: Iterable[Mapping[str, str]], reason: str = "") -> Case:
    """通知补正: once, with everything that has to be put right (《行政许可法》第三十二条); the clock stands until it is.

    ``items``: ``{"path": field, table or material, "text": what is wrong with it}``; path ``*`` opens the whole form.
    """
    with on_desk(actor, case) as desk:
        _, step, _ = seat_of(desk, seat, "correct", "working", "offered")
        known = {part.name for part in forms.parts(desk.item)} | {each.code for each in desk.item.materials} | {"*"}
        listed = []
        for number, entry in enumerate(items, 1):
            path, text = str(entry.get("path", "")).strip(), str(entry.get("text", "")).strip()
            if not path and not text:
                continue
            if path.split(".", 1)[0] not in known:
                raise Invalid(
                    f"第 {number} 项补正内容没有指明表单项目或材料。", fields={"items": f"第 {number} 项请选择项目。"}
                )
            listed.append({"path": path, "text": need(text, f"第 {number} 项的补正要求", "items")})
        if not listed:
            raise Invalid("请逐项列出需要补正的内容。", fields={"items": "至少列出一项。"})
        Correction.objects.create(case=desk.case, step=step, items=listed, by=actor.name, at=desk.now)
        if desk.case.clock:
            desk.mark(What.STOP, "补正")
        told = "；".join(entry["text"] for entry in listed)
        desk.told.append(("applicant", ("flow.case.correct", f"请补正：{desk.case.title}", told)))
        return desk.flush("correct", reason or told[:500])


def grounds() -> list[str]:
    """Return what a case may be suspended for."""
    listed = reference.value(LEGAL_GROUNDS)
    return [*listed, "其他法定中止事由"]


@transaction.atomic
def suspend(actor: Actor, case: Case, *, seat: Seat, ground: str, reason: str) -> Case:
    """挂起: for a legal ground, which stops the clock (《行政许可法》第四十五条)."""
    if ground not in grounds():
        raise Invalid(f"挂起事由须为 {'、'.join(grounds())} 之一。", fields={"ground": "请选择法定事由。"})
    reason = need(reason, "情况说明", "reason")
    with on_desk(actor, case) as desk:
        seat_of(desk, seat, "suspend", "working", "offered")
        if desk.case.clock:
            desk.mark(What.STOP, ground)
        desk.told.append(("applicant", ("flow.case.send_back", f"暂停办理（{ground}）：{desk.case.title}", reason)))
        return desk.flush("suspend", f"{ground}：{reason}")


@transaction.atomic
def resume(actor: Actor, case: Case, *, reason: str = "") -> Case:
    """恢复办理: by whoever holds a seat of the case, or its manager."""
    with on_desk(actor, case) as desk:
        people = [actor.person_id or 0, *queries.stands_in_for(actor, desk.case.item)]
        mine = Seat.objects.filter(case=desk.case, step__state="open", state__in=OPEN_SEATS, person__in=people)
        if not mine.exists():
            actor.require(f"{desk.case.area}.case.{ASSIGN}", desk.case)
        if desk.case.clock:
            desk.mark(What.RESUME)
        waiting = Seat.objects.filter(case=desk.case, step__state="open", state__in=("offered", "working"))
        desk.told.append(("todo", list(waiting.select_related("step", "person"))))
        return desk.flush("resume", reason)


@transaction.atomic
def terminate(actor: Actor, case: Case, *, reason: str) -> Case:
    """终止: by the case's manager, when it can go no further (the applicant is gone, the matter has become void)."""
    with on_desk(actor, case) as desk:
        actor.require(f"{desk.case.area}.case.{ASSIGN}", desk.case)
        if desk.in_effect():
            raise Conflict("办件已经生效，不能终止。", code="in_effect")
        desk.close_steps(desk.steps("open"), "cancelled")
        desk.told.append(("applicant", ("flow.case.end", f"终止办理：{desk.case.title}", reason)))
        return desk.flush("terminate", reason)


@transaction.atomic
def reassign(actor: Actor, case: Case, *, step: Step, people: Iterable[Person], reason: str) -> Case:
    """指定办理人: by the case's manager: for a step nobody may do, or whose people have left. The step's clock goes on."""
    with on_desk(actor, case) as desk:
        actor.require(f"{desk.case.area}.case.{ASSIGN}", desk.case)
        found = desk.seating.step(step.pk)
        if found is None or found.state != "open":
            raise Conflict("该环节已经办理，请刷新后查看。", code="step_done")
        plan = desk.process.plan.steps[found.node]
        chosen = [_someone(desk, person, plan) for person in people]
        if not chosen:
            raise Invalid("请选择办理人。", fields={"people": "请选择办理人。"})
        desk.seating.put(desk.seating.at(found, *OPEN_SEATS), state="moved", closed_at=desk.now)
        if found.mode != "one":  # a countersigner's vote stands; nobody votes twice
            for person in chosen:
                _not_in(desk, found, person, votes=True)
        desk.seat(found, chosen)
        if found.clock:
            desk.mark(What.REASSIGN)
        desk.changes["stuck"] = desk.seating.stuck()
        names = "、".join(person.name for person in chosen)
        return desk.flush("reassign", f"{names}：{reason}" if reason.strip() else "")


@transaction.atomic
def urge(actor: Actor, case: Case, *, text: str = "") -> Case:
    """催办: by the applicant, or those who manage or supervise the case; at most once an hour."""
    with on_desk(actor, case) as desk:
        if desk.case.state != "running":
            raise Conflict(f"办件当前为“{desk.case.state_name}”，不需要催办。", code="state_changed")
        inside = actor.person_id is not None and actor.person_id == desk.case.applicant_id
        area = desk.case.area
        if not inside and not actor.scope(f"{area}.case.{ASSIGN}").covers(desk.case.scope_pos):
            actor.require(f"{area}.case.{SUPERVISE}", desk.case)
        if desk.case.urged_at is not None and (desk.now - desk.case.urged_at).total_seconds() < 3600:
            raise Conflict("一小时内已催办过，请稍候。", code="urged")
        waiting = Seat.objects.filter(case=desk.case, step__state="open", state__in=("offered", "working"))
        people = [seat.person for seat in waiting.select_related("person")]
        desk.told.append(
            ("people", (people, "flow.case.urge", f"催办：{desk.case.title}", text or f"{actor.name}催办。"))
        )
        return desk.note("urge", "催办", text, urged_at=desk.now)


@transaction.atomic
def open_subcase(
    actor: Actor, case: Case, *, seat: Seat, item: ServiceItem | str, values: Mapping[str, Any] | None = None
) -> Case:
    """发起子办件: the case goes no further until it has ended, see :mod:`children`."""
    with on_desk(actor, case) as desk:
        seat_of(desk, seat, "open_subcase", "working")
        parent = desk.case
    made = applying.create(actor, item, values=values, parent=parent)
    with on_desk(actor, case) as desk:
        desk.note("open_subcase", "发起子办件", f"{made.code} {made.title}"[:500])
    return made


# --- versions ---------------------------------------------------------------------------------------------------------


def preview(case: Case, target: Definition, *, facts: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return what moving a running case to another version of its process would do: nothing is changed.

    ``fits``: the steps done so far exist there and lead to open steps; ``open`` before and after; ``lost`` done steps
    that the new version does not have.
    """
    process = definitions.process_of(target)
    desk = Desk(_reader(), case)
    done = [(step.node, step.outcome) for step in case.steps.filter(state="done").order_by("closed_at")]
    lost = [node for node, _ in done if node not in process.plan.steps]
    before = [step.node for step in case.steps.filter(state="open")]
    context = {**desk.context(), **(facts or {}), "outcomes": {}, "decisions": {}}
    run = Run.replay(process, [each for each in done if each[0] not in lost], context, lambda *_: None)
    return {"fits": not lost and bool(run.open), "open": list(run.open), "before": before, "lost": lost, "run": run}


def _reader() -> Actor:
    from zhiguan.kit.actor import system

    return system("flow.preview")


@transaction.atomic
def migrate(actor: Actor, case: Case, *, definition: Definition, reason: str) -> Case:
    """更换流程版本: a running case goes on under another published version; checked first, refused when it does not fit."""
    with on_desk(actor, case) as desk:
        actor.require(f"{desk.case.area}.case.{ASSIGN}", desk.case)
        target = Definition.objects.filter(pk=definition.pk, item=desk.case.item).first()
        if target is None or target.state not in ("published", "retired"):
            raise Invalid("请选择该事项已发布的流程版本。", fields={"definition": "请选择已发布的版本。"})
        shown = preview(desk.case, target)
        if not shown["fits"]:
            names = "、".join(shown["lost"]) or "已办环节之后没有可以继续的环节"
            raise Conflict(f"该办件不能更换到第 {target.number} 版：{names}。", code="does_not_fit")
        desk.changes["definition"] = target
        desk.case.definition = target
        desk._process = None
        desk.settle(Run.replay(desk.process, [
            (step.node, step.outcome) for step in desk.case.steps.filter(state="done").order_by("closed_at")
        ], {**desk.context(), "outcomes": {}, "decisions": {}}, desk.perform))  # fmt: skip
        return desk.flush("migrate", f"第 {target.number} 版：{reason}" if reason.strip() else "")


def refuse_act(actor: Actor, case: Case, what: str) -> Denied:
    """Note that somebody who may only look tried to act, and return the refusal (监督人员的越权操作被拒绝并留痕)."""
    from zhiguan.kernel.trace import service as trace

    with transaction.atomic():
        trace.record(actor, "flow.case.refused_act", case, reason=what, case=case.code)
    return Denied("您可以查看该办件，但不能办理。本次操作已记录。", code="read_only")
