"""The registry: every declaration of every line and part, collected by type at start, then frozen."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Iterable
from typing import TypeVar

from .manifest import Declared

ROOMS = (
    "manifest codes lifecycle items models queries domain works rules metrics datasets forms importers pages api jobs demo"
).split()
"""The rooms of a line in import order; a kernel part uses the same names."""

T = TypeVar("T", bound=Declared)


class Duplicate(Exception):
    """Two declarations of one type share a code."""


class Registry:
    """Declarations by type and code. Built once by :meth:`collect`; cannot be changed afterwards."""

    def __init__(self) -> None:
        self._by_type: dict[type, dict[str, Declared]] = {}
        self._owner: dict[int, str] = {}

    @classmethod
    def collect(cls, packages: Iterable[str]) -> Registry:
        """Import the rooms of the packages in order and take every :class:`Declared` object found in them."""
        registry = cls()
        for package in packages:
            for room in ROOMS:
                if importlib.util.find_spec(f"{package}.{room}") is None:
                    continue
                module = importlib.import_module(f"{package}.{room}")
                for value in list(vars(module).values()):
                    candidates = value if isinstance(value, (tuple, list)) else (value,)
                    for candidate in candidates:
                        if isinstance(candidate, Declared):
                            registry._add(candidate, package)
        return registry

    def _add(self, declaration: Declared, package: str) -> None:
        kind = self._by_type.setdefault(type(declaration), {})
        known = kind.get(declaration.code)
        if known is declaration:
            return
        if known is not None:
            raise Duplicate(
                f"{type(declaration).__name__} {declaration.code!r}: declared in {self._owner[id(known)]} and {package}"
            )
        kind[declaration.code] = declaration
        self._owner[id(declaration)] = package

    def all(self, kind: type[T]) -> list[T]:
        """Return the declarations of ``kind`` and its subtypes in the order they were collected."""
        groups = (items.values() for found, items in self._by_type.items() if issubclass(found, kind))
        return [item for items in groups for item in items if isinstance(item, kind)]

    def get(self, kind: type[T], code: str) -> T:
        """Return one declaration; raises ``KeyError`` naming what is known."""
        for item in self.all(kind):
            if item.code == code:
                return item
        raise KeyError(f"{kind.__name__} {code!r} is not declared")

    def owner(self, declaration: Declared) -> str:
        """Return the package that owns the declaration, e.g. ``zhiguan.lines.vehicles``."""
        return self._owner[id(declaration)]


_current: Registry | None = None


def freeze(registry: Registry) -> None:
    """Make ``registry`` the one of this process. The composition root calls it once, when Django is ready."""
    global _current  # noqa: PLW0603 -- the process has one registry, set at start
    _current = registry


def current() -> Registry:
    """Return the process's registry; raises ``RuntimeError`` before start-up is done."""
    if _current is None:
        raise RuntimeError("The registry is not ready: Django has not been set up.")
    return _current
