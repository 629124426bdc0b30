"""Every API operation against generated and broken requests: no 5xx, and only answers that the document promises."""

from __future__ import annotations

from collections import Counter
from typing import Any

import hypothesis
import pytest
import schemathesis
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from zhiguan.kernel.identity import service as identity
from zhiguan.kernel.identity.codes import GrantState
from zhiguan.kernel.identity.models import Account, Grant, Role
from zhiguan.kit import registry
from zhiguan.kit.actor import system
from zhiguan.kit.manifest import Permission

pytestmark = pytest.mark.faults
EXAMPLES = 6
CHECKS = (not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance)


@pytest.fixture(scope="module")
def site(module_db: Any) -> dict[str, str]:
    """A committed database with a small world in it; returns the headers of a key with every permission."""
    from datetime import date, timedelta
    from decimal import Decimal

    from django.utils import timezone

    from zhiguan.kernel.flow import definitions
    from zhiguan.kernel.reference import service as reference
    from zhiguan.lines.vehicles.domain import orders, register
    from zhiguan.lines.vehicles.tests.conftest import make_world

    def make_actor(permissions: dict[str, str], unit: Any = None, person: int | None = None, name: str = "测试") -> Any:
        return system("tests")

    with system("tests").acting() as boss:
        world = make_world(make_actor)
        reference.sync()
        definitions.sync(boss)
        place = register.add_place(boss, unit=world.organ, name="车库", lat=31.23, lon=121.47)
        for number in range(3):
            vehicle = register.register(
                boss, plate=f"沪A1000{number}", unit=world.organ, kind="emergency", brand_model="荣威",
                price_yuan=Decimal("150000"), bought_on=date(2022, 1, 1), place=place,
            )  # fmt: skip
            register.commission(boss, vehicle)
        register.add_driver(boss, person=world.people["驾驶员"], licence_expires_on=date(2099, 1, 1))
        person = world.people["审批人"]
        account = Account.objects.create(username="robot", person=person, unit=world.city, must_change_password=False)
        codes = [each.code for each in registry.current().all(Permission)]
        role = Role.objects.create(code="tests.all", name="全部", permissions=codes)
        Grant.objects.create(account=account, role=role, scope="city", unit=world.city, state=GrantState.ACTIVE)
        actor = identity.actor_for(account)
        start = timezone.now() + timedelta(days=1)
        for hours in (0, 5):
            orders.request(
                actor, purpose="会议", origin="本单位", destination="会场", planned_from=start + timedelta(hours=hours),
                planned_to=start + timedelta(hours=hours + 2),
            )  # fmt: skip
        _, secret = identity.issue_key(boss, account, name="测试", permissions=codes, days=1)
    return {"Authorization": f"Bearer {secret}", "Accept-Encoding": "identity"}


@pytest.fixture(scope="module")
def module_db(cluster: Any, template_database: str, django_db_setup: None, django_db_blocker: Any) -> Any:
    """One database of real commits for all operations of this module; see ``committed_db``."""
    from zhiguan.site.testing import committed_db

    made = committed_db.__wrapped__ if hasattr(committed_db, "__wrapped__") else committed_db
    yield from made(cluster, template_database, django_db_setup, django_db_blocker)


KNOWN = {"unit": 2, "place": 1, "vehicle": 1, "driver": 1, "plate": "沪A20001", "person": "P5", "vin": None,
         "item": "vehicles.vehicle_quota",
         "bought_on": "2022-01-01", "registered_on": None, "valid_from": "2030-01-01", "number": "13900000001"}  # fmt: skip
"""Values that exist or are allowed, put into half of the bodies, so that the verbs are reached."""


def _nudge(case: schemathesis.Case) -> None:
    found = (case.path_parameters or {}).get("pk")
    if not isinstance(found, int):
        found = len(str(case.body))
    elif found % 2:
        case.path_parameters["pk"] = found % 2 + found % 3
    if found % 2 and case.headers:
        case.headers.pop("If-Match", None) if case.method == "POST" else case.headers.update({"If-Match": "*"})
    if found % 2 and isinstance(case.body, dict):
        case.body |= {name: value for name, value in KNOWN.items() if name in case.body}


def test_every_operation(site: dict[str, str], settings: Any) -> None:
    from zhiguan.site.wsgi import application

    settings.ZHIGUAN_API_PER_MINUTE = 10**6
    schema = schemathesis.openapi.from_wsgi("/api/openapi.json", application)
    failures: list[str] = []
    answered: Counter[int] = Counter()
    operations = [result.ok() for result in schema.get_all_operations()]
    assert len(operations) > 30
    for operation in operations:

        @hypothesis.settings(
            max_examples=EXAMPLES, deadline=None, database=None, derandomize=True,
            suppress_health_check=list(hypothesis.HealthCheck), phases=[hypothesis.Phase.generate],
        )  # fmt: skip
        @hypothesis.given(case=operation.as_strategy())
        def run(case: schemathesis.Case) -> None:
            _nudge(case)
            answer = case.call(headers=site)
            answered[answer.status_code] += 1
            case.validate_response(answer, checks=list(CHECKS))

        try:
            run()
        except Exception as error:
            failures.append(f"{operation.label}\n{error}\n{''.join(map(str, getattr(error, 'exceptions', ())))}")
    assert not failures, "\n\n".join(failures)
    assert answered[200] and answered[404] and answered[422], answered
