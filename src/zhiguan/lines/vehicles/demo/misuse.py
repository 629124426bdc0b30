"""Working days and days off with misuse, each telling what the rules should find and why.

Every scene plays one day of a car that stands in its yard at midnight, and leaves it there (or says so). Scenes are
clear cases: what is near a threshold is the rules' own tests' matter. A scene that cannot be played raises ``NoWay``
before it has moved the car.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from .month import ROAD_FACTOR, Month, NoWay, Outing
from .scene import Named, Someone

Scene = Callable[[Month], None]
MOVED, HOURS, NIGHT, OFFLINE = "moved_without_order", "outside_hours", "overnight_outside", "terminal_offline"
ANTENNA_BITS = (1 << 4, 1 << 5, 1 << 6, 1 << 8)


def no_order(month: Month) -> None:
    """One outing with an order, and a second one without any, in office hours."""
    first, second = month.goal(2_500, 6_500), month.goal()
    month.outing(month.between(8.9, 9.3), first, month.between(20, 40))
    month.outing(month.between(14.0, 14.5), second, month.between(20, 60), ordered=False)
    month.tell(MOVED, f"上班时间无派车单前往{second.name}")


def evening(month: Month) -> None:
    """After work, without an order, home before the night."""
    goal = month.goal(3_000, 8_000)
    month.outing(month.between(19.4, 20.0), goal, month.between(30, 60), ordered=False)
    for rule in (MOVED, HOURS):
        month.tell(rule, f"下班后无派车单前往{goal.name}")


def rest_day(month: Month) -> None:
    """On a day off, without an order."""
    goal = month.goal(3_000, 9_000)
    month.outing(month.between(9.5, 15.0), goal, month.between(30, 150), ordered=False)
    for rule in (MOVED, HOURS):
        month.tell(rule, f"休息日、节假日无派车单前往{goal.name}")


def overnight(month: Month) -> None:
    """Driven to a residence in the evening and back in the morning."""
    _night_away(month, silent=False)


def overnight_silent(month: Month) -> None:
    """The same with the terminal switched off until the morning: nobody knows where it stood."""
    _night_away(month, silent=True)


def _night_away(month: Month, *, silent: bool) -> None:
    goal = month.goal(3_500, 8_000)
    month.stand(month.between(19.0, 20.0))
    there = month.line.go(goal.place)
    month.line.stand(month.at(24 + month.between(6.4, 6.9)))
    back = month.line.go(month.home)
    after = month.day + timedelta(days=1)
    for rule in (MOVED, HOURS):
        month.tell(rule, f"晚间无派车单驶往{goal.name}过夜")
        month.tell(rule, f"清晨由过夜地点{goal.name}驶回", day=after)
    if silent:
        month.line.lose(there.end_s + 1800, back.start_s - 60)
        month.tell(OFFLINE, f"在{goal.name}过夜，终端断电至次日清晨", day=after)
    else:
        month.tell(NIGHT, f"在{goal.name}过夜，没有派车单")


def private_stop(month: Month) -> None:
    """On the way of an order, a halt at a place that the order does not name."""
    goal = month.goal(4_000, 10_000)
    ends = (goal.place, month.home)
    places = [each for each in month.scene.sensitive if min(month.straight_m(each.place, end) for end in ends) > 900]
    places.sort(key=lambda each: month.straight_m(month.home, each.place, goal.place))
    for place in places[:3]:
        way, named = (month.home, goal.place, place.place, month.home), (month.home, goal.place, month.home)
        if month.roundabout(way, named) < 1.4 and month.inside(*way):
            break
    else:
        raise NoWay
    month.stand(month.between(9.0, 13.8))
    start = month.line.clock
    month.line.go(goal.place)
    month.line.stand(month.line.clock + month.between(20, 40) * 60)
    month.line.go(place.place)
    month.line.stand(month.line.clock + month.between(17, 50) * 60, every_s=120)
    month.line.go(month.home)
    month.cover(start, month.line.clock, goal)
    month.card(start - 90, month.line.clock + 60)
    month.tell("private_stop", f"返程在{place.name}停留，派车单只到{goal.name}")


def detour(month: Month) -> None:
    """To a near place by way of a far one."""
    goal = month.goal(2_500, 4_500)
    away = month.pick(month.scene.goals, 9_000, 15_000, origin=goal.place, direct=False)
    way, named = (month.home, away.place, goal.place, month.home), (month.home, goal.place, month.home)
    excess_m = month.road_m(*way) - ROAD_FACTOR * month.straight_m(*named)
    if month.roundabout(way, named) < 2.0 or excess_m < 11_000 or not month.inside(*way):
        raise NoWay
    month.stand(month.between(9.0, 13.8))
    start = month.line.clock
    month.line.go(away.place)
    month.line.go(goal.place)
    month.line.stand(month.line.clock + month.between(20, 40) * 60)
    month.line.go(month.home)
    month.cover(start, month.line.clock, goal)
    month.card(start - 90, month.line.clock + 60)
    month.tell("detour", f"前往{goal.name}绕经{away.name}，为预计里程的 {month.roundabout(way, named):.1f} 倍")


def outside_area(month: Month) -> None:
    """Beyond the permitted area, without an order."""
    if month.area is None:
        raise NoWay
    goal = month.pick(month.scene.goals, 16_500, 24_000, inside=False, direct=False)
    month.stand(month.between(9.2, 12.0))
    month.line.go(goal.place)
    month.line.stand(month.line.clock + month.between(20, 50) * 60)
    month.line.go(month.home)
    if month.line.clock > month.at(18.2):
        month.tell(HOURS, f"无派车单前往{goal.name}，下班后才返回")
    month.tell("outside_area", f"驶往允许区域以外的{goal.name}")
    month.tell(MOVED, f"无派车单前往{goal.name}")


def splitting(month: Month) -> None:
    """A whole day at one place, asked for as two short orders."""
    goal, who = month.goal(), month.someone()
    outing = _day_long(month, goal)
    middle = month.at(12.75)
    month.order(outing.there.start_s - 900, middle, goal, who=who)
    month.order(middle + month.between(5, 20) * 60, outing.back.end_s + 900, goal, who=who)
    month.tell("order_splitting", f"同一人全天前往{goal.name}，拆成首尾相接的两单")


def _day_long(month: Month, goal: Named) -> Outing:
    return month.outing(month.between(7.9, 8.2), goal, 60 * month.between(8.6, 9.0), ordered=False)


def unauthorised(month: Month) -> None:
    """Somebody else's card is in the reader."""
    if not month.car.reader:
        raise NoWay
    goal = month.goal()
    colleagues = [each for each in month.car.organ.drivers if each != month.car.driver]
    if month.rng.random() < 0.5:
        other = colleagues[int(month.rng.integers(len(colleagues)))]
    else:
        other = Someone(-1, "身份不明人员", -1, f"9999{month.scene.seed:04d}{month.car.index:010d}")
    month.outing(month.between(9.0, 14.5), goal, month.between(20, 50), cardholder=other)
    month.tell("unauthorised_driver", f"派车单驾驶员为{month.car.driver.name}，刷卡的是{other.name}")


