"""Whether a battery vehicle could have driven what a vehicle drove: range by its days, charging by its stays. SPEC L4.5.

A day fits when what it took could be charged again while the vehicle stood at its place: from each arrival there on that
day until it next set out, however late. Distances in kilometres, time in hours, energy in kilowatt-hours.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Terms:
    """What a battery vehicle of the same body can do and what energy costs."""

    range_km: float
    reserve_share: float
    days_share: float
    least_days: int
    charger_kw: float
    kwh_100km: float
    litres_100km: float
    yuan_kwh: float
    yuan_litre: float
    co2_kwh: float = 0.0
    co2_litre: float = 0.0

    @property
    def usable_km(self) -> float:
        """The range that may be planned with."""
        return self.range_km * (1 - self.reserve_share)


@dataclass(frozen=True)
class Verdict:
    """How one vehicle fits. ``reasons`` are empty for a candidate; sums are those of the period."""

    days: int
    km: float
    day_km: float
    stay_share: float
    reasons: tuple[str, ...]
    litres: float
    kwh: float
    saving_yuan: float
    saving_kg: float

    @property
    def fits(self) -> bool:
        return not self.reasons


def covering(values: Floats, share: float) -> float:
    """Return the smallest value that at least ``share`` of the values do not exceed; 0 without values."""
    if not values.size:
        return 0.0
    return float(np.sort(values)[min(values.size, max(1, math.ceil(share * values.size - 1e-9))) - 1])


def stays(starts: Floats, ends: Floats, home: npt.NDArray[np.bool_], until: float) -> Floats:
    """Return how long the vehicle stood at its place after each trip, 0 where the trip ended elsewhere.

    Times in hours, ascending; the last stay ends at ``until``.
    """
    if not starts.size:
        return np.zeros(0)
    following = np.append(starts[1:], max(until, float(ends[-1])))
    return np.where(home, np.maximum(following - ends, 0.0), 0.0)


def judge(
    day_km: Floats, day_stay_h: Floats, terms: Terms, *, has_place: bool = True, litres: float | None = None
) -> Verdict:
    """Judge a vehicle by its driven days. ``litres`` is what it was filled with in the period, where that is known."""
    days, km = int(day_km.size), float(day_km.sum())
    reach = covering(day_km, terms.days_share)
    need_h = day_km * terms.kwh_100km / 100 / terms.charger_kw
    share = float((day_stay_h >= need_h - 1e-9).mean()) if days else 0.0
    reasons = []
    if days < terms.least_days:
        reasons.append(f"出车 {days} 天，少于 {terms.least_days} 天，不足以判断")
    if not has_place:
        reasons.append("没有登记停放地点，无法充电")
    elif days and share < terms.days_share - 1e-9:
        reasons.append(f"只有 {share:.0%} 的出车日在停放地点停得够充电，低于 {terms.days_share:.0%}")
    if reach > terms.usable_km + 1e-9:
        reasons.append(
            f"{terms.days_share:.0%} 的出车日里程达 {reach:.0f} 公里，超过可用续航 {terms.usable_km:.0f} 公里"
        )
    litres = km * terms.litres_100km / 100 if litres is None else litres
    kwh = km * terms.kwh_100km / 100
    return Verdict(
        days, km, reach, share, tuple(reasons), litres, kwh, litres * terms.yuan_litre - kwh * terms.yuan_kwh,
        litres * terms.co2_litre - kwh * terms.co2_kwh,
    )  # fmt: skip


def by_day(days: Sequence[int], values: Floats) -> tuple[list[int], Floats]:
    """Return the days in order and the sum of the values of each."""
    known, place = np.unique(np.asarray(days, dtype=np.int64), return_inverse=True)
    return known.tolist(), np.bincount(place, weights=values, minlength=known.size)
