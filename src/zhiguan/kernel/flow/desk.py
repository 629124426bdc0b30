"""A case on the desk: locked, with its item and process at hand, until everything one act does to it is written.

Who may act was asked before (a seat, a permission, being the applicant). What follows is done by the flow for that
person: the next people's seats, the ledgers of the line and the notices are not in the reach of whoever decided, so these
rows are written under the system's frame, in the same transaction, and every event and trace entry names the person.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from functools import cached_property
from typing import Any

from django.db import connection, transaction
from django.db.models import prefetch_related_objects
from django.utils import timezone

from zhiguan.kernel.calendar import service as calendar
from zhiguan.kernel.ledger import service as ledger
from zhiguan.kernel.orgs import service as orgs
from zhiguan.kit import registry
from zhiguan.kit.actor import Actor, system
from zhiguan.kit.errors import Conflict, NotFound

from . import candidates, children, definitions, forms, limits, queries, telling
from .clock import What
from .declare import CaseView, ItemWork, ServiceItem
from .engine import FlowFault, Process, Run, plain
from .lifecycle import ENDED
from .models import Case, Effect, Seat, Step, Submission
from .seating import OPEN_SEATS, Seating


def item_of(code: str) -> ServiceItem:
    """Return a declared item; raises NotFound in Chinese for one that is not there (any more)."""
    try:
        return registry.current().get(ServiceItem, code)
    except KeyError:
        raise NotFound("没有这个事项。", code="no_item") from None


def work_of(code: str) -> ItemWork:
    return registry.current().get(ItemWork, code)


def as_flow(actor: Actor) -> Actor:
    """Return the flow acting for somebody: their name on every entry, the system's reach."""
    return replace(system("flow"), name=actor.name, account_id=actor.account_id, person_id=actor.person_id, via=actor.via,
                   address=actor.address, request_id=actor.request_id, roles=actor.roles)  # fmt: skip


