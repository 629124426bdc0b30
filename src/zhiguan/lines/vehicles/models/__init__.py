"""Tables of official vehicles, one module a subject."""

from .costs import CostDoubt, CostEntry, EnergyCard, EnergyRecord, StatementProfile
from .driving import Stop, Trip, VehicleDay
from .life import (
    Accident,
    DueItem,
    Inspection,
    InsuranceClaim,
    InsurancePolicy,
    TrafficViolation,
    UpkeepOrder,
    UpkeepRule,
)
from .orders import DispatchOrder
from .plans import Disposal, PurchasePlan
from .register import Driver, ParkingPlace, Terminal, Vehicle, VehicleQuota

__all__ = [
    "Accident",
    "CostDoubt",
    "CostEntry",
    "DispatchOrder",
    "Disposal",
    "Driver",
    "DueItem",
    "EnergyCard",
    "EnergyRecord",
    "Inspection",
    "InsuranceClaim",
    "InsurancePolicy",
    "ParkingPlace",
    "PurchasePlan",
    "StatementProfile",
    "Stop",
    "Terminal",
    "TrafficViolation",
    "Trip",
    "UpkeepOrder",
    "UpkeepRule",
    "Vehicle",
    "VehicleDay",
    "VehicleQuota",
]
