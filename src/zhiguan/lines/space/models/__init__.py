"""Tables of office premises, one module a subject."""

from .allocations import Allocation, RoomUser
from .buildings import Building, Room
from .plans import RepairPlan
from .sizes import OrganSize

__all__ = ["Allocation", "Building", "OrganSize", "RepairPlan", "Room", "RoomUser"]
