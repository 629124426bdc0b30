"""A small log on a database of its own, with real commits, and its export."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from django.db import connections

from zhiguan.kernel.trace import proof, service, signing
from zhiguan.kernel.trace.declare import Subject
from zhiguan.kernel.trace.export import export
from zhiguan.kit.actor import EVERYTHING, Actor, system

ACTOR = Actor(
    name="张三", account_id=7, person_id=70, unit_pos=5, unit_name="办公室", roles=(("dispatcher", "调度员"),),
    address="203.0.113.9", request_id="r-1", permissions={"orgs.unit.manage": EVERYTHING},
)  # fmt: skip
UNIT = Subject("orgs.unit", "12", "市某局", scope_pos=9)


def act(actor: Actor = ACTOR, number: int = 0, **kwargs) -> object:
    """Do one traced act that commits."""
    with actor.transaction():
        return service.record(actor, "orgs.unit.change", UNIT, before={"n": number}, after={"n": number + 1}, **kwargs)


@pytest.fixture(autouse=True)
def keys(settings, tmp_path) -> Path:
    settings.VAR = tmp_path / "var"
    return signing.key_path()


@pytest.fixture
def log(committed_db):
    """Ten acts, a checkpoint, seven acts and a checkpoint; yields the database's URLs."""
    for number in range(10):
        act(number=number, reason="机构改革" if number % 2 else "")
    service.checkpoint()
    for number in range(10, 17):
        act(number=number)
    service.checkpoint()
    yield committed_db
    connections.close_all()


def exported(**kwargs) -> list[str]:
    """Export the log; return its lines."""
    out = io.StringIO()
    export(out, **kwargs)
    return out.getvalue().splitlines()


def trusted() -> set[bytes]:
    return {signing.public_bytes(signing.private_key())}


def latest() -> dict:
    from zhiguan.kernel.trace.models import Checkpoint

    with system("tests").transaction():
        return Checkpoint.objects.order_by("-size").first().document


__all__ = ["ACTOR", "UNIT", "act", "exported", "latest", "proof", "trusted"]
