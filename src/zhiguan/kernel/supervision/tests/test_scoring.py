"""Priorities: an order learned from outcomes, or said not to be; nothing is hidden, decided or changed by it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import numpy as np
import pytest
from django.urls import reverse
from django.utils import timezone
from hypothesis import given, settings
from hypothesis import strategies as st

from zhiguan.kernel.orgs.models import Person
from zhiguan.kernel.supervision import pages, scoring, service
from zhiguan.kernel.supervision.declare import Hit, Rule, RuleContext
from zhiguan.kernel.supervision.learning import Fit, fit, rightly_ordered, unseen_chances
from zhiguan.kernel.supervision.models import Finding, FindingScore, PriorityModel
from zhiguan.kit.actor import system
from zhiguan.kit.pages.conformance import Case, DetailPageConformance, ListPageConformance, Visitor, html

from .conftest import DAY, NEXT, declare

BOSS = system("tests")
NOW = datetime(2026, 6, 1, tzinfo=UTC)

# --- the model alone


def test_a_known_law_is_found_again():
    """Outcomes drawn from weights 2, -1 and 0 of three columns: signs and order of the weights come back."""
    chance = np.random.default_rng(5)
    rows = chance.normal(size=(4_000, 3))
    outcomes = chance.random(4_000) < 1 / (1 + np.exp(-(0.5 + 2 * rows[:, 0] - rows[:, 1])))
    found = fit(("a", "b", "c"), rows, outcomes)
    assert found.weights == pytest.approx([2.0, -1.0, 0.0], abs=0.2) and found.intercept == pytest.approx(0.5, abs=0.15)
    again = Fit.of_json(found.as_json())
    assert again.chances(rows) == pytest.approx(found.chances(rows))
    order = rightly_ordered(unseen_chances(("a", "b", "c"), rows, outcomes), outcomes)
    assert order is not None and order > 0.85


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_table_gives_chances_between_0_and_1(data):
    count = data.draw(st.integers(2, 30))
    numbers = st.one_of(st.just(float("nan")), st.floats(-1e3, 1e3))
    rows = np.array(data.draw(st.lists(st.tuples(numbers, numbers), min_size=count, max_size=count)), float)
    outcomes = np.array(data.draw(st.lists(st.booleans(), min_size=count, max_size=count)))
    chances = fit(("a", "b"), rows, outcomes).chances(rows)
    assert np.isfinite(chances).all() and ((chances >= 0) & (chances <= 1)).all()


def test_order_is_counted_by_pairs():
    outcomes = np.array([True, False, True, False])
    assert rightly_ordered(np.array([4.0, 3.0, 2.0, 1.0]), outcomes) == 0.75
    assert rightly_ordered(np.array([1.0, 1.0, 1.0, 1.0]), outcomes) == 0.5
    assert rightly_ordered(np.array([1.0, 2.0]), np.array([True, True])) is None


# --- over findings


@pytest.fixture
def many(world, rule, monkeypatch):
    """``many(count, law)``: decided findings of two rules whose outcome follows ``law(number)`` → (confidence, true?)."""
    other = replace(rule, code="orgs.noisy", name="杂乱规则", severity="minor")
    declare(monkeypatch, other)
    people = iter(range(10_000))

    def one(confidence, state="raised", code="orgs.moved", severity="major", unit=None, days=0, outcome="", ended=None):
        number = next(people)
        unit = unit or world.organ
        person = Person.objects.create(code=f"Z{number}", name=f"甲{number}", unit=unit)
        made = NOW - timedelta(days=days)
        return Finding.objects.create(
            area="orgs", unit=unit, rule=code, subject_type="orgs.person", subject_id=person.pk, subject_label=person.name,
            period="2026-05-01", severity=severity, summary="移动", evidence={"confidence": confidence}, clause="第一条",
            occurred_at=made, created_at=made, updated_at=made, state=state, outcome=outcome, ended_at=ended,
        )  # fmt: skip

    def make(count, law):
        for number in range(count):
            confidence, true = law(number)
            outcome, state = ("confirmed", "closed") if true else ("dismissed", "dismissed")
            made = count - number + 1
            one(confidence, state, code=("orgs.moved", "orgs.noisy")[number % 2], days=made, outcome=outcome,
                ended=NOW - timedelta(days=made) + timedelta(hours=5))  # fmt: skip

    make.one = one
    return make


def test_too_few_outcomes_are_said_and_the_order_is_severity_by_confidence(world, many):
    many(20, lambda number: (0.9, True))
    model = scoring.train(NOW)
    assert not model.usable and "不足" in model.note and model.weights == {} and model.outcomes == 20
    rows = [many.one(0.6, severity="serious"), many.one(0.9, severity="minor"), many.one(0.8), many.one(None)]
    scoring.score_open(model)
    with world.manager.acting():
        order = [row.pk for row in scoring.ranked(world.manager).filter(state="raised").order_by("-priority")]
    assert order == [rows[0].pk, rows[2].pk, rows[3].pk, rows[1].pk]
    assert FindingScore.objects.get(finding=rows[0]).value == pytest.approx(60.0)
    assert FindingScore.objects.get(finding=rows[3]).value == pytest.approx(100 * 2 / 3 * 0.5, abs=0.01)


def test_it_learns_which_rule_and_confidence_lead_to_something(world, many):
    """One rule is right when it is sure, the other hardly ever: confidence alone orders worse."""
    many(200, lambda number: ((number % 10) / 10, number % 2 == 0 and number % 10 >= 4))
    model = scoring.train(NOW)
    assert model.usable and model.order > 0.9 > model.plain_order and model.outcomes == 200
    weights = {each["title"]: each["weight"] for each in scoring.shown_weights(model)}
    assert weights["规则：无单移动"] > 0 > weights["规则：杂乱规则"] and weights["可信度"] > 0
    good, weak, noisy = many.one(0.9), many.one(0.1), many.one(0.9, code="orgs.noisy")
    assert scoring.score_open(model) == 3
    values = {score.finding_id: score for score in FindingScore.objects.all()}
    assert values[good.pk].value > values[weak.pk].value > 0 and values[good.pk].value > values[noisy.pk].value
    reasons = {each["name"]: each for each in values[good.pk].reasons}
    assert reasons["可信度"]["text"] == "90%" and reasons["可信度"]["effect"] > 0 and reasons["规则"]["effect"] > 0


def test_an_organs_history_and_repeats_count_as_they_were_known_then(world, many):
    many(100, lambda number: (0.5, number % 3 == 0))
    rows = scoring.known_of(Finding.objects.all())
    past = scoring.Past(rows)
    first = min(rows, key=lambda row: row.created_at)
    assert past.organ(first) == pytest.approx(0.5), "nothing had been decided when the first one was found"
    last = max(rows, key=lambda row: row.created_at)
    assert 0.25 < past.organ(last) < 0.42
    again = replace(last, occurred_at=last.occurred_at + timedelta(days=89), ended_at=None, outcome="")
    assert (past.repeats(again), past.repeats(last)) == (1, 0)
    assert past.repeats(replace(again, occurred_at=last.occurred_at + timedelta(days=91))) == 0
    strange = replace(again, unit=10**6, created_at=NOW)
    assert past.organ(strange) == pytest.approx((34 + 1) / 102, abs=0.01)


def test_learning_that_orders_no_better_is_not_used(many):
    many(120, lambda number: (0.1 + 0.8 * (number % 4 < 2) + number / 10_000, number % 4 < 2))
    model = scoring.train(NOW)
    assert not model.usable and model.plain_order == 1.0 and "不优于" in model.note and model.weights


def test_nothing_is_hidden_decided_or_changed(world, many):
    many(200, lambda number: ((number % 10) / 10, number % 2 == 0 and number % 10 >= 4))
    for confidence in (0.0, 0.3, 1.0, None, "sure", -4, 1e9):
        many.one(confidence)
    before = list(Finding.objects.order_by("pk").values())
    scoring.score_open(scoring.train(NOW))
    assert list(Finding.objects.order_by("pk").values()) == before
    with world.manager.acting():
        everything = set(service.findings(world.manager).values_list("pk", flat=True))
        assert set(scoring.ranked(world.manager).order_by("-priority").values_list("pk", flat=True)) == everything
        assert all(0 <= row.priority <= 100 for row in scoring.ranked(world.manager))
    assert FindingScore.objects.count() == 7


def test_scores_are_seen_with_their_findings_only(world, many):
    many.one(0.9), many.one(0.9, unit=world.other)
    scoring.score_open(scoring.train(NOW))
    for actor in (world.manager, world.stranger):
        with actor.acting():
            assert FindingScore.objects.count() == 1


def test_changed_findings_and_new_models_are_scored_again(world, many):
    row = many.one(0.9)
    model = scoring.train(NOW)
    assert (scoring.score_open(model), scoring.score_open(model)) == (1, 0)
    Finding.objects.filter(pk=row.pk).update(evidence={"confidence": 0.1}, updated_at=timezone.now())
    assert scoring.score_open(model) == 1 and FindingScore.objects.get().value < 10
    assert scoring.score_open(scoring.train(NOW)) == 1
    Finding.objects.filter(pk=row.pk).update(state="withdrawn", outcome="withdrawn", ended_at=NOW)
    assert scoring.score_open(scoring.train(NOW)) == 0


def test_a_run_still_decides_by_itself(world, many, monkeypatch):
    """A finding with the lowest priority is raised and withdrawn as its rule says."""
    hits = {"on": True}

    def evaluate(context: RuleContext):
        for person in context.subjects if hits["on"] else ():
            yield Hit(person, context.periods[0], "移动", person.unit, context.start_at, {"confidence": 0.0})

    rule = Rule(code="orgs.low", area="orgs", name="低", severity="minor", clause="一", explanation="二", evaluate=evaluate)
    declare(monkeypatch, rule)
    service.run(rule, subjects=world.people[:1], start=DAY, end=NEXT)
    scoring.refresh()
    finding = Finding.objects.get(rule="orgs.low")
    assert FindingScore.objects.get(finding=finding).value == 0.0 and finding.state == "raised"
    hits["on"] = False
    assert service.run(rule, subjects=world.people[:1], start=DAY, end=NEXT).withdrawn == 1


# --- pages


class _Models:
    @pytest.fixture
    def case(self, world, many):
        gone = SimpleNamespace(pk=10**9)  # what was learned is shown to all who see findings
        return Case(world.manager, lambda: PriorityModel.objects.get(pk=scoring.train().pk), lambda: gone)


class TestPriorities(_Models, ListPageConformance):
    page = pages.PRIORITIES


class TestPriority(_Models, DetailPageConformance):
    page = pages.PRIORITY_PAGE


def test_the_board_sorts_by_it_and_a_finding_says_why(world, many):
    many(200, lambda number: ((number % 10) / 10, number % 2 == 0 and number % 10 >= 4))
    weak, good = many.one(0.1), many.one(0.9)
    model = scoring.train()
    scoring.score_open(model)
    visitor = Visitor(world.manager)
    text = html(visitor.get(reverse("supervision.finding"), {"state": "raised", "sort": "-priority"}))
    assert "优先度" in text and text.index(good.number) < text.index(weak.number)
    page = html(visitor.get(reverse("supervision.finding.detail", args=[good.pk])))
    assert "属实可能" in page and "90%" in page and "根据 200 条" in page
    shown = html(visitor.get(reverse("supervision.priority.detail", args=[model.pk])))
    assert "规则：无单移动" in shown and "可信度" in shown
