"""Built-in functions of numbers."""

from __future__ import annotations

import decimal
from datetime import timedelta
from decimal import Decimal

from .errors import Run
from .registry import builtin
from .temporal import YearsMonths
from .values import NUMBERS, negate

LEAST, MOST = -6111, 6176
"""Decimals one may ask for; below zero: tens, hundreds."""


def _finite(value: Decimal) -> Decimal | None:
    return value if value.is_finite() else None


def rounded(value: Decimal, scale: Decimal, rounding: str) -> Decimal | None:
    """Return ``value`` with ``scale`` decimals (below zero: tens, hundreds)."""
    if not LEAST <= scale <= MOST:
        return None
    places = int(scale)
    exponent = value.as_tuple().exponent
    if isinstance(exponent, int) and -exponent <= places:
        return value
    if value.adjusted() + places > 40:
        return value
    with decimal.localcontext(NUMBERS) as context:
        context.prec = 100
        context.rounding = rounding
        return _finite(value.quantize(Decimal(1).scaleb(-places)))


def _rounds(name: str, rounding: str, optional: bool = False):
    def function(run: Run, value: Decimal, scale: Decimal = Decimal(0)) -> Decimal | None:
        found = rounded(value, scale, rounding)
        return found if found is None or found.adjusted() < 0 else NUMBERS.plus(found)

    builtin(f"{name}(n: number, scale: number{'?' if optional else ''})")(function)


_rounds("decimal", decimal.ROUND_HALF_EVEN)
_rounds("floor", decimal.ROUND_FLOOR, optional=True)
_rounds("ceiling", decimal.ROUND_CEILING, optional=True)
_rounds("round up", decimal.ROUND_UP)
_rounds("round down", decimal.ROUND_DOWN)
_rounds("round half up", decimal.ROUND_HALF_UP)
_rounds("round half down", decimal.ROUND_HALF_DOWN)


@builtin("abs(n: number|days|months)")
def absolute(run: Run, value: Decimal | timedelta | YearsMonths):
    if isinstance(value, Decimal):
        return NUMBERS.abs(value)
    below = value < timedelta() if isinstance(value, timedelta) else value.months < 0
    return negate(value) if below else value


@builtin("modulo(dividend: number, divisor: number)")
def modulo(run: Run, a: Decimal, b: Decimal) -> Decimal | None:
    if not b:
        return None
    # The remainder is exact; a quotient of 34 digits would not be.
    with decimal.localcontext(NUMBERS) as context:
        context.prec = 100
        rest = a % b
        if rest and (rest < 0) != (b < 0):
            rest = rest + b
    return None if not rest.is_finite() else _finite(NUMBERS.plus(rest))


@builtin("sqrt(number: number)")
def sqrt(run: Run, value: Decimal) -> Decimal | None:
    return _finite(NUMBERS.sqrt(value)) if value >= 0 else None


@builtin("log(number: number)")
def log(run: Run, value: Decimal) -> Decimal | None:
    return _finite(NUMBERS.ln(value)) if value > 0 else None


@builtin("exp(number: number)")
def exp(run: Run, value: Decimal) -> Decimal | None:
    return _finite(NUMBERS.exp(value)) if value < 20_000 else None


def _rest_of_two(value: Decimal) -> Decimal | None:
    if value != value.to_integral_value():
        return None
    with decimal.localcontext(NUMBERS) as context:
        context.prec = 100 if value.adjusted() < 90 else 6200
        return abs(value % 2)


@builtin("odd(number: number)")
def odd(run: Run, value: Decimal) -> bool:
    return _rest_of_two(value) == 1


@builtin("even(number: number)")
def even(run: Run, value: Decimal) -> bool:
    return _rest_of_two(value) == 0


