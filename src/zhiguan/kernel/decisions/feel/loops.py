"""Going through lists and ranges: what `for`, `some` and `every` share with their boxed forms."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

from .errors import Run
from .scope import Code, Scope
from .values import NUMBERS, Range

Iterator = tuple[str, Code, Code | None]


def _numbers(run: Run, low: Any, high: Any):
    if type(low) is date and type(high) is date:
        step = 1 if low <= high else -1
        return map(date.fromordinal, range(low.toordinal(), high.toordinal() + step, step))
    if type(low) is not Decimal or type(high) is not Decimal or max(low.adjusted(), high.adjusted()) > 15:
        return None
    if low != low.to_integral_value() or high != high.to_integral_value():
        return None
    step = 1 if low <= high else -1
    return map(Decimal, range(int(low), int(high) + step, step))


def values_of(scope: Scope, low: Any, high: Any, bounded: bool):
    """Return what a loop goes over, None if nothing can be gone over."""
    if bounded:
        return _numbers(scope.run, low, high)
    if type(low) is list:
        return low
    if type(low) is Range:
        start, end = low.low, low.high
        if type(start) is Decimal and type(end) is Decimal:
            start = start if low.low_closed else NUMBERS.add(start, Decimal(1))
            end = end if low.high_closed else NUMBERS.subtract(end, Decimal(1))
            return None if low.low > low.high else () if start > end else _numbers(scope.run, start, end)
        if type(start) is date and type(end) is date:
            if start > end:
                return None
            first = start.toordinal() + (not low.low_closed)
            last = end.toordinal() - (not low.high_closed)
            return (date.fromordinal(at) for at in range(first, last + 1))
        return None
    return None if low is None else [low]


def loop(scope: Scope, several: list[Iterator], partial: list | None = None):
    """Go through all combinations; yields scopes. A loop over nothing that can be gone over raises `NoLoop`."""
    (name, low, high), rest = several[0], several[1:]
    values = values_of(scope, low(scope), high(scope) if high else None, high is not None)
    if values is None:
        raise NoLoop
    for value in values:
        scope.run.charge()
        # A copy: what is being made must not become a part of itself.
        names = {name: value} if partial is None else {name: value, "partial": scope.run.items(partial[:])}
        inner = scope.inner(names)
        if rest:
            yield from loop(inner, rest, partial)
        else:
            yield inner


class NoLoop(Exception):
    """What a loop should go over is null or a function."""


def for_code(several: list[Iterator], body: Code, *, partial: bool = True) -> Code:
    """Return what makes a list with ``body``, which may look at the list so far as ``partial``."""

    def code(scope: Scope) -> Any:
        made: list[Any] = []
        try:
            for inner in loop(scope, several, made if partial else None):
                made.append(body(inner))
                if len(made) % 100 == 0:
                    scope.run.items(made)
        except NoLoop:
            scope.run.note("循环的对象不是列表，按空值处理")
            return None
        return made

    return code


def quantified_code(word: str, several: list[Iterator], body: Code) -> Code:
    """Return what answers ``some`` or ``every``."""
    stop = word == "some"

    def code(scope: Scope) -> bool | None:
        unknown = False
        try:
            for inner in loop(scope, several):
                answer = body(inner)
                if answer is stop:
                    return stop
                if answer is not None and answer is not (not stop):
                    return None
                unknown = unknown or answer is None
        except NoLoop:
            return None
        return None if unknown else not stop

    return code
