"""Demo sign-ins: one account for each kind of user, with passwords generated now and shown once."""

from __future__ import annotations

import secrets
import string

from django.utils import timezone

from zhiguan.kernel.orgs.service import Person, Unit
from zhiguan.kit import registry
from zhiguan.kit.manifest import RoleTemplate

from .codes import GrantState
from .models import Account, Grant, Role

ALPHABET = string.ascii_letters + string.digits
LINES = ("vehicles", "assets", "space", "housing")


def _cases(role: str) -> tuple[str, ...]:
    """The role of every line's cases: applicants, endorsers, handlers, deciders, supervisors."""
    return tuple(f"{line}.case_{role}" for line in LINES)


# (account, roles, word in the organ's name, which of its people)
WHO = (
    ("leader", ("vehicles.leader", "assets.leader", "space.leader", "housing.leader", "documents.reader",
                "documents.seal_approver", *_cases("decider")), "机关事务管理局", 0),
    ("manager", ("vehicles.manager", "assets.manager", "space.manager", "housing.manager", "documents.manager",
                 "documents.seal_keeper", "supervision.tuner", "assets.case_chief", *_cases("handler")), "机关事务管理局", 1),
    ("reviewer", ("documents.reader", *_cases("handler")), "机关事务管理局", 2),
    ("acceptor", ("documents.reader", *_cases("handler")), "机关事务管理局", 3),
    ("fleet", ("vehicles.fleet", "vehicles.requester", "assets.keeper", "space.keeper", "housing.keeper", "documents.reader",
               *_cases("applicant")), "发展和改革", 1),
    ("approver", ("vehicles.approver", "documents.reader", *_cases("endorser")), "发展和改革", 0),
    ("clerk", ("assets.keeper", "space.keeper", "housing.keeper", "documents.reader", *_cases("applicant")), "财政局", 12),
    ("head", ("documents.reader", *_cases("endorser")), "财政局", 0),
    ("finance", ("documents.reader", "vehicles.case_applicant"), "财政局", 8),
    ("deputy", ("documents.reader", *_cases("decider")), "机关事务管理局", 8),
    ("expert", ("documents.reader", "assets.case_applicant"), "审计", 9),
    ("endorser", ("vehicles.endorser",), "发展和改革", 2),
    ("dispatcher", ("vehicles.pool",), "机关事务管理局", 6),
    ("staff", ("vehicles.requester",), "发展和改革", 4),
    ("driver", ("vehicles.driver",), "发展和改革", 3),
    ("inspector", ("vehicles.inspector", "assets.inspector", "space.inspector", "housing.inspector", "flow.supervisor",
                   *_cases("supervisor")), "纪律检查", 11),
    ("designer", ("flow.designer",), "机关事务管理局", 4),
    ("publisher", ("flow.reviewer",), "机关事务管理局", 7),
    ("personnel", ("orgs.keeper",), "机关事务管理局", 5),
    ("system", ("system_admin",), "", 0),
    ("security", ("security_admin",), "", 0),
    ("audit", ("audit_admin",), "", 0),
)  # fmt: skip


def password() -> str:
    """Return a password that meets the rules and can be read from a terminal: four groups of four."""
    groups = ["".join(secrets.choice(ALPHABET) for _ in range(4)) for _ in range(4)]
    groups[0] = secrets.choice(string.ascii_uppercase) + groups[0][1:]
    groups[1] = secrets.choice(string.digits) + groups[1][1:]
    groups[2] = secrets.choice(string.ascii_lowercase) + groups[2][1:]
    return "-".join(groups)


def seed(size: str) -> dict[str, int]:
    """Make the demo accounts when there are none; print each sign-in once, keep only digests."""
    if Account.objects.exists():
        return {}
    known = {template.code for template in registry.current().all(RoleTemplate)}
    city = Unit.objects.get(parent__isnull=True)
    organs = list(Unit.objects.of_kind("organ").filter(level="municipal").order_by("sort", "pos"))
    lines = ["", "演示账号（口令只在此处显示一次，首次登录须修改）：", f"{'账号':<10}{'口令':<22}角色与单位"]
    made = 0
    for name, wanted, word, person_index in WHO:
        roles = tuple(role for role in wanted if role in known)
        if not roles:
            continue
        organ = next((each for each in organs if word in each.name), organs[0]) if word else None
        person = None
        if organ is not None:
            people = Person.objects.within(organ).filter(active=True).order_by("sort", "id")
            person = people[person_index]
        secret = password()
        account = Account(
            username=name, person=person, unit=person.unit if person else city, must_change_password=True,
            password_set_at=timezone.now(),
        )  # fmt: skip
        account.set_password(secret)
        account.save()
        named = []
        for code in roles:
            role = Role.objects.get(code=code)
            Grant.objects.create(
                account=account, role=role, scope=role.scope, unit=organ if role.scope == "organ" else None,
                state=GrantState.ACTIVE, reason="演示数据", decided_at=timezone.now(),
            )  # fmt: skip
            named.append(role.name)
        where = f"{organ.name} {person.name}" if organ and person else city.name
        lines.append(f"{name:<12}{secret:<24}{'、'.join(named[:3])}{f' 等 {len(named)} 个角色' if len(named) > 3 else ''} · {where}")
        made += 1
    print("\n".join(lines), flush=True)  # noqa: T201 -- the one place where the passwords are shown
    return {"账号": made}