def next_code(day: Any = None) -> tuple[int, str]:
    """Return the key and the number of a new case of the day (today)."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval(pg_get_serial_sequence('flow_case', 'id'))")
        key = cursor.fetchone()[0]
    return key, f"BJ{day or timezone.localdate():%Y%m%d}{key % 1_000_000:06d}"


class Desk:
    """See the module. Verbs collect what changes in :attr:`changes` and write it with :meth:`flush`, one event each."""

    def __init__(self, actor: Actor, case: Case) -> None:
        self.actor, self.case = actor, case
        self.seating = Seating(case)
        self.flow = as_flow(actor)
        self.now: datetime = timezone.now()
        self.item = item_of(case.item)
        self.work = work_of(case.item)
        self.changes: dict[str, Any] = {}
        self.later: list[tuple[str, dict[str, Any], str]] = []
        self.told: list[tuple[str, Any]] = []
        self._process: Process | None = None

    # --- what the case is ---------------------------------------------------------------------------------------------

    @property
    def process(self) -> Process:
        """The process of the case's own version, whatever was published since."""
        if self._process is None:
            self._process = definitions.process_of(self.case.definition)
        return self._process

    def value(self, name: str) -> Any:
        """A column of the case as it will be when this act is written."""
        return self.changes.get(name, getattr(self.case, name))

    def context(self) -> dict[str, Any]:
        """What conditions and decision tables see."""
        values = self.value("values")
        return {
            **forms.context(self.item, values), **self.work.facts(self.case.unit, values),
            "outcomes": dict(self.value("outcomes")), "decisions": dict(self.value("decisions")),
        }  # fmt: skip

    @cached_property
    def days(self) -> Any:
        """The calendar, read once for all clocks of the case."""
        return calendar.snapshot()

    def look_at(self, events: list[Any], policy: dict[str, Any]) -> datetime | None:
        return limits.look_at(events, policy, self.now, self.days) if policy.get("limit") else None

    def steps(self, *states: str) -> list[Step]:
        return [step for step in self.seating.steps if not states or step.state in states]

    def interested(self) -> set[int]:
        """Who has an interest in the case: the applicant, and the people its form names."""
        named = forms.people_named(self.item, self.value("values"))
        return named | {self.case.applicant_id} if self.case.applicant_id else named

    def view(self, document_no: str = "") -> CaseView:
        """The case as its item's work is told of it."""
        seats = [seat for seat in self.seating.seats if seat.state == "done" and seat.step.state in ("done", "open")]
        seats.sort(key=lambda seat: seat.closed_at or seat.opened_at)
        prefetch_related_objects(seats, "person")
        opinions = tuple(
            {"step": seat.step.node, "name": seat.step.name, "stage": seat.step.stage, "person": seat.person.name,
             "outcome": seat.outcome, "opinion": seat.opinion, "at": seat.closed_at.isoformat() if seat.closed_at else ""}
            for seat in seats
        )  # fmt: skip
        return CaseView(
            self.case.pk,
            self.case.code,
            self.case.item,
            self.value("title"),
            self.case.unit,
            self.case.applicant_id,
            self.value("values"),
            self.value("decisions"),
            opinions,
            document_no or self.value("document_no"),
        )

    # --- the process at work ------------------------------------------------------------------------------------------

    def begin(self) -> Run:
        """Start the process anew."""
        self.changes |= {"outcomes": {}, "decisions": {}}
        return Run.start(self.process, self.context(), self.perform)

    def run(self) -> Run:
        """Take up the process where it stands."""
        return Run.load(self.process, self.value("engine"), self.context(), self.perform)

    def settle(self, run: Run) -> None:
        """Take over what the process came to: its state, the steps that are open now, the end."""
        self.changes |= {
            "engine": run.dump(), "outcomes": run.context["outcomes"], "decisions": plain(run.context["decisions"]),
        }  # fmt: skip
        if run.ended:
            self.close_steps(self.steps("open"), "cancelled")
            self.changes["stage"] = ""
            if not self.later or self.later[-1][0] not in ("grant", "refuse"):
                raise FlowFault("流程走到了终点，但没有给出办理结果。请联系流程管理人员检查流程文件。")
            return
        if any(code in ("grant", "refuse") for code, _, _ in self.later):
            raise FlowFault("流程在给出办理结果之后还有未办的步骤。请联系流程管理人员检查流程文件。")
        open_now = {step.node: step for step in self.steps("open")}
        self.close_steps([step for node, step in open_now.items() if node not in run.open], "cancelled")
        for node in run.open:
            if node not in open_now:
                self.open_step(node)
        names = [self.process.plan.steps[node].name for node in run.open]
        self.changes["stage"] = "、".join(names)[:200]
        self.changes["stuck"] = self.seating.stuck()

    def perform(self, node: str, act: str, run: Run) -> None:
        """What a service task of the process does."""
        if act == "accept":
            self.accept()
        if act in ("document", "grant"):
            self.issue()
        if act in ("effect", "grant"):
            self.take_effect(node)
        if act == "grant":
            done = Effect.objects.filter(case=self.case).values_list("text", flat=True)
            self.later.append(("grant", {"result": "；".join(text.rstrip("。；") for text in done)}, ""))
        elif act == "refuse":
            reasons = [seat["opinion"] for seat in self.view().opinions if seat["outcome"] != "agree"]
            self.later.append(("refuse", {"result": reasons[-1] if reasons else ""}, ""))

    def accept(self) -> None:
        """受理: the clock of the case begins, under the limit of today. Once; a return does not accept again."""
        if self.value("accepted_at") is not None:
            return
        policy = limits.of_case(self.item, self.case.unit)
        events = [*self.value("clock"), limits.event(self.now, What.START)]
        self.changes |= {"accepted_at": self.now, "policy": policy, "clock": events}
        self.later.append(("accept", {}, ""))

    def take_effect(self, node: str) -> None:
        """台账生效: once for each case, also where a process or a version it was moved to has two places for it."""
        if Effect.objects.filter(case=self.case).exists():
            return
        problems = list(self.work.check(self.flow, self.case.unit, self.value("values")))
        if problems:
            text = "；".join(forms.listed(self.item, problem).rstrip("。") for problem in problems[:5])
            raise Conflict(f"台账情况已经变化，不能办结：{text}。可退回申请人修改后再办。", code="ledger_changed")
        told = self.work.effect(self.flow, self.view())
        Effect.objects.create(case=self.case, act=node, text=told.get("text", ""), links=list(told.get("links", ())),
                              at=self.now)  # fmt: skip

    def in_effect(self) -> bool:
        """Tell whether ledgers were changed or a document was issued: from then on there is no way back."""
        return bool(self.value("document_no")) or Effect.objects.filter(case=self.case).exists()

    def issue(self) -> None:
        """制发文书: the outcome document, numbered in this transaction."""
        if not self.item.document or self.value("document_no"):
            return
        from zhiguan.kernel.documents import service as documents

        made = documents.issue(
            self.flow, self.item.document, self.work.document(self.view()), subject=self.case, unit=self.case.unit,
            persons=[self.case.applicant_id] if self.case.applicant_id else [], case=self.case.code,
        )  # fmt: skip
        self.changes["document_no"] = made.number

    # --- steps and seats ----------------------------------------------------------------------------------------------

    def asked(self) -> candidates.Asked:
        return candidates.Asked(
            self.case.unit, self.case.applicant, self.value("values"), self.seating.handlers(), frozenset(self.interested())
        )

    def open_step(self, node: str, people: list[Any] | None = None) -> Step:
        """Open a step for its candidates, or for ``people``: those who handled it before a return."""
        plan = self.process.plan.steps[node]
        number = max((step.round for step in self.seating.steps), default=0) + 1
        policy = limits.of_step(plan.days, self.case.unit)
        events = [limits.event(self.now, What.START)] if policy else []
        step = self.seating.add_step(
            node=node, name=plan.name, stage=plan.stage, round=number, mode=plan.mode, ratio=plan.ratio,
            opened_at=self.now, clock=events, policy=policy, look_at=self.look_at(events, policy),
            submission=self.value("rounds"),
        )  # fmt: skip
        self.seat(step, candidates.found(plan, self.asked()) if people is None else people)
        return step

    def seat(self, step: Step, people: Iterable[Any], *, kind: str = "main", state: str = "") -> list[Seat]:
        """Give people their part in a step; nobody is alerted by :mod:`telling` as a stuck step."""
        people = list(people)
        if not people:
            self.told.append(("stuck", step))
            return []
        alone = step.mode == "one" and len(people) == 1
        seats = []
        for order, person in enumerate(people):
            first = state or ("working" if alone or step.mode != "one" else "offered")
            if step.mode == "turn" and not state and order:
                first = "waiting"
            organ = orgs.organ_of(person.unit) or person.unit
            seats.append(Seat(case=self.case, step=step, person=person, organ=organ, kind=kind, order=order, state=first,
                              opened_at=self.now, claimed_at=self.now if first == "working" else None))  # fmt: skip
        self.seating.add_seats(step, seats)
        keys = [person.pk for person in people]
        self.know([*keys, *queries.delegates_of(keys, self.case.item)])
        self.told.append(("todo", [seat for seat in seats if seat.state in ("offered", "working")]))
        return seats

    def know(self, people: Iterable[int]) -> None:
        """Let people see the case from now on."""
        self.changes["persons"] = sorted({*self.value("persons"), *people})

    def close_steps(self, steps: Iterable[Step], state: str) -> None:
        for step in steps:
            self.seating.put(self.seating.at(step, *OPEN_SEATS), state="withdrawn", closed_at=self.now)
            self._close(step, state=state)

    def _close(self, step: Step, **values: Any) -> None:
        events = [*step.clock, limits.event(self.now, What.CLOSE)] if step.clock else []
        self.seating.put([step], closed_at=self.now, look_at=None, clock=events, **values)

    def complete(self, step: Step, outcome: str) -> None:
        """Close a step with its outcome and let the process go on."""
        self._close(step, state="done", outcome=outcome)
        self.seating.put(self.seating.at(step, *OPEN_SEATS), state="lapsed", closed_at=self.now)
        run = self.run()
        run.complete(step.node, outcome)
        self.settle(run)

    def mark(self, what: What, reason: str = "") -> None:
        """Note an event on the case's clock and on those of its open steps."""
        self.changes["clock"] = [*self.value("clock"), limits.event(self.now, what, reason)]
        for step in self.steps("open"):
            if step.clock:
                events = [*step.clock, limits.event(self.now, what, reason)]
                self.seating.put([step], clock=events, look_at=self.look_at(events, step.policy))

    def submit_version(self, why: str) -> None:
        """Keep the form and materials as they are now as a version of their own."""
        number = self.value("rounds") + 1
        files = [
            {"material": each.material, "file": each.file_id, "name": each.file.name, "digest": each.file.digest}
            for each in self.case.files.filter(removed_at__isnull=True).select_related("file")
        ]
        Submission.objects.create(case=self.case, number=number, values=self.value("values"), files=files,
                                  by=self.actor.name, why=why, at=self.now)  # fmt: skip
        self.changes["rounds"] = number

    # --- writing ------------------------------------------------------------------------------------------------------

    def flush(self, code: str, reason: str = "") -> Case:
        """Write what was collected as one move of the case, then those that the process caused; tell people."""
        self._write(code, reason, self.changes)
        self.changes = {}
        for after, values, why in self.later:
            self._write(after, why, values)
        self.later = []
        if self.case.state in ENDED:
            children.ended(self)
        telling.tell(self)
        return self.case

    def note(self, code: str, name: str, reason: str = "", **values: Any) -> Case:
        """Write an act that leaves the state alone in any state of the case (urging, a remark)."""
        self.case = ledger.change(self.case, self.actor, {**self.changes, **values}, name=name, code=code, reason=reason,
                                  case=self.case.code, always=True, alone=False)  # fmt: skip
        self.changes = {}
        telling.tell(self)
        return self.case

    def _ending(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """What the end of a case writes beside ``values``: its clock is stopped, and what it shows is written down."""
        events, used = values.get("clock", self.case.clock), None
        if events:
            events = [*events, limits.event(self.now, What.CLOSE)]
            used = limits.used(events, values.get("policy", self.case.policy), self.now, self.days)
        return {"ended_at": self.now, "clock": events, "working_days": used, "look_at": None, "stage": "", "stuck": False}

    def _write(self, code: str, reason: str, values: Mapping[str, Any]) -> None:
        values = dict(values)
        if {"clock", "policy"} & set(values) and "look_at" not in values:
            events, policy = values.get("clock", self.case.clock), values.get("policy", self.case.policy)
            values["look_at"] = self.look_at(events, policy)
        if self.case.lifecycle.move(code).target in ENDED:
            values |= self._ending(values)
        unit, applicant = self.case.unit, self.case.applicant
        self.case = ledger.move(self.case, code, self.actor, reason=reason, case=self.case.code, alone=False, **values)
        self.case.unit, self.case.applicant = unit, applicant  # read anew it has lost them; no act changes them


@contextmanager
def on_desk(actor: Actor, case: Case) -> Iterator[Desk]:
    """Lock a case and work on it as the flow; one transaction, all or nothing.

    Raises ``NotFound`` for a case the actor does not see: asked before the flow's own reach is in force.
    """
    # Every verb has begun a transaction of its own (or a savepoint), which a refusal undoes as a whole.
    with transaction.atomic(savepoint=False), connection.preparing():
        if not queries.sees(actor, case.pk):
            raise NotFound("没有找到该办件，或不在您的数据权限范围内。")
        with as_flow(actor).acting():
            yield Desk(actor, queries.locked(case.pk))
