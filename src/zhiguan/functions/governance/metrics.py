"""Metrics of the course of cases (全程监督), each said once: for the page, the API, the command and exports. SPEC G9, D10.

They are added up from the tallies, of whole months (docs/flow.md, "Figures of supervision"), and open the lists of
supervision. Scope is the supervisor's remit: of each line the units over which its ``case.supervise`` is held.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Sum
from django.urls import reverse

from zhiguan.kernel.calendar.service import first_of_month
from zhiguan.kernel.flow import queries as flow
from zhiguan.kernel.flow.declare import SUPERVISE
from zhiguan.kernel.flow.lifecycle import CASE as LIFE
from zhiguan.kernel.flow.lifecycle import DECIDED, OPEN
from zhiguan.kernel.flow.plan import STAGES
from zhiguan.kernel.metrics.declare import ANY_LINE, UNITS, Group, Metric, MetricQuery, Value
from zhiguan.kernel.metrics.service import breakdown, owners
from zhiguan.kit.errors import Invalid

from . import queries

PERMISSION = f"{ANY_LINE}case.{SUPERVISE}"
CLOSED = ("done", "undone")
CLAUSE = "《机关事务管理条例》"
RESPONSIBLE = "机关事务管理局监督管理部门"
COLUMNS = {"item": "item", "line": "area", "stage": "stage", "step": "name", "month": "month"}
"""Columns of the tallies by dimension."""


class _Known(Mapping[str, str]):
    """Values of a dimension that are known once everything is declared: items, lines."""

    def __init__(self, make: Callable[[], Iterable[tuple[str, str]]]) -> None:
        self._make = make

    def __getitem__(self, key: str) -> str:
        return dict(self._make())[key]

    def __iter__(self) -> Iterator[str]:
        return iter(dict(self._make()))

    def __len__(self) -> int:
        return len(dict(self._make()))


CHOICES = {"item": _Known(queries.item_options), "line": _Known(queries.line_options), "stage": STAGES}
NAMES = {"item": "事项", "line": "条线", "stage": "环节类型", "step": "环节"}


@dataclass(frozen=True)
class Formula:
    """What a figure is of sums of a tally's counts: ``of`` less ``less``, divided by ``over`` (and by ``scale``)."""

    of: tuple[str, ...]
    less: tuple[str, ...] = ()
    over: tuple[str, ...] = ()
    scale: float = 1

    @property
    def names(self) -> tuple[str, ...]:
        return (*self.of, *self.less, *self.over)

    def value(self, sums: Mapping[str, int]) -> Value:
        """Return the figure; None where there is nothing to divide by."""
        above = sum(sums[name] for name in self.of) - sum(sums[name] for name in self.less)
        if not self.over:
            return above
        below = sum(sums[name] for name in self.over)
        return above / below / self.scale if below else None


FIGURES: dict[str, Formula] = {}
"""How each metric of this room is made of sums, for pages that add up several figures in one question."""


def summed(rows: Any, keys: tuple[str, ...], names: Iterable[str]) -> list[tuple[tuple, dict[str, int]]]:
    """Return the sums of a tally's counts by the values of ``keys``, without those that are nothing."""
    names = list(dict.fromkeys(names))
    found = rows.order_by().values_list(*keys).annotate(**{f"n_{name}": Sum(name) for name in names})
    made = ((row[: len(keys)], dict(zip(names, row[len(keys) :], strict=True))) for row in found)
    return [(key, sums) for key, sums in made if any(sums.values())]


def total(rows: Any, names: Iterable[str]) -> dict[str, int]:
    """Return the sums of a tally's counts."""
    found = rows.order_by().aggregate(**{f"n_{name}": Sum(name) for name in dict.fromkeys(names)})
    return {name.removeprefix("n_"): number or 0 for name, number in found.items()}


def by_organ(rows: Any, dimension: str, names: Iterable[str]) -> list[tuple[str, str, dict[str, int]]]:
    """Return code, name and sums of each organ (of nested ones the topmost) or district, in the order of the tree."""
    return _owned(dimension, summed(rows, ("scope_pos",), names))


def _owned(dimension: str, found: Iterable[tuple[tuple, Mapping[Any, int]]]) -> list[tuple[str, str, dict[Any, int]]]:
    """Add up what was counted by position, by the organ or district that each is in."""
    found = list(found)
    owned = owners(dimension, (position for (position,), _ in found))
    whole: dict[tuple[int, str, str], dict[Any, int]] = defaultdict(lambda: defaultdict(int))
    for (position,), sums in found:
        for name, number in sums.items():
            whole[owned[position]][name] += number
    return [(code, label, sums) for (_, code, label), sums in sorted(whole.items(), key=lambda pair: pair[0][0])]


