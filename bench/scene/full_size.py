"""A city at full size for benches: organs, vehicles and orders in a database of its own on the embedded server.

The database stays for the next run while the sizes and this file are the same; the schema and the row rules are brought
up to date each time.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import os
import secrets
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from .database import standing

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "zhiguan.site.settings")
os.environ.setdefault("DATABASE_URL", "postgresql://zhiguan_app@/unset")
os.environ["ZHIGUAN_LOG_LEVEL"] = "ERROR"
VAR = Path(__file__).resolve().parents[2] / "var"
DATABASE = "zhiguan_bench_lists"
ORGANS = 100
USER = "bench"
KEY_PERMISSIONS = ["vehicles.vehicle.view", "vehicles.order.view"]
VEHICLE = {
    "id": "n",
    "state": "CASE WHEN n %% 10 = 0 THEN 'repair' ELSE 'in_service' END",
    "created_at": "now() - n * interval '1 minute'",
    "plate": "'沪A' || lpad(upper(to_hex(n)), 5, '0')",
    "bought_on": "date '2020-01-01' + n %% 1500",
}
ORDER = {
    "id": "n",
    "state": "CASE n %% 1000 WHEN 0 THEN 'requested' WHEN 1 THEN 'approved' ELSE 'ended' END",
    "created_at": "now() - n * interval '1 minute'",
    "code": "'B' || lpad(n::text, 8, '0')",
    "planned_from": "now() - n * interval '1 minute'",
    "planned_to": "now() - n * interval '1 minute' + interval '1 hour'",
    "vehicle_id": "CASE WHEN n %% 1000 > 1 THEN (n - 1) %% %(vehicles)s + 1 END",
}


@dataclass(frozen=True)
class Scene:
    """The filled database: its owner's URL, the key (half of the organs), the signed-in user (the same half)."""

    owner: str
    secret: str
    account: Any


def say(name: str, value: float, unit: str, baseline: float) -> None:
    """Print one figure."""
    line = {"name": name, "value": round(value, 3), "unit": unit, "baseline": round(baseline, 3),
            "ratio": round(value / baseline, 3)}  # fmt: skip
    print(json.dumps(line, ensure_ascii=False), flush=True)


def _multiply(connection: psycopg.Connection, model: Any, expressions: dict[str, str], count: int, sizes: dict) -> None:
    """Make ``count`` rows of one row for each organ; each column is copied unless an expression of ``n`` is given."""
    columns = [field.column for field in model._meta.concrete_fields]
    values = ", ".join(expressions.get(column, f"one.{column}") for column in columns)
    table = model._meta.db_table
    connection.execute(
        f"CREATE TEMP TABLE one ON COMMIT PRESERVE ROWS AS SELECT u.code AS organ, t.* FROM {table} t "
        "JOIN orgs_unit u ON u.id = t.unit_id"
    )
    connection.execute(f"DELETE FROM {table}")
    connection.execute(
        f"INSERT INTO {table} ({', '.join(columns)}) SELECT {values} FROM generate_series(1, {count}) n "
        f"JOIN one ON one.organ = 'B' || n %% {ORGANS}",
        sizes,
    )
    connection.execute("DROP TABLE one")


def _fill(vehicles: int, orders: int, superuser: str) -> None:
    from datetime import date, timedelta

    from django.utils import timezone

    from zhiguan.kernel.identity.codes import GrantState
    from zhiguan.kernel.identity.models import Account, Grant, Role
    from zhiguan.kernel.orgs.models import Person, Unit
    from zhiguan.kernel.orgs.tree import child_range
    from zhiguan.kit.actor import system
    from zhiguan.lines.vehicles.models import DispatchOrder, Vehicle

    with system("bench").transaction():
        day, start = date(2020, 1, 1), timezone.now()
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
            person = Person.objects.create(code=f"P{number}", name=f"人员{number}", unit=unit)
            Vehicle.objects.create(unit=unit, scope_pos=unit.pos, state="in_service", plate=f"沪A{number}", price_yuan=1,
                                   kind="emergency", brand_model="荣威 Ei5", bought_on=day)  # fmt: skip
            DispatchOrder.objects.create(unit=unit, scope_pos=unit.pos, state="ended", code=f"{number}", requester=person,
                                         purpose="会议", origin="本单位", destination="会场", planned_from=start,
                                         planned_to=start + timedelta(hours=1))  # fmt: skip
        person = Person.objects.get(code="P0")
        account = Account.objects.create(username=USER, unit=halves[0], person=person, must_change_password=False)
        role = Role.objects.get(code="vehicles.manager")
        Grant.objects.create(account=account, role=role, scope="below", unit=halves[0], state=GrantState.ACTIVE)
    with psycopg.connect(superuser, autocommit=True) as connection:
        sizes = {"vehicles": vehicles}
        # In one go and by key: a key that points to a vehicle is checked when its row comes in.
        _multiply(connection, Vehicle, VEHICLE, vehicles, sizes)
        _multiply(connection, DispatchOrder, ORDER, orders, sizes)
        connection.execute("VACUUM ANALYZE")


@contextmanager
def scene(
    vehicles: int = 100_000, orders: int = 1_000_000, var: Path = VAR, *, name: str = DATABASE,
    more: Callable[[psycopg.Connection], None] | None = None,
) -> Iterator[Scene]:  # fmt: skip
    """Make or find the database, point Django at it as the application role, and stop the server afterwards if it was
    not running before. ``more`` fills what a bench needs besides, as the superuser; such a database has a ``name`` of
    its own."""
    from zhiguan.kit.starting import set_up
    from zhiguan.site.runtime.postgres import ensure_cluster, stop

    set_up()
    from django.conf import settings
    from django.db import connection

    from zhiguan.kernel.identity import service
    from zhiguan.kernel.identity.models import Account
    from zhiguan.kit.actor import system

    settings.ZHIGUAN_API_PER_MINUTE = 10**9
    settings.ALLOWED_HOSTS = ["localhost"]
    files = [Path(__file__), *([Path(inspect.getfile(more))] if more is not None else [])]
    digest = hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:12]
    mark = f"{vehicles}/{orders}/{digest}"
    cluster = ensure_cluster(var / "bench-pg", durable=True)
    try:
        with standing(cluster, name, mark) as (urls, ready):
            if not ready:
                begun = time.monotonic()
                _fill(vehicles, orders, urls.superuser)
                if more is not None:
                    with psycopg.connect(urls.superuser, autocommit=True) as connection_:
                        more(connection_)
                        connection_.execute("VACUUM ANALYZE")
                print(f"filled in {time.monotonic() - begun:.0f} s", file=sys.stderr)
        with system("bench").transaction() as boss:
            account = Account.objects.get(username=USER)
            key = f"bench {secrets.token_hex(4)}"
            secret = service.issue_key(boss, account, name=key, permissions=KEY_PERMISSIONS, days=1)[1]
        yield Scene(urls.owner, secret, account)
    finally:
        connection.close()
        if cluster.started:
            stop(cluster)
