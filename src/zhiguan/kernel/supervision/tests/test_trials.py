"""Trying out a threshold: what would vanish and appear, what people had decided of it, and setting it from a date on."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from types import SimpleNamespace

import pytest
from django.http import Http404
from django.urls import reverse
from django.utils import timezone

from zhiguan.kernel.events.models import Job
from zhiguan.kernel.orgs.models import Person
from zhiguan.kernel.reference import service as reference
from zhiguan.kernel.supervision import handling, pages, service, trials
from zhiguan.kernel.supervision.codes import TUNE, VIEW
from zhiguan.kernel.supervision.declare import LOCAL, RuleContext, Tuning, months
from zhiguan.kernel.supervision.models import Finding, RuleRun, ThresholdTrial
from zhiguan.kernel.trace.models import Entry
from zhiguan.kit.actor import system
from zhiguan.kit.errors import Conflict, Denied, Invalid, NotFound
from zhiguan.kit.pages.conformance import (
    Case,
    DetailPageConformance,
    FormPageConformance,
    ListPageConformance,
    Visitor,
    html,
)

from .conftest import ALL, declare

AWAY = "vehicles.detection.away_m"
TODAY = timezone.localdate(timezone=LOCAL)
PAST = [(TODAY - timedelta(days=number)).isoformat() for number in range(1, 6)]
BOSS = system("tests")


def quiet(percent: float, text: str) -> None:
    """Take a report of progress."""


@pytest.fixture
def tuned(world, rule, truth, monkeypatch):
    """The made-up rule now reads a threshold, as of the day and for the person's organ."""
    reference.sync()
    asked = []

    def evaluate(context: RuleContext):
        for hit in truth.evaluate(context):
            known = reference.thresholds("vehicles.detection", on=date.fromisoformat(hit.period))
            asked.append(context.shared)
            if hit.evidence["figures"][0]["value"] > known.value("away_m", hit.subject.unit):
                yield hit

    def subjects(start, end, lo, hi):
        return list(Person.objects.filter(scope_pos__range=(lo, hi)).select_related("unit").order_by("pk"))

    tunable = replace(rule, code="orgs.tuned", name="超距移动", evaluate=evaluate)
    declare(monkeypatch, tunable, Tuning("orgs.tuned", (AWAY,), subjects, batch=2))
    return tunable


@pytest.fixture
def tuner(world, make_actor):
    return make_actor(
        ALL | dict.fromkeys((TUNE, "reference.fact.manage"), "city"), unit=world.city, account=3, name="规则管理员"
    )


@pytest.fixture
def account(db):
    """The account that asks for jobs."""
    from zhiguan.kernel.identity.models import Account

    return Account.objects.create(username="tuner")


@pytest.fixture
def judged(world, tuned, truth):
    """Five days of one person at 60, 70, 80, 90, 100 m: three dismissed, one confirmed, one open. Another at 200 m."""
    first, _, other = world.people
    for metres, day in zip((60.0, 70.0, 80.0, 90.0, 100.0), PAST, strict=True):
        truth.metres[first.pk, day] = metres
    truth.metres[other.pk, PAST[0]] = 200.0
    start = date.fromisoformat(PAST[-1])
    service.run(tuned, subjects=world.people, start=start, end=TODAY)
    rows = {row.period: row for row in Finding.objects.filter(subject_id=first.pk)}
    for day in PAST[:3]:
        handling.dismiss(BOSS, rows[day], reason="院内挪车")
    row = handling.assign(BOSS, rows[PAST[3]], due_on=TODAY)
    handling.verify(BOSS, handling.explain(BOSS, row, explanation="确有其事"), verdict="属实")
    return rows


def preview(tuned, value, place=None, days=5):
    end = TODAY
    return trials.preview(
        tuned, trials.tuning_of(tuned.code), AWAY, value, place, end - timedelta(days=days), end, quiet
    )


def test_what_would_vanish_is_told_by_what_people_made_of_it(tuned, judged):
    found = preview(tuned, 85)
    assert found["before"] == {"total": 6, "confirmed": 1, "dismissed": 3, "withdrawn": 0, "open": 2, "none": 0,
                               "precision": 0.25}  # fmt: skip
    assert (found["after"]["total"], found["after"]["precision"]) == (3, 1.0)
    assert (found["gone"]["total"], found["gone"]["dismissed"], found["gone"]["confirmed"]) == (3, 3, 0)
    assert found["new"]["total"] == 0
    assert [row["outcome"] for row in found["gone"]["rows"]] == ["dismissed"] * 3
    assert found["gone"]["rows"][0]["finding"] == judged[found["gone"]["rows"][0]["period"]].pk


