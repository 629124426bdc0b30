"""Terminals that were cut off, or tell what cannot be. SPEC L4.4."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zhiguan.kernel.geo.service import haversine_m
from zhiguan.kernel.reference import service as reference
from zhiguan.kernel.supervision.declare import Hit, Rule, RuleContext

from ..domain.track_points import Drop, TripPolicy
from . import evidence as ev
from .evidence import clock, figure, step
from .frame import Day, by_slot, days, moment

ANTENNA = 0b1110000
"""Alarm bits: receiver faulty, antenna not connected or cut, antenna shorted (JT/T 808 报警标志 4–6)."""
POWER = 0b100000000
"""Alarm bit 8: main power gone."""
TOGETHER_S = 3600.0
"""Stray points that are no receiver's ordinary fault come within so long."""

# --- 天线或电源断开


def antenna_cut(context: RuleContext) -> Iterator[Hit]:
    """Yield vehicle-days on which the terminal told that its antenna or main power was cut, for some minutes, or drove
    on without a fix: its own odometer grew."""
    for day in days(context):
        heard = day.frame.heard
        same = heard.slot[1:] == heard.slot[:-1]
        found: dict[int, list[tuple[str, float, float, float, float]]] = defaultdict(list)
        least = day.limit("antenna_min") * 60
        for name, bits in (("定位天线断开或故障", ANTENNA), ("主电源断开", POWER)):
            bad = (heard.alarm & bits) != 0
            for first, last in zip(*_runs(bad, same), strict=True):
                seconds = float(heard.time_s[last - 1] - heard.time_s[first])
                slot = int(heard.slot[first])
                if seconds >= least[slot]:
                    found[slot].append(
                        (name, float(heard.time_s[first]), float(heard.time_s[last - 1]), seconds / least[slot], 0.0)
                    )
        _blind(day, same, found)
        for slot in sorted(found):
            yield _cut(day, slot, sorted(found[slot], key=lambda each: each[1]))


def _runs(mask: NDArray[np.bool_], same: NDArray[np.bool_]) -> tuple[list[int], list[int]]:
    if not mask.any():
        return [], []
    joined = mask[1:] & mask[:-1] & same
    first = np.flatnonzero(mask & np.concatenate(([True], ~joined)))
    last = np.flatnonzero(mask & np.concatenate((~joined, [True]))) + 1
    return first.tolist(), last.tolist()


def _blind(day: Day, same: NDArray[np.bool_], found: dict[int, list[tuple[str, float, float, float, float]]]) -> None:
    """Stretches without a fix in which the terminal's odometer grew."""
    heard = day.frame.heard
    if heard.located.all():
        return
    least = day.limit("blind_km") * 1000
    for first, last in zip(*_runs(~heard.located, same), strict=True):
        miles = heard.mileage_m[first:last]
        miles = miles[np.isfinite(miles)]
        slot = int(heard.slot[first])
        grown = float(miles.max() - miles.min()) if miles.size else 0.0
        if grown >= least[slot]:
            found[slot].append(
                ("不定位行驶", float(heard.time_s[first]), float(heard.time_s[last - 1]), grown / least[slot], grown)
            )


def _cut(day: Day, slot: int, found: list[tuple[str, float, float, float, float]]) -> Hit:
    vehicle = day.frame.vehicles[slot]
    minutes = sum(end - start for _, start, end, _, _ in found) / 60
    names = "、".join(dict.fromkeys(name for name, *_ in found))
    driven = sum(metres for *_, metres in found)
    return Hit(
        subject=vehicle, period=day.text, unit=vehicle.unit, occurred_at=moment(found[0][1]),
        summary=f"{vehicle.plate} 终端{names}，自 {clock(found[0][1])} 起 {len(found)} 次，共 {minutes:.0f} 分钟。",
        evidence=ev.evidence(
            day, slot, limits=("antenna_min", "blind_km"), sure=ev.confidence(1.0, max(each[3] for each in found), 0.95),
            figures=[figure("情形", names), figure("合计时长", round(minutes), "分钟"), figure("次数", len(found), "次"),
                     *([figure("不定位里程", round(driven / 1000, 1), "公里")] if driven else [])],
            timeline=[step(name, start, end, metres=metres or None) for name, start, end, _, metres in found],
        ),
    )  # fmt: skip


# --- 伪造定位


def spoofed(context: RuleContext) -> Iterator[Hit]:
    """Yield vehicle-days whose positions cannot be true: jumps no vehicle can make, two places at one time (two terminals
    with one number), a place that stays the same while speeds are reported.

    A few stray points are a receiver's ordinary faults; whole islands of points far away are not.
    """
    for day in days(context):
        frame = day.frame
        found: dict[int, list[tuple[str, float, float, float, float, float, float]]] = defaultdict(list)
        _jumped(day, found)
        _torn(day, found)
        _frozen(day, found)
        for slot in sorted(found):
            yield _spoofed(day, slot, sorted(found[slot], key=lambda each: each[1]), frame)


