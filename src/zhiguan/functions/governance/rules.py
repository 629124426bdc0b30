"""Patterns over cases that a supervisor should look at. SPEC G9. Thresholds are dated facts (approvals.supervision.*)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from statistics import median
from typing import Any

from zhiguan.kernel.calendar.service import first_of_month
from zhiguan.kernel.flow import limits
from zhiguan.kernel.flow.clock import What
from zhiguan.kernel.flow.definitions import process_of
from zhiguan.kernel.flow.plan import STAGES
from zhiguan.kernel.flow.service import Case, Seat
from zhiguan.kernel.orgs import service as orgs
from zhiguan.kernel.orgs.service import Person, Unit
from zhiguan.kernel.reference import service as reference
from zhiguan.kernel.supervision.declare import LOCAL, Hit, Rule, RuleContext, SubjectLink, Tuning, months, quarters

from . import queries, suppliers

AREA = "flow"
APART = ("lead", "accept", "review", "decide")
"""Stages of which one person should not handle two in one case."""
MUST = ("lead", "decide")
LINKS = (SubjectLink("flow.case", "governance.case.detail"), SubjectLink("orgs.person", "orgs.person.detail"),
         SubjectLink("orgs.unit", "orgs.unit.detail"))  # fmt: skip


def _month(text: str) -> tuple[datetime, datetime]:
    first = date.fromisoformat(f"{text}-01")
    end = (first + timedelta(days=32)).replace(day=1)
    return (datetime(first.year, first.month, 1, tzinfo=LOCAL), datetime(end.year, end.month, 1, tzinfo=LOCAL))


def _known(month: str) -> reference.Thresholds:
    """The thresholds of a month, organs' own ones included."""
    return reference.thresholds("approvals.supervision", on=date.fromisoformat(f"{month}-01"))


def _organ(person: Person) -> Unit:
    return orgs.organ_of(person.unit) or person.unit


def _figure(name: str, value: Any, unit: str = "") -> dict[str, Any]:
    return {"name": name, "value": value, "unit": unit}


def _related(cases: Sequence[Case]) -> list[dict[str, Any]]:
    return [{"type": "flow.case", "id": case.pk, "label": f"{case.code} {case.title}"} for case in cases[:50]]


# --- subjects ---------------------------------------------------------------------------------------------------------


def ended_cases(start: date, end: date) -> list[Case]:
    """Cases that ended in the months covered."""
    first, last = _month(start.isoformat()[:7])[0], _month((end - timedelta(days=1)).isoformat()[:7])[1]
    return list(Case.objects.filter(ended_at__gte=first, ended_at__lt=last).select_related("unit", "definition"))


def corrected_cases(start: date, end: date) -> list[Case]:
    """Cases that were asked for a correction in the months covered."""
    first, last = _month(start.isoformat()[:7])[0], _month((end - timedelta(days=1)).isoformat()[:7])[1]
    return list(
        Case.objects.filter(corrections__at__gte=first, corrections__at__lt=last).select_related("unit").distinct()
    )


def deciders(start: date, end: date) -> list[Person]:
    """People who decided something in the months covered."""
    first, last = _month(start.isoformat()[:7])[0], _month((end - timedelta(days=1)).isoformat()[:7])[1]
    keys = Seat.objects.filter(state="done", closed_at__gte=first, closed_at__lt=last).values("person")
    return list(Person.objects.filter(pk__in=keys).select_related("unit"))


def applicants(start: date, end: date) -> list[Unit]:
    """Organs that applied for something in the months covered."""
    first, last = _month(start.isoformat()[:7])[0], _month((end - timedelta(days=1)).isoformat()[:7])[1]
    keys = Case.objects.filter(submitted_at__gte=first, submitted_at__lt=last).values("unit")
    return list(Unit.objects.filter(pk__in=keys))


def _of_month(context: RuleContext, month: str) -> list[Case]:
    first, last = _month(month)
    return [case for case in context.subjects if case.ended_at is not None and first <= case.ended_at < last]


