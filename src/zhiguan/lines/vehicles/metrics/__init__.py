"""Indicators of official vehicles, one module for each part of the work. SPEC D10, L4.5."""

from .fleet import METRICS

__all__ = ["METRICS"]
