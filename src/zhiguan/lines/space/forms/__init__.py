"""Forms of office premises."""

from .premises import AllocateForm, BuildingForm, LeaveForm, RoomForm, SeatForm, VacateForm
from .repairs import BeginForm, FinishForm, IncludeForm, RepairForm
from .sizes import SizeForm, need_of

__all__ = [
    "AllocateForm", "BeginForm", "BuildingForm", "FinishForm", "IncludeForm", "LeaveForm", "RepairForm", "RoomForm",
    "SeatForm", "SizeForm", "VacateForm", "need_of",
]  # fmt: skip
