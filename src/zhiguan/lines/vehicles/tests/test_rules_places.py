"""Outside the permitted area, and at sensitive places on the way: hits, near misses, edges, late data."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from zhiguan.kernel.ledger import service as ledger
from zhiguan.kit.actor import system
from zhiguan.lines.vehicles.models import PermittedArea, SensitivePlace

from .judging import Told
from .tracks import HOME, METRE_LAT, WORKDAY, Track, at, north

BOSS = system("tests")
TEN_KM = north(HOME, 10_000)


def square(half_m: float, hole: tuple[float, float] | None = None) -> dict:
    """A square around the parking place, with a square hole around ``hole`` (metres north of it, half side)."""

    def ring(lat: float, lon: float, half: float) -> list[list[float]]:
        side = half * METRE_LAT
        return [[lon + x * side * 1.17, lat + y * side] for x, y in ((-1, -1), (1, -1), (1, 1), (-1, 1), (-1, -1))]

    rings = [ring(*HOME, half_m)]
    if hole is not None:
        rings.append(ring(*north(HOME, hole[0]), hole[1]))
    return {"type": "Polygon", "coordinates": rings}


@pytest.fixture
def area(world):
    def make(fence: dict, **values) -> PermittedArea:
        return ledger.create(
            PermittedArea,
            BOSS,
            {"unit": world.organ, "name": "本市城区", "fence": fence, "valid_from": date(2026, 1, 1), **values},
        )

    return make


@pytest.mark.parametrize(
    ("half_m", "kmh", "found"),
    [
        (5_000, 36, True),
        (9_900, 36, False),  # 100 m beyond the edge, 200 m are granted
        (9_700, 36, True),  # 300 m beyond, for the hour it stands there
        (12_000, 36, False),
    ],
)
def test_the_edge_of_the_area(judge, area, half_m, kmh, found):
    area(square(half_m))
    assert ("outside_area" in judge.day(Track().outing(WORKDAY, TEN_KM, "10:00", "12:00"))) is found


def test_a_hole_is_outside_and_a_short_crossing_is_not_judged(judge, area):
    """Driving through a hole of 2 km takes 3 minutes; standing in it from 14:08 to 15:00 does not."""
    area(square(20_000, hole=(5_000, 1_000)))
    assert "outside_area" not in judge.day(Track().outing(WORKDAY, TEN_KM, "10:00", "12:00"))
    after = WORKDAY + timedelta(days=1)
    assert "outside_area" in judge.day(Track().outing(after, north(HOME, 5_000), "14:00", "15:00"), day=after)
    figures = judge.figures("outside_area")
    assert figures["最远距离"] == pytest.approx(1_000, abs=30) and figures["区域外时长"] == pytest.approx(54, abs=2)


def test_an_order_that_leads_outside_covers_it(judge, area, past_order):
    area(square(5_000))
    order = past_order(
        judge.car, at(WORKDAY, "09:30"), at(WORKDAY, "12:30"), destination_lat=TEN_KM[0], destination_lon=TEN_KM[1]
    )
    track = Track().outing(WORKDAY, TEN_KM, "10:00", "12:00")
    assert "outside_area" not in judge.day(track)
    type(order).objects.filter(pk=order.pk).update(destination_lat=HOME[0], destination_lon=HOME[1])
    assert "outside_area" in judge.again()


def test_a_vehicles_own_area_replaces_its_organs_and_dates_count(judge, area):
    area(square(5_000))
    area(square(20_000), vehicle=judge.car, name="本车")
    track = Track().outing(WORKDAY, TEN_KM, "10:00", "12:00")
    assert "outside_area" not in judge.day(track)
    PermittedArea.objects.filter(vehicle=judge.car).update(valid_from=WORKDAY + timedelta(days=1))
    assert "outside_area" in judge.again()
    PermittedArea.objects.all().update(state="closed")
    assert "outside_area" not in judge.again()
    assert judge.finding("outside_area").state == "withdrawn"


# --- 公务途中在敏感场所停留

MIDDLE = north(HOME, 4_000)


@pytest.fixture
def place(world):
    def make(where=MIDDLE, **values) -> SensitivePlace:
        return ledger.create(
            SensitivePlace, BOSS,
            {"unit": world.city, "kind": "leisure", "name": "某会所", "lat": where[0], "lon": where[1], "radius_m": 80, **values},
        )  # fmt: skip

    return make


def with_a_stop(minutes: float, where=MIDDLE) -> Told:
    """Out to the goal at 10:00, on the way home a stop at ``where``."""
    track = Told().stand(at(WORKDAY, "00:00"), at(WORKDAY, "10:00"))
    track.stand(track.drive(TEN_KM, at(WORKDAY, "10:00")), at(WORKDAY, "11:00"))
    there = track.drive(where, at(WORKDAY, "11:00"))
    on = there + timedelta(minutes=minutes)
    track.stand(there, on)
    return track.stand(track.drive(HOME, on), at(WORKDAY, "23:59"))


@pytest.fixture
def ordered(judge, past_order):
    return past_order(
        judge.car, at(WORKDAY, "10:00"), at(WORKDAY, "13:00"), destination_lat=TEN_KM[0], destination_lon=TEN_KM[1]
    )


@pytest.mark.parametrize(("minutes", "found"), [(8, False), (12, True), (45, True)])
def test_a_stop_at_a_sensitive_place(judge, place, ordered, minutes, found):
    place()
    assert ("private_stop" in judge.day(with_a_stop(minutes))) is found
    if found:
        figures = judge.figures("private_stop")
        assert figures["场所"] == "某会所" and figures["停留时长"] == pytest.approx(minutes, abs=2)


@pytest.mark.parametrize(("metres", "found"), [(100, True), (125, False), (400, False)])
def test_a_stop_at_its_gate_counts_one_down_the_road_does_not(judge, place, ordered, metres, found):
    """80 m wide, 30 m are added."""
    place()
    assert ("private_stop" in judge.day(with_a_stop(30, north(MIDDLE, metres)))) is found


def test_what_the_order_names_is_no_private_stop(judge, place, ordered):
    place()
    track = with_a_stop(30)
    type(ordered).objects.filter(pk=ordered.pk).update(stops=[{"name": "某会所", "lat": MIDDLE[0], "lon": MIDDLE[1]}])
    assert "private_stop" not in judge.day(track)
    type(ordered).objects.filter(pk=ordered.pk).update(stops=[])
    assert "private_stop" in judge.again()


def test_without_an_order_it_is_another_rules(judge, place):
    place()
    found = judge.day(with_a_stop(30))
    assert "private_stop" not in found and "moved_without_order" in found


def test_a_polygon_and_a_closed_place(judge, place, ordered):
    fence = square(150)
    for ring in fence["coordinates"]:
        for point in ring:
            point[1] += 4_000 * METRE_LAT
    made = place(north(MIDDLE, 3_000), fence=fence, kind="school", name="某学校")
    assert "private_stop" in judge.day(with_a_stop(30))
    ledger.move(made, "close", BOSS, reason="已迁址")
    assert "private_stop" not in judge.again()