def test_what_would_appear_has_no_finding_yet(world, tuned, judged, truth):
    truth.metres[world.people[1].pk, PAST[2]] = 40.0
    found = preview(tuned, 30)
    assert (found["new"]["total"], found["new"]["none"], found["gone"]["total"]) == (1, 1, 0)
    assert found["new"]["rows"][0]["label"] == str(world.people[1]) and found["new"]["rows"][0]["finding"] is None


def test_nothing_is_raised_withdrawn_or_noted_as_a_run(tuned, judged):
    before = list(Finding.objects.order_by("pk").values())
    runs = RuleRun.objects.count()
    preview(tuned, 500)
    assert list(Finding.objects.order_by("pk").values()) == before and RuleRun.objects.count() == runs
    assert reference.value(AWAY) == 50


def test_a_trial_for_one_organ_looks_at_its_own(world, tuned, judged):
    found = preview(tuned, 500, place=world.other)
    assert (found["before"]["total"], found["gone"]["total"]) == (1, 1)
    found = preview(tuned, 500, place=world.organ)
    assert (found["before"]["total"], found["after"]["total"]) == (5, 0)


def test_days_count(tuned, judged):
    assert preview(tuned, 85, days=2)["before"]["total"] == 3


def test_a_monthly_rule_is_asked_by_month(tuned):
    monthly = replace(tuned, periods=months)
    parts = list(trials.chunks(monthly, date(2026, 1, 30), date(2026, 3, 2)))
    assert [periods for _, _, periods in parts] == [["2026-01"], ["2026-02"], ["2026-03"]]
    assert parts[0][:2] == (date(2026, 1, 30), date(2026, 2, 1))
    daily = list(trials.chunks(tuned, date(2026, 1, 30), date(2026, 2, 2)))
    assert [periods for _, _, periods in daily] == [["2026-01-30"], ["2026-01-31"], ["2026-02-01"]]


def test_what_is_loaded_once_is_carried(tuned):
    from zhiguan.kernel.supervision.declare import Shared

    shared = Shared()
    shared.put(("vehicles.frame", "2026-03-01"), 1)
    shared.put(("vehicles.limits", "2026-03-01"), 2)
    fresh = shared.carrying(("vehicles.frame",))
    assert fresh.has(("vehicles.frame", "2026-03-01")) and not fresh.has(("vehicles.limits", "2026-03-01"))


# --- verbs


def propose(tuner, account, **values):
    actor = replace(tuner, account_id=account.pk)
    good = {"rule": "orgs.tuned", "fact": AWAY, "value": 85, "days": 5, "why": "院内挪车太多"}
    return actor, trials.propose(actor, **{**good, **values})


def finished(tuner, account, **values):
    actor, trial = propose(tuner, account, **values)
    trials.compute(actor, quiet, trial=trial.pk)
    return actor, ThresholdTrial.objects.get(pk=trial.pk)


def test_from_the_idea_to_the_value_in_force(tuner, account, tuned, judged):
    actor, trial = propose(tuner, account)
    job = Job.objects.get(kind="supervision.trial.compute")
    assert (trial.state, job.args) == ("waiting", {"trial": trial.pk})
    steps = []
    said = trials.compute(actor, lambda percent, text: steps.append(percent), trial=trial.pk)
    assert "减少 3 条" in said["message"] and steps == sorted(steps) and len(steps) == 5
    trial.refresh_from_db()
    assert trial.state == "done" and trial.result["gone"]["dismissed"] == 3
    day = TODAY + timedelta(days=1)
    applied = trials.apply(actor, trial, valid_from=day, reason="按试算调整")
    assert (applied.state, applied.valid_from) == ("applied", day)
    assert reference.value(AWAY, on=day) == 85 and reference.value(AWAY, on=TODAY) == 50
    codes = set(Entry.objects.values_list("code", flat=True))
    assert {"supervision.thresholdtrial.apply", "reference.fact.adjust"} <= codes


def test_setting_needs_the_permission_to_set(tuner, account, tuned, judged):
    actor, trial = finished(tuner, account)
    held = {code: scope for code, scope in actor.permissions.items() if code != "reference.fact.manage"}
    only = replace(actor, permissions=held)
    with pytest.raises(Denied):
        trials.apply(only, trial, valid_from=TODAY, reason="按试算调整")
    assert ThresholdTrial.objects.get().state == "done" and reference.value(AWAY) == 50


def test_a_value_that_changed_meanwhile_is_not_overwritten(tuner, account, tuned, judged):
    actor, trial = finished(tuner, account)
    reference.override(BOSS, AWAY, 60, TODAY, "另有规定")
    with pytest.raises(Conflict, match="已经变化"):
        trials.apply(actor, trial, valid_from=TODAY, reason="按试算调整")
    again = trials.repeat(actor, trial)
    assert again.state == "waiting" and again.result == {}


