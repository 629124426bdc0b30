"""What the starting product tells the person at the terminal: one line a step, with the time it took."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["Progress"]


class Progress:
    """Prints steps with the seconds since `began` (a `time.monotonic()` value, shared between processes)."""

    def __init__(self, began: float | None = None) -> None:
        self.began = time.monotonic() if began is None else began

    def say(self, text: str) -> None:
        """Print one line, stamped."""
        print(f"[{time.monotonic() - self.began:6.1f} 秒] {text}", flush=True)

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        """Announce `title`, then say how long it took, or that it failed (the error goes on)."""
        began = time.monotonic()
        self.say(f"… {title}")
        try:
            yield
        except BaseException:
            self.say(f"✘ {title}:未完成")
            raise
        self.say(f"✔ {title}(用时 {time.monotonic() - began:.1f} 秒)")

    def warn(self, text: str) -> None:
        """Print one line on standard error."""
        sys.stdout.flush()
        print(f"[{time.monotonic() - self.began:6.1f} 秒] ⚠ {text}", file=sys.stderr, flush=True)