# --- rules ------------------------------------------------------------------------------------------------------------


def skipped_step(context: RuleContext) -> Iterator[Hit]:
    """Yield granted cases in which a stage of their process that must be handled by somebody was not."""
    for month in context.periods:
        for case in _of_month(context, month):
            if case.state != "granted":
                continue
            plan = process_of(case.definition).plan
            wanted = {step.stage for step in plan.steps.values()} & set(MUST)
            done = set(case.steps.filter(state="done").values_list("stage", flat=True))
            if missing := sorted(wanted - done):
                names = "、".join(STAGES[stage] for stage in missing)
                yield Hit(case, month, f"{case.title}已办结，但没有“{names}”环节的办理记录。", case.unit, case.ended_at,
                          {"confidence": 0.95, "figures": [_figure("缺少环节", names)]}, case.code)  # fmt: skip


def one_person_two_roles(context: RuleContext) -> Iterator[Hit]:
    """Yield cases in which one person, themselves or standing in, handled two stages that should be apart."""
    for month in context.periods:
        for case in _of_month(context, month):
            stages: dict[int, set[str]] = defaultdict(set)
            seats = Seat.objects.filter(case=case, state="done", kind="main", step__state="done", step__stage__in=APART)
            for stage, person, acted in seats.values_list("step__stage", "person_id", "acted_by_id"):
                stages[acted or person].add(stage)
            for person, held in stages.items():
                if len(held) < 2:
                    continue
                name = Person.objects.values_list("name", flat=True).get(pk=person)
                what = "、".join(STAGES[stage] for stage in APART if stage in held)
                yield Hit(case, month, f"{case.title}的{what}由{name}一人办理。", case.unit, case.ended_at or context.now,
                          {"confidence": 0.9, "figures": [_figure("办理人", name), _figure("环节", what)]}, case.code)  # fmt: skip
                break


def _decided(person: Person, month: str) -> list[Seat]:
    first, last = _month(month)
    rows = Seat.objects.filter(person=person, state="done", closed_at__gte=first, closed_at__lt=last, kind="main")
    return list(rows.select_related("case", "step"))


def rubber_stamp(context: RuleContext) -> Iterator[Hit]:
    """Yield people whose decisions of a month mostly took seconds."""
    for month in context.periods:
        known = _known(month)
        for person in context.subjects:
            organ, seats = _organ(person), _decided(person, month)
            if len(seats) < known.value("rubber_count", organ):
                continue
            took = [(seat.closed_at - (seat.claimed_at or seat.opened_at)).total_seconds() for seat in seats]
            middle = median(took)
            if middle <= known.value("rubber_seconds", organ):
                last = max(seat.closed_at for seat in seats)
                yield Hit(person, month, f"{person.name}当月办理 {len(seats)} 件，用时中位数 {middle:.0f} 秒，疑似不审即批。", organ, last, {
                    "confidence": 0.7, "figures": [_figure("办理件数", len(seats), "件"), _figure("用时中位数", round(middle), "秒")],
                    "related": _related([seat.case for seat in seats]),
                })  # fmt: skip


def last_minute(context: RuleContext) -> Iterator[Hit]:
    """Yield people who nearly always decide on the last working day of a step's limit, or after it."""
    for month in context.periods:
        known = _known(month)
        for person in context.subjects:
            organ = _organ(person)
            timed = [seat for seat in _decided(person, month) if seat.step.policy.get("limit")]
            if len(timed) < known.value("last_minute_count", organ):
                continue
            late = [seat for seat in timed if _at_the_end(seat)]
            if len(late) / len(timed) >= known.value("last_minute_share", organ):
                words = (
                    f"{person.name}当月办理有时限的环节 {len(timed)} 件，{len(late)} 件在最后一个工作日或者超期办理。"
                )
                yield Hit(person, month, words, organ, max(seat.closed_at for seat in timed), {
                    "confidence": 0.7, "figures": [_figure("有时限的办理", len(timed), "件"), _figure("临期或超期", len(late), "件")],
                    "related": _related([seat.case for seat in late]),
                })  # fmt: skip