def tally(query: MetricQuery, rows: Any, *, present: bool = False) -> Any:
    """Return a tally's rows that a query is about. Raises ``Invalid`` for a period that is not of whole months."""
    rows = query.within(rows)
    for name in ("item", "line", "stage", "step"):
        if name in query.dims:
            rows = rows.filter(**{COLUMNS[name]: query.dims[name]})
    if present:
        return rows.filter(month__isnull=True)
    if query.start is not None:
        if query.start.day != 1:
            raise Invalid("办件统计按整月汇总，起始日期应为某月 1 日。", code="bad_date", fields={"start": "应为某月 1 日。"})
        rows = rows.filter(month__gte=query.start)
    if query.end is not None:
        month = first_of_month(query.end)
        if query.end.day < 28 or first_of_month(month, 1).toordinal() - query.end.toordinal() != 1:
            raise Invalid("办件统计按整月汇总，截止日期应为某月最后一日。", code="bad_date", fields={"end": "应为某月最后一日。"})
        rows = rows.filter(month__lte=month)
    return rows.filter(month__isnull=False)


def _split(states: Iterable[str]) -> dict[str, str]:
    names = dict(LIFE.choices)
    return {state: names[state] for state in states}


def _computed(figure: Formula, rows_of: Any, *, present: bool, split: tuple[str, ...]) -> Any:
    def compute(query: MetricQuery) -> Value | list[Group]:
        rows = tally(query, rows_of(query.actor), present=present)
        made = Formula((query.dims["state"],)) if "state" in query.dims else figure
        by = query.group_by
        if not by:
            return made.value(total(rows, made.names))
        if by == "state":
            sums = total(rows, split)
            return [Group(state, state, sums[state]) for state in split if sums[state]]
        if by in UNITS:
            return [Group(code, label, made.value(sums)) for code, label, sums in by_organ(rows, by, made.names)]
        found = [(_key(key), made.value(sums)) for (key,), sums in summed(rows, (COLUMNS[by],), made.names)]
        return sorted((Group(key, key, number) for key, number in found), key=lambda group: group.key)

    return compute


def _key(value: Any) -> str:
    return value if isinstance(value, str) else f"{value:%Y-%m}"


# --- working days: how many cases took how many, from which means and medians come --------------------------------------


def days_taken(rows: Any, *keys: str) -> list[tuple[tuple, Counter[int]]]:
    """Return how many cases took how many working days, by the values of ``keys``."""
    found: dict[tuple, Counter[int]] = defaultdict(Counter)
    for *key, days, number in rows.order_by().values_list(*keys, "days").annotate(n=Sum("count")):
        if number:
            found[tuple(key)][days] += number
    return list(found.items())


def days_by_organ(rows: Any, dimension: str = "organ") -> list[tuple[str, str, dict[int, int]]]:
    return _owned(dimension, days_taken(rows, "scope_pos"))


def mean(taken: Mapping[int, int]) -> float | None:
    """Return the mean of counts by value; None of none."""
    number = sum(taken.values())
    return sum(days * count for days, count in taken.items()) / number if number else None


def median(taken: Mapping[int, int]) -> float | None:
    """Return the median of counts by value, between two the middle; None of none."""
    number, passed = sum(taken.values()), 0
    first: int | None = None
    for days, count in sorted(taken.items()):
        passed += count
        if first is None and passed > (number - 1) // 2:
            first = days
        if first is not None and passed > number // 2:
            return (first + days) / 2
    return None


def _days(of: Callable[[Mapping[int, int]], float | None]) -> Any:
    def compute(query: MetricQuery) -> Value | list[Group]:
        rows, by = tally(query, flow.days_tally(query.actor)), query.group_by
        if not by:
            return of(sum((taken for _, taken in days_taken(rows)), Counter()))
        if by in UNITS:
            return [Group(code, label, of(taken)) for code, label, taken in days_by_organ(rows, by)]
        found = [(_key(key), of(taken)) for (key,), taken in days_taken(rows, COLUMNS[by])]
        return sorted((Group(key, key, number) for key, number in found), key=lambda group: group.key)

    return compute


def _of_days(code: str, name: str, formula: str, of: Callable[[Mapping[int, int]], float | None]) -> Metric:
    return Metric(
        code=code, name=name, unit="个工作日", formula=formula, source="办件监督台账", clause=CLAUSE, responsible=RESPONSIBLE,
        dimensions=("organ", "district", "line", "item", "month"), permission=PERMISSION, direction="lower", kind="number",
        digits=1, additive=False, compute=_days(of), rows=_opens(CASES, "ended_at", DECIDED, {"worked": "1"}),
        choices={each: CHOICES[each] for each in ("item", "line")},
        dimension_names={each: NAMES[each] for each in ("item", "line")},
    )  # fmt: skip


