"""Which thresholds of which rule people may tune, with a preview over past days (docs/supervision.md)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from zhiguan.kernel.supervision.declare import Tuning

from ..models import Vehicle
from .frame import PREFIX

THRESHOLDS = {
    "moved_without_order": ("away_m", "away_points"),
    "outside_hours": ("hours_margin_min",),
    "overnight_outside": ("night_stay_min", "night_from", "night_to", "away_m"),
    "outside_area": ("area_margin_m", "area_min"),
    "private_stop": ("private_stop_min", "private_margin_m", "destination_near_m"),
    "detour": ("detour_ratio", "road_factor", "detour_min_km"),
    "order_splitting": ("split_hours", "split_gap_min", "destination_near_m"),
    "speeding": ("speed_limit_kmh", "speeding_margin_kmh", "speeding_s"),
    "harsh_driving": ("harsh_count", "harsh_accel_ms2", "harsh_brake_ms2", "harsh_turn_ms2"),
    "fatigue": ("fatigue_hours", "fatigue_rest_min"),
    "idling": ("idle_min", "idle_total_min"),
    "silent_move": ("silent_min", "silent_move_m"),
    "antenna_cut": ("antenna_min", "blind_km"),
    "spoofed": ("spoof_points", "spoof_m", "frozen_min"),
    "terminal_offline": ("offline_min", "offline_hours", "night_from", "night_to", "away_m"),
    "refuel_elsewhere": ("refuel_m", "refuel_window_min"),
    "fuel_mismatch": ("odometer_gap", "odometer_min_km", "fuel_gap", "fuel_min_l"),
    "de_facto_assigned": ("assigned_days", "assigned_share", "assigned_near_m"),
    "under_use": ("under_use_days", "under_use_km"),
}
CARRIES = ("vehicles.frame", "vehicles.orders", "vehicles.trips", "vehicles.covered")
"""What the rules load of a day and no threshold changes."""


def vehicles(start: date, end: date, lo: int, hi: int) -> Sequence[Vehicle]:
    """Return the vehicles of the units between two positions that were on the books in ``[start, end)``."""
    rows = Vehicle.objects.filter(scope_pos__range=(lo, hi)).exclude(disposed_on__lt=start)
    return list(rows.select_related("place", "unit").order_by("pk"))


TUNINGS = tuple(
    Tuning(f"vehicles.{rule}", tuple(f"{PREFIX}.{name}" for name in names), vehicles, batch=2_500, carries=CARRIES)
    for rule, names in THRESHOLDS.items()
)
