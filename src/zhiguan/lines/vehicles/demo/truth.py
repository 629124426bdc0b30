"""What a simulation put in, line by line, and how well the rules found it: precision and recall of each."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any

PREFIX = "vehicles."


@dataclass(frozen=True, order=True)
class Truth:
    """One thing a rule should find: ``rule`` without ``vehicles.``, ``period`` a day or a month."""

    vehicle: str
    rule: str
    period: str
    why: str = field(default="", compare=False)


@dataclass(frozen=True)
class Told:
    """A truth file: which vehicles were simulated, for which days ``[start, end)``, and what was put in."""

    seed: int
    start: date
    end: date
    vehicles: tuple[str, ...]
    truths: tuple[Truth, ...]

    @property
    def periods(self) -> set[str]:
        """What is judged: the days, and the months that were played whole. What only a whole month shows is neither true
        nor false of a part of it."""
        days = [self.start + timedelta(days=number) for number in range((self.end - self.start).days)]
        whole = [day for day in days if day.day == 1 and (day + timedelta(days=31)).replace(day=1) <= self.end]
        return {day.isoformat() for day in days} | {f"{day:%Y-%m}" for day in whole}


class NoTruth(ValueError):
    """The file is no truth file; the text says why, in Chinese."""


def write(path: Path, told: Told) -> None:
    """Write the file: a first line about the simulation, then a line for each truth."""
    head = {"simulation": "fleet", "seed": told.seed, "from": told.start.isoformat(),
            "days": (told.end - told.start).days, "vehicles": list(told.vehicles)}  # fmt: skip
    lines = [head, *({"seed": told.seed, **asdict(each)} for each in sorted(told.truths))]
    path.write_text("".join(f"{json.dumps(line, ensure_ascii=False)}\n" for line in lines), encoding="utf-8")


def read(path: Path) -> Told:
    """Read such a file. Raises :class:`NoTruth` naming the line that cannot be read."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise NoTruth(f"无法读取 {path}：{error}") from error
    rows: list[dict[str, Any]] = []
    for number, line in enumerate(lines, 1):
        try:
            rows.append(json.loads(line))
        except ValueError as error:
            raise NoTruth(f"{path} 第 {number} 行不是 JSON：{error}") from error
    try:
        head, start = rows[0], date.fromisoformat(rows[0]["from"])
        truths = tuple(Truth(row["vehicle"], row["rule"], row["period"], row["why"]) for row in rows[1:])
        end = start + timedelta(days=int(head["days"]))
        return Told(int(head["seed"]), start, end, tuple(head["vehicles"]), truths)
    except (IndexError, KeyError, TypeError, ValueError) as error:
        raise NoTruth(f"{path} 不是 zhiguan simulate fleet --truth 写出的真值文件：{error!r}") from error


@dataclass
class Score:
    """How one rule did."""

    rule: str
    hits: int = 0
    missed: int = 0
    false: int = 0

    @property
    def recall(self) -> float | None:
        """Share of what was put in that was found; None when nothing was."""
        put_in = self.hits + self.missed
        return self.hits / put_in if put_in else None

    @property
    def precision(self) -> float | None:
        """Share of what was found that was put in; None when nothing was found."""
        found = self.hits + self.false
        return self.hits / found if found else None

    def line(self) -> dict[str, Any]:
        """The score as ``zhiguan simulate score`` prints it."""
        rounded = {name: None if value is None else round(value, 4)
                   for name, value in (("precision", self.precision), ("recall", self.recall))}  # fmt: skip
        return {
            "rule": f"{PREFIX}{self.rule}",
            **rounded,
            "hits": self.hits,
            "missed": self.missed,
            "false": self.false,
        }


def found_in_database(told: Told) -> dict[Truth, str]:
    """Return the findings about the simulated vehicles and days that were not withdrawn, with their summaries."""
    from zhiguan.kernel.supervision import service as supervision
    from zhiguan.kit.actor import system

    from ..models import Vehicle

    boss = system("vehicles.simulator")
    with boss.transaction():
        plates = dict(Vehicle.objects.filter(plate__in=told.vehicles).values_list("pk", "plate"))
        rows = supervision.findings(boss).filter(
            area="vehicles", subject_type="vehicles.vehicle", subject_id__in=list(plates), period__in=told.periods
        )
        rows = rows.exclude(state="withdrawn").values_list("subject_id", "rule", "period", "summary")
        return {Truth(plates[key], rule.removeprefix(PREFIX), period): summary for key, rule, period, summary in rows}


def score(told: Told, found: Iterable[Truth], rules: Iterable[str]) -> list[Score]:
    """Compare; one score for every rule (codes without prefix), in that order."""
    wanted, given = set(told.truths), set(found)
    scores = {rule: Score(rule) for rule in rules}
    for each in wanted | given:
        one = scores.setdefault(each.rule, Score(each.rule))
        one.hits += each in wanted and each in given
        one.missed += each not in given
        one.false += each not in wanted
    return list(scores.values())


def differences(told: Told, found: Mapping[Truth, str]) -> list[dict[str, str]]:
    """Return what was missed and what was found without being true, for a person to look at."""
    wanted = {each: each.why for each in told.truths}
    lines: dict[str, list[dict[str, str]]] = defaultdict(list)
    for name, rows, other in (("missed", wanted, found), ("false", found, wanted)):
        for each, text in rows.items():
            if each not in other:
                lines[name].append(
                    {name: f"{PREFIX}{each.rule}", "vehicle": each.vehicle, "period": each.period, "text": text}
                )
    return [
        line
        for name in ("missed", "false")
        for line in sorted(lines[name], key=lambda row: (row[name], row["vehicle"]))
    ]
