"""The API in one process: list requests a second, and what row-level security costs, at full size.

Makes a database of its own on the embedded server, removes it afterwards, and prints one JSON line per figure:
``name``, ``value``, ``unit``, ``baseline``, ``ratio``. The rate's baseline is 300 requests a second (ratio: value by
baseline); the baseline of a query under row-level security is the same SQL as the tables' owner (ratio: value by
baseline, medians).

    python bench/api.py [--vehicles 100000] [--orders 1000000] [--seconds 5] [--var FOLDER]
"""

from __future__ import annotations

import argparse
import io
import json
import os
import statistics
import sys
import time
from pathlib import Path

import psycopg

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "zhiguan.site.settings")
os.environ.setdefault("DATABASE_URL", "postgresql://zhiguan_app@/unset")
os.environ["ZHIGUAN_LOG_LEVEL"] = "ERROR"
DATABASE = "zhiguan_bench_api"
ORGANS = 100
VEHICLES = """
INSERT INTO vehicles_vehicle (id, unit_id, scope_pos, state, version, created_at, updated_at, plate, kind, body,
    brand_model, energy, price_yuan, seats, bought_on, note)
SELECT n, u.id, u.pos, CASE WHEN n %% 10 = 0 THEN 'repair' ELSE 'in_service' END, 1,
    now() - n * interval '1 minute', now(), '沪A' || lpad(to_hex(n), 5, '0'), 'emergency', 'sedan', '荣威', 'petrol',
    150000, 5, date '2020-01-01' + n %% 1500, ''
FROM generate_series(1, %(count)s) n JOIN orgs_unit u ON u.code = 'B' || n %% %(organs)s"""
ORDERS = """
INSERT INTO vehicles_dispatchorder (id, unit_id, scope_pos, state, version, created_at, updated_at, code, kind,
    requester_id, purpose, passengers, passenger_count, origin, destination, planned_from, planned_to, approved_by,
    dispatched_by, rating_note, trip_count)
SELECT n, u.id, u.pos, 'ended', 1, now() - n * interval '1 minute', now(), 'B' || n, 'ordinary', p.id, '会议', '', 1,
    '本单位', '会场', now() - n * interval '1 minute', now() - n * interval '1 minute' + interval '1 hour', '', '', '', 0
FROM generate_series(1, %(count)s) n JOIN orgs_unit u ON u.code = 'B' || n %% %(organs)s
JOIN orgs_person p ON p.unit_id = u.id"""


def say(name: str, value: float, unit: str, baseline: float) -> None:
    line = {"name": name, "value": round(value, 3), "unit": unit, "baseline": round(baseline, 3),
            "ratio": round(value / baseline, 3)}  # fmt: skip
    print(json.dumps(line, ensure_ascii=False), flush=True)


