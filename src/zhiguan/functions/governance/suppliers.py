"""Favourite suppliers (中意供应商): whose awards go to one firm far more often than that firm gets comparable ones.

Comparable are awards of one kind (:class:`Awards`) of all other subjects in the same months. For a subject with *n*
awards of the kind, *k* of them to one firm, while *m* of the others' *N* went there, all of these must hold: enough
awards on both sides; k ÷ n large; k ÷ n many times m ÷ N (of at least one award, so that a firm nobody else took is not
infinitely loved); and k or more of n are so unlikely as draws at the others' rate, (m + 1) ÷ (N + 2), that it was hardly
chance, times the number of firms there are, because the favourite was looked for after the fact. What everybody takes, a
framework contract say, is nobody's favourite.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from math import comb
from typing import Any

from zhiguan.kernel.flow.service import Case, Seat
from zhiguan.kernel.orgs import service as orgs
from zhiguan.kernel.orgs.service import Person, Unit
from zhiguan.kernel.supervision.declare import Award, Awards
from zhiguan.kit import registry

JUDGING = ("accept", "review", "site", "expert", "decide")
"""Stages whose people handle a case at the bureau."""

THRESHOLDS = ("count", "share", "times", "others", "chance")


@dataclass(frozen=True)
class Limits:
    """The :data:`THRESHOLDS` ``approvals.supervision.supplier_*`` as they hold for one subject on one day."""

    count: int
    share: float
    times: float
    others: int
    chance: float


@dataclass(frozen=True)
class Leaning:
    """One subject's liking for one firm: the numbers of the module's text, and the awards to that firm."""

    kind: Awards
    firm: str
    own: int
    own_there: int
    others: int
    others_there: int
    chance: float
    awards: tuple[Award, ...]

    @property
    def share(self) -> float:
        return self.own_there / self.own

    @property
    def elsewhere(self) -> float:
        """The firm's share of what the others gave."""
        return self.others_there / self.others

    @property
    def times(self) -> float:
        return self.share / (max(self.others_there, 1) / self.others)


def firm_key(name: str) -> str:
    """Return what tells firms apart: the name without width, spaces, marks and the branch or form in brackets."""
    text = unicodedata.normalize("NFKC", name).casefold()
    return re.sub(r"[\W_]", "", re.sub(r"\([^()]*\)$", "", text.strip())) or text.strip()


def chance_of(n: int, k: int, rate: float) -> float:
    """Return how likely ``k`` or more of ``n`` draws hit at ``rate``."""
    return sum(comb(n, hits) * rate**hits * (1 - rate) ** (n - hits) for hits in range(k, n + 1))


def leanings(
    kind: Awards, held: Mapping[int, Sequence[Award]], limits: Mapping[int, Limits]
) -> Iterator[tuple[int, Leaning]]:
    """Yield (subject, leaning) of the subjects in ``limits``; ``held`` is what each of all subjects has a part in.

    An award in which several have a part counts once among those that a subject is compared with.
    """
    every = {id(award): firm_key(award.firm) for awards in held.values() for award in awards}
    whole = Counter(every.values())
    for subject, bounds in limits.items():
        if not held.get(subject):
            continue
        mine = Counter(every[id(award)] for award in held[subject])
        n, others = mine.total(), len(every) - mine.total()
        key, k = min(mine.items(), key=lambda pair: (-pair[1], pair[0]))
        if n < bounds.count or others < bounds.others or k / n < bounds.share:
            continue
        there = tuple(award for award in held[subject] if every[id(award)] == key)
        m = whole[key] - k
        chance = min(1.0, chance_of(n, k, (m + 1) / (others + 2)) * len(whole))
        found = Leaning(kind, there[-1].firm.strip(), n, k, others, m, chance, there)
        if found.times >= bounds.times and found.chance <= bounds.chance:
            yield subject, found


# --- whose awards -----------------------------------------------------------------------------------------------------


def awards(start: date, end: date) -> list[tuple[Awards, list[Award]]]:
    """Return what every line's ledgers tell of ``[start, end)``, oldest first; what went to one firm at once is one award."""
    found = []
    for kind in registry.current().all(Awards):
        together: dict[Hashable, list[Award]] = defaultdict(list)
        for award in sorted(kind.rows(start, end), key=lambda award: (award.on, str(award.link.get("id")))):
            if award.firm.strip():
                together[award.unit.pk, firm_key(award.firm), award.on, award.source].append(award)
        found.append((kind, [_one(rows) for rows in together.values()]))
    return found


def _one(rows: list[Award]) -> Award:
    """Return several awards of one occasion as one: ten vehicles bought together are one choice of a supplier."""
    first = rows[0]
    if len(rows) == 1:
        return first
    link = {**first.link, "label": f"{first.link['label']} 等 {len(rows)} 件"}
    return replace(first, link=link, amount_yuan=money(rows))


def by_organ(rows: Iterable[Award]) -> dict[int, list[Award]]:
    """Return the awards by the key of the organ that gave them."""
    found: dict[int, list[Award]] = defaultdict(list)
    organs: dict[int, Unit] = {}
    for award in rows:
        if award.unit.pk not in organs:
            organs[award.unit.pk] = orgs.organ_of(award.unit) or award.unit
        found[organs[award.unit.pk].pk].append(award)
    return found


def cases_of(rows: Iterable[Award]) -> dict[str, Case]:
    """Return the cases that awards follow from, by their source: the case's number, or that of its document."""
    sources = {award.source for award in rows if award.source}
    found = {case.document_no: case for case in Case.objects.filter(document_no__in=sources)}
    return found | {case.code: case for case in Case.objects.filter(code__in=sources)}


def by_handler(rows: Sequence[Award]) -> dict[int, list[Award]]:
    """Return the awards by the key of the person who handled, at the bureau, the case they follow from.

    An award of a case that several people handled is each one's.
    """
    cases = cases_of(rows)
    people: dict[int, set[int]] = defaultdict(set)
    seats = Seat.objects.filter(
        case__in={case.pk for case in cases.values()}, state="done", step__state="done", step__stage__in=JUDGING,
        kind__in=("main", "after"),
    )  # fmt: skip
    for case, person, acted in seats.values_list("case_id", "person_id", "acted_by_id"):
        people[case].add(acted or person)
    found: dict[int, list[Award]] = defaultdict(list)
    for award in rows:
        case = cases.get(award.source)
        for person in people.get(case.pk, ()) if case is not None else ():
            found[person].append(award)
    return found


def givers(start: date, end: date) -> list[Unit]:
    """Organs that gave something to a firm in ``[start, end)``."""
    keys = {key for _, rows in awards(start, end) for key in by_organ(rows)}
    return list(Unit.objects.filter(pk__in=keys).order_by("pk"))


def handlers(start: date, end: date) -> list[Person]:
    """People who handled a case that something given to a firm in ``[start, end)`` follows from."""
    keys = {key for _, rows in awards(start, end) for key in by_handler(rows)}
    return list(Person.objects.filter(pk__in=keys).select_related("unit").order_by("pk"))


def money(rows: Iterable[Award]) -> Any:
    """Return the sum of what is known of the amounts, or None."""
    known = [award.amount_yuan for award in rows if award.amount_yuan is not None]
    return sum(known) if known else None


__all__ = [
    "THRESHOLDS", "Leaning", "Limits", "awards", "by_handler", "by_organ", "cases_of", "firm_key", "givers", "handlers",
    "leanings", "money",
]  # fmt: skip
