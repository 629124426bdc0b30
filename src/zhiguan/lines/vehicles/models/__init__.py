"""Tables of official vehicles, one module a subject."""

from .costs import CostDoubt, CostEntry, EnergyCard, EnergyRecord, StatementProfile
from .driving import Stop, Trip, VehicleDay
from .orders import DispatchOrder
from .register import Driver, ParkingPlace, Terminal, Vehicle, VehicleQuota

__all__ = [
    "CostDoubt",
    "CostEntry",
    "DispatchOrder",
    "Driver",
    "EnergyCard",
    "EnergyRecord",
    "ParkingPlace",
    "StatementProfile",
    "Stop",
    "Terminal",
    "Trip",
    "Vehicle",
    "VehicleDay",
    "VehicleQuota",
]
