"""全程监督: every figure is the number of rows its address opens, within the remit, in a fixed number of queries."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from urllib.parse import urlsplit

import pytest
from django.db import connection
from django.http import QueryDict
from django.test.utils import CaptureQueriesContext
from django.urls import resolve
from django.utils import timezone

from zhiguan.functions.governance import course_figures, pages
from zhiguan.kernel.calendar.declare import LOCAL
from zhiguan.kernel.flow import service
from zhiguan.kernel.flow.models import Card, Case, Step
from zhiguan.kernel.flow.tallies import gather
from zhiguan.kernel.flow.tests.test_cards import clock_of
from zhiguan.kit.pages.conformance import Visitor, html
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
    organs = course_figures.by_organ(actor, period)
    heat, present = course_figures.heat(actor), course_figures.present(actor)
    found = [(each["value"], each["url"]) for each in course_figures.figures(organs, period) if each["title"] != "按时办结率"]
    found += [(present["open"], present["open_url"]), (present["stuck"], present["stuck_url"])]
    found += [(count, url) for _, _, count, url in present["waiting"]]
    for row in heat["rows"]:
        found.append((row["total"], row["url"]))
        for cell in row["cells"]:
            found += [(cell["count"], cell["url"]), (cell["yellow"], cell["yellow_url"]), (cell["red"], cell["red_url"])]
    for row in course_figures.organ_league(organs, period):
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


@pytest.mark.parametrize("period", course_figures.PERIODS)
@pytest.mark.parametrize("gathered", [False, True])
def test_every_figure_is_the_rows_it_opens(office, busy, period, gathered):
    if gathered:
        gather()
    actor = office.actor("冯监督")
    with actor.acting():
        found = pairs(actor, period)
        wrong = [(count, opened(actor, url), url) for count, url in found if count != opened(actor, url)]
        assert not wrong, wrong
    assert sum(1 for count, _ in found if count) > (15 if period == "twelve" else 5)


def test_who_has_no_remit_counts_nothing(office, busy):
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
                figure = course_figures.figures(course_figures.by_organ(actor, period), period)[1]
                assert figure["value"] == int(each == month) == opened(actor, figure["url"])
