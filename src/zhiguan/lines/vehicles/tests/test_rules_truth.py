"""Rules against simulated truth: frames of a small fleet through decoder and store, computed and judged day by day."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pytest
from django.conf import settings

from zhiguan.kernel.calendar import service as calendar
from zhiguan.kernel.reference import service as reference
from zhiguan.kit.actor import system
from zhiguan.lines.vehicles.demo import command, honest, noise, roles, simulation, stage, truth, wire
from zhiguan.lines.vehicles.demo.month import Month
from zhiguan.lines.vehicles.demo.roads import RoadNet
from zhiguan.lines.vehicles.demo.scene import ROLES, make_scene
from zhiguan.lines.vehicles.domain import driving
from zhiguan.lines.vehicles.models import Vehicle
from zhiguan.lines.vehicles.rules import RULES

FEBRUARY, WEEK = date(2026, 2, 1), date(2026, 3, 2)
"""A month with 春节 in the middle and two Saturdays worked instead; a week from Monday on."""
MONTHLY = {"fuel_mismatch", "de_facto_assigned", "under_use"}
RULE_CODES = [rule.code.removeprefix(truth.PREFIX) for rule in RULES]


@pytest.fixture
def empty(committed_db):
    """An installation with the shipped calendar and thresholds, and nobody in it."""
    with system("tests").transaction():
        calendar.sync()
        reference.sync()
    return committed_db


def run(played: simulation.Played, amount: simulation.Amount = simulation.usual) -> wire.Appended:
    """Deliver and judge the days one after the other, then the month."""
    done = simulation.deliver(
        played, settings.DATABASE_INGEST_URL, amount=amount, each_day=lambda day, _: simulation.compute(day)
    )
    simulation.judge_months(played.told.end)
    return done


def judged(told: truth.Told, rules: set[str]) -> None:
    """Assert that each of the rules found what was put in, and hardly anything else."""
    found = truth.found_in_database(told)
    differences = truth.differences(told, found)
    for one in truth.score(told, found, sorted(rules)):
        if one.rule in rules:
            assert one.recall is not None and one.recall >= 0.95, (one, differences)
            assert one.precision is not None and one.precision >= 0.95, (one, differences)


def test_every_misuse_of_a_week_is_found_and_nothing_else(empty, tmp_path, capsys):
    """Twenty cars that misuse nearly every day, with the usual noise; the score of the command is that of the rules."""
    played = simulation.play(4, 20, WEEK, 6, shares=roles.Shares(0.9, 0.1, 0.6, 0.3), parts=["ordinary"] * 20)
    path = tmp_path / "truth.jsonl"
    simulation.tell(played, path)
    told = truth.read(path)
    assert told == played.told and {each.rule for each in told.truths} == set(RULE_CODES) - MONTHLY
    done = run(played)
    assert done.positions > 40_000 and done.kept > 40
    judged(told, set(RULE_CODES) - MONTHLY)
    assert command.main(["score", "--truth", str(path), "--show"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith("{")]
    assert [line["rule"] for line in lines[: len(RULES)]] == [rule.code for rule in RULES]
    assert all({"precision", "recall", "hits", "missed", "false"} < set(line) for line in lines[: len(RULES)])
    assert lines[len(RULES) :] == truth.differences(told, truth.found_in_database(told))
    with pytest.raises(stage.NotHere, match="已经存在"):
        simulation.play(4, 20, WEEK, 6)


def test_what_only_a_month_shows_is_found_and_nothing_else(empty):
    """A car for each part: assigned with and without orders and by rule, hardly used, special, thirsty, a false odometer."""
    parts = [role for role, _ in ROLES]
    played = simulation.play(6, len(parts), FEBRUARY, 28, parts=parts)
    cars = list(played.stage.cars.values())

    def compute(day: date, _: object) -> None:
        with system("tests").transaction():
            driving.compute_day(
                list(Vehicle.objects.filter(pk__in=[car.pk for car in cars]).select_related("place", "unit")), day
            )

    simulation.deliver(played, settings.DATABASE_INGEST_URL, each_day=compute)
    simulation.judge_months(played.told.end)
    assert {each.rule for each in played.told.truths} >= MONTHLY
    judged(played.told, MONTHLY)


FAULTS = (
    noise.Noise(zero=0.03), noise.Noise(out_of_range=0.03), noise.Noise(clock=0.03), noise.Noise(ahead=0.004),
    noise.Noise(stray=0.003), noise.Noise(wild=0.004), noise.Noise(repeated=0.3), noise.Noise(late=0.2, lost=0.05),
)  # fmt: skip
"""0/0, beyond the globe, 1970 and other impossible clocks, hours ahead, kilometres away, speeds out of nowhere, repeated,
out of order: much more of each than any fleet has."""


def test_bad_input_accuses_nobody(empty):
    """Cars that do nothing wrong, two of them for each kind of fault: no rule finds anything."""
    cars = 2 * len(FAULTS)
    played = simulation.play(5, cars, WEEK, 6, shares=roles.Shares(0.0, 0.3, 0.0, 0.3), parts=["ordinary"] * cars)
    done = run(played, lambda month: FAULTS[month.car.index % len(FAULTS)])
    assert done.kept > 300, "impossible clocks are kept aside"
    assert played.told.truths == () and truth.found_in_database(played.told) == {}


def test_the_same_seed_is_the_same_truth_and_the_same_frames():
    net = RoadNet()

    def frames(seed: int) -> tuple[list, list[bytes]]:
        scene = make_scene(seed, 2, net)
        month = roles.live(scene, scene.cars[1], FEBRUARY, 4, lambda day: day.weekday() < 5)
        spoken = wire.Speaker(month.car.number).reports(simulation.disturbed(month, simulation.usual))
        return month.truths, spoken.frames

    assert frames(1) == frames(1)
    assert frames(1)[1] != frames(2)[1]


@pytest.mark.parametrize("days", [1, 2])
def test_every_kind_of_car_lives_through_a_single_day_too(days):
    """A day over the network is the usual run: what a month has two of, a day may have none of."""
    for seed in range(1, 4):
        scene = make_scene(seed, 8, roles=[role for role, _ in ROLES] + ["ordinary"])
        for car in scene.cars:
            for start in (WEEK, WEEK + timedelta(days=5 - WEEK.weekday())):
                month = roles.live(scene, car, start, days, lambda day: day.weekday() < 5, roles.USUAL)
                assert month.line.reports().size > 100, car.role
                if days == 1 and car.role.startswith("assigned"):  # it stands all day: nothing of the day is true
                    assert not [truth for truth in month.truths if len(truth.period) > 7], car.role


def test_a_first_way_too_far_for_a_day_is_not_taken():
    """One goal lies 170 km away by road, the other one near: whichever is drawn first, the day has somewhere to go."""
    scene = make_scene(3, 6)
    first = Month(scene, scene.cars[0], FEBRUARY)
    ways = sorted(scene.goals, key=lambda goal: first.road_m(first.home, goal.place))
    scene.goals[:] = [next(goal for goal in ways if first.straight_m(first.home, goal.place) > 3_000), ways[-1]]
    assert first.road_m(first.home, ways[-1].place) > 100_000
    for car in scene.cars:
        month = Month(scene, car, FEBRUARY)
        honest.long_drive_with_rest(month)
        assert [wish.goal for wish in month.wishes] == scene.goals[:1]


def test_frames_say_what_the_reports_say():
    """Through the plain decoder, batches and faults included."""
    from zhiguan.kernel.telemetry.jt808 import decode_frame

    scene = make_scene(3, 1)
    month = Month(scene, scene.cars[0], FEBRUARY)
    leg = month.line.go(month.goal().place)
    month.line.blind(leg.part(0.4), leg.part(0.6))
    rows = simulation.disturbed(month, simulation.calm)
    rows["odd"][3], rows["odd"][4] = noise.ZERO, noise.YEAR_1970
    spoken = wire.Speaker(month.car.number, month.car.newer).reports(rows)
    told, batches = [], 0
    for frame in spoken.frames:
        got = decode_frame(frame)
        assert got.ok and got.fields is not None
        inner = got.fields["items"] if got.frame.header.msg_id == wire.BATCH else [got.fields]
        batches += got.frame.header.msg_id == wire.BATCH
        told += [each.get("location", each) for each in inner]
    assert batches >= 1 and len(told) == rows.size
    good = np.flatnonzero(rows["odd"] == 0)
    assert [round(told[n]["speed_kmh"], 1) for n in good] == pytest.approx(rows["kmh"][good].tolist(), abs=0.06)
    assert [told[n]["lat"] for n in good] == pytest.approx(rows["lat"][good].tolist(), abs=1e-6)
    assert (told[3]["lat"], told[3]["lon"]) == (0, 0)


def test_real_data_are_never_mixed_with_simulated_misuse(empty, tmp_path, capsys):
    from zhiguan.kernel.orgs import service as orgs
    from zhiguan.kernel.trace import service as trace

    with system("tests").transaction() as boss:
        orgs.create_unit(boss, parent=None, code="310000", name="上海市", kind="city", record=trace.record)
    path = tmp_path / "truth.jsonl"
    words = ["fleet", "--direct", "--truth", str(path), "--vehicles", "2", "--from", "2026-03-02", "--days", "1"]
    assert command.main(words) == 1
    assert "真实机构数据" in capsys.readouterr().err and not path.exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["fleet", "--direct"], "须与 --truth 同时使用"),
        (["fleet", "--truth", "x", "--days", "0"], "应大于 0"),
        (["fleet", "--truth", "x", "--direct", "--from", "2999-01-01"], "不能在今天之后"),
        (["score", "--truth", "/nowhere/truth.jsonl"], "无法读取"),
    ],
)
def test_wrong_words_are_answered(words, said, capsys):
    assert command.main(words) in (1, 2)
    assert said in capsys.readouterr().err


def test_a_file_that_is_no_truth_names_the_line(tmp_path: Path):
    path = tmp_path / "x.jsonl"
    for text, said in (("", "不是"), ('{"a": 1}\n', "不是"), ('{"from": "2026-03-01"}\nnonsense\n', "第 2 行")):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(truth.NoTruth, match=said):
            truth.read(path)


def test_a_part_of_a_month_is_not_judged_by_what_a_month_shows():
    def periods(start: date, end: date) -> set[str]:
        return truth.Told(1, start, end, (), ()).periods

    assert periods(date(2026, 3, 2), date(2026, 3, 4)) == {"2026-03-02", "2026-03-03"}
    assert {each for each in periods(date(2026, 1, 31), date(2026, 3, 31)) if len(each) == 7} == {"2026-02"}


def test_the_score_counts_hits_misses_and_false_findings():
    day = "2026-03-04"
    told = truth.Told(
        1, date(2026, 3, 4), date(2026, 3, 4) + timedelta(days=1), ("沪Z1", "沪Z2"),
        (truth.Truth("沪Z1", "idling", day, "a"), truth.Truth("沪Z2", "idling", day, "b"), truth.Truth("沪Z1", "detour", day, "c")),
    )  # fmt: skip
    found = {truth.Truth("沪Z1", "idling", day): "x", truth.Truth("沪Z1", "speeding", day): "y"}
    scores = {one.rule: one for one in truth.score(told, found, ["idling", "detour", "fatigue"])}
    assert (scores["idling"].hits, scores["idling"].missed, scores["idling"].false) == (1, 1, 0)
    assert (scores["detour"].precision, scores["detour"].recall) == (None, 0.0)
    assert (scores["speeding"].precision, scores["fatigue"].precision) == (0.0, None)
    assert [line.get("missed") or line.get("false") for line in truth.differences(told, found)] == [
        "vehicles.detour", "vehicles.idling", "vehicles.speeding"
    ]  # fmt: skip
