"""What stops an expression: wrong syntax, or more work than an expression may ask for."""

from __future__ import annotations

from datetime import datetime
from time import monotonic

from zhiguan.kit.errors import Invalid

MAX_TEXT = 50_000
"""Characters of one expression."""
MAX_STEPS = 400_000
"""Steps of one evaluation: a pass through a loop, a call, fifty characters or ten items that are copied."""
MAX_SECONDS = 3.0
MAX_LIST = 100_000
"""Items of one list."""
MAX_STRING = 200_000
"""Characters of one string."""
MAX_CALLS = 60
"""Calls of functions within each other."""


class FeelError(Invalid):
    """An expression cannot be read, or asks for more than it may. ``position`` counts characters from 0, -1: none."""

    code = "feel"

    def __init__(self, message: str, position: int = -1):
        super().__init__(message if position < 0 else f"表达式第 {position + 1} 个字符处：{message}")
        self.position = position


class Run:
    """One evaluation: what it has left to spend, and what it had to tell. Raises FeelError when all is spent."""

    __slots__ = ("calls", "deadline", "left", "notes", "now", "strict", "ticks")

    def __init__(self, steps: int = MAX_STEPS, seconds: float = MAX_SECONDS, now: datetime | None = None):
        self.left = steps
        self.deadline = monotonic() + seconds
        self.ticks = 0
        self.calls = 0
        self.now = now  # what now() and today() answer, None: the clock
        self.notes: list[str] = []
        self.strict = False

    def charge(self, steps: int = 1) -> None:
        """Spend ``steps``."""
        self.left -= steps
        self.ticks += steps
        if self.left < 0:
            raise FeelError("计算量超过上限，已停止")
        if self.ticks > 500:
            self.ticks = 0
            self.seconds_left()

    def seconds_left(self) -> float:
        """Return how long this run may still take."""
        left = self.deadline - monotonic()
        if left <= 0:
            raise FeelError("计算时间超过上限，已停止")
        return left

    def text(self, value: str) -> str:
        """Return ``value`` if a string may be that long."""
        if len(value) > MAX_STRING:
            raise FeelError(f"字符串超过 {MAX_STRING} 个字符，已停止")
        self.charge(1 + len(value) // 50)
        return value

    def items(self, value: list) -> list:
        """Return ``value`` if a list may be that long."""
        if len(value) > MAX_LIST:
            raise FeelError(f"列表超过 {MAX_LIST} 项，已停止")
        self.charge(1 + len(value) // 10)
        return value

    def problem(self, message: str) -> None:
        """Refuse in a strict run, note in any other: what the standard lets pass as null."""
        if self.strict:
            raise FeelError(message)
        self.note(message)

    def note(self, message: str) -> None:
        """Remember why something became null; the first twenty are kept."""
        if len(self.notes) < 20 and message not in self.notes:
            self.notes.append(message)
