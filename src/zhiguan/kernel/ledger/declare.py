"""Life cycles as data (全生命周期): states, and the moves between them."""

from __future__ import annotations

from dataclasses import dataclass, field

from zhiguan.kernel.trace.declare import TraceCode
from zhiguan.kit.manifest import Declared


@dataclass(frozen=True)
class Move:
    """One act that changes the state: from any of ``sources`` to ``target``. ``code`` is the verb's name."""

    code: str
    sources: tuple[str, ...]
    target: str
    name: str
    permission: str = ""
    needs_reason: bool = False


@dataclass(frozen=True)
class Lifecycle(Declared):
    """The states of one kind of thing. ``code`` is line.subject; ``colours`` maps a state to a badge colour."""

    code: str
    name: str
    start: str
    states: dict[str, str]
    moves: tuple[Move, ...]
    colours: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        named = {self.start, *(move.target for move in self.moves)}
        named |= {source for move in self.moves for source in move.sources}
        if unknown := named - set(self.states):
            raise ValueError(f"{self.code}: unknown states {sorted(unknown)}")
        reached, before = {self.start}, set()
        while reached != before:
            before = set(reached)
            reached |= {move.target for move in self.moves if reached & set(move.sources)}
        if lost := set(self.states) - reached:
            raise ValueError(f"{self.code}: states that no move reaches {sorted(lost)}")
        if len({move.code for move in self.moves}) != len(self.moves):
            raise ValueError(f"{self.code}: a move is declared twice")

    def move(self, code: str) -> Move:
        """Return the move; raises ``KeyError`` for one that is not declared."""
        for move in self.moves:
            if move.code == code:
                return move
        raise KeyError(f"{self.code} has no move {code!r}")

    def trace_codes(self) -> tuple[TraceCode, ...]:
        """The names of the moves in the trace."""
        return tuple(TraceCode(f"{self.code}.{move.code}", f"{self.name}{move.name}") for move in self.moves)

    def moves_from(self, state: str) -> tuple[Move, ...]:
        """Return the moves possible in ``state``."""
        return tuple(move for move in self.moves if state in move.sources)

    @property
    def choices(self) -> list[tuple[str, str]]:
        """The states as (code, Chinese name), for model fields and filters."""
        return list(self.states.items())
