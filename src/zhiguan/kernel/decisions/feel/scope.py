"""Names and values one within another, and what code over them is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from .errors import Run
from .types import Type


class Scope:
    """Names and values one within another; the innermost counts."""

    __slots__ = ("names", "outer", "run")

    def __init__(self, run: Run, names: Mapping[str, Any], outer: Scope | None = None):
        self.run = run
        self.names = names
        self.outer = outer

    def inner(self, names: Mapping[str, Any]) -> Scope:
        return Scope(self.run, names, self)


Code = Callable[[Scope], Any]
Types = Mapping[str, Type]