def refuel_elsewhere(month: Month) -> None:
    """A filling on the books while the car stood in its yard."""
    stations = [each for each in month.scene.stations if month.straight_m(each.place, month.home) > 2_500]
    goal = month.goal()
    month.outing(month.between(8.9, 9.3), goal, month.between(20, 40))
    station = stations[int(month.rng.integers(len(stations)))]
    at = month.at(month.between(14.0, 16.5))
    metres = month.filled_m
    month.fill(station, at, share=0.6)
    month.filled_m = metres
    month.tell("refuel_elsewhere", f"{station.name}有加油充电记录，车辆当时停在本单位")


def idling(month: Month) -> None:
    """The engine runs all the time of the stay."""
    if not month.car.wired:
        raise NoWay
    outing = month.outing(month.between(9.0, 14.5), month.goal(), month.between(40, 80))
    month.line.more(outing.arrived_s + 20, outing.left_s - 60, 60.0)  # reported as if driving, only more seldom
    month.line.engine(outing.arrived_s, outing.left_s)
    month.tell("idling", f"停车等候 {(outing.left_s - outing.arrived_s) / 60:.0f} 分钟不熄火")


def speeding(month: Month) -> None:
    """Far too fast on the ring road."""
    goal = _by_ring(month)
    month.stand(month.between(9.0, 14.5))
    start = month.line.clock
    month.line.go(goal.place, limit=month.between(145, 168))
    month.line.stand(month.line.clock + month.between(15, 30) * 60)
    month.line.go(month.home)
    month.cover(start, month.line.clock, goal)
    month.card(start - 90, month.line.clock + 60)
    month.tell("speeding", f"前往{goal.name}途中在快速路上严重超速")


