"""Days that only look like misuse: whatever a rule says of them is false."""

from __future__ import annotations

from .misuse import Scene, _by_ring
from .month import Month, NoWay, ordinary


def ordered_evening(month: Month) -> None:
    """At work in the evening, with an order."""
    month.outing(month.between(18.8, 19.6), month.goal(), month.between(40, 80))


def ordered_day_off(month: Month) -> None:
    """On duty on a day off, with an order."""
    month.outing(month.between(9.0, 15.0), month.goal(), month.between(40, 150))


def journey(month: Month) -> None:
    """A journey of two days with one order: a night outside, and outside the area, that was ordered."""
    goal = month.pick(month.scene.goals, 15_000, 26_000, inside=False)
    month.stand(month.between(9.0, 14.0))
    start = month.line.clock
    month.line.go(goal.place)
    month.line.stand(month.at(24 + month.between(9.0, 11.0)))
    month.line.go(month.home)
    month.cover(start, month.line.clock, goal)
    month.card(start - 90, month.line.clock + 60)


def school_is_the_goal(month: Month) -> None:
    """A sensitive place to which the order leads, as destination or on the way."""
    place = month.pick(month.scene.sensitive, 2_500, 9_000)
    if month.rng.random() < 0.5:
        month.outing(month.between(9.0, 14.5), place, month.between(20, 60))
        return
    goal = month.goal()
    way = (month.home, place.place, goal.place, month.home)
    if month.roundabout(way, way) > 1.4 or not month.inside(*way):
        raise NoWay
    month.stand(month.between(9.0, 13.5))
    start = month.line.clock
    for each in (place, goal):
        month.line.go(each.place)
        month.line.stand(month.line.clock + month.between(15, 35) * 60)
    month.line.go(month.home)
    month.cover(start, month.line.clock, goal, stops=[place])


def short_halt(month: Month) -> None:
    """Some minutes at a sensitive place: somebody got out."""
    goal = month.goal(4_000, 10_000)
    places = sorted(month.scene.sensitive, key=lambda each: month.straight_m(month.home, each.place, goal.place))
    way, named = (month.home, places[0].place, goal.place, month.home), (month.home, goal.place, month.home)
    if month.roundabout(way, named) > 1.4 or not month.inside(*way):
        raise NoWay
    month.stand(month.between(9.0, 13.5))
    start = month.line.clock
    month.line.go(places[0].place)
    month.line.stand(month.line.clock + month.between(120, 400), every_s=30.0, on=True)
    month.line.go(goal.place)
    month.line.stand(month.line.clock + month.between(20, 40) * 60)
    month.line.go(month.home)
    month.cover(start, month.line.clock, goal)


def many_stops(month: Month) -> None:
    """A long round with every place named."""
    month.stand(month.between(8.9, 10.0))
    start, stops = month.line.clock, []
    for _ in range(4):
        try:
            goal = month.goal(3_000, 9_000)
        except NoWay:
            break
        stops.append(goal)
        month.line.go(goal.place)
        month.line.stand(month.line.clock + month.between(22, 40) * 60)
    month.line.go(month.home)
    if stops:
        month.cover(start, month.line.clock, stops[-1], stops=stops[:-1])


def long_drive_with_rest(month: Month) -> None:
    """More than four hours at the wheel, with the rest the law asks for."""
    month.stand(month.between(8.4, 8.8))
    start, stops, since = month.line.clock, [], month.line.clock
    rested = False
    while month.line.clock - start < 6.0 * 3600:
        goal = month.pick(month.scene.goals, 1_000, 9e9, inside=False, direct=False)
        if month.line.clock - since + month.road_m(month.line.where, goal.place) / 6.0 > 3.5 * 3600:
            if not stops:  # too far for a first way: a nearer one
                continue
            if rested:
                break
            month.line.stand(month.line.clock + month.between(28, 45) * 60)
            since, rested = month.line.clock, True
            continue
        stops.append(goal)
        month.line.go(goal.place)
        month.line.stand(month.line.clock + month.between(60, 300), every_s=60.0, on=True)
    month.line.stand(month.line.clock + month.between(28, 45) * 60)
    month.line.go(month.home)
    month.cover(start, month.line.clock, stops[-1], stops=stops[:-1])


