"""Demo cases (演示数据): what the demo rooms of lines tell their cases with, and the groups that steps call upon.

Every act is an ordinary verb by a demo account. The city is seeded within a minute and its cases should look handled over
weeks, so each act is told on which working day before today it happened; in the end the moments that a case's course,
seats and clocks show are set back to those. Ledger events, versions, trace and notices cannot be rewritten and are not:
they say when the demo was made.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from datetime import date, datetime, time, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from django.utils import timezone

from zhiguan.kernel.calendar import service as calendar
from zhiguan.kernel.documents import service as documents
from zhiguan.kernel.identity.actors import actor_of
from zhiguan.kernel.identity.service import Account
from zhiguan.kernel.orgs import service as orgs
from zhiguan.kit.actor import system

from . import definitions, forms, limits, service
from .declare import ServiceItem
from .models import Case, CaseFile, Correction, Group, Seat, Step

APPLICANTS = ("fleet", "clerk")
DESKS = ("approver", "head", "acceptor", "reviewer", "manager", "leader", "deputy", "finance", "expert")
"""The accounts that handle steps; of several who may, the first does, except as ``FIRST`` says."""
FIRST = {"accept": "acceptor", "review": "reviewer", "site": "manager", "decide": "leader"}
OPINIONS = {
    "lead": "情况属实，同意上报。", "accept": "材料齐全、符合法定形式，予以受理。", "review": "经审查，符合规定条件和标准。",
    "site": "经现场核查，与申报情况一致。", "expert": "经评审，事项必要、方案可行。", "decide": "同意。",
}  # fmt: skip
GROUPS = (
    ("joint_finance", "财政会审组", ("finance", "manager")), ("asset_experts", "资产鉴定专家组", ("expert", "finance")),
)  # fmt: skip
HOURS = (time(9, 12), time(10, 40), time(14, 5), time(15, 26), time(16, 48))
"""Times of day at which acts happened, in turn."""
MATERIAL = documents.Template("flow.demo.material", "演示材料", Path(__file__).parent / "demo.typ")


def seed(size: str) -> dict[str, int]:
    """Publish the processes that the lines ship and make the groups, when there are none; return counts."""
    definitions.sync(system("demo"))
    people = _accounts()
    if Group.objects.exists() or not set(DESKS) <= set(people):
        return {}
    for code, name, members in GROUPS:
        service.keep_group(system("demo"), code=code, name=name, people=[people[each].person for each in members])
    return {"办理工作组": len(GROUPS)}


def _accounts() -> dict[str, Any]:
    rows = Account.objects.filter(username__in=(*APPLICANTS, *DESKS), person__isnull=False)
    return {account.username: account for account in rows.select_related("person__unit", "unit")}


@cache
def material(name: str) -> bytes:
    """A page in place of what an organ would scan."""
    return documents.render(MATERIAL, {"name": name})


class Cast:
    """The demo accounts of one line's cases, and the stories told with them."""

    def __init__(self, accounts: dict[str, Any]) -> None:
        self.accounts, self.stories = accounts, list[Story]()
        self.by_person = {account.person_id: name for name, account in accounts.items()}

    def unit(self, who: str) -> Any:
        """The organ of an account."""
        unit = self.accounts[who].person.unit
        return orgs.organ_of(unit) or unit

    def people(self) -> set[int]:
        """Keys of the people who play a part: named in a form, they could not."""
        return set(self.by_person)

    def acting(self, who: str, verb: Callable[..., Any], *rows: Any, **values: Any) -> Any:
        actor = actor_of(self.accounts[who])
        with actor.acting():
            return verb(actor, *rows, **values)

    def applies(self, who: str, item: ServiceItem, days: int, **values: Any) -> Story:
        """Begin an application so many working days ago: what the ledgers know, and ``values``."""
        story = Story(self, who, item, days, values)
        self.stories.append(story)
        return story

    def end(self) -> dict[str, int]:
        """Set the moments back, raise the cards that are due by now; return counts."""
        for story in self.stories:
            story.set_back()
        return {"办件": len(self.stories), "黄牌红牌": service.raise_due()}


def cast(*items: ServiceItem) -> Cast | None:
    """Return the people to tell cases of these items with; None when somebody is missing or there are cases already."""
    accounts = _accounts()
    if not {*APPLICANTS, *DESKS} <= set(accounts) or Case.objects.filter(item__in=[each.code for each in items]).exists():
        return None
    return Cast(accounts)


