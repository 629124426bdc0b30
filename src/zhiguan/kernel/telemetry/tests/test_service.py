"""Verbs: who may, what is traced, what the gateway hears."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

import pytest

from zhiguan.kernel.telemetry import jobs, seal, service
from zhiguan.kernel.telemetry.lake import Lake
from zhiguan.kernel.telemetry.models import Command, Source
from zhiguan.kernel.telemetry.store import SHANGHAI
from zhiguan.kit.actor import Actor, Scope
from zhiguan.kit.errors import Conflict, Denied, Invalid

from .conftest import ago, row


def manager(unit, *codes: str) -> Actor:
    scope = Scope(((unit.pos, unit.pos_end),))
    return Actor("管理员", permissions={code: scope for code in codes})


def test_provision_and_rebind(fleet):
    actor = manager(fleet.units[0], "telemetry.source.manage")
    fleet.owner("UPDATE telemetry_source SET auth_digest = 'x', device_id = 'D' WHERE id = %s", fleet.ids[0])
    with actor.transaction():
        source = service.provision(actor, number="013900001111", key="NEW", unit=fleet.units[0])
        assert source.number == "13900001111"
        with pytest.raises(Conflict):
            service.provision(actor, number="13900001111", key="NEW", unit=fleet.units[0])
        with pytest.raises(Denied):
            service.provision(actor, number="13900002222", key="NEW", unit=fleet.units[1])
        moved = service.rebind(actor, Source.objects.get(pk=fleet.ids[0]), key="OTHER", unit=fleet.units[0])
        assert (moved.auth_digest, moved.device_id, moved.key) == ("", "", "OTHER")


def test_commands(fleet):
    actor = manager(fleet.units[0], "telemetry.command.send")
    with actor.transaction():
        source = Source.objects.get(pk=fleet.ids[0])
        command = service.send(actor, source, "text", {"text": "请注意休息"})
        assert Command.objects.get(pk=command.pk).state == "waiting"
        for kind, payload in (("text", {}), ("raw", {"msg_id": "8300", "body": "xyz"}), ("other", {}),
                              ("text", {"text": "长" * 600})):  # fmt: skip
            with pytest.raises(Invalid):
                service.send(actor, source, kind, payload)
        assert Source.objects.count() == 3, "the other organ's sources are not seen"
    stranger = manager(fleet.units[1], "telemetry.command.send")
    with stranger.transaction(), pytest.raises(Denied):
        service.send(stranger, source, "query_location", {})


def test_positions_of_unites_hot_and_sealed(fleet, tmp_path, settings):
    settings.ZHIGUAN_LAKE = str(tmp_path)
    day = (datetime.now(SHANGHAI) - timedelta(days=3)).date()
    noon = datetime(day.year, day.month, day.day, 12, tzinfo=SHANGHAI)
    fleet.write([row(fleet.ids[0], noon), row(fleet.ids[0], noon + timedelta(seconds=9), status=1)])
    seal.seal_day(day, url=fleet.urls.ingest, lake=Lake(tmp_path / "positions"))
    fleet.write([row(fleet.ids[0], noon + timedelta(days=1), speed=425), row(fleet.ids[1], noon)])
    found = service.positions_of(fleet.ids[:1], noon - timedelta(days=1), noon + timedelta(days=2))
    assert found["time_s"].tolist() == [noon.timestamp(), noon.timestamp() + 86400]
    assert found["speed_kmh"].tolist() == [30.0, 42.5] and found["lat"].tolist() == [31.2, 31.2]
    assert service.positions_of([], noon, noon + timedelta(days=1))["lat"].size == 0


def test_jobs(fleet, tmp_path, settings):
    settings.ZHIGUAN_LAKE = str(tmp_path)
    fleet.write([row(fleet.ids[0], ago(days=4))])
    assert jobs.partitions() == ""
    assert jobs.seal_days().endswith("天，1 个位置")
    assert jobs.tidy() == ""


def test_state_of_gateways(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "gateway-1-2.json").write_text(json.dumps({"at": "2026-01-01", "name": "a"}))
    (tmp_path / "run" / "gateway-1-3.json").write_text("{half")
    (tmp_path / "run" / "gateway.json").write_text(json.dumps({"at": "2026-01-02", "name": "b"}))
    assert [state["name"] for state in service.gateways(tmp_path)] == ["b", "a"]
