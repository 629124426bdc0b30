"""Recommendations: plain calculations; each case could be done by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import yaml

from zhiguan.kernel.reference import service as reference
from zhiguan.lines.vehicles.queries.recommend import (
    Car,
    DriverLoad,
    Limits,
    Need,
    alternatives,
    length_km,
    rank_cars,
    rank_drivers,
    sharing,
)

FACTS = yaml.safe_load((reference.DATA / "dispatch.yaml").read_text(encoding="utf-8"))["facts"]
LIMITS = Limits({code: entry["value"] for code, entry in FACTS.items()})
MONDAY = datetime(2026, 3, 2, 9, tzinfo=ZoneInfo("Asia/Shanghai"))
HALL, EAST, FAR = (31.23, 121.47), (31.23, 121.60), (31.23, 121.90)
HOUR = timedelta(hours=1)


def need(key: int = 1, start: datetime = MONDAY, hours: float = 3, persons: int = 2, **values) -> Need:
    return Need(key, f"PC{key}", start, start + HOUR * hours, persons, **{"places": (HALL, EAST), **values})


def test_a_way_is_measured_along_the_road_and_back():
    one_way = length_km((HALL, EAST), LIMITS)
    assert one_way == pytest.approx(12.36 * 1.35, rel=0.01)
    assert length_km((HALL, EAST), LIMITS, back=True) == pytest.approx(2 * one_way)
    assert length_km((HALL,), LIMITS, back=True) == 0


def test_two_orders_to_one_place_share_a_car_and_save_a_whole_way():
    other = need(2, MONDAY + HOUR / 4, seats_left=2)
    (found,) = sharing(need(), [other], LIMITS)
    assert found.saved_km == pytest.approx(length_km((HALL, EAST), LIMITS, back=True), abs=0.1)
    assert "晚出发 15 分钟" in found.reasons and found.extra_min == 0


@pytest.mark.parametrize(
    "change",
    [
        {"start": MONDAY + HOUR, "end": MONDAY + 4 * HOUR},  # too late
        {"seats_left": 1},  # no seat
        {"places": (HALL, (31.23, 121.20))},  # the other way
        {"places": (HALL,)},  # nobody knows where
    ],
)
def test_orders_that_do_not_fit_do_not_share(change):
    assert sharing(need(), [replace(need(2, seats_left=3), **change)], LIMITS) == []


def test_an_order_does_not_share_with_itself():
    assert sharing(need(), [need(seats_left=4)], LIMITS) == []


def test_the_nearest_car_that_fits_comes_first_and_says_why():
    near = Car(1, "沪A00001", 5, "sedan", at=(31.23, 121.48), live=True)
    far = Car(2, "沪A00002", 5, "sedan", at=EAST, live=True)
    small = Car(3, "沪A00003", 2, "sedan", at=HALL, live=True)
    lost = Car(4, "沪A00004", 5, "sedan")
    bus = Car(5, "沪A00005", 20, "large_bus", at=HALL)
    ranked = rank_cars(need(), [lost, bus, small, far, near], LIMITS)
    assert [each.key for each in ranked] == [1, 5, 4, 2, 3] and [each.fits for each in ranked][-1] is False
    assert "实时位置" in ranked[0].reasons[0] and "坐不下" in ranked[-1].warnings[0]


def test_an_electric_car_is_first_on_short_ways_and_not_sent_beyond_its_range():
    cars = [Car(1, "沪A1", 5, at=HALL), Car(2, "沪AD2", 5, electric=True, at=HALL)]
    assert rank_cars(need(), cars, LIMITS)[0].key == 2
    away = rank_cars(need(places=(HALL, (32.9, 121.0))), cars, LIMITS)
    assert away[0].key == 1 and not away[1].fits


def test_a_class_asked_for_is_preferred():
    cars = [Car(1, "沪A1", 5, "sedan", at=HALL), Car(2, "沪A2", 7, "small_bus", at=(31.23, 121.485))]
    assert rank_cars(need(body="small_bus"), cars, LIMITS)[0].key == 2


def test_hours_of_driving_keep_tired_drivers_back():
    fresh = DriverLoad(1, "甲")
    day = tuple((MONDAY + HOUR * k, MONDAY + HOUR * (k + 5)) for k in (-3, 4, 9))
    tired = DriverLoad(2, "乙", day)
    night = DriverLoad(3, "丙", ((MONDAY - HOUR * 12, MONDAY - HOUR * 5),))
    bound = DriverLoad(4, "丁", ((MONDAY, MONDAY + HOUR),))
    just = DriverLoad(5, "戊", ((MONDAY - HOUR, MONDAY - HOUR / 6),))
    ranked = rank_drivers(need(), [bound, night, tired, just, fresh], LIMITS)
    assert ranked[0].key == 1 and ranked[1].key == 5
    by_key = {each.key: each for each in ranked}
    assert not by_key[2].fits and "超过 8 小时" in "".join(by_key[2].warnings)
    assert not by_key[3].fits and "夜间休息不足" in by_key[3].warnings[0]
    assert "已有任务" in by_key[4].warnings[0]
    assert "10 分钟" in by_key[5].warnings[0] and by_key[5].fits


def test_the_week_counts_from_monday():
    days = tuple((MONDAY + timedelta(days=k), MONDAY + timedelta(days=k) + HOUR * 15) for k in range(5))
    friday = need(start=MONDAY + timedelta(days=5), hours=6)
    assert "本周" in "".join(rank_drivers(friday, [DriverLoad(1, "甲", days)], LIMITS)[0].warnings)
    next_week = need(start=MONDAY + timedelta(days=7))
    assert rank_drivers(next_week, [DriverLoad(1, "甲", days)], LIMITS)[0].fits


def test_a_lone_passenger_is_told_of_cheaper_ways_and_a_full_car_is_not():
    ways = alternatives(need(persons=1), LIMITS)
    assert [each.title for each in ways] == ["公共交通", "出租汽车"]
    assert ways[0].cost_yuan == 10 and ways[0].own_yuan > ways[1].cost_yuan
    assert alternatives(need(persons=20, hours=0.5, places=(HALL, FAR)), LIMITS) == []
    assert alternatives(need(places=(HALL,)), LIMITS) == []