def _by_ring(month: Month) -> Named:
    """A goal whose way leads some kilometres over a ring road, without a light in between."""
    for n in month.rng.permutation(len(month.scene.goals))[:30].tolist():
        goal = month.scene.goals[n]
        if not 5_000 < month.straight_m(month.home, goal.place) < 22_000:
            continue
        route = month.line.route(goal.place)
        if float(route.legs_m[route.limit_kmh >= 80.0].sum()) < 6_500 or not month.inside(
            month.home, goal.place, month.home
        ):
            continue
        if month.roundabout((month.home, goal.place, month.home), (month.home, goal.place, month.home)) < 1.4:
            return goal
    raise NoWay


def harsh(month: Month) -> None:
    """Braking, speeding up and turning like a rally driver, reported every two seconds."""
    outing = month.outing(month.between(9.0, 14.5), month.goal(5_500, 9_500), month.between(20, 40), every_s=2.0)
    count = month.line.harsh(outing.there.part(0.1), outing.there.part(0.9), int(month.rng.integers(9, 14)))
    month.tell("harsh_driving", f"途中急加速、急减速、急转弯约 {count} 次")


def fatigue(month: Month) -> None:
    """From place to place for more than four hours, never resting for twenty minutes."""
    driven, start = 0.0, month.at(month.between(8.4, 8.8))
    month.line.stand(start)
    stops = []
    while driven < 4.6 * 3600:
        try:
            goal = month.pick(month.scene.goals, 7_000, 16_000, direct=False)
        except NoWay:
            goal = month.pick(month.scene.goals, 1_000, 9e9, inside=False, direct=False)
        stops.append(goal)
        month.line.go(goal.place)
        month.line.stand(month.line.clock + month.between(120, 420), every_s=60.0, on=True)
        driven = month.line.clock - start
    month.line.go(month.home)
    month.cover(start, month.line.clock, stops[-1], stops=stops[:-1])
    month.card(start - 90, month.line.clock + 60)
    month.tell("fatigue", f"连续行驶 {driven / 3600:.1f} 小时未休息 20 分钟")


def offline_driving(month: Month) -> None:
    """The terminal goes silent on the way and comes back on the way home."""
    outing = month.outing(month.between(9.0, 14.0), month.goal(5_000, 9_500), month.between(35, 60))
    month.line.lose(outing.there.part(0.35), outing.back.part(0.35))
    month.tell(OFFLINE, "行驶途中终端断开，返程途中恢复")


def offline_office(month: Month) -> None:
    """Nothing all day, or for most of the office hours."""
    if month.rng.random() < 0.3:
        month.line.lose(month.at(0.0) + 1, month.at(24.0) - 1)
        month.tell(OFFLINE, "终端全天无上报")
    else:
        month.line.lose(month.at(month.between(9.2, 9.8)), month.at(month.between(15.6, 17.0)))
        month.tell(OFFLINE, "工作时间终端断开六小时左右")


def silent_move(month: Month) -> None:
    """Standing in the yard it goes silent, and is elsewhere when it comes back; no order."""
    goal = month.goal(3_500, 8_000)
    start = month.between(13.2, 13.8)
    month.stand(start)
    there = month.line.go(goal.place)
    month.line.stand(there.end_s + month.between(30, 60) * 60)
    month.line.go(month.home)
    month.line.lose(there.start_s - 240, there.end_s + 600)
    month.tell("silent_move", f"停车后终端断开，恢复时已在{goal.name}")
    month.tell(MOVED, f"由{goal.name}驶回，没有派车单")


