"""The shipped calendar, as the service reads it."""

from __future__ import annotations

import pytest

from zhiguan.kernel.calendar import service
from zhiguan.kernel.calendar.declare import Snapshot
from zhiguan.kernel.orgs import service as orgs
from zhiguan.kit.actor import Actor, system


@pytest.fixture
def loaded(as_system: Actor) -> Snapshot:
    service.sync()
    return service.snapshot()


@pytest.fixture
def organ(as_system: Actor):
    """An organ below a city and one below it: (city, organ, division)."""
    actor = system("tests")

    def make(parent, code: str, name: str, kind: str):
        return orgs.create_unit(actor, parent=parent, code=code, name=name, kind=kind, record=lambda *a, **k: None)

    city = make(None, "310000", "上海市", "city")
    above = make(city, "310000-C01", "上海市财政局", "organ")
    return city, above, make(above, "310000-C01-01", "预算处", "division")
