"""全程监督: every figure is the number of rows its address opens, within the remit, in a fixed number of queries."""

from __future__ import annotations

import csv
import io
import re
import statistics
from collections import Counter
from datetime import date, datetime, timedelta
from urllib.parse import urlsplit

import pytest
from django.db import connection
from django.http import QueryDict
from django.test.utils import CaptureQueriesContext
from django.urls import resolve
from django.utils import timezone
from openpyxl import load_workbook

from zhiguan.functions.governance import course_figures, pages
from zhiguan.functions.governance import metrics as figures_of
from zhiguan.kernel.calendar.declare import LOCAL
from zhiguan.kernel.flow import queries as flow
from zhiguan.kernel.flow import service
from zhiguan.kernel.flow.models import Card, Case, Step
from zhiguan.kernel.flow.tallies import gather
from zhiguan.kernel.flow.tests.test_cards import clock_of
from zhiguan.kernel.metrics import service as metrics
from zhiguan.kernel.trace.models import Entry
from zhiguan.kit.errors import Denied, Invalid
from zhiguan.kit.pages.conformance import Visitor, bytes_of, html
from zhiguan.kit.pages.listing import Listing

pytestmark = pytest.mark.django_db
LISTS = {each.code: each for each in (pages.supervision.SUPERVISED, pages.supervision.STEPS, pages.supervision.CARDS)}


def opened(actor, url: str) -> int:
    """How many rows an address opens, none of its filters left off."""
    parts = urlsplit(url)
    listing = Listing(LISTS[resolve(parts.path).url_name], actor, QueryDict(parts.query))
    assert not [each.error for each in listing.applied if each.error], url
    asked = {name.removesuffix("_from").removesuffix("_to") for name in QueryDict(parts.query)}
    assert asked == {each.filter.name for each in listing.applied if each.condition is not None}, url
    return listing.count


def pairs(actor, code: str) -> list[tuple[int, str]]:
    """Every number of the overview with the address it opens."""
    period = course_figures.Period.of(code)
    organs, days = course_figures.by_organ(actor, period), course_figures.days_by_organ(actor, period)
    heat, present = course_figures.heat(actor), course_figures.present(actor)
    figures = course_figures.figures(actor, organs, days, period)
    found = [(each["value"], each["url"]) for each in figures if isinstance(each["value"], int)]
    assert len(found) == len(figures) - 3  # a share, a mean and a median
    found += [(present["open"], present["open_url"]), (present["stuck"], present["stuck_url"])]
    found += [(count, url) for _, _, count, url in present["waiting"]]
    for row in heat["rows"]:
        found.append((row["total"], row["url"]))
        for cell in row["cells"]:
            found += [(cell["count"], cell["count_url"]), (cell["yellow"], cell["yellow_url"]), (cell["red"], cell["red_url"])]
    for row in course_figures.organ_league(actor, organs, days, period):
        found += [(row[name], row[url]) for name, url in (("ended", "url"), ("granted", "granted_url"),
                  ("refused", "refused_url"), ("overdue", "overdue_url"))]  # fmt: skip
    for row in course_figures.step_league(actor, period):
        found += [(row[name], row[url]) for name, url in (("count", "url"), ("long", "long_url"), ("red", "red_url"),
                  ("undone", "undone_url"))]  # fmt: skip
    return found


