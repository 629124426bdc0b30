"""Cases at full size for benches: a bureau of fifty handlers, a hundred organs, closed and open cases made of two real ones."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psycopg

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "zhiguan.site.settings")
os.environ.setdefault("DATABASE_URL", "postgresql://zhiguan_app@/unset")
os.environ["ZHIGUAN_LOG_LEVEL"] = "ERROR"
DATABASE = "zhiguan_bench_cases"
HANDLERS, ORGANS, TODOS = 50, 100, 500


@contextmanager
def bureau(var: Path) -> Iterator[SimpleNamespace]:
    """A fresh durable database with the sample item, its process and its people, as the kernel's tests have them."""
    import django

    os.environ.setdefault("ZHIGUAN_VAR", str(var))
    django.setup()
    from django.conf import settings
    from django.db import connection, transaction

    from zhiguan.kernel.flow.tests import conftest, sample
    from zhiguan.kernel.reference import service as reference
    from zhiguan.kit import registry
    from zhiguan.kit.actor import system
    from zhiguan.site.management.commands.migrate_all import prepare, sync_data
    from zhiguan.site.runtime.postgres import bootstrap, drop_database, ensure_cluster, stop
    from zhiguan.site.settings import database

    cluster = ensure_cluster(var / "bench-pg", durable=True)
    try:
        drop_database(cluster, DATABASE)
        urls = bootstrap(cluster, DATABASE)
        prepare(urls.owner, "zhiguan_app", verbosity=0)
        fresh = database(urls.app)
        connection.settings_dict |= {key: fresh[key] for key in ("NAME", "USER", "PASSWORD", "HOST", "PORT")}
        settings.DATABASE_OWNER_URL, settings.ALLOWED_HOSTS = urls.owner, ["*"]
        sync_data()
        registry._current = sample.Known(registry.current())  # type: ignore[assignment]
        with system("bench").acting(), transaction.atomic():
            reference.sync()
            conftest.load_calendar()
            office = conftest.Office()
            conftest.publish(sample.bpmn("one"))
        yield SimpleNamespace(office=office, urls=urls, sample=sample)
    finally:
        connection.close()
        drop_database(cluster, DATABASE)
        if cluster.started:
            stop(cluster)


def acting(office: Any, name: str) -> Any:
    """The actor of a person, made under the system's scope."""
    from django.db import transaction

    from zhiguan.kit.actor import system

    with system("bench").acting(), transaction.atomic():
        return office.actor(name)


def submitted(office: Any, item: Any) -> Any:
    """A case at its first step."""
    from django.db import transaction

    from zhiguan.kernel.flow import service

    actor = acting(office, "张申请")
    with actor.acting(), transaction.atomic():
        case = service.create(actor, item, values={"reason": "修车", "amount": "100"})
        return service.submit(actor, case)


def agree(office: Any, name: str, case: Any, actor: Any = None) -> Any:
    """Let a person agree on the seat they have in the case."""
    from django.db import transaction

    from zhiguan.kernel.flow import service
    from zhiguan.kernel.flow.models import Seat

    actor = actor or acting(office, name)
    with actor.acting(), transaction.atomic():
        seat = Seat.objects.get(case=case, person=office.people[name], state__in=("offered", "working"))
        return service.decide(actor, case, seat=seat, outcome="agree", opinion="同意")