def _jumped(day: Day, found: dict[int, list[Any]]) -> None:
    """Points that trip detection left out because nothing can come there: how many, how far from the rest."""
    frame, points = day.frame, day.frame.points
    out = np.flatnonzero(frame.drop == Drop.JUMP)
    if not out.size:
        return
    kept = np.flatnonzero(frame.kept)
    near = kept[np.clip(np.searchsorted(kept, out) - 1, 0, kept.size - 1)] if kept.size else out
    metres = np.where(points.slot[near] == points.slot[out],
                      haversine_m(points.lat[out], points.lon[out], points.lat[near], points.lon[near]), 0.0)  # fmt: skip
    far = metres >= day.limit("spoof_m")[points.slot[out]]
    out, metres = out[far], metres[far]
    needed = day.limit("spoof_points").astype(np.int64)
    for slot, every in by_slot(points.slot[out]):
        at_s, least = points.time_s[out[every]], int(needed[slot])
        close = (
            np.flatnonzero(at_s[least - 1 :] - at_s[: at_s.size - least + 1] <= TOGETHER_S)
            if at_s.size >= least
            else []
        )
        own = every[np.unique(np.add.outer(close, np.arange(least)))] if len(close) else every[:0]
        if not own.size:
            continue
        rows = out[own]
        swaps = np.count_nonzero(np.diff(rows) > 1)
        name = "同时出现在两处" if swaps >= needed[slot] and own.size >= 2 * needed[slot] else "位置异常跳变"
        at = rows[int(np.argmax(metres[own]))]
        found[slot].append((name, float(points.time_s[rows[0]]), float(points.time_s[rows[-1]]), float(metres[own].max()),
                            own.size / needed[slot], float(points.lat[at]), float(points.lon[at])))  # fmt: skip


def _torn(day: Day, found: dict[int, list[Any]]) -> None:
    """Two long parts of a track that do not meet."""
    frame, points = day.frame, day.frame.points
    rows = np.flatnonzero(frame.kept)
    if rows.size < 2:
        return
    policy = TripPolicy()
    a, b = rows[:-1], rows[1:]
    quick = (np.abs(points.lat[b] - points.lat[a]) + np.abs(points.lon[b] - points.lon[a])) * 111_195.0
    gap = points.time_s[b] - points.time_s[a]
    odd = np.flatnonzero(
        (points.slot[a] == points.slot[b]) & (quick > gap * policy.max_speed_kmh / 3.6 + policy.jump_slack_m)
    )
    for n in odd.tolist():
        at, to, slot = int(a[n]), int(b[n]), int(points.slot[a[n]])
        metres = float(haversine_m(points.lat[at], points.lon[at], points.lat[to], points.lon[to]))
        if metres > gap[n] * policy.max_speed_kmh / 3.6 + policy.jump_slack_m and metres >= day.limit("spoof_m")[slot]:
            found[slot].append(("位置异常跳变", float(points.time_s[at]), float(points.time_s[to]), metres, 2.0,
                                float(points.lat[to]), float(points.lon[to])))  # fmt: skip


def _frozen(day: Day, found: dict[int, list[Any]]) -> None:
    """The same position to the last digit while the terminal reports a speed."""
    frame, points = day.frame, day.frame.points
    if not frame.same.size:
        return
    stuck = frame.same & (points.lat[1:] == points.lat[:-1]) & (points.lon[1:] == points.lon[:-1])
    stuck &= (points.speed_kmh[1:] >= 10.0) & (points.speed_kmh[:-1] >= 10.0)
    if not stuck.any():
        return
    rows = np.concatenate((stuck, [False])) | np.concatenate(([False], stuck))
    first, last = frame.runs(rows, ~stuck)
    seconds = points.time_s[last - 1] - points.time_s[first]
    least = day.limit("frozen_min")[points.slot[first]] * 60
    for n in np.flatnonzero(seconds >= least).tolist():
        a, b, slot = int(first[n]), int(last[n]), int(points.slot[first[n]])
        claimed = float(points.speed_kmh[a:b].mean()) / 3.6 * float(seconds[n])
        found[slot].append(("位置不变而有速度", float(points.time_s[a]), float(points.time_s[b - 1]), claimed,
                            float(seconds[n] / least[n]), float(points.lat[a]), float(points.lon[a])))  # fmt: skip


def _spoofed(day: Day, slot: int, found: list[tuple[str, float, float, float, float, float, float]], frame: Any) -> Hit:
    vehicle = frame.vehicles[slot]
    names = "、".join(dict.fromkeys(each[0] for each in found))
    worst = max(found, key=lambda each: each[3])
    rows = np.arange(int(frame.edges[slot]), int(frame.edges[slot + 1]))
    return Hit(
        subject=vehicle, period=day.text, unit=vehicle.unit, occurred_at=moment(found[0][1]),
        summary=f"{vehicle.plate} 定位数据异常（{names}），自 {clock(found[0][1])} 起 {len(found)} 段，"
                f"最大偏差 {worst[3] / 1000:.1f} 公里。",
        evidence=ev.evidence(
            day, slot, rows=rows, limits=("spoof_points", "spoof_m", "frozen_min"),
            sure=ev.confidence(1.0, max(each[4] for each in found), 0.95),
            figures=[figure("情形", names), figure("最大偏差", round(worst[3]), "米"), figure("段数", len(found), "段"),
                     figure("剔除定位点", int((frame.drop[frame.edges[slot]:frame.edges[slot + 1]] == Drop.JUMP).sum()), "个")],
            timeline=[step(name, start, end, metres=metres, lat=lat, lon=lon)
                      for name, start, end, metres, _, lat, lon in found],
        ),
    )  # fmt: skip


POSITIONING = reference.cite("vehicles.use.positioning")
DISPATCH = reference.cite("vehicles.use.dispatch")
RULES = (
    Rule(
        code="vehicles.antenna_cut", area="vehicles", name="定位天线或电源断开", severity="major",
        clause=f"{DISPATCH}；{POSITIONING}",
        explanation="检查终端报警标志中的天线、主电源状态达到判定时长，或长时间不定位而终端里程持续增加。",
        evaluate=antenna_cut,
    ),
    Rule(
        code="vehicles.spoofed", area="vehicles", name="定位数据异常", severity="serious", clause=f"{DISPATCH}；{POSITIONING}",
        explanation="检查定位点是否可能：成段的异常跳变、同一号码同时出现在两处、位置不变而持续上报速度。",
        evaluate=spoofed,
    ),
)  # fmt: skip
