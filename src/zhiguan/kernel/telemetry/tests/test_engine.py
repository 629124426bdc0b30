"""The query seam: scope first, hot and sealed united without gap or double, the same answers on DuckDB and Sail."""

from __future__ import annotations

import importlib.util
import random
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from django.db import connection, transaction

from zhiguan.kernel.geo.service import haversine_m
from zhiguan.kernel.telemetry import dialect, engine, seal, service
from zhiguan.kernel.telemetry.analytics import QUESTIONS
from zhiguan.kernel.telemetry.columns import Block
from zhiguan.kernel.telemetry.engine import Engine
from zhiguan.kernel.telemetry.lake import Lake
from zhiguan.kernel.telemetry.store import SHANGHAI
from zhiguan.kit.actor import EVERYTHING, Actor, Scope, system

from .conftest import row

DAY = (datetime.now(SHANGHAI) - timedelta(days=3)).date()
NOON = datetime(DAY.year, DAY.month, DAY.day, 12, tzinfo=SHANGHAI)
START, END = NOON - timedelta(days=1), NOON + timedelta(days=2)


def drive(source: int, start: datetime, count: int, seed: int = 0) -> list[tuple]:
    noise = random.Random(seed + source)
    lat, lon, found, at = 31.2, 121.4 + source / 100, [], start
    for i in range(count):
        at += timedelta(seconds=noise.choice((10, 10, 10, 30, 900 if i % 97 == 96 else 10)))
        lat, lon = lat + noise.uniform(-1, 2) / 1000, lon + noise.uniform(-1, 2) / 1000
        found.append(row(source, at, lat=lat, lon=lon, speed=noise.randrange(900), direction=i % 360,
                         status=1 if i % 50 == 7 else 3, mileage=i * 100))  # fmt: skip
    return found


@pytest.fixture
def lake(tmp_path, settings) -> Lake:
    settings.ZHIGUAN_LAKE = str(tmp_path)
    return Lake(tmp_path / "positions")


@pytest.fixture
def mixed(fleet, lake):
    """A sealed day with late hot rows (some of them repetitions), and a day that is hot only."""
    day = [*drive(fleet.ids[0], NOON, 400), *drive(fleet.ids[3], NOON, 300)]
    fleet.write(day)
    seal.seal_day(DAY, url=fleet.urls.ingest, lake=lake)
    fleet.write(day[:50], drive(fleet.ids[0], NOON + timedelta(hours=6), 60, seed=5))
    fleet.write(Block.of(drive(fleet.ids[1], NOON + timedelta(days=1), 80), [b"\x30\x01\x09"] * 80))
    return fleet


def actor(scope: Scope, code: str = "telemetry.position.view") -> Actor:
    return Actor("测试", permissions={code: scope})


def below(unit) -> Scope:
    return Scope(((unit.pos, unit.pos_end),))


def test_hot_and_sealed_are_united_without_double(mixed, lake):
    table = Engine().positions(system("tests"), START, END, ["source_id", "device_at", "extra"])
    assert table.num_rows == 400 + 300 + 60 + 80
    assert table.column("extra").null_count == 760
    keys = list(zip(table.column(0).to_pylist(), table.column(1).to_pylist(), strict=True))
    assert keys == sorted(keys)
    assert table.column(1).type.tz is None


def test_values_are_the_same_hot_and_sealed(fleet, lake):
    fleet.write(drive(fleet.ids[0], NOON, 50))
    columns = [name for name in engine.COLUMNS if name != "received_at"]
    hot = Engine().positions(system("tests"), START, END, columns)
    seal.seal_day(DAY, url=fleet.urls.ingest, lake=lake)
    assert Engine().positions(system("tests"), START, END, columns).equals(hot)
    assert hot.column("day").to_pylist() == [DAY] * 50
    assert hot.column("located").to_pylist().count(False) == 1


