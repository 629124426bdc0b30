"""The board, a finding's page, the rules' page."""

from __future__ import annotations

from itertools import count

import pytest
from django.urls import reverse

from zhiguan.kernel.ledger import service as ledger
from zhiguan.kernel.orgs.models import Person
from zhiguan.kernel.supervision import pages, ruleviews, service
from zhiguan.kernel.supervision.declare import SubjectLink
from zhiguan.kernel.supervision.models import Finding, RuleRun
from zhiguan.kit.actor import system
from zhiguan.kit.pages.conformance import Case, DetailPageConformance, ListPageConformance, Visitor, html

from .conftest import DAY, NEXT, declare, failing


@pytest.fixture
def case(world, rule, truth):
    numbers = count(100)

    def make(unit):
        def one():
            with system("tests").acting():
                number = next(numbers)
                person = Person.objects.create(code=f"X{number}", name=f"甲{number}", unit=unit)
                truth.metres[person.pk, "2026-03-02"] = 80.0
                service.run(rule, subjects=[person], start=DAY, end=NEXT)
                return Finding.objects.get(subject_id=person.pk)

        return one

    return Case(
        actor=world.manager, make=make(world.organ), make_elsewhere=make(world.other),
        text=lambda finding: finding.number,
    )  # fmt: skip


class TestList(ListPageConformance):
    page = pages.LIST


class TestDetail(DetailPageConformance):
    page = pages.DETAIL


class TestRuns(ListPageConformance):
    page = pages.RUNS

    @pytest.fixture
    def case(self, world, rule, truth):
        def one():
            with system("tests").acting():
                service.run(rule, subjects=world.people, start=DAY, end=NEXT)
                return RuleRun.objects.latest("pk")

        return Case(actor=world.manager, make=one)

    def test_shows_rows_in_scope_and_no_others(self, case):
        assert case.row().pk in self.keys(case)  # runs belong to no unit

    def test_export_is_what_is_shown(self, case):
        assert not self.page.export_name


def test_the_page_draws_the_evidence(case, monkeypatch):
    declare(monkeypatch, SubjectLink("tests.thing", "supervision.finding.detail"))
    finding = case.row()
    with system("tests").acting() as actor:
        ledger.change(finding, actor, {"subject_type": "tests.thing"})
    text = html(Visitor(case.actor).get(reverse("supervision.finding.detail", args=[finding.pk])))
    place = "31.20000，121.40000"
    for part in (finding.summary, "移动距离", "80 米", "03-02 09:00:00", place, "测试办法第一条", "待交办"):
        assert part in text
    assert f'href="{reverse("supervision.finding.detail", args=[finding.subject_id])}"' in text
    assert "map-replay" not in text


def test_a_track_in_the_evidence_is_drawn_on_the_map(case):
    finding = case.row()
    track = {"t": [1772413200, 1772413260], "lat": [31.2, 31.21], "lon": [121.4, 121.41], "speed": [0, 30]}
    with system("tests").acting() as actor:
        ledger.change(finding, actor, {"evidence": {"track": track, "note": "</script><b>"}})
    url = reverse("supervision.finding.detail", args=[finding.pk])
    text = html(Visitor(case.actor).get(url))
    assert 'data-island="map-replay"' in text and "1772413260" in text and "</script><b>" not in text


@pytest.mark.parametrize(
    "evidence",
    [
        {"figures": "x", "timeline": [1], "related": [{"id": "x"}, {}]}, {"track": {"t": [1], "lat": []}},
        {"timeline": [{"at": "never", "lat": "x"}, {"at": "2026-03-02T08:00:00"}]}, {"vehicle": "x", "day": 3}, {},
        {"vehicle": 1, "day": "2026-03-02"},
    ],
)  # fmt: skip
def test_odd_evidence_never_breaks_the_page(case, evidence):
    finding = case.row()
    with system("tests").acting() as actor:
        ledger.change(finding, actor, {"evidence": evidence})
    visitor = Visitor(case.actor)
    url = reverse("supervision.finding.detail", args=[finding.pk])
    assert visitor.get(url).status_code == 200 and visitor.get(url, {"print": "1"}).status_code == 200


def test_a_finding_goes_its_way_by_the_pages(case):
    finding = case.row()
    visitor = Visitor(case.actor)
    for act, values, state in (
        ("assign", {"note": "请说明"}, "assigned"), ("explain", {"explanation": "送修"}, "explained"),
        ("send_back", {"reason": "请附材料"}, "assigned"), ("rectify", {"rectification": "已补单"}, "rectified"),
        ("verify", {"verdict": "属实"}, "closed"),
    ):  # fmt: skip
        url = reverse(f"supervision.finding.{act}", args=[finding.pk])
        assert visitor.post(url, values).status_code == 302, act
        finding.refresh_from_db()
        assert finding.state == state
    text = html(visitor.get(reverse("supervision.finding.detail", args=[finding.pk]), {"tab": "办理过程"}))
    assert "核查销号" in text and "请附材料" in text


def test_many_are_assigned_at_once(case):
    keys = [case.row().pk for _ in range(3)]
    answer = Visitor(case.actor).post(
        reverse("supervision.finding"), {"_bulk": "assign", "_confirmed": "1", "pk": keys}
    )  # fmt: skip
    assert answer.status_code in (200, 302)
    assert set(Finding.objects.filter(pk__in=keys).values_list("state", flat=True)) == {"assigned"}


def test_the_rules_page_shows_counts_precision_and_failures(case, rule, world):
    case.row()
    finding = case.row()
    with world.manager.acting():
        service.dismiss(world.manager, finding, reason="误报")
    with pytest.raises(RuntimeError):
        service.run(failing(rule), subjects=world.people, start=DAY, end=NEXT)
    bad = failing(rule)
    RuleRun.objects.filter(rule=bad.code).update(rule=rule.code)
    text = html(Visitor(case.actor).get(reverse("supervision.rule")))
    assert "无单移动" in text and "0.0%" in text and "运行失败：RuntimeError" in text
    assert f"{reverse('supervision.finding')}?rule=orgs.moved&amp;outcome=dismissed" in text


@pytest.mark.parametrize(("cadence", "words"), [
    ("20 6 * * *", "每日 06:20"), ("5 7 * * 1", "每周一 07:05"), ("0 3 2 * *", "每月 2 日 03:00"), ("*/5 * * * *", "定时运行"),
    ("0 3 1-5 * *", "定时运行"), ("0 3 * 1 *", "定时运行"),
])  # fmt: skip
def test_times_of_rules_are_said_in_words(cadence, words):
    assert ruleviews.in_words(cadence) == words
