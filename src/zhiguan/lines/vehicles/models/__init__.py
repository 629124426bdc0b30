"""Tables of official vehicles, one module a subject."""

from .driving import Stop, Trip, VehicleDay
from .orders import DispatchOrder
from .register import Driver, ParkingPlace, Terminal, Vehicle, VehicleQuota

__all__ = [
    "DispatchOrder",
    "Driver",
    "ParkingPlace",
    "Stop",
    "Terminal",
    "Trip",
    "Vehicle",
    "VehicleDay",
    "VehicleQuota",
]