@pytest.fixture
def busy(office, case_at, draft):
    """Cases in every state, this month's and older ones, of two organs, one of them in another line."""
    ago = timezone.now() - timedelta(days=60)
    for step in ("lead", "review", "decision"):
        case_at(step, "one")
    granted = office.agrees("吴决定", case_at("decision", "one"))
    corrected = office.does("赵审查", service.correct, case_at("review", "one"), items=[{"path": "reason", "text": "写明"}])
    office.acts("张申请", service.resubmit, corrected, values={"reason": "写明了"})
    office.does("赵审查", service.suspend, case_at("review", "one"), ground="专家评审", reason="等专家")
    late = case_at("review", "one")
    clock_of(late, ago)
    Case.objects.filter(pk=late.pk).update(submitted_at=ago)
    service.raise_due()
    late = office.agrees("吴决定", office.agrees("赵审查", Case.objects.get(pk=late.pk)))
    Step.objects.filter(case=late).update(opened_at=ago - timedelta(days=9), closed_at=ago)
    other = case_at("lead")
    clock_of(other, ago, step=True)
    service.raise_due()
    Card.objects.filter(case=other).update(reached_at=ago)
    office.does("李领导", service.send_back, case_at("lead"), reason="重写")
    elsewhere = office.acts("陈外人", service.submit, draft("陈外人"))
    theirs = office.acts("陈外人", service.submit, draft("陈外人"))
    Case.objects.filter(pk=elsewhere.pk).update(area="assets")
    assert granted.state == late.state == "granted"
    return theirs


@pytest.mark.parametrize("gathered", [False, True])
def test_every_figure_is_the_rows_it_opens(office, busy, gathered):
    if gathered:
        gather()
    actor = office.actor("冯监督")
    for period in course_figures.PERIODS:
        with actor.acting():
            found = pairs(actor, period)
            wrong = [(count, opened(actor, url), url) for count, url in found if count != opened(actor, url)]
        assert not wrong, (period, wrong)
        assert sum(1 for count, _ in found if count) > (15 if period == "twelve" else 5), period


@pytest.fixture
def narrow(office):
    """A supervisor of the first organ alone, beside the one of the whole city."""
    from zhiguan.kernel.identity.models import Grant, Role

    Grant.objects.create(account=office.accounts["褚专家"], role=Role.objects.get(code="t.supervise"), scope="organ",
                         unit=office.units["甲"], state="active", valid_from=date(2020, 1, 1))  # fmt: skip
    return "褚专家"


def test_a_metric_is_the_pages_figure_and_the_rows_it_opens(office, busy, narrow):
    """For both scopes: each metric by its code, as the page shows it, and as many rows as its address opens."""
    wholes = {}
    for name in ("冯监督", narrow):
        actor = office.actor(name)
        with actor.acting():
            period = course_figures.Period.of("twelve")
            dims = {"start": period.first, "end": period.end}
            organs, days = course_figures.by_organ(actor, period), course_figures.days_by_organ(actor, period)
            for each in course_figures.figures(actor, organs, days, period):
                read = metrics.read(each["code"], actor, **dims)
                assert (read.value, read.url) == (each["value"], each["url"]), each
            present = course_figures.present(actor)
            read = metrics.read("flow.open", actor)
            assert (read.value, read.url) == (present["open"], present["open_url"])
            for row in course_figures.organ_league(actor, organs, days, period):
                for code, shown in (("flow.closed", "ended"), ("flow.elapsed_days", "days"), ("flow.rounds", "rounds"),
                                    ("flow.overdue", "overdue"), ("flow.working_days", "worked"),
                                    ("flow.working_days_median", "middle")):  # fmt: skip
                    assert metrics.value(code, actor, organ=row["code"], **dims) == row[shown]
            for row in course_figures.step_league(actor, period):
                of = {"item": row["code"], "step": row["name"], **dims}
                for code, shown in (("flow.steps", "count"), ("flow.step_hours", "hours"), ("flow.returned", "undone")):
                    assert metrics.value(code, actor, **of) == row[shown]
            wholes[name] = counted_by_metrics(actor, dims)
    assert wholes["冯监督"]["flow.submitted"] == wholes[narrow]["flow.submitted"] + 1  # the other organ's
    assert wholes[narrow]["flow.submitted"] > 5 and wholes[narrow]["flow.open"] and wholes[narrow]["flow.red_cards"]


