"""Indicators of official vehicles, one module for each part of the work. SPEC D10, L4.5."""

from .fleet import METRICS
from .life import LIFE_METRICS

__all__ = ["LIFE_METRICS", "METRICS"]
