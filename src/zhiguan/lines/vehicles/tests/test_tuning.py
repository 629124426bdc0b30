"""Thresholds of vehicle rules tried out over real days."""

from __future__ import annotations

from datetime import timedelta

import pytest

from zhiguan.kernel.reference import service as reference
from zhiguan.kernel.supervision.declare import Rule, Tuning
from zhiguan.kernel.supervision.trials import preview
from zhiguan.kit import registry

from .tracks import HOME, WORKDAY, Track, at, north

END = WORKDAY + timedelta(days=1)


def quiet(percent: float, text: str) -> None:
    """Take a report of progress."""


def tried(rule: str, name: str, value, place=None):
    held = registry.current()
    return preview(
        held.get(Rule, f"vehicles.{rule}"), held.get(Tuning, f"vehicles.{rule}"), f"vehicles.detection.{name}", value, place,
        WORKDAY, END, quiet,
    )  # fmt: skip


def test_every_tunable_threshold_is_a_number_within_limits_that_may_be_adjusted(rulebook):
    tunings = registry.current().all(Tuning)
    assert len(tunings) >= 19
    for tuning in tunings:
        assert registry.current().get(Rule, tuning.code)
        for code in tuning.thresholds:
            fact = reference.fact(code)
            assert fact.adjustable and fact.least < fact.most, code
            assert reference.refusal(fact, type(fact.value)(fact.most)) == ""


@pytest.mark.parametrize(("value", "gone", "new"), [(100, 0, 0), (400, 1, 0), (20, 0, 0)])
def test_the_distance_from_the_place(judge, value, gone, new):
    """The car drove 300 m beyond its yard without an order."""
    assert "moved_without_order" in judge.day(Track().outing(WORKDAY, north(HOME, 350), "10:00", "11:00"))
    found = tried("moved_without_order", "away_m", value)
    assert (found["before"]["total"], found["gone"]["total"], found["new"]["total"]) == (1, gone, new)


def test_a_speed_below_the_limit_appears_when_it_is_lowered(judge):
    track = Track().stand(at(WORKDAY, "00:00"), at(WORKDAY, "10:00"))
    track.stand(track.drive(north(HOME, 20_000), at(WORKDAY, "10:00"), kmh=112), at(WORKDAY, "23:59"))
    assert "speeding" not in judge.day(track)
    found = tried("speeding", "speed_limit_kmh", 100)
    assert (found["before"]["total"], found["new"]["total"], found["new"]["none"]) == (0, 1, 1)
    assert not found["gone"]["rows"] and "speeding" not in judge.again()


def test_for_one_organ_only_its_cars_are_asked(judge, world):
    judge.day(Track().outing(WORKDAY, north(HOME, 350), "10:00", "11:00"))
    assert tried("moved_without_order", "away_m", 400, world.other)["before"]["total"] == 0
    assert tried("moved_without_order", "away_m", 400, world.organ)["gone"]["total"] == 1