def fill(vehicles: int, orders: int, superuser: str) -> str:
    """Make organs, one person each, vehicles and orders; return a key's secret that sees half of the organs."""
    from datetime import date

    from django.db import transaction

    from zhiguan.kernel.identity import service
    from zhiguan.kernel.identity.codes import GrantState
    from zhiguan.kernel.identity.models import Account, Grant, Role
    from zhiguan.kernel.orgs.models import Person, Unit
    from zhiguan.kernel.orgs.tree import child_range
    from zhiguan.kit.actor import system

    with system("bench").acting() as boss, transaction.atomic():
        day = date(2020, 1, 1)
        city = Unit.objects.create(code="C", name="市", kind="city", pos=0, pos_end=2**60 - 1, valid_from=day)
        halves = []
        for half in (1, 2):
            lo, hi = child_range(city.pos, city.pos_end, half)
            halves.append(Unit.objects.create(code=f"D{half}", name=f"区{half}", kind="district", parent=city, pos=lo,
                                              pos_end=hi, valid_from=day))  # fmt: skip
        for number in range(ORGANS):
            parent = halves[number % 2]
            lo, hi = child_range(parent.pos, parent.pos_end, number // 2 + 1)
            unit = Unit.objects.create(code=f"B{number}", name=f"单位{number}", kind="organ", parent=parent, pos=lo,
                                       pos_end=hi, valid_from=day)  # fmt: skip
            Person.objects.create(code=f"P{number}", name=f"人员{number}", unit=unit)
        account = Account.objects.create(username="bench", unit=halves[0], must_change_password=False)
        codes = ["vehicles.vehicle.view", "vehicles.order.view"]
        role = Role.objects.create(code="bench", name="测试", permissions=codes)
        Grant.objects.create(account=account, role=role, scope="below", unit=halves[0], state=GrantState.ACTIVE)
        secret = service.issue_key(boss, account, name="bench", permissions=codes, days=1)[1]
    with psycopg.connect(superuser, autocommit=True) as connection:
        connection.execute(VEHICLES, {"count": vehicles, "organs": ORGANS})
        connection.execute(ORDERS, {"count": orders, "organs": ORGANS})
        connection.execute("ANALYZE")
    return secret


def rate(address: str, secret: str, seconds: float) -> tuple[float, float, float]:
    """Return (requests a second, 95th percentile in ms, own CPU time in ms each) of one thread through the whole site."""
    from zhiguan.site.wsgi import application

    path, _, query = address.partition("?")

    def once() -> float:
        environ = {
            "REQUEST_METHOD": "GET", "PATH_INFO": path, "QUERY_STRING": query, "SERVER_NAME": "localhost",
            "SERVER_PORT": "80", "HTTP_HOST": "localhost", "HTTP_AUTHORIZATION": f"Bearer {secret}",
            "wsgi.input": io.BytesIO(), "wsgi.errors": sys.stderr, "wsgi.url_scheme": "http",
            "REMOTE_ADDR": "127.0.0.1",
        }  # fmt: skip
        status: list[str] = []
        start = time.perf_counter()
        answer = application(environ, lambda code, headers, error=None: status.append(code))
        b"".join(answer)
        answer.close()
        if not status[0].startswith("200"):
            raise SystemExit(f"{address}: {status[0]}")
        return time.perf_counter() - start

    for _ in range(30):
        once()
    times, end, busy = [], time.perf_counter() + seconds, time.process_time()
    while time.perf_counter() < end:
        times.append(once())
    busy = (time.process_time() - busy) / len(times)
    return len(times) / sum(times), statistics.quantiles(times, n=20)[-1] * 1000, busy * 1000


def scope_cost(secret: str, owner: str) -> None:
    """Time the lists' own SQL as the application under row-level security, and as the owner, turn by turn."""
    from django.db import connection, transaction
    from django.http import QueryDict

    from zhiguan.kernel.identity.actors import actor_of_key
    from zhiguan.kit.pages.listing import Listing
    from zhiguan.lines.vehicles import pages

    found = actor_of_key(secret)
    assert found is not None
    actor = found[1]
    cases = (("vehicles", pages.VEHICLES, ""), ("vehicles_searched", pages.VEHICLES, "q=沪A00"), ("orders", pages.ORDERS, ""))
    with psycopg.connect(owner, autocommit=True, prepare_threshold=None) as bare, actor.acting():
        for name, page, query in cases:
            with transaction.atomic():
                statement, values = Listing(page, actor, QueryDict(query)).rows[:50].query.sql_with_params()
                under, without = [], []
                with connection.cursor() as cursor:
                    for _ in range(60):
                        start = time.perf_counter()
                        cursor.execute(statement, values)
                        one = cursor.fetchall()
                        middle = time.perf_counter()
                        two = bare.execute(statement, values).fetchall()
                        under.append(middle - start)
                        without.append(time.perf_counter() - middle)
                        if one != two:
                            raise SystemExit(f"{name}: row-level security changes the answer")
            say(f"rls_{name}", statistics.median(under) * 1000, "ms", statistics.median(without) * 1000)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--vehicles", type=int, default=100_000)
    parser.add_argument("--orders", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--var", type=Path, default=Path(__file__).resolve().parent.parent / "var")
    given = parser.parse_args()
    import django

    from zhiguan.site.runtime.postgres import bootstrap, drop_database, ensure_cluster, stop

    django.setup()
    from django.conf import settings
    from django.db import connection

    from zhiguan.site.management.commands.migrate_all import prepare
    from zhiguan.site.settings import database

    settings.ZHIGUAN_API_PER_MINUTE = 10**9
    cluster = ensure_cluster(given.var / "bench-pg", durable=True)
    try:
        drop_database(cluster, DATABASE)
        urls = bootstrap(cluster, DATABASE)
        prepare(urls.owner, "zhiguan_app", verbosity=0)
        fresh = database(urls.app)
        connection.settings_dict |= {key: fresh[key] for key in ("NAME", "USER", "PASSWORD", "HOST", "PORT")}
        secret = fill(given.vehicles, given.orders, urls.superuser)
        for name, address in (("vehicle", "/api/v1/vehicles/vehicle?limit=20"), ("order", "/api/v1/vehicles/order?limit=20")):
            per_second, p95, busy = rate(address, secret, given.seconds)
            say(f"api_list_{name}", per_second, "requests/s", 300)
            say(f"api_list_{name}_p95", p95, "ms", 100)
            say(f"api_list_{name}_cpu", busy, "ms", 1000 / 300)  # holds on a busy machine, too
        scope_cost(secret, urls.owner)
        connection.close()
    finally:
        connection.close()
        drop_database(cluster, DATABASE)
        if cluster.started:
            stop(cluster)


if __name__ == "__main__":
    main()
