"""What the people of a step do: claim, release, decide, delegate, transfer, have others sign, take signatures back.

Every verb is asked of a seat. A seat is one person's; whoever they authorised for these days may use it, and the seat
then says who really acted. A person who has moved to another organ meanwhile cannot use the seats of the old one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from zhiguan.kernel.orgs import service as orgs
from zhiguan.kernel.orgs.service import Person
from zhiguan.kernel.trace import service as trace
from zhiguan.kit.actor import Actor
from zhiguan.kit.errors import Conflict, Denied, Invalid, NotFound
from zhiguan.kit.questions import Question

from . import candidates, children, counting, forms, queries
from .applying import need, refused, title_of
from .desk import Desk, on_desk
from .models import Case, Seat, Step
from .plan import StepPlan
from .seating import OPEN_SEATS

ALL_OPS = frozenset(
    (
        "decide delegate transfer add_sign_before add_sign_after reduce_sign return_ send_back correct suspend copy_to "
        "open_subcase"
    ).split()
)
BY_STAGE = {
    "organ": ALL_OPS - {"correct", "suspend", "open_subcase"},
    "lead": ALL_OPS - {"correct", "suspend", "open_subcase"},
}
"""Operations offered at a stage where the file names none: before acceptance nothing can be corrected or suspended."""


def allowed(plan: StepPlan) -> frozenset[str]:
    """Return the operations a step allows."""
    if plan.ops is not None:
        return frozenset(plan.ops) | {"decide"}
    return BY_STAGE.get(plan.stage, ALL_OPS)


@Question
def _with_unit(person: int) -> QuerySet[Person]:
    return Person.objects.select_related("unit__parent").filter(pk=person)


def seat_of(desk: Desk, seat: Seat, op: str, *states: str) -> tuple[Seat, Step, StepPlan]:
    """Return the seat as it is now, with its step and plan, if the actor may use it for ``op``.

    Raises ``Denied`` for somebody else's seat, an expired delegation, a person who moved away, an operation that the
    step does not allow; ``Conflict`` for a seat or case that has gone on meanwhile.
    """
    found = desk.seating.seat(seat.pk)
    if found is None:
        raise NotFound("没有找到该办理席位。")
    found.person = _with_unit(found.person_id)[0]
    me = desk.actor.person_id
    if me is None or (
        me != found.person_id and found.person_id not in queries.stands_in_for(desk.actor, desk.case.item)
    ):
        raise Denied("该环节不由您办理，或授权代办已到期、已收回。", code="not_your_seat")
    if desk.case.state != "running":
        raise Conflict(f"办件当前为“{desk.case.state_name}”，不能办理，请刷新后查看。", code="state_changed")
    if found.state not in (states or ("working",)) or found.step.state != "open":
        raise Conflict(f"您的办理状态已变为“{found.get_state_display()}”，请刷新后再办。", code="seat_changed")
    organ = orgs.organ_of(found.person.unit) or found.person.unit
    if organ.pk != found.organ_id or not found.person.active:
        raise Denied("办理人已调离原单位，该环节须由管理人员重新指定办理人。", code="moved_away")
    plan = desk.process.plan.steps[found.step.node]
    if op not in allowed(plan) and op not in ("claim", "release"):
        raise Denied(f"环节“{plan.name}”不允许这样办理。", code="op_not_allowed")
    _no_interest(desk, plan, me, found)
    return found, found.step, plan


def _no_interest(desk: Desk, plan: StepPlan, me: int, seat: Seat) -> None:
    """Whoever has an interest, or handled a step that may not be the same person's, does not act; standing in neither."""
    if plan.stage in candidates.JUDGING and me in desk.interested():
        raise Denied("您是申请人或与该办件有利害关系，不能办理这一环节。", code="interest")
    if plan.never_same:
        handlers = desk.seating.handlers()
        for node in plan.never_same:
            if {me, seat.person_id} & set(handlers.get(node, ())):
                name = desk.process.plan.steps[node].name
                raise Denied(f"您已办理过环节“{name}”，按规定不能再办理这一环节。", code="same_person")


def _claimed(desk: Desk, seat: Seat) -> None:
    """Take an offered seat: the others' lapse. Several working seats are countersigners; they stay."""
    desk.seating.put([seat], state="working", claimed_at=desk.now)
    desk.seating.put([each for each in desk.seating.at(seat.step, "offered") if each.kind == "main"], state="lapsed")


