"""What is suspicious about a decision table."""
from __future__ import annotations

from dataclasses import dataclass

from .model import Model


@dataclass(frozen=True, slots=True)
class Finding:
    table: str
    code: str
    message: str
    rules: tuple[int, ...] = ()

def lint(model: Model) -> list[Finding]:
    return []