def counted_by_metrics(actor, dims) -> dict:
    """Every count of cases, of the whole and in groups, is the number of rows that its address opens."""
    whole = {}
    for metric in metrics.catalogue(actor):
        asked = dims if metric.timed else {}
        if not metric.code.startswith("flow."):
            continue
        read = whole[metric.code] = metrics.read(metric.code, actor, **asked)
        if metric.kind != "integer":
            assert opened(actor, read.url) or read.value is None
            continue
        assert read.value == opened(actor, read.url), metric.code
        for by in metric.dimensions:
            groups = metrics.series(metric.code, actor, by, **asked)
            assert sum(group.value for group in groups) == read.value, (metric.code, by)
            for group in groups:
                assert not group.url or group.value == opened(actor, group.url), (metric.code, by, group)
    assert len(whole) > 20
    return {code: read.value for code, read in whole.items()}


@pytest.mark.parametrize("gathered", [False, True])
def test_working_days_taken_are_those_of_the_rows_behind_them(office, busy, case_at, gathered):
    for _ in range(2):
        office.agrees("吴决定", case_at("decision", "one"))
    ended = list(Case.objects.filter(state__in=("granted", "refused"), working_days__isnull=False))
    for number, case in enumerate(ended):
        Case.objects.filter(pk=case.pk).update(working_days=number * number)
    if gathered:
        gather()
    actor = office.actor("冯监督")
    with actor.acting():
        seen = flow.supervised(actor).filter(pk__in=[case.pk for case in ended])
        days = list(seen.values_list("working_days", flat=True))
        read = metrics.read("flow.working_days", actor)
        assert len(days) > 2 and read.value == statistics.mean(days) and opened(actor, read.url) == len(days)
        middle = metrics.read("flow.working_days_median", actor)
        assert (middle.value, middle.url) == (statistics.median(days), read.url)
        for by in ("item", "line", "month", "organ"):
            for group in metrics.series("flow.working_days_median", actor, by):
                assert group.value is not None and 0 <= group.value <= max(days)
        months: dict[str, list[int]] = {}
        for case in seen:
            months.setdefault(f"{case.ended_at.astimezone(LOCAL):%Y-%m}", []).append(case.working_days)
        found = {group.key: group.value for group in metrics.series("flow.working_days_median", actor, "month")}
        assert found == {month: statistics.median(values) for month, values in months.items()}


@pytest.mark.parametrize("values", [[], [3], [1, 2], [4, 1, 1], [0, 0, 7, 9], [5] * 6, [2, 9, 4, 4, 1, 30]])
def test_means_and_medians_of_counts_are_those_of_the_values(values):
    taken = Counter(values)
    assert figures_of.mean(taken) == (statistics.mean(values) if values else None)
    assert figures_of.median(taken) == (statistics.median(values) if values else None)


def test_metrics_of_cases_are_of_whole_months_and_of_supervisors(office, busy):
    actor = office.actor("冯监督")
    with actor.acting():
        for dims in ({"start": "2026-03-02"}, {"end": "2026-03-30"}, {"month": "2026-03", "start": "2026-03-10"}):
            with pytest.raises(Invalid):
                metrics.value("flow.closed", actor, **dims)
        assert metrics.value("flow.closed", actor, month="2026-02") == 0
        assert metrics.value("flow.on_time", actor, month="2020-02") is None
    for name in ("陈外人", "李领导"):
        with pytest.raises(Denied):
            metrics.value("flow.open", office.actor(name))
        assert not [each for each in metrics.catalogue(office.actor(name)) if each.code.startswith("flow.")]


def test_a_table_is_exported_as_it_is_shown_and_traced(office, busy):
    actor = office.actor("冯监督")
    for table in ("heat", "organs", "steps"):
        exported(actor, Visitor(actor), table)
    traced = Entry.objects.filter(code="site.page.export").order_by("pk")
    assert len(traced) == 6 and {entry.subject_id for entry in traced} == {"governance.supervision"}


