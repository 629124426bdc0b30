"""Tables of official vehicles, one module a subject."""

from .costs import CostDoubt, CostEntry, EnergyCard, EnergyRecord, StatementProfile
from .driving import Stop, Trip, VehicleDay
from .journeys import HandoverCheck, OrderExpense, OrderIssue, OrderMark
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
from .pools import Pool, PoolMember, RentalContract
from .register import Driver, ParkingPlace, Terminal, Vehicle, VehicleQuota
from .settlements import Settlement, SettlementLine

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
    "HandoverCheck",
    "Inspection",
    "InsuranceClaim",
    "InsurancePolicy",
    "OrderExpense",
    "OrderIssue",
    "OrderMark",
    "ParkingPlace",
    "Pool",
    "PoolMember",
    "PurchasePlan",
    "RentalContract",
    "Settlement",
    "SettlementLine",
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
