"""Bulk imports of the line, one module for each kind of file."""

from .costs import COST_IMPORT, STATEMENT_IMPORT
from .places import PLACE_IMPORT
from .register import VEHICLE_IMPORT

__all__ = ["COST_IMPORT", "PLACE_IMPORT", "STATEMENT_IMPORT", "VEHICLE_IMPORT"]