@transaction.atomic
def claim(actor: Actor, case: Case, *, seat: Seat) -> Case:
    """签收: one of several candidates takes the step."""
    with on_desk(actor, case) as desk:
        found, _, _ = seat_of(desk, seat, "claim", "offered")
        _claimed(desk, found)
        return desk.flush("claim")


@transaction.atomic
def release(actor: Actor, case: Case, *, seat: Seat) -> Case:
    """退还签收: back to all candidates."""
    with on_desk(actor, case) as desk:
        found, step, _ = seat_of(desk, seat, "release")
        others = [each for each in desk.seating.at(step, "lapsed") if each.kind == "main"]
        if step.mode != "one" or found.kind != "main" or not others:
            raise Conflict("该环节只有您一人可办，不能退还。可以转办给他人。", code="alone")
        if desk.seating.behind(found, *OPEN_SEATS):
            raise Conflict("该环节还有加签或委派未办，不能退还。", code="signing")
        desk.seating.put(others, state="offered")
        desk.seating.put([found], state="offered", claimed_at=None)
        return desk.flush("release")


# --- deciding ---------------------------------------------------------------------------------------------------------


@transaction.atomic
def decide(
    actor: Actor, case: Case, *, seat: Seat, outcome: str, opinion: str = "", values: Mapping[str, Any] | None = None
) -> Case:
    """办理: say what one decides. When the step has what it needs, it closes and the process goes on.

    ``values`` are the parts of the form the step may edit. A refusal always needs an opinion. Acting twice, a second
    approver, or an approval against a withdrawal finds the seat or the case changed, and nothing happens.
    """
    with on_desk(actor, case) as desk:
        found, step, plan = seat_of(desk, seat, "decide", "working", "offered")
        if outcome not in plan.outcomes:
            raise Invalid(
                f"办理结果须为 {'、'.join(plan.outcomes.values())} 之一。", fields={"outcome": "请选择办理结果。"}
            )
        if plan.opinion or outcome not in ("agree", next(iter(plan.outcomes))):
            opinion = need(opinion, "办理意见", "opinion")
        opinion = opinion.replace("\0", "").strip()[:2000]
        if found.state == "offered":
            _claimed(desk, found)
        if values:
            _edit(desk, plan, values)
        children.wait(desk)
        _said(desk, found, outcome, opinion)
        counting.pass_on(desk, found, step, plan)
        return desk.flush("decide", f"{plan.outcomes[outcome]}：{opinion}" if opinion else plan.outcomes[outcome])


def _said(desk: Desk, seat: Seat, outcome: str, opinion: str) -> None:
    desk.seating.put(
        [seat], state="done", outcome=outcome, opinion=opinion, closed_at=desk.now, acted_by_id=desk.actor.person_id
    )


def _edit(desk: Desk, plan: StepPlan, values: Mapping[str, Any]) -> None:
    """Take over what this step may change in the form; a new version, when anything differs."""
    made, problems = forms.clean(desk.item, values, before=desk.value("values"), editable=frozenset(plan.edit))
    if problems:
        raise refused(desk.item, problems)
    if made != desk.value("values"):
        before = desk.value("values")
        desk.changes["values"] = made
        desk.changes["title"] = title_of(desk.item, made, desk.case.unit)
        desk.submit_version(plan.name)
        trace.record(desk.actor, "flow.case.edit_values", desk.case, before=_flat(desk, before), after=_flat(desk, made),
                     case=desk.case.code)  # fmt: skip


def _flat(desk: Desk, values: Mapping[str, Any]) -> dict[str, Any]:
    return {part.name: values.get(part.name) for part in forms.parts(desk.item)}


# --- other people -----------------------------------------------------------------------------------------------------


def _someone(desk: Desk, person: Person, plan: StepPlan) -> Person:
    """Return the person if they can take part: in service, with an account, no interest, not in the step already."""
    found = Person.objects.select_related("unit__parent").filter(pk=person.pk, active=True, accounts__is_active=True).first()
    if found is None:
        raise Invalid(f"{person.name}已不在职或没有可用账号。", fields={"person": "请选择有账号的在职人员。"})
    if plan.stage in candidates.JUDGING and found.pk in desk.interested():
        raise Invalid(
            f"{found.name}是申请人或与该办件有利害关系，不能办理这一环节。", fields={"person": "与办件有利害关系。"}
        )
    handlers = desk.seating.handlers() if plan.never_same else {}
    if any(found.pk in handlers.get(node, ()) for node in plan.never_same):
        raise Invalid(f"{found.name}已办理过不得同一人办理的环节。", fields={"person": "不得由同一人办理。"})
    return found