def _at_the_end(seat: Seat) -> bool:
    """Tell whether no working day of the step's limit was left when it was decided."""
    step = seat.step
    events = [event for event in step.clock if event[1] != What.CLOSE.value]
    shown = limits.reading(type(step)(clock=events, policy=step.policy), seat.closed_at, limits.days_shown())
    return shown is not None and (shown.remaining or 0) <= 0


def repeated_correction(context: RuleContext) -> Iterator[Hit]:
    """Yield cases that were sent to be corrected again and again: the law asks for one notice of everything."""
    for month in context.periods:
        first, last = _month(month)
        known = _known(month)
        for case in context.subjects:
            times = list(case.corrections.order_by("at"))
            if len(times) >= known.value("corrections", case.unit) and first <= times[-1].at < last:
                words = f"{case.title}已补正 {len(times)} 次，补正内容应当一次告知。"
                yield Hit(case, month, words, case.unit, times[-1].at, {
                    "confidence": 0.9, "figures": [_figure("补正次数", len(times), "次")],
                    "timeline": [_corrected(each)
                                 for each in times],
                }, case.code)  # fmt: skip


def _corrected(each: Any) -> dict[str, str]:
    texts = "；".join(item["text"] for item in each.items)
    return {"at": each.at.isoformat(), "title": "通知补正", "note": texts}


def split_applications(context: RuleContext) -> Iterator[Hit]:
    """Yield organs that applied for one item many times within some days."""
    for month in context.periods:
        first, last = _month(month)
        known = _known(month)
        for unit in context.subjects:
            days, least = timedelta(days=known.value("split_days", unit)), known.value("split_count", unit)
            rows = Case.objects.filter(unit=unit, submitted_at__gte=first - days, submitted_at__lt=last)
            by_item: dict[str, list[Case]] = defaultdict(list)
            for case in rows.exclude(state="withdrawn").order_by("submitted_at"):
                by_item[case.item].append(case)
            for item, cases in by_item.items():
                run = [case for case in cases if cases[-1].submitted_at - case.submitted_at <= days]
                if len(run) >= least and run[-1].submitted_at >= first:
                    name = queries.item_name(item)
                    words = f"{unit.name}在 {days.days} 日内就“{name}”申请 {len(run)} 件，请核实是否拆分申请。"
                    yield Hit(unit, month, words, unit, run[-1].submitted_at, {
                        "confidence": 0.5, "figures": [_figure("申请件数", len(run), "件")], "related": _related(run),
                    })  # fmt: skip
                    break


# --- favourite suppliers ----------------------------------------------------------------------------------------------


