"""What holds for every case after every act, and a machine that acts at random to see it."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise
from typing import Any

from django.db import transaction
from django.utils import timezone
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from zhiguan.kernel.flow import cards, definitions, engine, limits, queries, service
from zhiguan.kernel.flow.lifecycle import ENDED
from zhiguan.kernel.flow.models import Case, Definition, Delegation, Seat, Step
from zhiguan.kernel.identity.models import Grant, Role
from zhiguan.kernel.ledger.models import LedgerEvent
from zhiguan.kernel.notices.models import Notice
from zhiguan.kernel.orgs import service as orgs
from zhiguan.kernel.orgs.models import Person
from zhiguan.kernel.trace.models import Entry
from zhiguan.kit.actor import system
from zhiguan.kit.errors import Refusal

from . import sample
from .conftest import publish

OPEN_SEATS = ("offered", "waiting", "working")
BUREAU = ("王受理", "赵审查", "钱审查", "孙审查", "周核查", "吴决定", "褚专家")
EVERYBODY = ("张申请", "李领导", *BUREAU, "郑管理")


def check(case: Any) -> None:
    """Fail when a case is not whole."""
    case = Case.objects.get(pk=case.pk)
    steps = list(Step.objects.filter(case=case).order_by("round"))
    seats = list(Seat.objects.filter(case=case).select_related("step"))
    opened = [step for step in steps if step.state == "open"]

    # The open steps are those at which the process waits.
    if case.engine and case.state in ("running", "correcting", "suspended"):
        run = engine.Run.load(definitions.process_of(case.definition), case.engine, {}, lambda *_: None)
        assert sorted(run.open) == sorted(step.node for step in opened)
        assert opened and not run.ended
    else:
        assert not opened, case.state
    assert [step.round for step in steps] == list(range(1, len(steps) + 1))
    for step in steps:
        assert (step.closed_at is None) == (step.state == "open")
        assert (step.look_at is None) or step.state == "open"
        if step.state == "done":
            assert step.outcome

    # Seats: open ones in open steps only, one at work where one handles, nobody waits for nothing.
    for seat in seats:
        if seat.state in OPEN_SEATS:
            assert seat.step.state == "open", (seat.person.name, seat.state, seat.step.state)
        if seat.state == "done":
            assert seat.outcome and seat.closed_at and seat.acted_by_id
    stuck = False
    for step in opened:
        mine = [seat for seat in seats if seat.step_id == step.pk and seat.kind != "copy"]
        alive = [seat for seat in mine if seat.state in OPEN_SEATS]
        stuck |= not alive
        mains = [seat for seat in alive if seat.kind == "main"]
        if step.mode == "one":
            assert len([seat for seat in mains if seat.state in ("working", "waiting")]) <= 1
            assert len({seat.state for seat in mains}) <= 1
        if step.mode == "turn":
            assert len([seat for seat in mains if seat.state == "working"]) <= 1
        if alive:  # somebody can go on
            assert any(seat.state in ("working", "offered") for seat in alive), [seat.state for seat in alive]
        for seat in alive:
            ahead = [each for each in alive if each.behind_id == seat.pk and each.kind in ("before", "delegate")]
            if ahead:
                assert seat.state == "waiting"
        people = [seat.person_id for seat in alive]
        assert len(people) == len(set(people))
        voted = [seat.person_id for seat in mine if seat.kind in ("main", "after") and seat.state == "done"]
        assert step.mode == "one" or len(voted) == len(set(voted))
    assert case.stuck == stuck, (case.stuck, stuck)

    # Everybody who ever had a part sees the case.
    assert {seat.person_id for seat in seats} | {case.applicant_id} <= set(case.persons)

    # An end is an end, with its effect once; before it there is none.
    assert (case.ended_at is not None) == (case.state in ENDED)
    assert case.effects.count() == (1 if case.state == "granted" else 0)
    assert len([code for code, _ in sample.DONE if code == case.code]) == case.effects.count()

    # The clock begins once, stops and goes on in turn, and stands still exactly when the case does.
    what = [event[1] for event in case.clock]
    assert what.count("start") == (1 if case.accepted_at else 0) and what.count("close") <= 1
    moves = [each for each in what if each in ("stop", "resume")]
    assert all(a != b for a, b in pairwise(moves)) and moves[:1] in ([], ["stop"])
    if case.accepted_at and case.state not in ENDED:
        standing = case.state in ("correcting", "returned", "suspended")
        assert (moves[-1:] == ["stop"]) == standing
        assert case.look_at is None or not standing
    for row in [case, *steps]:
        moments = [event[0] for event in row.clock]
        assert moments == sorted(moments)
        if row.clock:
            shown = limits.reading(row, timezone.now())
            closed = case.state in ENDED if row is case else row.state != "open"
            assert (shown.state == "closed") == closed, (row, shown.state)

    # Each version of the record has its event, its entry in the log says the same; nothing is missing between.
    events = list(LedgerEvent.objects.filter(subject_type="flow.case", subject_id=case.pk).order_by("id"))
    assert [event.subject_version for event in events] == list(range(1, case.version + 1))
    assert all(a.state_after == b.state_before for a, b in pairwise(events)) and events[-1].state_after == case.state
    entries = Entry.objects.filter(case=case.code, code__in={f"flow.case.{event.code}" for event in events})
    assert sorted(entries.values_list("code", flat=True)) == sorted(f"flow.case.{event.code}" for event in events)
    assert case.corrections.filter(answered_at__isnull=True).count() <= 1
    assert (case.state == "correcting") <= case.corrections.filter(answered_at__isnull=True).exists()
    assert case.submissions.count() == case.rounds

    # An end takes the sub-cases along.
    assert case.state not in ENDED or not case.children.exclude(state__in=ENDED).exists()


def told(name: str, office: Any, case: Any) -> int:
    """How often somebody was told that a step of the case waits for them."""
    account = office.accounts[name]
    return Notice.objects.filter(account_id=account.pk, kind="flow.step.open", subject=f"flow.case/{case.pk}").count()


def under_way(case: Any) -> set[int]:
    """Keys of the submitted sub-cases a case waits for."""
    return set(case.children.exclude(state__in=(*ENDED, "draft")).values_list("pk", flat=True))


def let_the_bureau_apply(office: Any) -> None:
    """Whoever handles a case may open another, which 郑管理 endorses for the bureau."""
    for name, role in (*((name, "t.apply") for name in BUREAU), ("郑管理", "t.endorse")):
        Grant.objects.create(account=office.accounts[name], role=Role.objects.get(code=role), scope="organ",
                             unit=office.units["局"], state="active", valid_from=date(2020, 1, 1))  # fmt: skip


class Acts(RuleBasedStateMachine):
    """Anybody does anything, allowed or not; refused acts leave everything as it was. ``office`` is set by the test.

    ``case`` is the one they look at: the first, or one of its sub-cases and theirs.
    """

    office: Any = None
    accepted: dict[str, int] = {}

    def __init__(self) -> None:
        super().__init__()
        self.point = transaction.savepoint()
        sample.DONE.clear()

    def teardown(self) -> None:
        transaction.savepoint_rollback(self.point)

    @initialize(mode=st.sampled_from(["one", "all", "any", "turn", "ratio:0.6"]), parallel=st.booleans(), way=st.integers(0, 4))
    def begin(self, mode: str, parallel: bool, way: int) -> None:
        number = Definition.objects.filter(item=sample.ITEM.code).count() + 1
        publish(sample.bpmn(mode, parallel=parallel), number=number)
        with self.office.actor("张申请").acting():
            self.case = service.create(self.office.actor("张申请"), sample.ITEM, values={"reason": "修车", "amount": "100"})
        self.act("张申请", service.submit)
        for name in ("李领导", "王受理", "赵审查", "周核查")[:way]:
            self.sit(name, service.decide, outcome="agree", opinion="可")

    def act(self, who: str, verb: Any, **values: Any) -> None:
        case = Case.objects.get(pk=self.case.pk)
        before, waited, done = case.version, under_way(case), case.steps.filter(state="done").count()
        seats = Seat.objects.select_related("person__unit").filter(pk=values["seat"].pk) if "seat" in values else []
        actor = self.office.actor(who)
        for seat in seats:  # whether the seat may be used at all
            usable = seat.person_id in (actor.person_id, *queries.stands_in_for(actor, case.item)) and seat.person.active
            usable &= seat.organ_id == (orgs.organ_of(seat.person.unit) or seat.person.unit).pk
        try:
            with transaction.atomic(), actor.acting():
                verb(actor, case, **values)
            type(self).accepted[verb.__name__] = type(self).accepted.get(verb.__name__, 0) + 1
        except Refusal as refusal:
            assert Case.objects.get(pk=self.case.pk).version == before
            assert refusal.code != "subcase_open" or case.children.exclude(state__in=ENDED).exists()
            return
        case.refresh_from_db()
        assert not seats or usable, (who, verb.__name__)
        if waited & under_way(case):  # a sub-case goes on: no step of its case was decided or undone
            assert case.state not in ("granted", "refused", "returned")
            assert case.steps.filter(state="done").count() == done, verb.__name__

    def sit(self, who: str, verb: Any, **values: Any) -> None:
        """Act on a seat of one's own: mostly the one to be used now, else any there ever was."""
        rows = Seat.objects.filter(case=self.case, person=self.office.people[who]).exclude(kind="copy").order_by("-pk")
        seat = rows.filter(state__in=OPEN_SEATS).first() or rows.first()
        if seat is not None:
            self.act(who, verb, seat=seat, **values)

    def someone(self, wanted: int) -> str:
        """One of those who have an open seat, so that most acts mean something."""
        with system("tests").acting():
            rows = Seat.objects.filter(case=self.case, state__in=OPEN_SEATS).order_by("pk")
            open_ = list(rows.values_list("person__name", flat=True))
        return open_[wanted % len(open_)] if open_ else EVERYBODY[wanted % len(EVERYBODY)]

    def applicant(self) -> str:
        return Case.objects.select_related("applicant").get(pk=self.case.pk).applicant.name

    def person(self, name: str) -> Any:
        return self.office.people[name]

    @rule(who=st.integers(0, 9), outcome=st.sampled_from(["agree", "agree", "agree", "refuse"]))
    def decide(self, who: int, outcome: str) -> None:
        self.sit(self.someone(who), service.decide, outcome=outcome, opinion="意见")

    @rule(who=st.sampled_from(BUREAU))
    def decide_out_of_turn(self, who: str) -> None:
        self.sit(who, service.decide, outcome="agree", opinion="意见", values={"note": who})

    @rule(who=st.integers(0, 9), verb=st.sampled_from([service.claim, service.release]))
    def claim(self, who: int, verb: Any) -> None:
        self.sit(self.someone(who), verb)

    @rule(who=st.integers(0, 9), other=st.sampled_from(BUREAU), verb=st.sampled_from([service.transfer, service.delegate]))
    def hand_on(self, who: int, other: str, verb: Any) -> None:
        self.sit(self.someone(who), verb, person=self.person(other), reason="出差")

    @rule(who=st.integers(0, 9), others=st.sets(st.sampled_from(BUREAU), min_size=1, max_size=2),
          verb=st.sampled_from([service.add_sign_before, service.add_sign_after]))  # fmt: skip
    def add_sign(self, who: int, others: set[str], verb: Any) -> None:
        self.sit(self.someone(who), verb, people=[self.person(name) for name in sorted(others)])

    @rule(who=st.integers(0, 9), other=st.integers(0, 9))
    def reduce(self, who: int, other: int) -> None:
        rows = Seat.objects.filter(case=self.case, step__state="open").exclude(kind="copy").order_by("-pk")
        gone = rows[other % len(rows)] if rows else None
        if gone is not None:
            self.sit(self.someone(who), service.reduce_sign, other=gone, reason="不需要")

    @rule(who=st.integers(0, 9), back=st.integers(0, 3))
    def return_(self, who: int, back: int) -> None:
        done = list(Step.objects.filter(case=self.case, state="done").order_by("-round"))
        if done:
            self.sit(self.someone(who), service.return_, to=done[back % len(done)], reason="再看")

    @rule(who=st.integers(0, 9))
    def send_back(self, who: int) -> None:
        self.sit(self.someone(who), service.send_back, reason="重写")

    @rule(who=st.integers(0, 9))
    def correct(self, who: int) -> None:
        self.sit(self.someone(who), service.correct, items=[{"path": "reason", "text": "写明"}])

    @rule(who=st.integers(0, 9))
    def suspend(self, who: int) -> None:
        self.sit(self.someone(who), service.suspend, ground="专家评审", reason="等专家")

    @rule(who=st.sampled_from(EVERYBODY))
    def resume(self, who: str) -> None:
        self.act(who, service.resume)

    @rule(text=st.sampled_from(["修车", "换轮胎", ""]))
    def resubmit(self, text: str) -> None:
        self.act(self.applicant(), service.resubmit, values={"reason": text})

    @rule(which=st.integers(0, 9))
    def turn_to(self, which: int) -> None:
        """Look at another of the cases."""
        cases = list(Case.objects.order_by("pk"))
        self.case = cases[which % len(cases)]

    @rule(who=st.integers(0, 9))
    def open_subcase(self, who: int) -> None:
        self.sit(self.someone(who), service.open_subcase, item=sample.ITEM, values={"reason": "委托", "amount": "1"})

    @rule(verb=st.sampled_from([service.submit, service.submit, service.discard, service.receive]))
    def of_the_applicant(self, verb: Any) -> None:
        self.act(self.applicant(), verb)

    @rule(days=st.integers(1, 60))
    def time_passes(self, days: int) -> None:
        """Cards are raised; nothing is ever decided because time has passed."""
        before = list(Case.objects.order_by("pk").values_list("pk", "version", "state", "stage"))
        cards.raise_due(timezone.now() + timedelta(days=days))
        cards.look_again()
        assert list(Case.objects.order_by("pk").values_list("pk", "version", "state", "stage")) == before

    @rule(who=st.sampled_from(BUREAU), where=st.sampled_from(["乙", "局", "局", ""]))
    def move(self, who: str, where: str) -> None:
        """Somebody is transferred to another organ, comes back, or leaves the service."""
        Person.objects.filter(pk=self.person(who).pk).update(unit=self.office.units[where or "局"], active=bool(where))

    @rule(others=st.sets(st.sampled_from(BUREAU), min_size=1, max_size=3), which=st.integers(0, 1))
    def reassign(self, others: set[str], which: int) -> None:
        opened = list(Step.objects.filter(case=self.case, state="open").order_by("pk"))
        if opened:
            self.act("郑管理", service.reassign, step=opened[which % len(opened)],
                     people=[self.person(name) for name in sorted(others)], reason="集中")  # fmt: skip

    @rule(mode=st.sampled_from(["one", "all"]), parallel=st.booleans())
    def migrate(self, mode: str, parallel: bool) -> None:
        number = Definition.objects.filter(item=sample.ITEM.code).count() + 1
        self.act("郑管理", service.migrate, definition=publish(sample.bpmn(mode, parallel=parallel), number=number), reason="新版")

    @rule(who=st.sampled_from(EVERYBODY), to=st.sampled_from(BUREAU), days=st.integers(0, 1))
    def authorise(self, who: str, to: str, days: int) -> None:
        today = timezone.localdate()
        try:
            with transaction.atomic(), self.office.actor(who).acting():
                service.authorise(self.office.actor(who), delegate=self.person(to), valid_from=today,
                                  valid_to=today + timedelta(days=days), reason="出差")  # fmt: skip
        except Refusal:
            pass

    @rule(which=st.integers(0, 9), revoked=st.booleans())
    def no_longer_authorised(self, which: int, revoked: bool) -> None:
        """An authorisation is taken back, or its last day is over."""
        rows = list(Delegation.objects.select_related("person").filter(revoked_at__isnull=True).order_by("pk"))
        if rows and revoked:
            actor = self.office.actor(rows[which % len(rows)].person.name)
            with actor.acting():
                service.revoke(actor, rows[which % len(rows)])
        elif rows:
            over = timezone.localdate() - timedelta(days=1)
            Delegation.objects.filter(pk=rows[which % len(rows)].pk).update(valid_from=over, valid_to=over)

    @rule(who=st.sampled_from(BUREAU))
    def stand_in(self, who: str) -> None:
        """Decide on somebody else's seat, as only a delegate may."""
        seat = Seat.objects.filter(case=self.case, state__in=OPEN_SEATS).exclude(person=self.person(who)).first()
        if seat is not None:
            self.act(who, service.decide, seat=seat, outcome="agree", opinion="代")

    @rule(who=st.sampled_from(EVERYBODY), other=st.sampled_from(BUREAU), what=st.integers(0, 2))
    def tell(self, who: str, other: str, what: int) -> None:
        if what == 0:
            self.act(who, service.copy_to, people=[self.person(other)])
        elif what == 1:
            self.act(who, service.comment, text="看过")
        else:
            self.act(who, service.urge)

    @rule(really=st.integers(0, 5), verb=st.sampled_from([service.withdraw, service.terminate]))
    def stop(self, really: int, verb: Any) -> None:
        if really == 0:  # rarely: the end leaves nothing to do
            self.act(self.applicant() if verb is service.withdraw else "郑管理", verb, reason="不需要")

    @invariant()
    def whole(self) -> None:
        for case in Case.objects.order_by("pk"):
            check(case)


__all__ = ["Acts", "check", "let_the_bureau_apply", "told"]
