"""Tables of official vehicles, one module a subject."""

from .costs import CostDoubt, CostEntry, EnergyCard, EnergyRecord, StatementProfile
from .driving import OrderMatch, Stop, Trip, VehicleDay
from .evaluation import AnnualReport, FleetStudy, UnitMonth, VehicleMonth
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
from .nearby import NearbySearch
from .orders import DispatchOrder
from .places import PermittedArea, SensitivePlace
from .plans import Disposal, PurchasePlan
from .pools import Pool, PoolMember, RentalContract
from .privacy import PrivacyLift, VehicleHolder
from .register import ON_BOOKS, Driver, ParkingPlace, Terminal, Vehicle, VehicleQuota
from .settlements import Settlement, SettlementLine
from .terminals import AreaCarried, AreaShape, DriverSignIn, TerminalArea, TerminalHealth, TerminalMedia

__all__ = [
    "ON_BOOKS",
    "Accident",
    "AnnualReport",
    "AreaCarried",
    "AreaShape",
    "CostDoubt",
    "CostEntry",
    "DispatchOrder",
    "Disposal",
    "Driver",
    "DriverSignIn",
    "DueItem",
    "EnergyCard",
    "EnergyRecord",
    "FleetStudy",
    "HandoverCheck",
    "Inspection",
    "InsuranceClaim",
    "InsurancePolicy",
    "NearbySearch",
    "OrderExpense",
    "OrderIssue",
    "OrderMark",
    "OrderMatch",
    "ParkingPlace",
    "PermittedArea",
    "Pool",
    "PoolMember",
    "PrivacyLift",
    "PurchasePlan",
    "RentalContract",
    "SensitivePlace",
    "Settlement",
    "SettlementLine",
    "StatementProfile",
    "Stop",
    "Terminal",
    "TerminalArea",
    "TerminalHealth",
    "TerminalMedia",
    "TrafficViolation",
    "Trip",
    "UnitMonth",
    "UpkeepOrder",
    "UpkeepRule",
    "Vehicle",
    "VehicleDay",
    "VehicleHolder",
    "VehicleMonth",
    "VehicleQuota",
]
