"""The organ that applies, and the bureau: people with the roles a line ships, and their acts on a case.

For the tests of lines with service items.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from zhiguan.kernel.flow import service
from zhiguan.kernel.flow.models import Seat
from zhiguan.kernel.identity.models import Account, Grant, Role
from zhiguan.kernel.identity.service import actor_for
from zhiguan.kernel.orgs.models import Person

PDF = (
    b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n"
    b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF"
)
"""A document of one empty page."""
WHO = (
    ("经办人", "organ", "case_applicant"), ("单位领导", "organ", "case_endorser"), ("受理", "bureau", "case_handler"),
    ("审查", "bureau", "case_handler"), ("复核", "bureau", "case_handler"), ("决定", "bureau", "case_decider"),
    ("监督", "bureau", "case_supervisor"),
)  # fmt: skip


class Office:
    """The first of ``who`` applies; those of "organ" belong to ``world.organ``, the others to ``bureau``; each has the
    role ``area``.role. ``people`` are there already and get the role of their name."""

    def __init__(
        self, world: Any, area: str, bureau: Any, who: Any = WHO, people: Mapping[str, Person] | None = None
    ) -> None:
        self.world, self.applicant = world, who[0][0]
        self.people = dict(people or {})
        for number, (name, where, role) in enumerate(who):
            inside = where == "organ"
            if name not in self.people:
                unit = world.organ if inside else bureau
                self.people[name] = Person.objects.create(code=f"C{number}", name=name, unit=unit, sort=number)
            person = self.people[name]
            account = Account.objects.create(
                username=f"c{number}", person=person, unit=person.unit, must_change_password=False
            )
            Grant.objects.create(
                account=account, role=Role.objects.get(code=f"{area}.{role}"), state="active", valid_from=date(2020, 1, 1),
                scope="organ" if inside else "city", unit=world.organ if inside else world.city,
            )  # fmt: skip

    def actor(self, name: str) -> Any:
        return actor_for(Account.objects.select_related("person", "unit").get(person=self.people[name]))

    def acts(self, who: str, verb: Any, *args: Any, **values: Any) -> Any:
        actor = self.actor(who)
        with actor.acting():
            return verb(actor, *args, **values)

    def add_material(self, name: str, case: Any, *codes: str) -> None:
        for number, code in enumerate(codes):
            content = PDF + f"%{case.pk}.{number}{code}".encode()
            self.acts(name, service.add_file, case, material=code, content=content, name=f"{code}.pdf")

    def applies(self, item: str, *materials: str, **values: Any) -> Any:
        """A draft of the applicant's, with the materials named (one by one, or with spaces between)."""
        case = self.acts(self.applicant, service.create, item, values=values)
        self.add_material(self.applicant, case, *" ".join(materials).split())
        return case

    def submits(self, case: Any, **values: Any) -> Any:
        return self.acts(self.applicant, service.submit, case, values=values or None)

    def seat(self, name: str, case: Any) -> Seat:
        """Where it is this person's turn."""
        rows = Seat.objects.filter(case=case, person=self.people[name], step__state="open")
        return rows.filter(state__in=("working", "offered")).latest("pk")

    def decides(
        self, name: str, case: Any, outcome: str = "agree", opinion: str = "经审查同意", **values: Any
    ) -> Any:
        seat = self.seat(name, case)
        return self.acts(name, service.decide, case, seat=seat, outcome=outcome, opinion=opinion, **values)

    def goes(self, case: Any, *names: str) -> Any:
        """Let these people agree one after the other."""
        for name in names:
            case = self.decides(name, case)
        return case

    def all_decide(self, case: Any, node: str) -> Any:
        """Everybody who has a part in a countersign agrees."""
        for seat in Seat.objects.filter(case=case, step__node=node, step__state="open", state="working").order_by("pk"):
            case = self.decides(seat.person.name, case)
        return case