def _quarter(text: str) -> tuple[date, date]:
    """Return the first day of a quarter and the day after its last."""
    year, first = int(text[:4]), int(text[-1]) * 3 - 2
    return date(year, first, 1), date(year + first // 10, (first + 2) % 12 + 1, 1)


def favourite_supplier(context: RuleContext) -> Iterator[Hit]:
    """Yield organs that gave most of their awards of a kind to one firm that the others hardly take."""
    yield from _favourites(context, suppliers.by_organ, lambda unit: unit, "选用", "其他单位")


def handler_supplier(context: RuleContext) -> Iterator[Hit]:
    """Yield people among whose cases of a kind one firm is met that is hardly met among the others'."""
    yield from _favourites(context, suppliers.by_handler, _organ, "经办的办件中", "其他经办人的")


def _favourites(context: RuleContext, group: Any, organ_of: Any, verb: str, others: str) -> Iterator[Hit]:
    subjects = {subject.pk: subject for subject in context.subjects}
    organs = {key: organ_of(subject) for key, subject in subjects.items()}
    for quarter in context.periods:
        first, after = _quarter(quarter)
        known = reference.thresholds("approvals.supervision", on=first)
        since = first_of_month(after, -known.value("supplier_months"))
        rows = context.shared.once(("flow.awards", since, after), lambda since=since, after=after: suppliers.awards(since, after))
        limits_of = {
            key: suppliers.Limits(*(known.value(f"supplier_{name}", organ) for name in suppliers.THRESHOLDS))
            for key, organ in organs.items()
        }
        found: dict[int, list[suppliers.Leaning]] = defaultdict(list)
        for kind, awards in rows:
            for key, leaning in suppliers.leanings(kind, group(awards), limits_of):
                if leaning.awards[-1].on >= first:  # else it was found in an earlier quarter
                    found[key].append(leaning)
        for key, each in found.items():
            worst = sorted(each, key=lambda leaning: leaning.chance)
            words = "；".join(_favoured(leaning, verb, others) for leaning in worst)
            text = f"{subjects[key].name}自{since:%Y年%-m月}起{words}，请核实是否存在倾向性选用。"
            last = max(leaning.awards[-1].on for leaning in worst)
            moment = datetime(last.year, last.month, last.day, tzinfo=LOCAL)
            yield Hit(subjects[key], quarter, text, organs[key], moment, _told(worst, limits_of[key], others))


def _favoured(leaning: suppliers.Leaning, verb: str, others: str) -> str:
    """The numbers in a sentence: 车辆维修保养 6 件，选用甲厂 5 件（83%），其他单位 40 件中 4 件（10%）."""
    return (
        f"{leaning.kind.name} {leaning.own} 件，{verb}{leaning.firm} {leaning.own_there} 件（{leaning.share:.0%}），"
        f"{others}同类 {leaning.others} 件中 {leaning.others_there} 件（{leaning.elsewhere:.0%}）"
    )


def _told(found: Sequence[suppliers.Leaning], limits_of: suppliers.Limits, others: str) -> dict[str, Any]:
    worst = found[0]
    figures, timeline, related = [], [], []
    for leaning in found:
        total = suppliers.money(leaning.awards)
        figures += [
            _figure(f"{leaning.kind.name}：{leaning.kind.party}", leaning.firm), _figure("件数", leaning.own, "件"),
            _figure("其中该家", leaning.own_there, "件"), _figure("占比", f"{leaning.share:.0%}"),
            _figure(f"{others}同类件数", leaning.others, "件"), _figure("其中该家", leaning.others_there, "件"),
            _figure("该家占比", f"{leaning.elsewhere:.0%}"), _figure("占比倍数", round(leaning.times, 1), "倍"),
            _figure("偶然出现的概率", f"{leaning.chance:.2%}"),
            *([_figure("该家金额合计", f"{total:,.2f}", "元")] if total is not None else []),
        ]  # fmt: skip
        cases = suppliers.cases_of(leaning.awards)
        for award in leaning.awards[-25:]:
            at = datetime(award.on.year, award.on.month, award.on.day, tzinfo=LOCAL)
            amount = f"，{award.amount_yuan:,.2f} 元" if award.amount_yuan is not None else ""
            timeline.append({"at": at.isoformat(), "title": leaning.firm, "note": f"{award.link['label']}{amount}"})
            related.append(dict(award.link))
            related += _related([cases[award.source]] if award.source in cases else [])
    return {
        "confidence": round(0.5 + 0.4 * (1 - worst.chance / limits_of.chance), 2),
        "margin": round(worst.times / limits_of.times, 2), "figures": figures, "timeline": timeline, "related": related,
    }  # fmt: skip


def _givers(start: date, end: date) -> list[Unit]:
    return suppliers.givers(*_whole_quarters(start, end))


def _handlers(start: date, end: date) -> list[Person]:
    return suppliers.handlers(*_whole_quarters(start, end))


def _whole_quarters(start: date, end: date) -> tuple[date, date]:
    touched = quarters(start, end)
    return _quarter(touched[0])[0], _quarter(touched[-1])[1]


LAW = reference.cite("approvals.general.decision")
CORRECTION = reference.cite("approvals.general.correction_notice")
FAIR = reference.cite("approvals.supervision.fair_procurement")


def _rule(
    code: str, name: str, severity: str, clause: str, explanation: str, evaluate: Any, subjects: Any, cron: str,
    periods: Any = months,
) -> Rule:  # fmt: skip
    return Rule(code=f"{AREA}.{code}", area=AREA, name=name, severity=severity, clause=clause, explanation=explanation,
                evaluate=evaluate, cadence=cron, subjects=subjects, lookback_days=35, periods=periods)  # fmt: skip


RULES = (
    _rule("skipped_step", "跳过环节", "serious", LAW, "已办结的办件，流程规定的单位审核、领导审批环节没有办理记录。", skipped_step,
          ended_cases, "5 2 * * *"),
    _rule("one_person_two_roles", "一人办理两个应当分开的环节", "major", LAW, "同一办件的单位审核、受理、审查、决定中有两个由同一人办理（含代办）。",
          one_person_two_roles, ended_cases, "10 2 * * *"),
    _rule("rubber_stamp", "疑似不审即批", "major", LAW, "按月统计个人办理用时：件数达到判定值，用时中位数不超过判定值。", rubber_stamp,
          deciders, "15 2 * * *"),
    _rule("last_minute", "总在临期办理", "minor", LAW, "按月统计个人办理的有时限环节：绝大多数在最后一个工作日或者超期办理。", last_minute,
          deciders, "20 2 * * *"),
    _rule("repeated_correction", "反复补正", "major", CORRECTION, "同一办件补正次数达到判定值，需要补正的全部内容应当一次告知。",
          repeated_correction, corrected_cases, "25 2 * * *"),
    _rule("split_applications", "疑似拆分申请", "major", LAW, "同一单位在判定天数内就同一事项申请的件数达到判定值。", split_applications,
          applicants, "30 2 * * *"),
    _rule("favourite_supplier", "疑似中意供应商", "major", FAIR, "按季回看判定月数，就车辆维修、购置、资产评估、处置回收、办公用房维修和租用分别统计："
          "同一单位多数选用同一家，占比远高于其他单位同类事项中该家的占比，且不像偶然。", favourite_supplier, _givers, "35 2 * * *", quarters),
    _rule("handler_supplier", "经办人的办件集中于一家供应商", "major", FAIR, "按季回看判定月数，按受理、审查、决定人员统计办件所涉的评估机构、回收单位、供应商、施工单位、出租方："
          "同一人经办的多数涉及同一家，占比远高于其他人经办的同类办件。", handler_supplier, _handlers, "40 2 * * *", quarters),
)  # fmt: skip


def _tuned(code: str, subjects: Any, position: Any, *names: str) -> Tuning:
    """What of a rule can be tuned; asked about those of its subjects that lie between two positions."""

    def within(start: date, end: date, lo: int, hi: int) -> list[Any]:
        return [each for each in subjects(start, end) if lo <= position(each) <= hi]

    return Tuning(f"{AREA}.{code}", tuple(f"approvals.supervision.{name}" for name in names), within)


def _of_unit(unit: Unit) -> int:
    return unit.pos


def _of_person(person: Person) -> int:
    return person.unit.pos


_SUPPLIER = tuple(f"supplier_{name}" for name in suppliers.THRESHOLDS)
TUNINGS = (
    _tuned("rubber_stamp", deciders, _of_person, "rubber_count", "rubber_seconds"),
    _tuned("last_minute", deciders, _of_person, "last_minute_count", "last_minute_share"),
    _tuned("repeated_correction", corrected_cases, lambda case: case.scope_pos, "corrections"),
    _tuned("split_applications", applicants, _of_unit, "split_count", "split_days"),
    _tuned("favourite_supplier", _givers, _of_unit, *_SUPPLIER),
    _tuned("handler_supplier", _handlers, _of_person, *_SUPPLIER),
)