def _opens(page: str, period: str, split: tuple[str, ...], filters: Mapping[str, Any]) -> Callable[[MetricQuery], str]:
    def rows(query: MetricQuery) -> str:
        dims = query.dims
        more: dict[str, Any] = {"item": dims.get("item", ""), "area": dims.get("line", ""), **filters}
        if page == STEPS:
            more |= {"stage": dims.get("stage", ""), "name": dims.get("step", "")}
        if split:
            more["state"] = dims.get("state", "") or split
        return query.address(reverse(page), period=period, **more)

    return rows


CASES, STEPS, CARDS = "governance.supervised", "governance.supervised_step", "governance.card"
TALLIES = {CASES: flow.case_tally, CARDS: flow.case_tally, STEPS: flow.step_tally}


def _metric(
    code: str, name: str, unit: str, formula: str, figure: Formula, page: str, period: str = "", *,
    split: tuple[str, ...] = (), filters: Mapping[str, Any] | None = None, direction: str = "none", kind: str = "integer",
    digits: int | None = None,
) -> Metric:  # fmt: skip
    """Declare a figure of a tally; ``period`` is the list's date filter, of a figure of the present ''. ``split`` are
    the states it can be asked for one by one, each the count of its name."""
    own = {"state": _split(split)} if split and figure == Formula(split) else {}
    names = ["organ", "district", "line", "item", *(("stage", "step") if page == STEPS else ()), *(("month",) if period else ())]
    FIGURES[code] = figure
    return Metric(
        code=code, name=name, unit=unit, formula=formula, dimensions=(*names, *own),
        source="办理环节台账" if page == STEPS else "黄牌红牌台账" if page == CARDS else "办件监督台账",
        clause=CLAUSE, responsible=RESPONSIBLE, permission=PERMISSION, direction=direction, kind=kind, digits=digits,
        additive=not figure.over,
        compute=_computed(figure, TALLIES[page], present=not period, split=split if own else ()),
        rows=_opens(page, period, split, filters or {}),
        choices={name: CHOICES[name] for name in names if name in CHOICES} | own,
        dimension_names={name: NAMES[name] for name in names if name in NAMES},
    )  # fmt: skip


