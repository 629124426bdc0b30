"""The organ that applies, and the bureau: people with the shipped roles, and their acts on a case."""

from __future__ import annotations

from datetime import date

from zhiguan.kernel.flow import service
from zhiguan.kernel.flow.models import Seat
from zhiguan.kernel.identity.models import Account, Grant, Role
from zhiguan.kernel.identity.service import actor_for
from zhiguan.kernel.orgs.models import Person

from .conftest import _unit

PDF = (
    b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n"
    b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF"
)


class Office:
    """经办人 applies, 单位领导 endorses, 受理、审查、复核 and 决定 work at the bureau; each with a role of ``area``."""

    WHO = (
        ("经办人", "organ", "case_applicant"), ("单位领导", "organ", "case_endorser"), ("受理", "bureau", "case_handler"),
        ("审查", "bureau", "case_handler"), ("复核", "bureau", "case_handler"), ("决定", "bureau", "case_decider"),
        ("监督", "bureau", "case_supervisor"),
    )  # fmt: skip

    def __init__(self, world, area: str) -> None:
        self.world, self.people = world, {}
        bureau = _unit(world.city, 3, "310000003", "市机关事务管理局", "organ")
        for number, (name, where, role) in enumerate(self.WHO):
            unit = world.organ if where == "organ" else bureau
            self.people[name] = Person.objects.create(code=f"C{number}", name=name, unit=unit)
            account = Account.objects.create(
                username=f"c{number}", person=self.people[name], unit=unit, must_change_password=False
            )
            Grant.objects.create(
                account=account, role=Role.objects.get(code=f"{area}.{role}"), state="active", valid_from=date(2020, 1, 1),
                scope="organ" if where == "organ" else "city", unit=unit if where == "organ" else world.city,
            )  # fmt: skip

    def actor(self, name):
        return actor_for(Account.objects.select_related("person", "unit").get(person=self.people[name]))

    def acts(self, who, verb, *args, **values):
        actor = self.actor(who)
        with actor.acting():
            return verb(actor, *args, **values)

    def applies(self, item, *materials, **values):
        """A draft of 经办人, with the materials named."""
        case = self.acts("经办人", service.create, item, values=values)
        for number, code in enumerate(materials):
            content = PDF + f"%{number}{code}".encode()
            self.acts("经办人", service.add_file, case, material=code, content=content, name=f"{code}.pdf")
        return case

    def submits(self, case, **values):
        return self.acts("经办人", service.submit, case, values=values or None)

    def decides(self, name, case, outcome="agree", **values):
        seat = Seat.objects.filter(case=case, person=self.people[name], state__in=("working", "offered")).latest("pk")
        return self.acts(name, service.decide, case, seat=seat, outcome=outcome, opinion="经审查", **values)

    def goes(self, case, *names):
        for name in names:
            case = self.decides(name, case)
        return case

    def all_decide(self, case, node):
        """Everybody who has a part in a countersign agrees."""
        for seat in Seat.objects.filter(case=case, step__node=node, step__state="open", state="working").order_by("pk"):
            case = self.decides(seat.person.name, case)
        return case