def test_an_actor_sees_the_sources_in_scope_only(mixed, lake):
    mine, other = (actor(below(unit)) for unit in mixed.units)
    ids = lambda who, **more: set(Engine().positions(who, START, END, **more).column("source_id").to_pylist())  # noqa: E731
    assert ids(mine) == {mixed.ids[0], mixed.ids[1]}
    assert ids(other) == {mixed.ids[3]}
    assert ids(mine, sources=[mixed.ids[0], mixed.ids[3]]) == {mixed.ids[0]}
    assert ids(actor(EVERYTHING)) == {mixed.ids[0], mixed.ids[1], mixed.ids[3]}
    assert ids(Actor("无权")) == set()
    assert ids(actor(EVERYTHING, code="telemetry.command.send")) == set()


def test_row_level_security_shows_no_position_that_is_not_listed(mixed):
    def seen(setting: str | None) -> set[int]:
        with transaction.atomic(), connection.cursor() as cursor:
            if setting is not None:
                cursor.execute("SELECT set_config('zg.sources', %s, true)", [setting])
            cursor.execute("SELECT DISTINCT source_id FROM telemetry_position")
            return {source for (source,) in cursor.fetchall()}

    assert seen(None) == seen("") == set()
    assert seen(str(mixed.ids[1])) == {mixed.ids[1]}
    assert seen(f"{mixed.ids[1]},{mixed.ids[3]},{mixed.ids[0]}") == {mixed.ids[0], mixed.ids[1]}
    assert seen("all") == {mixed.ids[0], mixed.ids[1]}, "the third one's rows are all sealed"
    with system("tests").acting():
        assert seen(None) == set(), "even a job lists its sources"


def test_the_application_role_cannot_change_positions_or_reach_partitions(mixed):
    from django.db import ProgrammingError

    ((part,),) = mixed.sql("SELECT 'telemetry_position_' || to_char(max(d), 'YYYYMMDD') FROM telemetry_days() d")
    for statement in ("DELETE FROM telemetry_position", f"SELECT * FROM {part}", "SELECT telemetry_detach(now()::date)",
                      "UPDATE telemetry_segment SET rows = 0", "DELETE FROM telemetry_raw"):  # fmt: skip
        with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
            connection.cursor().execute(statement)


def test_the_list_of_sources_does_not_outlive_the_query(mixed):
    with transaction.atomic(), connection.cursor() as cursor:
        Engine().positions(actor(below(mixed.units[0])), START, END)
        cursor.execute("SELECT count(*) FROM telemetry_position")
        assert cursor.fetchone() == (0,)


def test_latest_follows_scope(mixed):
    rows = engine.latest(actor(below(mixed.units[0])))
    assert [item["source_id"] for item in rows] == [mixed.ids[0], mixed.ids[1]]
    assert rows[0]["key"] == "CAR-0" and not rows[0]["online"] and 31 < rows[0]["lat"] < 32
    with transaction.atomic(), connection.cursor() as cursor:
        for table in ("telemetry_latest", "telemetry_session", "telemetry_raw", "telemetry_command"):
            cursor.execute(f"SELECT count(*) FROM {table}")
            assert cursor.fetchone() == (0,), "without an actor nothing is seen"


def test_range_is_half_open_and_must_carry_a_zone(fleet, lake):
    fleet.write([row(fleet.ids[0], NOON + timedelta(seconds=i)) for i in range(10)])
    for sealed in (False, True):
        if sealed:
            seal.seal_day(DAY, url=fleet.urls.ingest, lake=lake)
        found = Engine().positions([fleet.ids[0]], NOON, NOON + timedelta(seconds=9), ["device_at"])
        assert found.num_rows == 9
    with pytest.raises(ValueError, match="time zone"):
        Engine().positions([1], NOON.replace(tzinfo=None), END)
    with pytest.raises(ValueError, match="no such column"):
        Engine().positions([1], START, END, ["lat; DROP TABLE x"])


