"""Decisions: DMN files read, checked and decided.

`read(bytes)` gives a `Model`; `model.decide(name or id, inputs)` an `Outcome` with value, hits, notes and a Chinese
explanation; `lint(model)` what is suspicious about its tables.
"""

from .lint import Finding, lint
from .model import Condition, Element, Hit, Model, Outcome, Step, Table
from .reading import read

__all__ = ["Condition", "Element", "Finding", "Hit", "Model", "Outcome", "Step", "Table", "lint", "read"]
