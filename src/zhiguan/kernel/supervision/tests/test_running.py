"""Runs: what is raised, kept, updated, withdrawn and raised again, and what a failing rule does."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest
from croniter import croniter
from django.utils import timezone

from zhiguan.kernel.ledger import service as ledger
from zhiguan.kernel.ledger.models import LedgerEvent
from zhiguan.kernel.supervision import jobs, service
from zhiguan.kernel.supervision.declare import ON_DIRTY_DAYS, Hit, Rule, days, months
from zhiguan.kernel.supervision.models import Finding, RuleRun
from zhiguan.kernel.supervision.running import AGAIN, NO_LONGER
from zhiguan.kit import registry
from zhiguan.kit.errors import Conflict

from .conftest import DAY, NEXT, declare, failing


def _run(rule, subjects, **more):
    return service.run(rule, subjects=subjects, start=DAY, end=NEXT, **more)


def test_a_hit_is_raised_once_and_then_kept(world, rule, truth):
    person = world.people[0]
    truth.metres[person.pk, "2026-03-02"] = 80.0
    assert _run(rule, world.people) == service.RunResult(raised=1)
    assert _run(rule, world.people) == service.RunResult(kept=1)
    finding = Finding.objects.get()
    assert (finding.state, finding.severity, finding.version) == ("raised", "major", 1)
    assert (finding.area, finding.unit, finding.subject_type) == ("orgs", world.organ, "orgs.person")
    assert finding.summary == "张三于2026-03-02移动 80 米。"
    assert [event.code for event in ledger.history(finding)] == ["create"]
    assert LedgerEvent.objects.get(subject_type="supervision.finding").area == "orgs"


def test_changed_evidence_updates_the_open_finding_with_an_event(world, rule, truth):
    key = (world.people[0].pk, "2026-03-02")
    truth.metres[key] = 80.0
    _run(rule, world.people)
    truth.metres[key] = 120.5
    assert _run(rule, world.people) == service.RunResult(updated=1)
    finding = Finding.objects.get()
    assert finding.evidence["figures"][0]["value"] == 120.5
    assert [event.code for event in ledger.history(finding)] == ["create", "update"]
    assert _run(rule, world.people) == service.RunResult(kept=1)


@pytest.mark.parametrize("state", ["raised", "assigned", "explained", "rectified"])
def test_late_data_withdraw_an_open_finding_visibly_and_can_raise_it_again(world, rule, truth, state):
    key = (world.people[0].pk, "2026-03-02")
    truth.metres[key] = 80.0
    _run(rule, world.people)
    _lead_to(world.manager, Finding.objects.get(), state)
    del truth.metres[key]
    assert _run(rule, world.people) == service.RunResult(withdrawn=1)
    finding = Finding.objects.get()
    assert (finding.state, finding.outcome, finding.ended_at is None) == ("withdrawn", "withdrawn", False)
    assert ledger.history(finding).last().reason == NO_LONGER
    assert _run(rule, world.people) == service.RunResult()
    truth.metres[key] = 90.0
    assert _run(rule, world.people) == service.RunResult(raised=1)
    finding.refresh_from_db()
    assert (finding.state, finding.outcome, finding.ended_at, finding.assignee, finding.due_on) == (
        "raised", "", None, None, None,
    )  # fmt: skip
    assert finding.evidence["figures"][0]["value"] == 90.0
    assert ledger.history(finding).last().reason == AGAIN


def _lead_to(actor, finding, state):
    steps = {
        "raised": (), "assigned": ("assign",), "explained": ("assign", "explain"),
        "rectified": ("assign", "rectify"), "closed": ("assign", "explain", "verify"), "dismissed": ("dismiss",),
    }  # fmt: skip
    values = {
        "assign": {}, "explain": {"explanation": "说明"}, "rectify": {"rectification": "整改"},
        "verify": {"verdict": "属实"}, "dismiss": {"reason": "误报"},
    }  # fmt: skip
    for step in steps[state]:
        with actor.acting():
            finding = getattr(service, step)(actor, finding, **values[step])
    return finding


@pytest.mark.parametrize("state", ["closed", "dismissed"])
def test_what_people_have_ended_is_not_touched(world, rule, truth, state):
    key = (world.people[0].pk, "2026-03-02")
    truth.metres[key] = 80.0
    _run(rule, world.people)
    before = _lead_to(world.manager, Finding.objects.get(), state)
    truth.metres[key] = 500.0
    assert _run(rule, world.people) == service.RunResult(kept=1)
    del truth.metres[key]
    assert _run(rule, world.people) == service.RunResult()
    after = Finding.objects.get()
    assert (after.state, after.version, after.evidence) == (state, before.version, before.evidence)


def test_only_the_evaluated_subjects_and_days_are_reconciled(world, rule, truth):
    one, two = world.people[:2]
    for person in (one, two):
        for day in ("2026-03-01", "2026-03-02"):
            truth.metres[person.pk, day] = 60.0
    service.run(rule, subjects=world.people, start=date(2026, 3, 1), end=NEXT)
    truth.metres.clear()
    assert _run(rule, [one]) == service.RunResult(withdrawn=1)
    left = Finding.objects.exclude(state="withdrawn").values_list("subject_id", "period")
    assert set(left) == {(one.pk, "2026-03-01"), (two.pk, "2026-03-01"), (two.pk, "2026-03-02")}


def test_a_narrow_actor_does_not_withdraw_what_they_cannot_see(world, rule, truth):
    person = world.people[0]
    truth.metres[person.pk, "2026-03-02"] = 80.0
    with world.stranger.acting():
        assert _run(rule, world.people, actor=world.stranger) == service.RunResult(raised=1)
        assert _run(rule, world.people, actor=world.stranger) == service.RunResult(kept=1)
        assert Finding.objects.count() == 0
    assert LedgerEvent.objects.get(subject_type="supervision.finding").actor_name == "乙局监督员"


def test_a_failing_rule_leaves_nothing_is_visible_and_stops_no_other(world, rule, truth):
    truth.metres[world.people[0].pk, "2026-03-02"] = 80.0
    found = service.run_all([failing(rule), rule], subjects=world.people, start=DAY, end=NEXT)
    assert found["orgs.moved"] == service.RunResult(raised=1)
    assert found["orgs.failing"].error.startswith("RuntimeError（tests/conftest.py:")
    kept = RuleRun.objects.get(rule="orgs.failing")
    assert kept.error == found["orgs.failing"].error and "张三" not in kept.error
    assert RuleRun.objects.get(rule="orgs.moved").raised == 1
    with pytest.raises(RuntimeError):
        _run(failing(rule), world.people)


def test_half_of_a_failing_run_is_undone(world, rule, truth):
    def evaluate(context):
        yield from truth.evaluate(context)
        raise RuntimeError("late")

    truth.metres[world.people[0].pk, "2026-03-02"] = 80.0
    with pytest.raises(RuntimeError):
        _run(replace(rule, evaluate=evaluate), world.people)
    assert Finding.objects.count() == 0 and RuleRun.objects.get().error


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"period": "2026-03-09"}, "时段"),
        ({"subject": "stranger"}, "对象"),
        ({"summary": ""}, "摘要"),
        ({"occurred_at": datetime(2026, 3, 2)}, "时区"),
        ({"evidence": {"x": float("nan")}}, "不是数"),
        ({"evidence": {"x": "长" * 300_000}}, "过大"),
    ],
)
def test_hits_that_could_not_be_reconciled_are_refused(world, rule, truth, change, message):
    person = world.people[0]
    truth.metres[person.pk, "2026-03-02"] = 80.0
    if change.get("subject"):
        change = {"subject": world.people[2]}

    def evaluate(context):
        for hit in truth.evaluate(context):
            yield replace(hit, **change)

    with pytest.raises(service.BadHit, match=message):
        _run(replace(rule, evaluate=evaluate), [person])
    assert Finding.objects.count() == 0


def test_two_hits_of_one_subject_and_period_are_refused(world, rule, truth):
    truth.metres[world.people[0].pk, "2026-03-02"] = 80.0
    twice = replace(rule, evaluate=lambda context: [*truth.evaluate(context), *truth.evaluate(context)])
    with pytest.raises(service.BadHit, match="合并"):
        _run(twice, world.people)


def test_evidence_is_compared_as_it_is_stored(world, rule):
    def evaluate(context):
        yield Hit(
            subject=world.people[0], period="2026-03-02", summary="有", unit=world.organ, occurred_at=context.start_at,
            evidence={"day": DAY, "pair": (1, 2.0), 3: 1e22, "at": context.start_at, "small": 1e-9, "tiny": -0.0},
        )  # fmt: skip

    odd = replace(rule, evaluate=evaluate)
    assert _run(odd, world.people) == service.RunResult(raised=1)
    assert _run(odd, world.people) == service.RunResult(kept=1)


def test_dirty_days_run_the_rules_of_the_area(world, rule, truth):
    truth.metres[world.people[0].pk, "2026-03-02"] = 80.0
    assert service.run_dirty("orgs", subjects=world.people, start=DAY, end=NEXT) == {
        "orgs.moved": service.RunResult(raised=1)
    }


def test_a_scheduled_rule_covers_whole_days_before_today(world, rule, truth):
    truth.metres[world.people[0].pk, "2026-03-02"] = 80.0
    truth.metres[world.people[0].pk, "2026-03-03"] = 80.0
    scheduled = replace(
        rule, cadence="30 2 * * *", subjects=lambda start, end: world.people, lookback_days=2
    )  # fmt: skip
    assert service.run_scheduled(scheduled, today=NEXT) == service.RunResult(raised=1)
    run = RuleRun.objects.get()
    assert (run.start_on, run.end_on, run.subjects) == (date(2026, 3, 1), NEXT, 3)


def test_periods():
    assert days(date(2026, 2, 28), date(2026, 3, 2)) == ["2026-02-28", "2026-03-01"]
    assert months(date(2026, 2, 28), date(2026, 3, 2)) == ["2026-02", "2026-03"]
    assert days(NEXT, DAY) == []


@pytest.mark.parametrize(
    "change",
    [
        {"severity": "awful"}, {"area": "vehicles"}, {"clause": ""}, {"cadence": "daily"}, {"cadence": "0 2 * * *"},
        {"lookback_days": 0},
    ],
)  # fmt: skip
def test_bad_declarations_are_refused(rule, change):
    with pytest.raises(ValueError, match="Rule"):
        replace(rule, **change)


def test_a_stale_copy_cannot_undo_a_withdrawal(world, rule, truth):
    key = (world.people[0].pk, "2026-03-02")
    truth.metres[key] = 80.0
    _run(rule, world.people)
    stale = Finding.objects.get()
    del truth.metres[key]
    _run(rule, world.people)
    with world.manager.acting(), pytest.raises(Conflict, match="已撤回"):
        service.assign(world.manager, stale, due_on=date.today() + timedelta(days=9))


def test_scheduled_rules_run_once_per_time_and_are_caught_up(world, rule, truth, monkeypatch):
    def lost(start, end):
        raise RuntimeError("no subjects")

    nightly = replace(rule, code="orgs.nightly", cadence="30 2 * * *", subjects=lambda start, end: world.people)
    broken = replace(nightly, code="orgs.broken", subjects=lost)
    declare(monkeypatch, broken, nightly)
    now = timezone.now()
    first = service.run_due(now)
    assert first["orgs.nightly"] == service.RunResult() and first["orgs.broken"].error.startswith("RuntimeError")
    assert RuleRun.objects.get(rule="orgs.broken").error
    assert not {"orgs.nightly", "orgs.broken"} & service.run_due(now).keys()
    assert {"orgs.nightly", "orgs.broken"} <= service.run_due(now + timedelta(days=1)).keys()


def test_every_declared_cadence_can_be_read():
    for each in registry.current().all(Rule):
        assert each.cadence == ON_DIRTY_DAYS or croniter.is_valid(each.cadence), each.code


def test_the_job_says_what_it_did_and_forgets_old_runs(world, rule, truth, monkeypatch):
    _run(rule, world.people)
    RuleRun.objects.update(started_at=timezone.now() - jobs.KEEP - timedelta(days=1))
    _run(rule, world.people)
    declare(monkeypatch, replace(rule, code="orgs.nightly", cadence="30 2 * * *", subjects=lambda a, b: world.people))
    assert "失败 0 条" in jobs.SCHEDULED.run()
    assert {"orgs.moved", "orgs.nightly"} <= set(RuleRun.objects.values_list("rule", flat=True))
    assert RuleRun.objects.filter(rule="orgs.moved").count() == 1
