"""Cases at full size for benches: a bureau of fifty handlers, a hundred organs, closed and open cases made of real ones."""

from __future__ import annotations

import hashlib
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psycopg

from .database import standing

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "zhiguan.site.settings")
os.environ.setdefault("DATABASE_URL", "postgresql://zhiguan_app@/unset")
os.environ["ZHIGUAN_LOG_LEVEL"] = "ERROR"
DATABASE = "zhiguan_bench_cases"
HANDLERS, ORGANS, TODOS = 50, 100, 500
CLOSED, OPEN = 100_000_000, 200_000_000
"""Where the keys of the filled cases begin."""
NARROW = "何单位监督"
"""Somebody whose remit is one organ."""
WAY = ("李领导", "王受理", "赵审查", "吴决定")


@contextmanager
def bureau(var: Path, closed: int = 0, opened: int = 0) -> Iterator[SimpleNamespace]:
    """A durable database with the sample item, its process and its people, as the kernel's tests have them.

    With ``closed`` and ``opened`` it is filled, and stays for the next run while the sizes, this file and the week are the
    same; without, it is fresh and goes.
    """
    from zhiguan.kit.starting import set_up

    os.environ.setdefault("ZHIGUAN_VAR", str(var))
    set_up()
    from django.conf import settings
    from django.db import connection

    from zhiguan.kernel.flow.tests import conftest, sample
    from zhiguan.kernel.reference import service as reference
    from zhiguan.kit import registry
    from zhiguan.kit.actor import system
    from zhiguan.site.runtime.postgres import drop_database, ensure_cluster, stop

    full = bool(closed or opened)
    name = f"{DATABASE}_full" if full else DATABASE
    digest = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:12]
    mark = f"{closed}/{opened}/{digest}/{date.today().isocalendar()[:2]}" if full else ""
    cluster = ensure_cluster(var / "bench-pg", durable=True)
    try:
        with standing(cluster, name, mark) as (urls, ready):
            settings.DATABASE_OWNER_URL, settings.ALLOWED_HOSTS = urls.owner, ["*"]
            registry._current = sample.Known(registry.current())  # type: ignore[assignment]
            with system("bench").transaction():
                reference.sync()
                conftest.load_calendar()
                office = _found(conftest) if ready else conftest.Office()
                if not ready:
                    conftest.publish(sample.bpmn("one"))
            scene = SimpleNamespace(office=office, urls=urls, sample=sample, data_dir=cluster.data_dir)
            if full and not ready:
                fill(scene, closed, opened)
        yield scene
    finally:
        connection.close()
        if not full:
            drop_database(cluster, name)
        if cluster.started:
            stop(cluster)


def _found(conftest: Any) -> Any:
    """The people of a database that was made before."""
    from zhiguan.kernel.identity.models import Account
    from zhiguan.kernel.orgs.models import Person, Unit

    office = conftest.Office.__new__(conftest.Office)
    office.city = Unit.objects.get(parent__isnull=True)
    office.units = {name: Unit.objects.get(code=f"31000000{number}") for number, name in enumerate(("甲", "乙", "局"), 1)}
    office.people = {name: Person.objects.get(name=name) for name, *_ in (*conftest.PEOPLE, (NARROW,))}
    office.accounts = {name: Account.objects.get(person=person) for name, person in office.people.items()}
    return office


def acting(office: Any, name: str) -> Any:
    """The actor of a person, made under the system's scope."""
    from zhiguan.kit.actor import system

    with system("bench").transaction():
        return office.actor(name)


def submitted(office: Any, item: Any) -> Any:
    """A case at its first step."""
    from zhiguan.kernel.flow import service

    actor = acting(office, "张申请")
    with actor.transaction():
        case = service.create(actor, item, values={"reason": "修车", "amount": "100"})
        return service.submit(actor, case)


def agree(office: Any, name: str, case: Any, actor: Any = None) -> Any:
    """Let a person agree on the seat they have in the case."""
    from zhiguan.kernel.flow import service
    from zhiguan.kernel.flow.models import Seat

    actor = actor or acting(office, name)
    with actor.transaction():
        seat = Seat.objects.get(case=case, person=office.people[name], state__in=("offered", "working"))
        return service.decide(actor, case, seat=seat, outcome="agree", opinion="同意")