class Story:
    """One case. Acts follow each other; ``day`` is the working day before today on which the next one happens."""

    def __init__(self, cast: Cast, who: str, item: ServiceItem, day: int, values: dict[str, Any]) -> None:
        self.cast, self.applicant, self.item, self.day = cast, who, item, day
        self.acts: list[tuple[datetime, datetime]] = []
        self.case: Any = None
        self._act(who, service.create, item, values=values)

    @property
    def values(self) -> dict[str, Any]:
        return self.case.values

    def _act(self, who: str, verb: Callable[..., Any], *rows: Any, **values: Any) -> Story:
        now = timezone.now()
        self.acts.append((now, self._told(now)))
        self.case = self.cast.acting(who, verb, *rows, **values)
        return self

    def _told(self, now: datetime) -> datetime:
        """When the act of this moment is said to have happened: after the one before, and never later than now."""
        if self.day < 1:
            return now
        hour = HOURS[(len(self.acts) + len(self.cast.stories)) % len(HOURS)]
        told = datetime.combine(_working_day(self.day), hour, timezone.get_current_timezone())
        return max(told, self.acts[-1][1] + timedelta(minutes=9)) if self.acts else told

    # --- the applicant ------------------------------------------------------------------------------------------------

    def fills(self, **values: Any) -> Story:
        return self._act(self.applicant, service.save, self.case, values=values)

    def submits(self) -> Story:
        """Add what the checklist asks for and submit."""
        present = set(self.case.files.values_list("material", flat=True))
        for wanted, needed in forms.wanted_materials(self.item, self.case.values):
            if needed and wanted.code not in present:
                content = material(wanted.name) + f"\n% {self.case.code} {wanted.code}\n".encode()
                self.cast.acting(self.applicant, service.add_file, self.case, material=wanted.code, content=content,
                                 name=f"{wanted.name}（演示）.pdf")  # fmt: skip
        verb = service.submit if self.case.state == "draft" else service.resubmit
        return self._act(self.applicant, verb, self.case)

    def answers(self, day: int, **values: Any) -> Story:
        """Answer a correction, or submit anew what was sent back."""
        self.day = day
        return self.fills(**values).submits()

    # --- who handles --------------------------------------------------------------------------------------------------

    def turn(self) -> tuple[str, Any]:
        """Whose turn it is, with the seat."""
        rows = Seat.objects.filter(case=self.case, step__state="open", state__in=("working", "offered"))
        seats = {self.cast.by_person.get(seat.person_id): seat for seat in rows.select_related("step").order_by("-pk")}
        stage = next(iter(seats.values())).step.stage
        who = next(name for name in (FIRST.get(stage, ""), *DESKS) if name in seats)
        return who, seats[who]

    def agrees(self, opinion: str = "", outcome: str = "agree") -> Story:
        who, seat = self.turn()
        words = opinion or OPINIONS[seat.step.stage]
        return self._act(who, service.decide, self.case, seat=seat, outcome=outcome, opinion=words)

    def reaches(self, *stages: str, pace: int = 1) -> Story:
        """Everybody agrees, one step every ``pace`` working days, until a step of one of the stages is open (or the end)."""
        while self.case.state == "running" and not self.case.steps.filter(state="open", stage__in=stages).exists():
            self.day = max(self.day - pace, 1)
            self.agrees()
        return self

    def grants(self) -> Story:
        """Everybody agrees, and today the decision is made: the document bears today's date."""
        self.reaches("decide", pace=2)
        self.day = 0
        while self.case.state == "running":
            self.agrees()
        return self

    def refuses(self, day: int, opinion: str) -> Story:
        self.day = day
        return self.agrees(opinion, "refuse")

    def asks(self, day: int, **items: str) -> Story:
        """通知补正: part of the form or material → what is wrong with it."""
        self.day = day
        who, seat = self.turn()
        listed = [{"path": path, "text": text} for path, text in items.items()]
        return self._act(who, service.correct, self.case, seat=seat, items=listed)

    def sends_back(self, day: int, reason: str) -> Story:
        self.day = day
        who, seat = self.turn()
        return self._act(who, service.send_back, self.case, seat=seat, reason=reason)

    def returns(self, day: int, node: str, reason: str) -> Story:
        """退回 to an earlier step."""
        self.day = day
        who, seat = self.turn()
        to = Step.objects.get(case=self.case, node=node, state="done")
        return self._act(who, service.return_, self.case, seat=seat, to=to, reason=reason)

    def suspends(self, day: int, word: str, reason: str) -> Story:
        """挂起, for the legal ground that has the word."""
        self.day = day
        who, seat = self.turn()
        ground = next((each for each in service.grounds() if word in each), service.grounds()[-1])
        return self._act(who, service.suspend, self.case, seat=seat, ground=ground, reason=reason)

    # --- time ---------------------------------------------------------------------------------------------------------

    def set_back(self) -> None:
        """Write the moments of the case's rows as they were told. Clocks that run are looked at again at once."""
        now = timezone.now()
        made = [each for each, _ in self.acts]

        def back(moment: datetime) -> datetime:
            real, told = self.acts[max(bisect_right(made, moment) - 1, 0)]
            return moment + (told - real)

        def written(row: Any, names: Sequence[str]) -> Any:
            for name in names:
                if (moment := getattr(row, name)) is not None:
                    setattr(row, name, back(moment))
            if hasattr(row, "clock"):
                row.clock = [[back(datetime.fromisoformat(at)).isoformat(), what, why] for at, what, why in row.clock]
                row.look_at = now if limits.look_at(row.clock, row.policy, now) or row.look_at else None
                if isinstance(row, Case) and row.ended_at is not None:
                    row.working_days = limits.used(row.clock, row.policy, now)
            return row

        for model, names in _MOMENTS.items():
            rows = model.objects.filter(pk=self.case.pk) if model is Case else model.objects.filter(case=self.case)
            changed = [*names, *(("clock", "look_at") if hasattr(model, "clock") else ())]
            changed += ["working_days"] if model is Case else []
            model.objects.bulk_update([written(row, names) for row in rows], changed)


_MOMENTS: dict[Any, tuple[str, ...]] = {
    Case: ("created_at", "updated_at", "submitted_at", "accepted_at", "ended_at"), Step: ("opened_at", "closed_at"),
    Seat: ("opened_at", "claimed_at", "closed_at"), Correction: ("at", "answered_at"), CaseFile: ("added_at", "removed_at"),
}  # fmt: skip


def _working_day(back: int) -> date:
    """The working day so many before today; plain weekdays where the calendar of a year is not loaded."""
    today = timezone.localdate()
    try:
        return calendar.add_working_days(today, -back)
    except calendar.YearNotLoaded:
        day = today
        while back:
            day -= timedelta(days=1)
            back -= day.weekday() < 5
        return day
