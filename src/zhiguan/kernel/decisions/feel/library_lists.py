"""Built-in functions of lists. Places count from 1, from the end below zero."""

from __future__ import annotations

from decimal import Decimal
from functools import cmp_to_key
from typing import Any

from .errors import Run
from .registry import builtin
from .values import NUMBERS, Function, add, equal, less


def _numbers(run: Run, items: list) -> bool:
    run.charge(1 + len(items) // 10)
    return all(type(each) is Decimal for each in items)


@builtin("list contains(list: list, element: any)")
def list_contains(run: Run, items: list, element: Any) -> bool:
    run.charge(len(items) // 10)
    return any(equal(run, each, element) is True for each in items)


@builtin("count(list: list)")
def count(run: Run, items: list) -> Decimal:
    return Decimal(len(items))


def _extreme(run: Run, items: list, largest: bool) -> Any:
    if not items:
        return None
    best = items[0]
    if less(best, best) is None:
        return None
    for each in items[1:]:
        run.charge()
        smaller = less(best, each) if largest else less(each, best)
        if smaller is None:
            return None
        best = each if smaller else best
    return best


@builtin("min(list: list)", "min(c: any*)")
def smallest(run: Run, items: list) -> Any:
    return _extreme(run, items, False)


@builtin("max(list: list)", "max(c: any*)")
def largest(run: Run, items: list) -> Any:
    return _extreme(run, items, True)


@builtin("sum(list: list)", "sum(n: any*)")
def total(run: Run, items: list) -> Any:
    if not items:
        return None
    run.charge(len(items) // 10)
    if not all(type(each) is type(items[0]) for each in items) or type(items[0]) is str:
        return None
    value = items[0] if add(items[0], items[0]) is not None else None
    for each in items[1:]:
        value = add(value, each)
    return value


@builtin("product(list: list)", "product(n: any*)")
def product(run: Run, items: list) -> Decimal | None:
    if not items or not _numbers(run, items):
        return None
    value = Decimal(1)
    for each in items:
        value = NUMBERS.multiply(value, each)
    return value if value.is_finite() else None


@builtin("mean(list: list)", "mean(n: any*)")
def mean(run: Run, items: list) -> Decimal | None:
    whole = total(run, items) if _numbers(run, items) else None
    return None if whole is None else NUMBERS.divide(whole, Decimal(len(items)))


@builtin("median(list: list)", "median(n: any*)")
def median(run: Run, items: list) -> Decimal | None:
    if not items or not _numbers(run, items):
        return None
    ordered, half = sorted(items), len(items) // 2
    if len(items) % 2:
        return ordered[half]
    return NUMBERS.divide(NUMBERS.add(ordered[half - 1], ordered[half]), Decimal(2))


@builtin("stddev(list: list)", "stddev(n: any*)")
def stddev(run: Run, items: list) -> Decimal | None:
    if len(items) < 2 or not _numbers(run, items):
        return None
    centre = mean(run, items)
    if centre is None:
        return None
    squares = Decimal(0)
    for each in items:
        off = NUMBERS.subtract(each, centre)
        squares = NUMBERS.add(squares, NUMBERS.multiply(off, off))
    value = NUMBERS.sqrt(NUMBERS.divide(squares, Decimal(len(items) - 1)))
    return value if value.is_finite() else None


@builtin("mode(list: list)", "mode(n: any*)")
def mode(run: Run, items: list) -> list | None:
    if not _numbers(run, items):
        return None
    times: dict[Decimal, int] = {}
    for each in items:
        times[each] = times.get(each, 0) + 1
    most = max(times.values(), default=0)
    return sorted(each for each, number in times.items() if number == most)


def _place(items: list, at: Decimal, end: int = 0) -> int | None:
    """Return the index of a place, None if there is none; ``end`` is how many places come after the last."""
    if at != at.to_integral_value() or not at or at.adjusted() > 9:
        return None
    place = int(at)
    index = place - 1 if place > 0 else len(items) + place
    return index if 0 <= index < len(items) + end else None


@builtin("sublist(list: list, start position: number, length: number?)")
def sublist(run: Run, items: list, start: Decimal, length: Decimal | None = None) -> list | None:
    index = _place(items, start)
    if index is None:
        return None
    if length is None:
        return run.items(items[index:])
    if length < 1 or index + min(length, Decimal(10**9)) > len(items):
        return None
    return run.items(items[index : index + int(length)])


@builtin("append(list: list, item: any*)")
def append(run: Run, items: list, more: list) -> list:
    return run.items(items + more)


@builtin("concatenate(list: list*)")
def concatenate(run: Run, lists: list) -> list:
    made: list[Any] = []
    for each in lists:
        made += each
        run.items(made)
    return made


@builtin("insert before(list: list, position: number, newItem: any)")
def insert_before(run: Run, items: list, at: Decimal, item: Any) -> list | None:
    index = _place(items, at)
    return None if index is None else run.items([*items[:index], item, *items[index:]])


@builtin("remove(list: list, position: number)")
def remove(run: Run, items: list, at: Decimal) -> list | None:
    index = _place(items, at)
    return None if index is None else run.items(items[:index] + items[index + 1 :])


@builtin("list replace(list: list, position: number, newItem: any)")
def replace_place(run: Run, items: list, at: Decimal, item: Any) -> list | None:
    index = _place(items, at)
    return None if index is None else run.items([*items[:index], item, *items[index + 1 :]])


@builtin("list replace(list: list, match: function, newItem: any)")
def replace_match(run: Run, items: list, match: Function, item: Any) -> list | None:
    made = []
    for each in items:
        run.charge()
        answer = match.call(run, [each, item])
        if type(answer) is not bool:
            return None
        made.append(item if answer else each)
    return made


@builtin("reverse(list: list)")
def reverse(run: Run, items: list) -> list:
    return run.items(items[::-1])


@builtin("index of(list: list, match: any)")
def index_of(run: Run, items: list, match: Any) -> list:
    run.charge(len(items) // 10)
    return [Decimal(at) for at, each in enumerate(items, 1) if equal(run, each, match) is True]


def _distinct(run: Run, items: list) -> list:
    kept: list[Any] = []
    seen: set[Any] = set()
    for each in items:
        simple = type(each) in (str, Decimal, bool)
        if simple:
            key = (type(each), each)
            if key in seen:
                continue
            seen.add(key)
        else:
            run.charge(len(kept))
            if any(equal(run, each, other) is True for other in kept):
                continue
        kept.append(each)
    return run.items(kept)


@builtin("union(list: list*)")
def union(run: Run, lists: list) -> list:
    return _distinct(run, concatenate(run, lists))


@builtin("distinct values(list: list)")
def distinct(run: Run, items: list) -> list:
    return _distinct(run, items)


@builtin("flatten(list: list)")
def flatten(run: Run, items: list) -> list:
    made: list[Any] = []

    def walk(several: list) -> None:
        for each in several:
            run.charge()
            if type(each) is list:
                walk(each)
            else:
                made.append(each)

    walk(items)
    return run.items(made)


@builtin("sort(list: list, precedes: function)")
def sort_by(run: Run, items: list, precedes: Function) -> list | None:
    broken = False

    def order(a: Any, b: Any) -> int:
        nonlocal broken
        first = precedes.call(run, [a, b])
        broken = broken or type(first) is not bool
        if first is True:
            return -1
        return 1 if precedes.call(run, [b, a]) is True else 0

    made = sorted(items, key=cmp_to_key(order))
    return None if broken else run.items(made)


@builtin("sort(list: list)")
def sort(run: Run, items: list) -> list | None:
    if any(less(items[0], each) is None for each in items):
        return None
    run.charge(len(items))
    return sorted(items, key=cmp_to_key(lambda a, b: -1 if less(a, b) else 1 if less(b, a) else 0))