def fill(scene: SimpleNamespace, closed: int, opened: int) -> None:
    """Make the full size of a granted case and of one at each of the steps; the decider has five hundred to do.

    Closed cases ended one every half minute up to now, with four steps and seats each, of a hundred organs and the eight
    items; some with cards, corrections and returns. Open ones are two months old at most, most of them some days. Written
    without triggers and secondary indexes, which are built afterwards; tallies and warnings are the product's own work.
    """
    from zhiguan.kernel.flow import cards, queries, tallies
    from zhiguan.kernel.flow.models import Case, Seat, Step
    from zhiguan.kernel.flow.tests.conftest import make_unit
    from zhiguan.kernel.identity.models import Account, Grant, Role
    from zhiguan.kernel.orgs.models import Person
    from zhiguan.kit.actor import system

    office, begun = scene.office, time.monotonic()
    with system("bench").transaction():
        for number in range(ORGANS):
            unit = make_unit(office.city, number + 10, f"32{number:06d}", f"单位{number}", "organ")
            Person.objects.create(code=f"A{number}", name=f"申请人{number}", unit=unit)
        for number in range(HANDLERS):
            Person.objects.create(code=f"H{number}", name=f"经办{number}", unit=office.units["局"])
        role = Role.objects.create(code="t.oversee", name="全程监督", scope="city",
                                   permissions=[f"{area}.case.supervise" for area in queries.areas()])  # fmt: skip
        person = office.people[NARROW] = Person.objects.create(code="N", name=NARROW, unit=unit)
        office.accounts[NARROW] = Account.objects.create(username="n", person=person, unit=unit, must_change_password=False)
        for name, where, scope in (("冯监督", office.city, "city"), (NARROW, unit, "organ")):
            Grant.objects.create(account=office.accounts[name], role=role, scope=scope, unit=where, state="active",
                                 valid_from=date(2020, 1, 1))  # fmt: skip
        items = [(item.code, item.area) for item in queries.items() if item.code != scene.sample.ITEM.code]
    waiting = []
    for count in range(len(WAY) + 1):
        case = submitted(office, scene.sample.ITEM)
        for name in WAY[:count]:
            case = agree(office, name, case)
        waiting.append(case.pk)
    granted = waiting.pop()
    with psycopg.connect(scene.urls.superuser, autocommit=True) as database:
        database.execute("SET synchronous_commit = off; SET session_replication_role = replica; SET work_mem = '256MB'; "
                         "SET maintenance_work_mem = '512MB'")  # fmt: skip
        database.execute(
            "CREATE TEMP TABLE organ AS SELECT row_number() OVER (ORDER BY u.id) - 1 AS k, u.id, u.pos, p.id AS person "
            "FROM orgs_unit u JOIN orgs_person p ON p.unit_id = u.id AND p.code LIKE 'A%'"
        )
        database.execute("CREATE TEMP TABLE item (k int, code text, area text)")
        with database.cursor() as cursor:
            cursor.executemany("INSERT INTO item VALUES (%s, %s, %s)", [(k, *each) for k, each in enumerate(items)])
        hands = [row[0] for row in database.execute("SELECT id FROM orgs_person WHERE code LIKE 'H%' ORDER BY id")]
        database.execute("CREATE TEMP TABLE made (key bigint, n bigint, case_id bigint, ended timestamptz, took interval)")
        database.execute(
            "INSERT INTO made SELECT %s + n, n, %s, now() - n * interval '30 seconds', "
            "(1 + n %% 37 + CASE n %% 50 WHEN 0 THEN 200 ELSE 0 END) * interval '1 hour' FROM generate_series(1, %s) n",
            [CLOSED, granted, closed],
        )
        database.execute(
            "INSERT INTO made SELECT %s + n, n, (%s::bigint[])[1 + n %% %s], NULL, "
            "power(n * 7 %% 10007 / 10007.0, 5) * interval '300 hours' FROM generate_series(1, %s) n",
            [OPEN, waiting, len(waiting), opened],
        )  # fmt: skip
        database.execute("ANALYZE made")
        indexes = database.execute(
            "SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index WHERE NOT indisprimary "
            "AND indrelid IN ('flow_case'::regclass, 'flow_step'::regclass, 'flow_seat'::regclass) "
            "AND NOT EXISTS (SELECT 1 FROM pg_constraint WHERE conindid = indexrelid)"
        ).fetchall()
        for name, _ in indexes:
            database.execute(f"DROP INDEX {name}")
        # A case begins ``took`` x 4 before its end; each of its steps takes ``took``. Open ones have begun took x 5 ago.
        start = "coalesce(made.ended - 4 * made.took, now() - 5 * made.took)"
        hand = f"('{{{','.join(map(str, hands))}}}'::bigint[])[1 + made.n * 11 % {HANDLERS}]"
        last = len(WAY) - 1
        decider = f"CASE WHEN made.ended IS NULL AND made.n <= {4 * TODOS} AND made.n % 4 = {last} THEN {office.people['吴决定'].pk} ELSE {hand} END"
        event = """jsonb_build_array(to_char(({0}) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS+00:00'), '{1}', '')"""

        def clock(first: str, last: str = "") -> str:
            events = [event.format(at, what) for at, what in ((first, "start"), (last, "close")) if at]
            return f"jsonb_build_array({', '.join(events)})"

        _copy(database, Case, "one.id = made.case_id", {
            "id": "made.key", "code": "'C' || made.key", "unit_id": "organ.id", "scope_pos": "organ.pos",
            "item": "item.code", "area": "item.area", "applicant_id": "organ.person",
            "persons": f"ARRAY[organ.person, {decider}]",
            "title": "'申请修车' || made.n", "engine": "'{}'", "submitted_at": start, "created_at": start,
            "ended_at": "made.ended",
            "working_days": "CASE WHEN made.ended IS NOT NULL THEN 1 + abs(hashint8(made.n + 2)) % 20 "
                            "+ CASE made.n % 50 WHEN 0 THEN 25 ELSE 0 END END",
            "accepted_at": f"CASE WHEN one.accepted_at IS NOT NULL THEN {start} + made.took END",
            "clock": f"CASE WHEN one.accepted_at IS NULL THEN '[]' WHEN made.ended IS NULL THEN {clock(start)} "
                     f"ELSE {clock(start, 'made.ended')} END",
            "state": "CASE WHEN made.ended IS NOT NULL AND made.n % 30 = 0 THEN 'refused' ELSE one.state END",
        })  # fmt: skip
        opened_at, closed_at = f"{start} + (one.round - 1) * made.took", f"{start} + one.round * made.took"
        state = "CASE WHEN made.ended IS NOT NULL AND made.n % 33 = 0 AND one.round = 3 THEN 'undone' ELSE one.state END"
        _copy(database, Step, "one.case_id = made.case_id", {
            "id": "made.key * 8 + one.round", "case_id": "made.key", "opened_at": opened_at, "state": state,
            "closed_at": f"CASE WHEN one.closed_at IS NOT NULL THEN {closed_at} END",
            "clock": f"CASE WHEN one.clock = '[]' THEN one.clock WHEN one.closed_at IS NULL THEN {clock(opened_at)} "
                     f"ELSE {clock(opened_at, closed_at)} END",
        })  # fmt: skip
        database.execute("CREATE TEMP TABLE seat AS SELECT DISTINCT ON (step_id) id FROM flow_seat "
                         "WHERE state <> 'lapsed' ORDER BY step_id, id")  # fmt: skip
        _copy(database, Seat, "one.case_id = made.case_id AND one.id IN (SELECT id FROM seat)", {
            "id": "made.key * 8 + step.round", "case_id": "made.key", "step_id": "made.key * 8 + step.round",
            "person_id": decider, "opened_at": opened_at.replace("one.", "step."),
            "closed_at": f"CASE WHEN one.closed_at IS NOT NULL THEN {closed_at.replace('one.', 'step.')} END",
            "acted_by_id": f"CASE WHEN one.acted_by_id IS NOT NULL THEN {decider} END",
        }, "JOIN flow_step step ON step.id = one.step_id")  # fmt: skip
        database.execute(
            "INSERT INTO flow_card (case_id, step_id, unit_id, scope_pos, area, item, rung, reached_at, raised_at) "
            "SELECT key, CASE kind WHEN 3 THEN key * 8 + 3 END, c.unit_id, c.scope_pos, c.area, c.item, "
            "CASE kind WHEN 2 THEN 'red' ELSE 'yellow' END, ended - took, ended - took "
            "FROM made JOIN flow_case c ON c.id = made.key, generate_series(1, 3) kind "
            "WHERE ended IS NOT NULL AND (kind = 1 AND n % 20 = 0 OR kind = 2 AND n % 60 = 0 OR kind = 3 AND n % 25 = 0)"
        )
        database.execute(
            "INSERT INTO flow_correction (case_id, step_id, items, by, at, answered_at) "
            "SELECT key, key * 8 + 2, '[]', '经办', ended - took, ended FROM made WHERE ended IS NOT NULL AND n % 16 = 0"
        )
        print(f"rows written after {time.monotonic() - begun:.0f} s", file=sys.stderr)
        for _, definition in indexes:
            database.execute(definition)
        print(f"indexes built after {time.monotonic() - begun:.0f} s", file=sys.stderr)
        tallies.recount()
        print(f"tallies counted after {time.monotonic() - begun:.0f} s", file=sys.stderr)
        cards.look_again()
        cards.raise_due()
        tallies.gather()
        database.execute("VACUUM ANALYZE")
    print(f"filled in {time.monotonic() - begun:.0f} s", file=sys.stderr)


def _copy(database: Any, model: Any, which: str, given: dict[str, str], more: str = "") -> None:
    """Write a row for each of ``made`` and each row of the model that ``which`` takes for its model."""
    columns = [field.column for field in model._meta.concrete_fields]
    table, names = model._meta.db_table, [f'"{column}"' for column in columns]  # "order" is a word of SQL
    values = ", ".join(given.get(column, f'one."{column}"') for column in columns)
    database.execute(
        f"INSERT INTO {table} ({', '.join(names)}) SELECT {values} FROM made JOIN {table} one ON {which} {more} "
        f"JOIN organ ON organ.k = abs(hashint8(made.n)) % {ORGANS} "
        "JOIN item ON item.k = abs(hashint8(made.n + 1)) % (SELECT count(*) FROM item) "
        "ORDER BY made.key"
    )