def test_parameters_are_numbers_and_moments_only():
    assert dialect.bound(":a + :b", {"a": np.float64(1.5), "b": -2}) == "1.5 + (-2)"
    moment = datetime(2026, 1, 1, 8, tzinfo=SHANGHAI)
    assert dialect.bound("x > :a AND t < :t AND y::int = 1", {"a": -2, "t": moment}) == (
        "x > (-2) AND t < TIMESTAMP '2026-01-01 00:00:00' AND y::int = 1"
    )
    for wrong in ("1; DROP TABLE x", True, None, datetime(2026, 1, 1)):
        with pytest.raises(TypeError):
            dialect.bound(":a", {"a": wrong})


def test_nearby_finds_who_was_there(fleet, lake):
    fleet.write([row(fleet.ids[0], NOON, lat=31.2301, lon=121.4701), row(fleet.ids[1], NOON, lat=31.24, lon=121.47)])
    table = Engine().ask("nearby", system("tests"), START, END, lat=31.23, lon=121.47, within_m=200)
    assert table.column("source_id").to_pylist() == [fleet.ids[0]]
    assert table.column("metres").to_pylist()[0] == pytest.approx(14.6, abs=0.2)
    assert table.column("first_at").to_pylist() == [NOON.astimezone(UTC).replace(tzinfo=None)]


def test_every_report_around_a_place_is_found_hot_and_sealed(mixed, lake):
    whole = service.positions_of(mixed.ids, START, END)
    lat, lon = float(whole["lat"][200]), float(whole["lon"][200])
    metres = haversine_m(whole["lat"], whole["lon"], lat, lon)
    for within in (40.0, 300.0, 2_000.0):
        found = service.near(mixed.ids, START, END, lat=lat, lon=lon, within_m=within)
        here = metres <= within
        assert 0 < here.sum() < metres.size
        assert np.array_equal(found["source_id"], whole["source_id"][here])
        assert np.array_equal(found["time_s"], whole["time_s"][here])
        assert np.allclose(found["metres"], metres[here])
    assert not service.near([], START, END, lat=lat, lon=lon, within_m=300.0)["time_s"].size


def test_mileage_against_known_legs(fleet, lake):
    """Four fixes one arc minute of latitude apart make three legs of 1,853 m; the jump and the gap do not count."""
    legs = [(0, 31.0), (100, 31 + 1 / 60), (200, 31 + 2 / 60), (300, 31 + 3 / 60), (310, 35.0), (4000, 35.1)]
    fleet.write([row(fleet.ids[0], NOON + timedelta(seconds=s), lat=lat) for s, lat in legs])
    (found,) = Engine().ask("mileage", system("tests"), START, END).to_pylist()
    assert (found["legs"], found["moving_s"]) == (3, 300)
    assert found["metres"] == pytest.approx(3 * 1853.25, abs=1)


SPARK = importlib.util.find_spec("pysail") is not None and importlib.util.find_spec("pyspark") is not None


@pytest.mark.skipif(
    not SPARK, reason="未安装 pysail 与 pyspark-client(可选依赖 spark),跳过与 Spark Connect 的一致性测试"
)
def test_the_same_text_gives_the_same_answers_on_sail(mixed, lake):
    from zhiguan.kernel.telemetry.engine_spark import SparkEngine, sail

    with sail() as remote:
        spark = SparkEngine(remote)
        try:
            for who in (system("tests"), actor(below(mixed.units[0])), Actor("无权")):
                for code in QUESTIONS:
                    here = {"lat": 31.3, "lon": 121.5, "within_m": 8_000} if code in ("nearby", "passing") else {}
                    ours = Engine().ask(code, who, START, END, **here).to_pylist()
                    theirs = spark.ask(code, who, START, END, **here).to_pylist()
                    assert len(ours) == len(theirs), code
                    assert bool(ours) == (who.name != "无权"), code
                    for mine, other in zip(ours, theirs, strict=True):
                        assert set(mine) == set(other)
                        for name, value in mine.items():
                            if isinstance(value, float):
                                assert other[name] == pytest.approx(value, rel=1e-9, abs=1e-9), (code, name)
                            else:
                                assert other[name] == value, (code, name)
            long_ago = START - timedelta(days=400)
            assert spark.sql("SELECT * FROM positions", system("tests"), long_ago, long_ago + timedelta(days=1)).num_rows == 0
        finally:
            spark.close()
