"""How vehicles are driven: too fast, harshly, too long without rest, standing with the engine on. SPEC L4.4."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from zhiguan.kernel.geo.service import haversine_m
from zhiguan.kernel.reference import service as reference
from zhiguan.kernel.supervision.declare import Hit, Rule, RuleContext

from . import evidence as ev
from .evidence import clock, figure, step
from .frame import Day, by_slot, days, moment

LEAST_POINTS = 3
LONGEST_STEP_S = 60.0
"""Between reports farther apart nothing is known of the speed."""
FINE_STEP_S = 3.0
"""Acceleration can be told from reports at most this far apart: over ten seconds every braking is gentle."""
IDLE_STEP_S = 300.0


def speeding(context: RuleContext) -> Iterator[Hit]:
    """Yield vehicle-days on which the vehicle drove faster than allowed for some time on end.

    The reported speed counts where the way driven agrees with it: a receiver's wild figure accuses nobody.
    """
    for day in days(context):
        frame, points = day.frame, day.frame.points
        limit = day.limit("speed_limit_kmh") + day.limit("speeding_margin_kmh")
        fast = frame.kept & (points.speed_kmh > limit[points.slot])
        if not fast.any():
            continue
        first, last = frame.runs(fast, frame.dt > LONGEST_STEP_S)
        long_s = points.time_s[last - 1] - points.time_s[first]
        good = (last - first >= LEAST_POINTS) & (long_s >= day.limit("speeding_s")[points.slot[first]])
        first, last, long_s = first[good], last[good], long_s[good]
        driven = haversine_m(points.lat[first], points.lon[first], points.lat[last - 1], points.lon[last - 1])
        straight = driven / np.maximum(long_s, 1.0) * 3.6
        agrees = straight >= 0.6 * limit[points.slot[first]]
        first, last, long_s = first[agrees], last[agrees], long_s[agrees]
        for slot, runs in by_slot(points.slot[first]):
            yield _speeding(day, slot, first[runs], last[runs], float(limit[slot]))


def _speeding(day: Day, slot: int, first: NDArray[np.intp], last: NDArray[np.intp], limit: float) -> Hit:
    frame, points = day.frame, day.frame.points
    vehicle = frame.vehicles[slot]
    rows = np.concatenate([np.arange(a, b) for a, b in zip(first, last, strict=True)])
    top = float(points.speed_kmh[rows].max())
    seconds = float((points.time_s[last - 1] - points.time_s[first]).sum())
    allowed = float(day.limits.value("speed_limit_kmh", vehicle.scope_pos))
    least = float(day.limits.value("speeding_s", vehicle.scope_pos))
    start_s = float(points.time_s[first[0]])
    return Hit(
        subject=vehicle, period=day.text, unit=vehicle.unit, occurred_at=moment(start_s),
        summary=f"{vehicle.plate} 于 {clock(start_s)} 起超速行驶 {first.size} 次、{seconds / 60:.1f} 分钟，"
                f"最高 {top:.0f} 公里/小时（限 {allowed:.0f}）。",
        evidence=ev.evidence(
            day, slot, rows=rows, limits=("speed_limit_kmh", "speeding_margin_kmh", "speeding_s"),
            sure=ev.confidence(frame.quality[slot], max(1.0 + (top - limit) / 20, seconds / least)),
            figures=[figure("最高速度", round(top), "公里/小时"), figure("限速", allowed, "公里/小时"),
                     figure("持续时间", round(seconds), "秒"), figure("次数", int(first.size), "次")],
            timeline=[step("超速行驶", points.time_s[a], points.time_s[b - 1], lat=points.lat[a], lon=points.lon[a],
                           note=f"最高 {points.speed_kmh[a:b].max():.0f} 公里/小时")
                      for a, b in zip(first.tolist(), last.tolist(), strict=True)],
        ),
    )  # fmt: skip


def harsh_driving(context: RuleContext) -> Iterator[Hit]:
    """Yield vehicle-days with several harsh accelerations, brakings or turns, told from reports seconds apart."""
    for day in days(context):
        frame, points = day.frame, day.frame.points
        pairs = np.flatnonzero(
            frame.same & (frame.dt > 0.0) & (frame.dt <= FINE_STEP_S) & (frame.moving[1:] | frame.moving[:-1])
        )
        if not pairs.size:
            continue
        pairs = pairs[frame.kept[pairs] & frame.kept[pairs + 1]]
        slot, dt = points.slot[pairs], frame.dt[pairs]
        told = _without_spikes(points.speed_kmh, frame.same)
        gain = (told[pairs + 1] - told[pairs]) / 3.6 / dt
        turn = np.radians((points.direction_deg[pairs + 1] - points.direction_deg[pairs] + 180.0) % 360.0 - 180.0) / dt
        # Standing receivers turn on the spot; below 15 km/h the heading says nothing.
        speed = np.minimum(told[pairs], told[pairs + 1])
        side = np.where(speed >= 15.0, np.abs(turn) * speed / 3.6, 0.0)
        possible = (np.abs(gain) <= 12.0) & (side <= 15.0)
        kinds = np.where(
            gain >= day.limit("harsh_accel_ms2")[slot], 1, np.where(
                gain <= -day.limit("harsh_brake_ms2")[slot], 2, np.where(side >= day.limit("harsh_turn_ms2")[slot], 3, 0)
            ),
        ) * possible  # fmt: skip
        hit = np.flatnonzero(kinds)
        if not hit.size:
            continue
        # Neighbouring seconds of one kind are one event.
        apart = (np.diff(points.time_s[pairs[hit]]) > 5.0) | (np.diff(slot[hit]) != 0) | (np.diff(kinds[hit]) != 0)
        hit = hit[np.concatenate(([True], apart))]
        needed = day.limit("harsh_count")
        for which, own in by_slot(slot[hit]):
            if own.size >= needed[which]:
                yield _harsh(day, which, pairs[hit[own]], kinds[hit[own]], gain[hit[own]], side[hit[own]])


def _without_spikes(values: NDArray[np.float64], same: NDArray[np.bool_]) -> NDArray[np.float64]:
    """The middle one of three neighbours: a figure out of nowhere, and back, is no braking."""
    out = values.copy()
    inner = same[1:] & same[:-1]
    a, b, c = values[:-2], values[1:-1], values[2:]
    out[1:-1][inner] = np.maximum(np.minimum(a, b), np.minimum(np.maximum(a, b), c))[inner]
    return out


NAMES = {1: "急加速", 2: "急减速", 3: "急转弯"}


def _harsh(
    day: Day, slot: int, rows: NDArray[np.intp], kinds: NDArray[np.intp], gain: NDArray[np.float64],
    side: NDArray[np.float64],
) -> Hit:  # fmt: skip
    frame, points = day.frame, day.frame.points
    vehicle = frame.vehicles[slot]
    counts = {name: int((kinds == kind).sum()) for kind, name in NAMES.items()}
    least = float(day.limits.value("harsh_count", vehicle.scope_pos))
    told = "、".join(f"{name} {count} 次" for name, count in counts.items() if count)
    strongest = np.where(kinds == 3, side, np.abs(gain))
    return Hit(
        subject=vehicle, period=day.text, unit=vehicle.unit, occurred_at=moment(points.time_s[rows[0]]),
        summary=f"{vehicle.plate} 激烈驾驶 {rows.size} 次（{told}）。",
        evidence=ev.evidence(
            day, slot, limits=("harsh_accel_ms2", "harsh_brake_ms2", "harsh_turn_ms2", "harsh_count"),
            sure=ev.confidence(frame.quality[slot], rows.size / least, 0.9),
            figures=[*(figure(name, count, "次") for name, count in counts.items()),
                     figure("最大加速度", round(float(strongest.max()), 1), "米/秒²")],
            timeline=[step(NAMES[int(kind)], points.time_s[row], lat=points.lat[row], lon=points.lon[row],
                           note=f"{value:.1f} 米/秒²，{points.speed_kmh[row]:.0f} 公里/小时")
                      for row, kind, value in zip(rows.tolist(), kinds.tolist(), strongest.tolist(), strict=True)],
        ),
    )  # fmt: skip


def fatigue(context: RuleContext) -> Iterator[Hit]:
    """Yield vehicle-days on which somebody drove on without a rest longer than the law allows.

    A rest is a time without movement of the length the law names. A silence is one only if the vehicle was where it had
    been before it. Days are judged one by one: driving over midnight counts on both sides by itself.
    """
    for day in days(context):
        frame, points = day.frame, day.frame.points
        rows = np.flatnonzero(frame.kept & frame.moving)
        if rows.size < 2:
            continue
        same = points.slot[rows[1:]] == points.slot[rows[:-1]]
        pause = np.diff(points.time_s[rows])
        rest = day.limit("fatigue_rest_min")[points.slot[rows[1:]]] * 60
        # The report before moving on is where it stood: how far it came in a pause without any report.
        a, b = rows[:-1], rows[1:]
        crossed = (
            haversine_m(points.lat[a], points.lon[a], points.lat[b], points.lon[b]) / np.maximum(pause, 1.0) * 3.6
            > 15.0
        )
        cut = ~same | ((pause >= rest) & ~crossed)
        first = np.flatnonzero(np.concatenate(([True], cut)))
        last = np.append(first[1:], rows.size) - 1
        slot = points.slot[rows[first]]
        long_s = points.time_s[rows[last]] - points.time_s[rows[first]]
        hit = np.flatnonzero(long_s > day.limit("fatigue_hours")[slot] * 3600)
        for which, own in by_slot(slot[hit]):
            vehicle = frame.vehicles[which]
            stretches = [(int(rows[first[n]]), int(rows[last[n]])) for n in hit[own].tolist()]
            hours = float(long_s[hit[own]].max()) / 3600
            most = float(day.limits.value("fatigue_hours", vehicle.scope_pos))
            start_s = float(points.time_s[stretches[0][0]])
            yield Hit(
                subject=vehicle, period=day.text, unit=vehicle.unit, occurred_at=moment(start_s),
                summary=f"{vehicle.plate} 自 {clock(start_s)} 起连续行驶 {hours:.1f} 小时，"
                        f"其间没有达到 {day.limits.value('fatigue_rest_min', vehicle.scope_pos):g} 分钟的休息。",
                evidence=ev.evidence(
                    day, which, rows=np.arange(stretches[0][0], stretches[0][1] + 1),
                    limits=("fatigue_hours", "fatigue_rest_min"), sure=ev.confidence(frame.quality[which], hours / most, 0.9),
                    figures=[figure("连续行驶", round(hours, 1), "小时"), figure("上限", most, "小时"),
                             figure("次数", len(stretches), "次")],
                    timeline=[step("连续行驶", points.time_s[x], points.time_s[y], lat=points.lat[x], lon=points.lon[x])
                              for x, y in stretches],
                ),
            )  # fmt: skip


def idling(context: RuleContext) -> Iterator[Hit]:
    """Yield vehicle-days with long standing while the engine ran. Judged only where the terminal is wired to the
    ignition: it says on while driving, and off at other times."""
    for day in days(context):
        frame, points = day.frame, day.frame.points
        still = (frame.ignition == 1.0) & ~frame.moving
        first, last = frame.runs(still, frame.dt > IDLE_STEP_S)
        if not first.size:
            continue
        long_s = points.time_s[last - 1] - points.time_s[first]
        good = long_s >= day.limit("idle_min")[points.slot[first]] * 60
        first, last, long_s = first[good], last[good], long_s[good]
        total = np.bincount(points.slot[first], long_s, len(frame.vehicles))
        least = day.limit("idle_total_min") * 60
        for slot, runs in by_slot(points.slot[first]):
            if total[slot] < least[slot]:
                continue
            vehicle, a, b = frame.vehicles[slot], first[runs], last[runs]
            minutes = float(total[slot]) / 60
            yield Hit(
                subject=vehicle, period=day.text, unit=vehicle.unit, occurred_at=moment(points.time_s[a[0]]),
                summary=f"{vehicle.plate} 停车不熄火 {a.size} 次，共 {minutes:.0f} 分钟，"
                        f"最长 {float(long_s[runs].max()) / 60:.0f} 分钟。",
                evidence=ev.evidence(
                    day, slot, limits=("idle_min", "idle_total_min"),
                    sure=ev.confidence(frame.quality[slot], float(total[slot] / least[slot])),
                    figures=[figure("怠速合计", round(minutes), "分钟"), figure("次数", int(a.size), "次"),
                             figure("最长一次", round(float(long_s[runs].max()) / 60), "分钟")],
                    timeline=[step("停车不熄火", points.time_s[x], points.time_s[y - 1], lat=points.lat[x], lon=points.lon[x])
                              for x, y in zip(a.tolist(), b.tolist(), strict=True)],
                ),
            )  # fmt: skip


TRAFFIC = f"{reference.cite('vehicles.detection.speed_limit_kmh')}；{reference.cite('vehicles.use.register')}"
RULES = (
    Rule(
        code="vehicles.speeding", area="vehicles", name="超速行驶", severity="minor", clause=TRAFFIC,
        explanation="将定位速度与最高行驶速度比对：超过限速与宽限并达到持续时间，且位移与所报速度相符。",
        evaluate=speeding,
    ),
    Rule(
        code="vehicles.harsh_driving", area="vehicles", name="激烈驾驶", severity="minor",
        clause=reference.cite("vehicles.use.register"),
        explanation="由秒级定位的速度和方向计算急加速、急减速、急转弯：一日达到判定次数。上报间隔超过 3 秒的不判定。",
        evaluate=harsh_driving,
    ),
    Rule(
        code="vehicles.fatigue", area="vehicles", name="疲劳驾驶", severity="major",
        clause=f"{reference.cite('vehicles.detection.fatigue_hours')}；{reference.cite('vehicles.use.dispatch')}",
        explanation="由定位计算连续行驶：超过法定连续驾驶时长，其间没有达到法定休息时长的停车。",
        evaluate=fatigue,
    ),
    Rule(
        code="vehicles.idling", area="vehicles", name="长时间怠速", severity="minor",
        clause=reference.cite("vehicles.use.single_vehicle_energy"),
        explanation="将点火状态与速度比对：发动机运转而车辆静止，单次和一日合计均达到判定时长。点火线未接的终端不判定。",
        evaluate=idling,
    ),
)  # fmt: skip