ENDED = {"page": CASES, "period": "ended_at", "split": DECIDED}
TAKEN = {"page": STEPS, "period": "closed_at", "filters": {"state": CLOSED}}
HERE = {"page": STEPS, "filters": {"state": "open"}}
METRICS = (
    _metric("flow.open", "在办办件数", "件", "当前状态为办理中、待补正、已退回、已挂起的办件数", Formula(OPEN), CASES, split=OPEN),
    _metric("flow.stuck", "无人可办办件数", "件", "当前没有人可以办理的在办办件数", Formula(("stuck",)), CASES, filters={"stuck": "1"},
            direction="lower"),
    _metric("flow.submitted", "提交办件数", "件", "统计期内首次提交的办件数", Formula(("submitted",)), CASES, "submitted_at"),
    _metric("flow.closed", "办结办件数", "件", "统计期内作出批准或者不予批准决定的办件数", Formula(DECIDED), **ENDED),
    _metric("flow.overdue", "超期办结办件数", "件", "统计期内办结、办件时限亮过红牌的办件数", Formula(("overdue",)), **ENDED,
            filters={"overdue": "1"}, direction="lower"),
    _metric("flow.on_time", "按时办结率", "", "统计期内办结、没有超过办件时限的办件数 ÷ 办结办件数",
            Formula(DECIDED, less=("overdue",), over=DECIDED), **ENDED, direction="higher", kind="percent", digits=1),
    _metric("flow.corrected", "补正过的办结办件数", "件", "统计期内办结、办理中通知过补正的办件数", Formula(("corrected",)), **ENDED,
            filters={"corrected": "1"}, direction="lower"),
    _metric("flow.rounds", "平均提交次数", "次", "统计期内办结的办件提交次数之和 ÷ 办结办件数", Formula(("rounds",), over=DECIDED), **ENDED,
            direction="lower", kind="number", digits=1),
    _metric("flow.elapsed_days", "受理至办结平均自然天数", "天", "统计期内办结、受理过的办件，自受理至办结的自然时间之和 ÷ 件数",
            Formula(("seconds",), over=("timed",), scale=86400), **ENDED, filters={"accepted": "1"}, direction="lower",
            kind="number", digits=1),
    _metric("flow.yellow_cards", "黄牌数", "张", "统计期内办件和环节临近时限触发的黄牌数", Formula(("yellow_cards",)), CARDS, "reached_at",
            filters={"rung": "yellow"}, direction="lower"),
    _metric("flow.red_cards", "红牌数", "张", "统计期内办件和环节超过时限触发的红牌数", Formula(("red_cards",)), CARDS, "reached_at",
            filters={"rung": "red"}, direction="lower"),
    _metric("flow.steps_open", "在办环节数", "个", "当前正在办理的环节数，并行的环节各计一个", Formula(("count",)), **HERE),
    _metric("flow.steps_open_yellow", "有黄牌的在办环节数", "个", "当前正在办理、亮过黄牌的环节数", Formula(("yellow_cards",)), page=STEPS,
            filters={"state": "open", "yellow_card": "1"}, direction="lower"),
    _metric("flow.steps_open_red", "有红牌的在办环节数", "个", "当前正在办理、亮过红牌的环节数", Formula(("red_cards",)), page=STEPS,
            filters={"state": "open", "red_card": "1"}, direction="lower"),
    _metric("flow.steps", "办理环节数", "个", "统计期内办理完毕或者退回的环节数", Formula(("count",)), **TAKEN),
    _metric("flow.step_hours", "环节平均用时", "小时", "统计期内办理完毕或者退回的环节，自送达至办理的自然时间之和 ÷ 环节数",
            Formula(("seconds",), over=("count",), scale=3600), **TAKEN, direction="lower", kind="number", digits=1),
    _metric("flow.steps_long", "超过一周的环节数", "个", "统计期内办理完毕或者退回、自送达至办理超过七日的环节数", Formula(("long",)), page=STEPS,
            period="closed_at", filters={"state": CLOSED, "long": "1"}, direction="lower"),
    _metric("flow.steps_red", "有红牌的办理环节数", "个", "统计期内办理完毕或者退回、亮过红牌的环节数", Formula(("red_cards",)), page=STEPS,
            period="closed_at", filters={"state": CLOSED, "red_card": "1"}, direction="lower"),
    _metric("flow.returned", "退回环节数", "个", "统计期内被退回重办的环节数", Formula(("undone",)), page=STEPS, period="closed_at",
            filters={"state": "undone"}, direction="lower"),
)  # fmt: skip
TAKES = "统计期内办结、受理过的办件，自受理至办结计时的工作日（补正、挂起时停止计时）"
MEAN_DAYS = _of_days("flow.working_days", "办结平均用时", f"{TAKES}之和 ÷ 件数", mean)
MEDIAN_DAYS = _of_days("flow.working_days_median", "办结用时中位数", f"{TAKES}的中位数", median)
BY_CODE = {each.code: each for each in (*METRICS, MEAN_DAYS, MEDIAN_DAYS)}


# --- what tallies do not hold: asked of the cases themselves ------------------------------------------------------------


def _cases(query: MetricQuery) -> Any:
    rows = query.within(flow.supervised(query.actor))
    for name in ("item", "line"):
        if name in query.dims:
            rows = rows.filter(**{COLUMNS[name]: query.dims[name]})
    return rows


def _accepted(query: MetricQuery) -> Value | list[Group]:
    rows = query.during(_cases(query).filter(accepted_at__isnull=False), "accepted_at")
    return breakdown(query, rows, time="accepted_at", columns=COLUMNS) if query.group_by else rows.count()


def _open_overdue(query: MetricQuery) -> Value | list[Group]:
    rows = _cases(query).filter(state__in=OPEN, overdue=True)
    return breakdown(query, rows, columns=COLUMNS) if query.group_by else rows.count()


def _of_cases(code: str, name: str, formula: str, compute: Any, period: str, direction: str, **filters: Any) -> Metric:
    return Metric(
        code=code, name=name, unit="件", formula=formula, source="办件监督台账", clause=CLAUSE, responsible=RESPONSIBLE,
        dimensions=("organ", "district", "line", "item", *(("month", "day") if period else ())), permission=PERMISSION,
        direction=direction, compute=compute, rows=_opens(CASES, period, (), filters),
        choices={each: CHOICES[each] for each in ("item", "line")},
        dimension_names={each: NAMES[each] for each in ("item", "line")},
    )  # fmt: skip


ACCEPTED = _of_cases("flow.accepted", "受理办件数", "受理时间在统计期内的办件数", _accepted, "accepted_at", "none", accepted="1")
OPEN_OVERDUE = _of_cases("flow.open_overdue", "在办超期办件数", "当前在办、办件时限亮过红牌的办件数", _open_overdue, "", "lower",
                         state=OPEN, overdue="1")  # fmt: skip
