"""Supervision of official vehicles, one module a kind of misuse or waste. SPEC L4.4, docs/supervision-vehicles.md."""

from zhiguan.kernel.supervision.declare import SubjectLink

from . import awards, conduct, devices, energy, journeys, monthly, placement, places, signals, tuning
from .frame import share

RULES = (
    *placement.RULES, *places.RULES, *journeys.RULES, *conduct.RULES, *devices.RULES, *signals.RULES, *energy.RULES,
    *monthly.RULES,
)  # fmt: skip
TUNINGS = tuning.TUNINGS
AWARDS = awards.AWARDS
LINKS = (
    SubjectLink("vehicles.vehicle", "vehicles.vehicle.detail", replay="vehicles.replay.data"),
    SubjectLink("vehicles.dispatchorder", "vehicles.order.detail"),
    SubjectLink("vehicles.upkeeporder", "vehicles.upkeep.detail"),
    SubjectLink("vehicles.purchaseplan", "vehicles.plan.detail"),
    SubjectLink("vehicles.disposal", "vehicles.disposal.detail"),
)
__all__ = ["AWARDS", "LINKS", "RULES", "TUNINGS", "share"]
