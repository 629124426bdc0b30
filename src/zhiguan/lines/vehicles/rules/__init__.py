"""Supervision of official vehicles, one module a kind of misuse or waste. SPEC L4.4, docs/supervision-vehicles.md."""

from zhiguan.kernel.supervision.declare import SubjectLink

from . import conduct, devices, energy, journeys, monthly, placement, places, signals, tuning
from .frame import share

RULES = (
    *placement.RULES, *places.RULES, *journeys.RULES, *conduct.RULES, *devices.RULES, *signals.RULES, *energy.RULES,
    *monthly.RULES,
)  # fmt: skip
TUNINGS = tuning.TUNINGS
LINKS = (
    SubjectLink("vehicles.vehicle", "vehicles.vehicle.detail", replay="vehicles.replay.data"),
    SubjectLink("vehicles.dispatchorder", "vehicles.order.detail"),
)
__all__ = ["LINKS", "RULES", "TUNINGS", "share"]
