"""Folders for the tests that run a database server of their own, and a small world for those of administration pages."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from zhiguan.site.runtime import postgres


@pytest.fixture(scope="module")
def server_place() -> Iterator[Path]:
    """A folder outside pytest's own: every pytest session closes that to other accounts, and as root the server is one.

    Servers found running in `pg` folders below are stopped at the end.
    """
    place = Path(tempfile.mkdtemp(prefix="zhiguan-test-"))
    yield place
    for data_dir in place.rglob("pg"):
        if (data_dir / "PG_VERSION").exists():
            postgres.stop(data_dir)
    shutil.rmtree(place)


@pytest.fixture
def place(server_place: Path) -> Path:
    """A folder of the test's own below `server_place`."""
    return Path(tempfile.mkdtemp(dir=server_place))


@pytest.fixture
def world(as_system: Any, settings: Any, tmp_path: Any) -> Iterator[SimpleNamespace]:
    """Two organs with a clerk each; the actor's permissions are held over the first alone."""
    from zhiguan.kernel.identity import service
    from zhiguan.kernel.identity.models import Account
    from zhiguan.kernel.orgs.models import Person, Unit

    settings.VAR = tmp_path / "var"  # the key that signs checkpoints
    service.sync_roles()
    since = date(2020, 1, 1)
    city = Unit.objects.create(code="C", name="测试市", kind="city", pos=0, pos_end=99, valid_from=since)
    mine, other = (
        Unit.objects.create(code=f"O{n}", name=f"市{n}局", kind="organ", parent=city, pos=n * 10, pos_end=n * 10 + 9,
                            valid_from=since)
        for n in (1, 2)
    )  # fmt: skip
    people = [Person.objects.create(code=f"P{n}", name=f"人员{n}", unit=unit) for n, unit in enumerate((mine, other))]
    clerk, stranger = (
        Account.objects.create(username=f"clerk.{each.pk}", unit=each.unit, person=each) for each in people
    )
    yield SimpleNamespace(city=city, mine=mine, other=other, clerk=clerk, stranger=stranger)


@pytest.fixture
def actor(world: SimpleNamespace, make_actor: Any) -> Any:
    """Everything there is to do in these pages, which no one account may hold."""
    held = (
        "account.view account.manage grant.view grant.propose grant.confirm session.view session.end policy.manage "
        "apikey.manage app.manage"
    )  # fmt: skip
    codes = [*(f"identity.{each}" for each in held.split()), "trace.entry.view", "trace.checkpoint.view"]
    return make_actor(
        dict.fromkeys(codes, "below"), unit=world.mine, person=world.clerk.person_id, account=world.clerk.pk
    )