def antenna_alarm(month: Month) -> None:
    """The terminal tells that its antenna or power was cut."""
    outing = month.outing(month.between(9.0, 14.5), month.goal(), month.between(40, 60))
    bits = ANTENNA_BITS[int(month.rng.integers(len(ANTENNA_BITS)))]
    start = outing.there.part(0.5)
    end = outing.arrived_s + month.between(18, 25) * 60
    month.line.alarm(start, end, bits)
    if bits != 1 << 8 and month.rng.random() < 0.6:
        month.line.unfixed(start, end)
    month.tell("antenna_cut", "终端报告天线或主电源断开")


def antenna_blind(month: Month) -> None:
    """No fix all the way there, while the odometer runs on."""
    outing = month.outing(month.between(9.0, 14.5), month.goal(4_500, 9_000), month.between(30, 60))
    month.line.unfixed(outing.there.start_s, outing.there.end_s + 300)
    month.tell("antenna_cut", f"去程 {outing.there.metres / 1000:.0f} 公里不定位而里程增加")


def spoof_island(month: Month) -> None:
    """Some reports on the way are from quite another place."""
    outing = month.outing(month.between(9.0, 14.5), month.goal(4_500, 9_000), month.between(20, 50))
    most = int(month.rng.choice([7, 9, 14])) if month.car.every_s <= 10 else 8
    month.line.shift(
        outing.there.part(0.25), outing.there.part(0.95), month.between(0.08, 0.3), month.between(0.05, 0.3), most
    )
    month.tell("spoofed", "途中成段定位点落在几十公里之外")


def spoof_twice(month: Month) -> None:
    """A second terminal with the same number reports from elsewhere."""
    goal = month.goal(5_000, 9_500)
    other = month.pick(month.scene.goals, 9_000, 30_000, inside=False, direct=False)
    if month.straight_m(goal.place, other.place) < 8_000:
        raise NoWay
    outing = month.outing(month.between(9.0, 14.5), goal, month.between(20, 50))
    month.line.double(outing.there.part(0.05), outing.there.part(0.95), other.place, month.car.every_s * 3.1)
    month.tell("spoofed", f"同一号码同时在途中和{other.name}上报")


def spoof_frozen(month: Month) -> None:
    """The place stays the same while speeds are reported."""
    outing = month.outing(month.between(9.0, 14.5), month.goal(8_000, 11_000), month.between(20, 50))
    start = outing.there.part(0.15)
    month.line.freeze(start, min(start + month.between(440, 600), outing.there.end_s - 10))
    month.tell("spoofed", "途中定位点不变而持续上报速度")


def no_trip(month: Month) -> None:
    """An order, and the car stays in the yard."""
    goal = month.goal()
    month.outing(month.between(8.9, 9.3), goal, month.between(20, 40))
    start = month.at(month.between(14.0, 14.6))
    month.order(start, start + month.between(80, 130) * 60, month.goal())
    month.tell("order_without_trip", "派车单时段内车辆一直停在本单位")


def overrun(month: Month) -> None:
    """Back in the evening, hours after the order ended."""
    goal = month.goal()
    outing = month.outing(month.between(13.2, 13.8), goal, 60 * month.between(5.3, 5.9), ordered=False)
    month.order(outing.there.start_s - 600, month.at(month.between(15.5, 16.5)), goal)
    for rule in (MOVED, HOURS):
        month.tell(rule, f"派车单下午结束，晚间才由{goal.name}驶回")


WORKING: tuple[Scene, ...] = (
    no_order, evening, overnight, overnight_silent, private_stop, detour, outside_area, splitting, unauthorised,
    refuel_elsewhere, idling, speeding, harsh, fatigue, offline_driving, offline_office, silent_move, antenna_alarm,
    antenna_blind, spoof_island, spoof_twice, spoof_frozen, no_trip, overrun, detour, unauthorised, outside_area,
)  # fmt: skip
"""Scenes of a working day; those that not every car can play stand here twice."""
DAY_OFF: tuple[Scene, ...] = (rest_day, rest_day, rest_day, overnight)
AWAY_AT_MIDNIGHT = frozenset({overnight, overnight_silent})
"""Scenes after which the next day must begin late enough: the car comes home in the morning."""
