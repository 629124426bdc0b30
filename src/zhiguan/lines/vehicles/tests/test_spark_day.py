"""The same day computed on Sail over Spark Connect: equal trips, stops, days, order matches and findings."""

from __future__ import annotations

import importlib.util
from contextlib import nullcontext
from datetime import timedelta
from typing import Any

import pytest

from zhiguan.kernel.supervision import service as supervision
from zhiguan.kernel.supervision.models import Finding
from zhiguan.kernel.telemetry import seal
from zhiguan.kernel.telemetry import service as telemetry
from zhiguan.kernel.telemetry.lake import Lake
from zhiguan.lines.vehicles.domain import driving
from zhiguan.lines.vehicles.models import OrderMatch, Stop, Trip, VehicleDay

from .judging import Told
from .tracks import HOME, WORKDAY, at, north

SPARK = importlib.util.find_spec("pysail") is not None and importlib.util.find_spec("pyspark") is not None
FIELDS: dict[Any, tuple[str, ...]] = {
    Trip: ("vehicle", "day", "start_at", "end_at", "start_lat", "start_lon", "end_lat", "end_lon", "distance_m",
           "max_speed_kmh", "point_count", "match"),
    Stop: ("vehicle", "day", "start_at", "end_at", "lat", "lon", "radius_m", "at_place"),
    VehicleDay: ("vehicle", "day", "points", "dropped", "trips", "distance_m", "driving_s", "first_at", "last_at"),
    OrderMatch: ("order", "outcome", "trips", "distance_m"),
    Finding: ("rule", "subject_id", "period", "state", "summary", "evidence", "occurred_at"),
}  # fmt: skip


def computed(car: Any, through: Any) -> dict[str, list[tuple]]:
    """Compute and judge the day anew, positions read within ``through``; return everything that came of it."""
    for model in FIELDS:
        model.objects.all().delete()
    with through:
        driving.compute_day([car], WORKDAY)
        results = supervision.run_dirty("vehicles", subjects=[car], start=WORKDAY, end=WORKDAY + timedelta(days=1))
    assert not {code: result.error for code, result in results.items() if result.error}
    found = {}
    for model, names in FIELDS.items():
        rows = model.objects.order_by(*(name for name in names if name != "evidence")).values_list(*names)
        found[model.__name__] = [tuple(_timeless(value) for value in row) for row in rows]
    return found


def _timeless(value: Any) -> Any:
    """Evidence without keys of rows, which are new with every computing."""
    if isinstance(value, dict):
        return {name: _timeless(each) for name, each in value.items() if name not in ("id", "trip", "related")}
    return [_timeless(each) for each in value] if isinstance(value, list) else value


@pytest.mark.skipif(
    not SPARK, reason="未安装 pysail 与 pyspark-client（可选依赖 spark），跳过与 Spark Connect 的一致性测试"
)
def test_the_day_is_the_same_computed_through_sail(judge, tmp_path, settings):
    from zhiguan.kernel.telemetry.engine_spark import SparkEngine, sail

    settings.ZHIGUAN_LAKE = str(tmp_path)
    track = Told().stand(at(WORKDAY, "00:00"), at(WORKDAY, "09:30"))
    track.stand(track.drive(north(HOME, 4_000), at(WORKDAY, "09:30")), at(WORKDAY, "20:00"))
    track.stand(track.drive(HOME, at(WORKDAY, "20:00")), at(WORKDAY, "23:50"))
    late = Told(north(HOME, 9_000)).stand(at(WORKDAY, "12:00"), at(WORKDAY, "12:04"))
    judge.write(track)
    done = seal.seal_day(WORKDAY, url=settings.DATABASE_INGEST_URL, lake=Lake(tmp_path / "positions"))
    assert done is not None and done.rows > 500
    judge.write(late)  # two places at once, late: hot rows of a sealed day
    ours = computed(judge.car, nullcontext())
    assert ours["Trip"] and ours["Stop"] and {rule for rule, *_ in ours["Finding"]} >= {"vehicles.moved_without_order"}
    with sail() as remote:
        spark, asked = SparkEngine(remote), []
        answer = spark.sql
        spark.sql = lambda text, *rest, **more: asked.append(text) or answer(text, *rest, **more)
        try:
            theirs = computed(judge.car, telemetry.through(spark))
        finally:
            spark.close()
    assert theirs == ours and asked