def fill(scene: SimpleNamespace, closed: int, opened: int) -> None:
    """Make the full size of two cases, one granted and one at its decision; the decider has five hundred to do."""
    from django.db import transaction

    from zhiguan.kernel.flow.models import Case, Step
    from zhiguan.kernel.flow.tests.conftest import make_unit
    from zhiguan.kernel.orgs.models import Person
    from zhiguan.kit.actor import system

    office = scene.office
    with system("bench").acting(), transaction.atomic():
        for number in range(ORGANS):
            unit = make_unit(office.city, number + 10, f"32{number:06d}", f"单位{number}", "organ")
            Person.objects.create(code=f"A{number}", name=f"申请人{number}", unit=unit)
        for number in range(HANDLERS):
            Person.objects.create(code=f"H{number}", name=f"经办{number}", unit=office.units["局"])
    cases = []
    for last in ("赵审查", "吴决定"):
        case = submitted(office, scene.sample.ITEM)
        for name in ("李领导", "王受理", "赵审查", "吴决定"):
            case = agree(office, name, case)
            if name == last:
                break
        cases.append(case)
    waiting, granted = cases
    begun = time.monotonic()
    with psycopg.connect(scene.urls.superuser, autocommit=True) as database:
        database.execute("SET synchronous_commit = off; SET session_replication_role = replica; SET maintenance_work_mem = '128MB'")
        database.execute(
            "CREATE TEMP TABLE organ AS SELECT row_number() OVER (ORDER BY u.id) - 1 AS k, u.id, u.pos, p.id AS person "
            "FROM orgs_unit u JOIN orgs_person p ON p.unit_id = u.id AND p.code LIKE 'A%'"
        )
        database.execute(
            "CREATE TEMP TABLE hand AS SELECT row_number() OVER (ORDER BY id) - 1 AS k, id FROM orgs_person WHERE code LIKE 'H%'"
        )
        with system("bench").acting(), transaction.atomic():
            made = [(granted.pk, closed, 10_000_000, "done"), (waiting.pk, opened, 20_000_000, "offered")]
            steps = {key: Step.objects.filter(case=key, node="decision").get().pk for key in (granted.pk, waiting.pk)}
            columns = [field.column for field in Case._meta.concrete_fields]
        for key, count, base, state in made:
            whole = state == "done"
            age = "n * interval '30 seconds'" if whole else "(n %% 30000) * interval '1 minute'"
            _copy(database, "flow_case", columns, f"WHERE one.id = {key}", count, {
                "id": f"{base} + n", "code": f"'C' || ({base} + n)", "unit_id": "organ.id", "scope_pos": "organ.pos",
                "applicant_id": "organ.person", "persons": "ARRAY[organ.person, " + _who(scene, whole) + "]",
                "submitted_at": f"now() - {age}", "accepted_at": f"now() - {age}", "created_at": f"now() - {age}",
                "ended_at": f"now() - {age} + interval '2 days'" if whole else "one.ended_at", "engine": "'{}'",
                "item": "CASE n %% 2 WHEN 0 THEN 'vehicles.vehicle_quota' ELSE 'vehicles.vehicle_addition_renewal' END",
                "title": "'申请修车' || n",
            })  # fmt: skip
            step = [field.column for field in Step._meta.concrete_fields]
            _copy(database, "flow_step", step, f"WHERE one.id = {steps[key]}", count, {
                "id": f"{base} + n", "case_id": f"{base} + n", "opened_at": f"now() - {age}",
                "closed_at": f"now() - {age} + (n %% 40) * interval '1 hour'" if whole else "one.closed_at",
            })  # fmt: skip
            _seats(database, scene, steps[key], count, base, age, whole)
        database.execute(
            "INSERT INTO flow_card (case_id, rung, reached_at, raised_at) SELECT id, 'yellow', submitted_at, submitted_at "
            "FROM flow_case WHERE id > 10000000 AND id % 20 = 0"
        )
        database.execute("VACUUM ANALYZE")
    print(f"filled in {time.monotonic() - begun:.0f} s", file=sys.stderr)


def _who(scene: SimpleNamespace, whole: bool) -> str:
    decider = scene.office.people["吴决定"].pk
    return "hand.id" if whole else f"CASE WHEN n <= {TODOS} THEN {decider} ELSE hand.id END"


def _copy(database: Any, table: str, columns: list[str], which: str, count: int, given: dict[str, str]) -> None:
    names = [f'"{column}"' for column in columns]  # "order" is a word of SQL
    values = ", ".join(given.get(column, f'one."{column}"').replace("%%", "%") for column in columns)
    database.execute(
        f"INSERT INTO {table} ({', '.join(names)}) SELECT {values} FROM generate_series(1, {count}) n "
        f"CROSS JOIN (SELECT * FROM {table} one {which}) one JOIN organ ON organ.k = n % {ORGANS} "
        f"JOIN hand ON hand.k = n % {HANDLERS}"
    )


def _seats(database: Any, scene: SimpleNamespace, step: int, count: int, base: int, age: str, whole: bool) -> None:
    from zhiguan.kernel.flow.models import Seat

    columns = [field.column for field in Seat._meta.concrete_fields]
    _copy(database, "flow_seat", columns, f"WHERE one.step_id = {step} LIMIT 1", count, {
        "id": f"{base} + n", "case_id": f"{base} + n", "step_id": f"{base} + n", "person_id": _who(scene, whole),
        "opened_at": f"now() - {age}",
    })  # fmt: skip