def _not_in(desk: Desk, step: Step, person: Person, *, votes: bool) -> None:
    """Refuse whoever is in the step already; for a seat that ``votes``, also whoever has voted in this step."""
    seats = [each for each in desk.seating.at(step) if each.person_id == person.pk]
    if any(each.state in OPEN_SEATS for each in seats):
        raise Conflict(f"{person.name}已在本环节办理人之中。", code="already_there")
    if votes and any(each.kind in ("main", "after") and each.state == "done" for each in seats):
        raise Conflict(f"{person.name}已在本环节签署过意见，不能再签一次。", code="already_signed")


@transaction.atomic
def transfer(actor: Actor, case: Case, *, seat: Seat, person: Person, reason: str) -> Case:
    """转办: the seat becomes somebody else's for good."""
    with on_desk(actor, case) as desk:
        found, step, plan = seat_of(desk, seat, "transfer", "working", "offered")
        person = _someone(desk, person, plan)
        _not_in(desk, step, person, votes=found.kind in ("main", "after"))
        if found.state == "offered":
            _claimed(desk, found)
        hanging = desk.seating.behind(found, *OPEN_SEATS)
        desk.seating.put([found], state="moved", closed_at=desk.now, acted_by_id=actor.person_id)
        made = desk.seat(step, [person], kind=found.kind, state="working")[0]
        desk.seating.put([made], order=found.order, behind_id=found.behind_id)
        desk.seating.put(hanging, behind_id=made.pk)
        return desk.flush("transfer", f"转办给{person.name}：{reason}" if reason.strip() else "")


@transaction.atomic
def delegate(actor: Actor, case: Case, *, seat: Seat, person: Person, reason: str = "") -> Case:
    """委派: somebody prepares the decision; then it comes back for one's own."""
    return _ahead(actor, case, seat, [person], "delegate", reason)


@transaction.atomic
def add_sign_before(actor: Actor, case: Case, *, seat: Seat, people: Iterable[Person], reason: str = "") -> Case:
    """前加签: others give their opinion first; one's own seat waits for all of them."""
    return _ahead(actor, case, seat, list(people), "add_sign_before", reason)


def _ahead(actor: Actor, case: Case, seat: Seat, people: list[Person], act: str, reason: str) -> Case:
    with on_desk(actor, case) as desk:
        found, step, plan = seat_of(desk, seat, act, "working", "offered")
        people = [_someone(desk, person, plan) for person in people]
        if not people:
            raise Invalid("请选择人员。", fields={"people": "请选择人员。"})
        if found.state == "offered":
            _claimed(desk, found)
        for person in people:
            _not_in(desk, step, person, votes=False)
        kind = "delegate" if act == "delegate" else "before"
        made = desk.seat(step, people, kind=kind, state="working")
        desk.seating.put(made, behind_id=found.pk)
        desk.seating.put([found], state="waiting")
        names = "、".join(person.name for person in people)
        return desk.flush(act, f"{names}：{reason}" if reason.strip() else names)


@transaction.atomic
def add_sign_after(actor: Actor, case: Case, *, seat: Seat, people: Iterable[Person], reason: str = "") -> Case:
    """后加签: others decide after oneself, one after the other; the last signature is what counts."""
    with on_desk(actor, case) as desk:
        found, step, plan = seat_of(desk, seat, "add_sign_after", "working", "offered")
        chosen = [_someone(desk, person, plan) for person in people]
        if not chosen:
            raise Invalid("请选择人员。", fields={"people": "请选择人员。"})
        if found.state == "offered":
            _claimed(desk, found)
        behind = found
        while followers := [each for each in desk.seating.behind(behind, *OPEN_SEATS) if each.kind == "after"]:
            behind = followers[0]
        for person in chosen:
            _not_in(desk, step, person, votes=True)
            made = desk.seat(step, [person], kind="after", state="waiting")[0]
            desk.seating.put([made], behind_id=behind.pk)
            behind = made
        names = "、".join(person.name for person in chosen)
        return desk.flush("add_sign_after", f"{names}：{reason}" if reason.strip() else names)


