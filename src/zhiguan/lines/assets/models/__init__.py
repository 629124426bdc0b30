"""Tables of state-owned assets, one module a subject."""

from .cards import Asset
from .disposals import Disposal, DisposalItem
from .holders import HolderChange
from .titles import TitleRegistration

__all__ = ["Asset", "Disposal", "DisposalItem", "HolderChange", "TitleRegistration"]