def twice_to_one_place(month: Month) -> None:
    """Two orders of one person to one place: hours apart, or short ones."""
    goal, who = month.goal(), month.someone()
    month.outing(month.between(8.9, 9.3), goal, month.between(20, 40), who=who)
    month.outing(month.between(14.0, 14.6), goal, month.between(20, 60), who=who)


def engine_for_a_while(month: Month) -> None:
    """The engine runs for some minutes, twice: neither is long."""
    for low, high in ((9.0, 9.4), (13.8, 14.5)):
        outing = month.outing(month.between(low, high), month.goal(), month.between(30, 45))
        length = month.between(7, 11) * 60
        month.line.more(outing.arrived_s + 20, outing.arrived_s + length, 60.0)
        month.line.engine(outing.arrived_s, outing.arrived_s + length)


def garage(month: Month) -> None:
    """An underground garage at the goal: no fix and no network for an hour or two, no alarm."""
    outing = month.outing(month.between(9.0, 13.0), month.goal(), month.between(80, 150))
    start, end = outing.arrived_s + 120, outing.left_s - 60
    if month.rng.random() < 0.5:
        month.line.unfixed(start, end)
    else:
        month.line.lose(start, end)


def tunnel(month: Month) -> None:
    """Some minutes without any report on the way."""
    outing = month.outing(month.between(9.0, 14.5), month.goal(5_000, 9_500), month.between(20, 50))
    start = outing.there.part(0.3)
    month.line.lose(start, min(start + month.between(180, 480), outing.there.end_s - 60))


def blind_area(month: Month) -> None:
    """A way without network: told later."""
    outing = month.outing(month.between(9.0, 14.5), month.goal(), month.between(30, 60))
    month.line.blind(outing.there.start_s, outing.left_s)


def late_day(month: Month) -> None:
    """The whole day is told the day after."""
    day = month.day
    ordinary(month)
    month.line.blind(month.at(0.0, day), month.at(24.0, day) - 1, month.at(24 + month.between(9, 20), day))


def drifting(month: Month) -> None:
    """High buildings: the receiver wanders while the car stands in its yard."""
    ordinary(month, outings=1)
    start = month.at(month.between(14.5, 16.5))
    month.line.stand(start)
    length = month.between(10, 25) * 60
    month.line.stand(start + length, every_s=60.0)
    month.line.wander(start, start + length, month.between(60.0, 150.0), month.between(2.0, 4.8))


def brief_alarm(month: Month) -> None:
    """A bad contact: the antenna's alarm for a minute or two."""
    outing = month.outing(month.between(9.0, 14.5), month.goal(), month.between(30, 60))
    start = outing.there.part(0.4)
    month.line.alarm(start, start + month.between(30, 150), 1 << 5)


def cancelled(month: Month) -> None:
    """An order that was called off, and the car stayed."""
    ordinary(month, outings=1)
    start = month.at(month.between(14.0, 14.6))
    month.order(start, start + 5400, month.goal(), state="cancelled")


def fast_but_allowed(month: Month) -> None:
    """Quick on the ring road, below the limit."""
    goal = _by_ring(month)
    month.stand(month.between(9.0, 14.5))
    start = month.line.clock
    month.line.go(goal.place, limit=month.between(100, 112))
    month.line.stand(month.line.clock + month.between(15, 30) * 60)
    month.line.go(month.home)
    month.cover(start, month.line.clock, goal)


def fine_reports(month: Month) -> None:
    """Reported every two seconds, gently driven."""
    month.outing(month.between(9.0, 14.5), month.goal(4_000, 9_000), month.between(20, 40), every_s=2.0)


def back_at_lunch(month: Month) -> None:
    """Left a little early and back a little late of what was planned."""
    goal = month.goal()
    outing = month.outing(month.between(9.5, 14.0), goal, month.between(30, 60), ordered=False)
    month.order(outing.there.start_s + month.between(300, 1400), outing.back.end_s - month.between(300, 1400), goal)


WORKING: tuple[Scene, ...] = (
    ordered_evening, journey, school_is_the_goal, short_halt, many_stops, long_drive_with_rest, twice_to_one_place,
    engine_for_a_while, garage, tunnel, blind_area, late_day, drifting, brief_alarm, cancelled, fast_but_allowed,
    fine_reports, back_at_lunch,
)  # fmt: skip
DAY_OFF: tuple[Scene, ...] = (ordered_day_off,)
TWO_DAYS = frozenset({journey, late_day})
"""Scenes that reach into the next day."""
