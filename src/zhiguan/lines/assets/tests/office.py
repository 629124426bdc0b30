"""The organ that applies and the bureau that decides: people with the shipped roles, for tests of cases."""

from __future__ import annotations

from datetime import date
from typing import Any

from zhiguan.kernel.flow import service
from zhiguan.kernel.flow.models import Seat
from zhiguan.kernel.identity.models import Account, Grant, Role
from zhiguan.kernel.identity.service import actor_for
from zhiguan.kernel.orgs.models import Person

from .conftest import make_unit

WHO = (
    ("申请人", "organ", "assets.case_applicant"), ("单位领导", "organ", "assets.case_endorser"),
    ("受理", "bureau", "assets.case_handler"), ("审查", "bureau", "assets.case_handler"),
    ("专家", "bureau", "assets.case_handler"), ("处长", "bureau", "assets.case_chief"),
    ("局长", "bureau", "assets.case_decider"), ("副局长", "bureau", "assets.case_decider"),
    ("监督", "bureau", "assets.case_supervisor"),
)  # fmt: skip
PAGE = b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n" \
    b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF"  # fmt: skip


class Office:
    def __init__(self, world: Any) -> None:
        self.world = world
        bureau = make_unit(world.city, 9, "310000009", "市机关事务管理局", "organ")
        self.people: dict[str, Person] = {}
        for number, (name, where, role) in enumerate(WHO):
            unit = world.organ if where == "organ" else bureau
            person = Person.objects.create(code=f"C{number}", name=name, unit=unit, sort=number)
            account = Account.objects.create(
                username=f"c{number}", person=person, unit=unit, must_change_password=False
            )
            Grant.objects.create(
                account=account, role=Role.objects.get(code=role), scope="organ" if where == "organ" else "city",
                unit=world.organ if where == "organ" else world.city, state="active", valid_from=date(2020, 1, 1),
            )  # fmt: skip
            self.people[name] = person

    def actor(self, name: str) -> Any:
        return actor_for(Account.objects.select_related("person", "unit").get(person=self.people[name]))

    def acts(self, who: str, verb: Any, case: Any, **values: Any) -> Any:
        with self.actor(who).acting():
            return verb(self.actor(who), case, **values)

    def applies(self, item: Any, materials: str = "", **values: Any) -> Any:
        """Begin a case with its materials, as the applicant."""
        with self.actor("申请人").acting():
            case = service.create(self.actor("申请人"), item, values=values)
        for code in materials.split():
            content = PAGE + f"%{case.pk}{code}".encode()
            self.acts("申请人", service.add_file, case, material=code, content=content, name=f"{code}.pdf")
        return case

    def submits(self, case: Any, **values: Any) -> Any:
        return self.acts("申请人", service.submit, case, values=values or None)

    def seat(self, name: str, case: Any) -> Seat:
        rows = Seat.objects.filter(case=case, person=self.people[name], step__state="open")
        return rows.filter(state__in=("working", "offered")).latest("pk")

    def decides(self, name: str, case: Any, outcome: str = "agree", opinion: str = "经审查同意") -> Any:
        return self.acts(name, service.decide, case, seat=self.seat(name, case), outcome=outcome, opinion=opinion)

    def goes(self, case: Any, *names: str) -> Any:
        """Let these people agree one after the other."""
        for name in names:
            case = self.decides(name, case)
        return case