@transaction.atomic
def reduce_sign(actor: Actor, case: Case, *, seat: Seat, other: Seat, reason: str) -> Case:
    """减签: take back a signature that was asked for and not given: one's own added ones, or a countersigner's."""
    with on_desk(actor, case) as desk:
        found, step, plan = seat_of(desk, seat, "reduce_sign", "working", "waiting")
        gone = desk.seating.seat(other.pk)
        if gone is None or gone.step_id != step.pk or gone.state not in OPEN_SEATS:
            raise Conflict("该人员已办理，或已不在本环节，不能减签。", code="seat_changed")
        if gone.pk == found.pk:
            raise Invalid("不能减去自己，可以转办。", fields={"other": "不能减去自己。"})
        if gone.kind == "main":
            left = [each for each in desk.seating.at(step) if each.kind == "main" and each.state not in counting.GONE]
            if len(left) <= 1:
                raise Conflict("会签至少保留一人。", code="last_seat")
        elif gone.behind_id != found.pk and not _chain(desk, found, gone):
            raise Denied("只能减去由您加签的人员。", code="not_your_sign")
        children.wait(desk, but=gone.person_id)  # whoever is taken away may have been the last one missing
        counting.take_away(desk, gone, with_followers=gone.kind != "after")
        before = desk.seating.seat(gone.behind_id)
        if gone.kind in counting.AHEAD and before is not None:
            counting.wake(desk, before)
        elif before is None:
            counting.count(desk, step, plan)
        elif before.state == "done":
            counting.pass_on(desk, before, step, plan)
        return desk.flush("reduce_sign", f"{gone.person.name}：{reason}" if reason.strip() else "")


def _chain(desk: Desk, first: Seat, last: Seat) -> bool:
    """Tell whether ``last`` follows ``first`` through seats that sign after one another."""
    at: Seat | None = last
    while at is not None and at.behind_id:
        if at.behind_id == first.pk:
            return True
        at = desk.seating.seat(at.behind_id)
    return False


@transaction.atomic
def copy_to(actor: Actor, case: Case, *, people: Iterable[Person]) -> Case:
    """抄送: others may read the case and are told; they decide nothing."""
    with on_desk(actor, case) as desk:
        chosen = list(
            Person.objects.select_related("unit__parent").filter(pk__in=[person.pk for person in people], active=True)
        )
        if not desk.seating.steps or not chosen:
            raise Invalid("请选择人员。", fields={"people": "请选择人员。"})
        if actor.person_id not in desk.case.persons:
            raise Denied("只有参与该办件的人员可以抄送。", code="not_involved")
        known = {each.person_id for each in desk.seating.seats if each.kind == "copy"}
        fresh = [person for person in chosen if person.pk not in known]
        step = desk.seating.steps[-1]
        desk.seating.add_seats(step, [
            Seat(case=desk.case, step=step, person=person, organ=orgs.organ_of(person.unit) or person.unit, kind="copy",
                 state="told", opened_at=desk.now, closed_at=desk.now)
            for person in fresh
        ])  # fmt: skip
        desk.know(person.pk for person in fresh)
        names = "、".join(person.name for person in fresh)
        desk.told.append(("people", (fresh, "flow.case.copy", f"抄送：{desk.case.title}", f"{actor.name}抄送给您。")))
        return desk.note("copy_to", "抄送", names) if fresh else desk.case


@transaction.atomic
def comment(actor: Actor, case: Case, *, text: str) -> Case:
    """留言: by anybody who takes part; kept in the case's history."""
    text = need(text, "留言", "text")
    with on_desk(actor, case) as desk:
        if actor.person_id not in desk.case.persons:
            raise Denied("只有参与该办件的人员可以留言。", code="not_involved")
        return desk.note("comment", "留言", text, remarks=desk.case.remarks + 1)


def open_seats(case: Case, actor: Actor) -> list[Seat]:
    """Return the seats of the case that the actor may use now, own ones first."""
    people = {actor.person_id, *queries.stands_in_for(actor, case.item)} - {None}
    rows = Seat.objects.select_related("step", "person").filter(
        case=case, person__in=people, state__in=OPEN_SEATS, step__state="open"
    )
    return sorted(rows, key=lambda seat: (seat.person_id != actor.person_id, seat.step_id))
