"""What the API needs from storeys above: where answers to idempotent requests are kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from zhiguan.kit.actor import Actor


@dataclass(frozen=True)
class Answer:
    """An answer given before. ``digest`` is that of the request it belongs to."""

    digest: str
    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


class Answers(Protocol):
    """Keeps answers per actor and Idempotency-Key, in the request's own transaction."""

    def find(self, actor: Actor, key: str) -> Answer | None:
        """Return the answer kept. Waits for another request with the same key that is still at work."""
        ...

    def keep(self, actor: Actor, key: str, answer: Answer) -> None: ...


_answers: Answers | None = None


def install(answers: Answers) -> None:
    """Keep answers there from now on; the composition root calls it once."""
    global _answers  # noqa: PLW0603 -- one store per process, set at start
    _answers = answers


def answers() -> Answers:
    """Return the store in force; raises RuntimeError when the composition root installed none."""
    if _answers is None:
        raise RuntimeError("No store for idempotent answers is installed")
    return _answers
