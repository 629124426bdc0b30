"""Bulk imports of the line, one module for each kind of file."""

from .register import VEHICLE_IMPORT

__all__ = ["VEHICLE_IMPORT"]