@pytest.mark.parametrize(
    ("values", "refused"),
    [({"value": 5}, Invalid), ({"value": 50}, Invalid), ({"value": "远"}, Invalid), ({"days": 0}, Invalid),
     ({"days": 93}, Invalid),
     ({"why": " "}, Invalid), ({"fact": "vehicles.detection.night_from"}, NotFound), ({"rule": "orgs.moved"}, NotFound),
     ({"rule": "no.rule"}, NotFound)],
)  # fmt: skip
def test_what_cannot_be_set_cannot_be_tried(tuner, account, tuned, values, refused):
    with pytest.raises(refused):
        propose(tuner, account, **values)
    assert not ThresholdTrial.objects.exists() and not Job.objects.exists()


def test_a_trial_for_all_needs_the_permission_over_all(world, account, tuned, make_actor):
    mine = make_actor(ALL | {TUNE: "below"}, unit=world.organ, account=account.pk)
    good = {"rule": "orgs.tuned", "fact": AWAY, "value": 85, "days": 5, "why": "院内挪车太多"}
    with pytest.raises(Denied):
        trials.propose(mine, **good)
    assert trials.propose(mine, **good, place=world.organ).unit == world.organ


def test_a_rule_that_fails_is_noted_without_quoting_rows(tuner, account, tuned, monkeypatch):
    def evaluate(context):
        raise RuntimeError("Key (name)=(张三) exists")

    declare(monkeypatch, replace(tuned, code="orgs.broken", evaluate=evaluate),
            Tuning("orgs.broken", (AWAY,), trials.tuning_of("orgs.tuned").subjects))  # fmt: skip
    actor, trial = propose(tuner, account, rule="orgs.broken")
    with pytest.raises(RuntimeError):
        trials.compute(actor, quiet, trial=trial.pk)
    trial.refresh_from_db()
    assert trial.state == "failed" and "张三" not in trial.problem and "RuntimeError" in trial.problem


def test_a_dropped_trial_is_not_computed(tuner, account, tuned, judged):
    actor, trial = propose(tuner, account)
    trials.drop(actor, trial, reason="不再需要")
    assert "放弃" in trials.compute(actor, quiet, trial=trial.pk)["message"]
    assert ThresholdTrial.objects.get().state == "dropped"


# --- pages


class _Trials:
    @pytest.fixture
    def case(self, world, tuned, account, make_actor):
        mine = make_actor(ALL | {TUNE: "below", "reference.fact.manage": "below"}, unit=world.organ, account=account.pk)
        numbers = iter(range(60, 1000))

        def make(place=world.organ):
            actor = replace(BOSS, account_id=account.pk, system=True)
            return trials.propose(
                actor, rule="orgs.tuned", fact=AWAY, value=next(numbers), days=5, why="院内挪车太多", place=place
            )

        values = {"threshold": f"orgs.tuned|{AWAY}", "value": "85", "place": world.organ.pk, "days": "5", "why": "太多"}
        return Case(mine, make, lambda: make(world.other), text=lambda row: row.name, values=lambda row: values)


class TestTrials(_Trials, ListPageConformance):
    page = pages.TRIALS

    def test_search_finds_by_text(self, case):
        """All trials here are of one threshold: its name finds them all."""
        row = case.row()
        assert row.pk in self.keys(case, f"q={row.name}")


class TestTrial(_Trials, DetailPageConformance):
    page = pages.TRIAL_PAGE


class TestTrialNew(_Trials, FormPageConformance):
    page = pages.TRIAL_NEW


def test_the_rules_page_offers_a_trial_and_the_result_is_readable(tuner, account, tuned, judged, world):
    actor, trial = finished(tuner, account)
    visitor = Visitor(actor)
    page = html(visitor.get(reverse("supervision.rule.page", args=["orgs.tuned"])))
    assert "超距移动" in page and "无派车单驶离停放地点的判定距离" in page and "50 米 → 85 米" in page
    assert f"threshold=orgs.tuned%7C{AWAY}" in page
    shown = html(visitor.get(reverse("supervision.trial.detail", args=[trial.pk])))
    assert "由 6 条变为 3 条" in shown and "25.0% 变为 100.0%" in shown and "没有已认定属实的" in shown
    with pytest.raises(Http404):
        visitor.get(reverse("supervision.rule.page", args=["no.rule"]))


def test_readers_see_the_page_without_the_offer(world, tuned, make_actor):
    reader = make_actor({VIEW: "below", "orgs.unit.view": "below"}, unit=world.organ)
    page = html(Visitor(reader).get(reverse("supervision.rule.page", args=["orgs.tuned"])))
    assert "supervision/trial/new" not in page


def test_a_declaration_without_thresholds_is_refused():
    """The declarations refuse what could never be tuned."""
    with pytest.raises(ValueError, match="at least one threshold"):
        Tuning("orgs.tuned", (), SimpleNamespace)