def exported(actor, visitor, table: str) -> None:
    address = "/governance/supervision/"
    page = html(visitor.get(address, {"period": "twelve"}))
    section = page[page.index({"heat": "停在哪些环节", "organs": "单位办件排行</h2>", "steps": "环节用时排行</h2>"}[table]) :]
    body = section[section.index("<tbody>") : section.index("</tbody>")]
    shown = [re.sub(r"<[^>]+>", "", cell) for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", body)]
    query = {"period": "twelve", "table": table}
    lines = list(csv.reader(io.StringIO(bytes_of(visitor.get(address, {**query, "_export": "csv"})).decode("utf-8-sig"))))
    told = [text for line in lines[1:] for text in line[:-1]]
    if table != "heat":  # there cards share a cell with their count
        assert len(told) == len(shown)
        for given, drawn in zip(told, shown, strict=True):
            assert given == drawn or abs(float(given) - float(drawn)) < 0.051, (given, drawn)  # the page rounds
    else:
        assert lines[1][0] == shown[0] and lines[1][-2] == shown[-1]
    for line in lines[1:]:
        path = line[-1].split("testserver", 1)[1]
        assert opened(actor, path) == int(line[-2] if table == "heat" else line[1] if table == "organs" else line[2])
    sheet = load_workbook(io.BytesIO(bytes_of(visitor.get(address, {**query, "_export": "xlsx"})))).active
    assert sheet.max_row == len(lines) > 1 and [cell.value for cell in sheet[1]] == lines[0]


def test_who_has_no_remit_counts_and_exports_nothing(office, busy):
    answer = Visitor(office.actor("陈外人")).get("/governance/supervision/", {"table": "organs", "_export": "csv"})
    assert answer.status_code == 403
    assert "导出" not in html(Visitor(office.actor("陈外人")).get("/governance/supervision/"))
    for name in ("陈外人", "李领导"):
        actor = office.actor(name)
        with actor.acting():
            assert not any(count for count, _ in pairs(actor, "quarter"))


def test_the_page_in_a_fixed_number_of_queries(office, busy, case_at):
    visitor = Visitor(office.actor("冯监督"))
    visitor.get("/governance/supervision/")

    def asked() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert "超期办结" in html(visitor.get("/governance/supervision/?period=twelve"))
        return len(queries)

    before = asked()
    for step in ("lead", "review", "decision"):
        case_at(step, "one")
    assert asked() == before


MARCH, END = date(2026, 3, 1), date(2026, 3, 31)


@pytest.mark.parametrize(("code", "first", "last", "end"), [
    ("month", MARCH, MARCH, END), ("last", date(2026, 2, 1), date(2026, 2, 1), date(2026, 2, 28)),
    ("quarter", date(2026, 1, 1), MARCH, END), ("year", date(2026, 1, 1), MARCH, END),
    ("twelve", date(2025, 4, 1), MARCH, END), ("90", date(2026, 1, 1), MARCH, END),
])  # fmt: skip
def test_periods_are_whole_months(code, first, last, end):
    period = course_figures.Period.of(code, END)
    assert (period.first, period.last, period.end) == (first, last, end)


def test_a_month_ends_at_local_midnight(office, case_at):
    """The last moment of March in Shanghai is March in the figures and in the list, the next is April."""
    case = office.agrees("吴决定", case_at("decision", "one"))
    actor = office.actor("冯监督")
    for moment, month in ((datetime(2026, 3, 31, 23, 59, 59, tzinfo=LOCAL), 3), (datetime(2026, 4, 1, tzinfo=LOCAL), 4)):
        Case.objects.filter(pk=case.pk).update(ended_at=moment)
        with actor.acting():
            for each in (3, 4):
                period = course_figures.Period("month", date(2026, each, 1), date(2026, each, 1))
                figure = course_figures.figures(actor, course_figures.by_organ(actor, period), {}, period)[1]
                assert figure["value"] == int(each == month) == opened(actor, figure["url"])
