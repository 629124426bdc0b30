"""Indicators of official vehicles, one module for each part of the work. SPEC D10, L4.5."""

from .evaluation import EVALUATION_METRICS
from .fleet import METRICS
from .life import LIFE_METRICS

__all__ = ["EVALUATION_METRICS", "LIFE_METRICS", "METRICS"]
