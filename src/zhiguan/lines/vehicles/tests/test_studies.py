"""Studies of a fleet: sizes and electric candidates against courses counted by hand, the job, the pages, the scope."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import numpy as np
import pytest
from django.urls import reverse
from openpyxl import load_workbook

from zhiguan.kernel.identity.models import Account
from zhiguan.kernel.reference import service as reference
from zhiguan.kit.errors import Denied, Invalid
from zhiguan.kit.pages import markup
from zhiguan.kit.pages.conformance import (
    Case,
    DetailPageConformance,
    FormPageConformance,
    ListPageConformance,
    Visitor,
    bytes_of,
    html,
)
from zhiguan.lines.vehicles import pages
from zhiguan.lines.vehicles.domain import costs, electric, studies
from zhiguan.lines.vehicles.domain.electric import Terms
from zhiguan.lines.vehicles.models import DispatchOrder, FleetStudy, Vehicle
from zhiguan.lines.vehicles.queries import demand

from .fleet import order, trip
from .life import LIFE, LifeMaker
from .test_pages import BOSS
from .tracks import HOME, WORKDAY, at, north

PERIOD = {"period_from": WORKDAY, "period_to": WORKDAY}
LEVELS = {"usual": 0.75, "high": 1.0, "turnaround": 0}


class Report(list):
    """Keeps what a job tells."""

    def __call__(self, percent, message=""):
        self.append((percent, message))

    def log(self, line):
        self.append((None, line))


@pytest.fixture
def asking(world, make_actor):
    """Make an actor with an account, as one who may start a job has."""

    def make(unit, **more):
        account = Account.objects.create(username=f"u{unit.pk}", person=None, unit=unit)
        return replace(make_actor(LIFE, unit=unit, name=f"{unit.name}车管"), account_id=account.pk, **more)

    return make


@pytest.fixture
def day(world, rulebook):
    """Four journeys of two organs by sedans, one of a law enforcement car, one for which no vehicle came."""
    mine, other = LifeMaker(world.organ, world.people["申请人"]), LifeMaker(world.other, world.people["外单位"])
    cars = [mine.in_service(), mine.in_service(), other.in_service()]
    police = mine.in_service()
    Vehicle.objects.filter(pk=police.pk).update(kind="law_enforcement")
    police.refresh_from_db()

    def drive(car, person, start, end, **values):
        return order(car, world.people[person], at(WORKDAY, start), at(WORKDAY, end), **values)

    drive(cars[0], "申请人", "09:00", "10:00")
    drive(cars[1], "申请人", "09:30", "10:30")
    drive(cars[0], "申请人", "11:00", "12:00")
    drive(cars[2], "外单位", "13:00", "14:00")
    drive(police, "申请人", "09:00", "18:00")
    host = drive(cars[0], "申请人", "15:00", "16:00")
    DispatchOrder.objects.filter(pk=host.pk).update(state="cancelled")
    rider = drive(cars[1], "申请人", "09:00", "10:00")
    DispatchOrder.objects.filter(pk=rider.pk).update(host=host, vehicle=None)
    waiting = drive(cars[1], "申请人", "09:00", "10:00", persons=8)
    DispatchOrder.objects.filter(pk=waiting.pk).update(state="approved", vehicle=None, started_at=None, ended_at=None)
    trip(cars[2], at(WORKDAY, "13:10"), at(WORKDAY, "13:40"), 12)
    return cars


def answered(actor, study):
    report = Report()
    studies.run_study(actor, report, study=study.pk)
    study.refresh_from_db()
    return study, report


def test_the_size_of_two_organs_together(day, world, asking):
    """Together one sedan drives three of four journeys, two drive all; each for itself they would need three."""
    actor = asking(world.city)
    study = studies.study_size(actor, units=[world.organ, world.other], **PERIOD, **LEVELS)
    assert (study.state, study.unit, study.subject) == ("waiting", world.city, "市甲局、市乙局")
    study, report = answered(actor, study)
    assert study.state == "done"
    assert [percent for percent, _ in report] == sorted(percent for percent, _ in report)
    classes = {each["key"]: each for each in study.result["classes"]}
    sedan = classes["general:sedan"]
    wanted = {"orders": 4, "served": 4, "held": 3, "peak": 2, "usual": 1, "high": 2, "apart_usual": 3, "apart_high": 3,
              "spare_high": 1, "spare_usual": 2, "units": 2}  # fmt: skip
    assert {name: sedan[name] for name in wanted} == wanted
    assert sedan["curve"] == [[1, 0.75], [2, 1.0]]
    # least used first: one journey and no kilometres, one journey with twelve, two journeys
    assert [(car["plate"], car["orders"], car["km"], car["spare"]) for car in sedan["cars"]] == [
        (day[1].plate, 1, 0.0, "high"), (day[2].plate, 1, 12.0, "usual")
    ]  # fmt: skip
    police, bus = classes["law_enforcement:sedan"], classes["general:medium_bus"]
    assert (police["name"], police["orders"], police["held"], police["high"]) == ("执法执勤用车（轿车）", 1, 1, 1)
    assert (bus["orders"], bus["served"], bus["held"], bus["high"]) == (1, 0, 0, 1)
    assert study.result["total"]["held"] == 4
    assert study.summary == "6 件用车，现有 4 辆；75% 服务水平需 3 辆，100% 需 4 辆"


def test_turning_round_takes_time(day, world, asking):
    """With an hour to turn round the sedan of nine o'clock is not back for eleven o'clock's journey of the other."""
    actor = asking(world.organ)
    study = studies.study_size(actor, units=[world.organ], **PERIOD, usual=0.6, high=1.0, turnaround=61)
    study, _ = answered(actor, study)
    sedan = next(each for each in study.result["classes"] if each["key"] == "general:sedan")
    assert (sedan["orders"], sedan["usual"], sedan["high"]) == (3, 2, 3)
    assert (study.inputs[2]["value"], study.inputs[2]["clause"]) == (61, "本次测算设定")


def test_journeys_take_their_real_times_and_their_class(day, world):
    chosen = [{"pos": world.organ.pos, "pos_end": world.organ.pos_end}]
    found = demand.journeys(chosen, None, WORKDAY, WORKDAY)
    assert set(found) == {"general:sedan", "general:medium_bus", "law_enforcement:sedan"}
    sedan = found["general:sedan"]
    minutes = [int(at(WORKDAY, clock).timestamp() // 60) for clock in ("09:00", "09:30", "11:00")]
    assert (sedan.starts, sedan.served) == (minutes, 3)
    assert demand.journeys(chosen, None, WORKDAY + timedelta(days=1), WORKDAY + timedelta(days=9)) == {}


def test_who_may_not_study_what(day, world, asking, make_actor):
    actor = asking(world.organ)
    with pytest.raises(Denied):
        studies.study_size(actor, units=[world.other], **PERIOD, **LEVELS)
    with pytest.raises(Denied):
        studies.study_size(make_actor({}, unit=world.organ), units=[world.organ], **PERIOD, **LEVELS)
    for wrong in ({"usual": 1.0, "high": 0.9}, {"period_to": WORKDAY - timedelta(days=1)}, {"units": []},
                  {"period_from": date(2019, 1, 1)}):  # fmt: skip
        with pytest.raises(Invalid):
            studies.study_size(actor, **{"units": [world.organ], **PERIOD, **LEVELS, **wrong})
    assert not FleetStudy.objects.exists()


def test_a_study_is_answered_once(day, world, asking):
    actor = asking(world.organ)
    study, _ = answered(actor, studies.study_size(actor, units=[world.organ], **PERIOD, **LEVELS))
    before = study.result
    order(day[0], world.people["申请人"], at(WORKDAY, "09:00"), at(WORKDAY, "10:00"))
    again, report = answered(actor, study)
    assert (again.result, report, again.version) == (before, [], study.version)


# --- electric ---------------------------------------------------------------------------------------------------------

TERMS = Terms(range_km=250, reserve_share=0.2, days_share=0.95, least_days=3, charger_kw=7, kwh_100km=20, litres_100km=10,
              yuan_kwh=1, yuan_litre=8, co2_kwh=0.5, co2_litre=2)  # fmt: skip


def floats(*values):
    return np.array(values, dtype=float)


def test_what_covers_most_days():
    values = floats(*range(1, 21))
    assert electric.covering(values, 0.95) == 19
    assert electric.covering(values, 1.0) == 20
    assert electric.covering(floats(), 0.95) == 0.0


def test_stays_count_only_at_the_place_and_until_the_next_trip():
    stays = electric.stays(floats(8, 16, 32), floats(9, 17, 33), np.array([False, True, True]), 48)
    assert stays.tolist() == [0.0, 15.0, 15.0]


def test_a_day_that_can_be_charged_again_fits():
    """70 km need 14 kWh: two hours at 7 kW."""
    found = electric.judge(floats(70, 70, 70, 70), floats(2, 3, 12, 2), TERMS)
    assert found.fits
    assert (found.days, found.km, found.stay_share) == (4, 280, 1.0)
    assert (found.litres, found.kwh) == (28, 56)
    assert (found.saving_yuan, found.saving_kg) == (28 * 8 - 56, 28 * 2 - 56 * 0.5)


@pytest.mark.parametrize(
    ("km", "stay", "more", "reason"),
    [
        ((201, 201, 201), (24, 24, 24), {}, "超过可用续航 200 公里"),
        ((70, 70, 70), (2, 2, 1.9), {}, "停得够充电"),
        ((70, 70), (9, 9), {}, "不足以判断"),
        ((70, 70, 70), (9, 9, 9), {"has_place": False}, "没有登记停放地点"),
    ],
)
def test_why_a_vehicle_does_not_fit(km, stay, more, reason):
    found = electric.judge(floats(*km), floats(*stay), TERMS, **more)
    assert not found.fits
    assert any(reason in each for each in found.reasons)


def test_known_fillings_count_instead_of_the_reference():
    found = electric.judge(floats(100, 100, 100), floats(9, 9, 9), TERMS, litres=45.0)
    assert found.saving_yuan == 45 * 8 - 60


@pytest.fixture
def month(world, rulebook):
    """Thirty days: one sedan of 20 km a day that sleeps at its place, one of 250 km, one that sleeps elsewhere, an electric."""
    maker = LifeMaker(world.organ, world.people["申请人"])
    cars = [maker.in_service() for _ in range(3)] + [maker.vehicle(energy="electric")]
    for number in range(30):
        date_ = WORKDAY + timedelta(days=number)
        for place, (car, km) in enumerate(zip(cars[:3], (10, 125, 10), strict=True)):
            for start, end, home in (("08:00", "09:00", False), ("16:00", "17:00", place != 2)):
                row = trip(car, at(date_, start), at(date_, end), km, day=date_)
                row.end_lat, row.end_lon = HOME if home else north(HOME, 3_000)
                row.save(update_fields=["end_lat", "end_lon"])
    return cars


def test_candidates_with_what_they_save(month, world, asking):
    actor = asking(world.organ)
    study = studies.study_electric(
        actor, units=[world.organ], period_from=WORKDAY, period_to=WORKDAY + timedelta(days=29)
    )
    study, report = answered(actor, study)
    cars = {car["plate"]: car for car in study.result["cars"]}
    assert set(cars) == {car.plate for car in month[:3]}
    good = cars[month[0].plate]
    # 600 km in 30 days: 51 l at 7.8 yuan against 96 kWh at 0.9, over a year
    assert (good["fits"], good["days"], good["km"], good["day_km"], good["basis"]) == (
        True,
        30,
        600.0,
        20.0,
        "参考油耗",
    )
    assert good["saving_year"] == pytest.approx((51 * 7.8 - 96 * 0.9) * 365 / 30, abs=0.01)
    assert (good["yuan_litre"], good["yuan_kwh"], good["price_basis"]) == (7.8, 0.9, "标准依据参考价")
    assert good["fuel_year"] - good["power_year"] == pytest.approx(good["saving_year"], abs=0.02)
    assert good["co2_year"] == pytest.approx((51 * 2.1207 - 96 * 0.5306) * 365 / 30, abs=0.1)
    assert "超过可用续航" in cars[month[1].plate]["reasons"][0]
    assert "停得够充电" in cars[month[2].plate]["reasons"][0]
    assert (study.result["count"], study.result["fitting"]) == (3, 1)
    assert study.result["saving_year"] == good["saving_year"]
    assert report[-1][0] >= 5
    unverified = {each["code"]: each["verified"] for each in study.inputs}
    assert unverified["evaluation.electric.yuan_kwh"] is False
    assert "dispatch.cost.electric_range_km" in unverified


def test_prices_are_those_of_the_day_it_was_asked(month, world, asking):
    reference.override(BOSS, "evaluation.electric.yuan_petrol", 9.0, date(2026, 1, 1), "市场价")
    actor = asking(world.organ)
    study = studies.study_electric(
        actor, units=[world.organ], period_from=WORKDAY, period_to=WORKDAY + timedelta(days=29)
    )
    study, _ = answered(actor, study)
    good = next(car for car in study.result["cars"] if car["fits"])
    assert good["saving_year"] == pytest.approx((51 * 9.0 - 96 * 0.9) * 365 / 30, abs=0.01)
    page = html(Visitor(actor).get(reverse("vehicles.study.detail", args=[study.pk])))
    assert "汽油价格 9" in page and "9.00" in page and "未核实，仅供参考" in page


def test_a_car_with_its_own_fillings_is_judged_by_what_it_paid(month, world, asking):
    for day in (2, 12, 22):
        costs.record_energy(
            BOSS, vehicle=month[0], at=at(WORKDAY + timedelta(days=day), "12:00"), kind="fuel", quantity=Decimal(20),
            amount_yuan=Decimal(150),
        )  # fmt: skip
    actor = asking(world.organ)
    study = studies.study_electric(
        actor, units=[world.organ], period_from=WORKDAY, period_to=WORKDAY + timedelta(days=29)
    )
    study, _ = answered(actor, study)
    good = next(car for car in study.result["cars"] if car["fits"])
    assert (good["basis"], good["yuan_litre"], good["price_basis"]) == ("加油记录", 7.5, "加油记录平均价")
    assert good["saving_year"] == pytest.approx((60 * 7.5 - 96 * 0.9) * 365 / 30, abs=0.01)


# --- pages ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def case(world, rulebook, asking):
    mine = asking(world.organ)

    def make(unit):
        return lambda: studies.study_size(BOSS, units=[unit], **PERIOD, **LEVELS)

    return Case(mine, make(world.organ), make(world.other), text=lambda row: row.code)


class TestStudies(ListPageConformance):
    page = pages.STUDIES


class TestStudy(DetailPageConformance):
    page = pages.STUDY


class TestStudySize(FormPageConformance):
    page = pages.STUDY_SIZE

    @pytest.fixture
    def case(self, world, rulebook, asking):
        return Case(asking(world.organ), values=lambda row: {
            "units": [world.organ.pk], "period_from": "2026-03-01", "period_to": "2026-03-31", "usual": "95", "high": "99",
            "turnaround": "30"})  # fmt: skip


class TestStudyElectric(FormPageConformance):
    page = pages.STUDY_ELECTRIC

    @pytest.fixture
    def case(self, world, rulebook, asking):
        return Case(asking(world.organ), values=lambda row: {
            "units": [world.organ.pk], "period_from": "2026-03-01", "period_to": "2026-03-31"})  # fmt: skip


def exported(actor, study):
    answer = Visitor(actor).get(reverse("vehicles.study.export", args=[study.pk]))
    return [[cell.value for cell in row] for row in load_workbook(io.BytesIO(bytes_of(answer))).active.iter_rows()]


def drawn(actor, study, *words):
    url = reverse("vehicles.study.detail", args=[study.pk])
    assert "刷新查看结果" in html(Visitor(actor).get(url))
    answered(actor, study)
    text = html(Visitor(actor).get(url))
    assert markup.faults(text) == []
    assert [word for word in words if word not in text] == []


def test_the_answer_about_sizes_is_drawn(day, world, asking):
    actor = asking(world.organ)
    study = studies.study_size(actor, units=[world.organ], **PERIOD, **LEVELS | {"usual": 0.6})
    drawn(actor, study, "可能富余的车辆", "测算参数", "执法执勤用车（轿车）")
    lines = exported(actor, study)
    assert lines[0][:3] == ["车型", "车牌号", "单位"]
    assert [(line[1], line[-1]) for line in lines[1:]] == [(day[1].plate, "按 60% 富余")]


def test_the_answer_about_electric_vehicles_is_drawn(month, world, asking):
    actor = asking(world.organ)
    study = studies.study_electric(
        actor, units=[world.organ], period_from=WORKDAY, period_to=WORKDAY + timedelta(days=29)
    )
    drawn(actor, study, "适合电动化的车辆", "超过可用续航", "未核实")
    lines = exported(actor, study)
    assert lines[1][0] == month[0].plate
    assert len(lines) == 4
    assert lines[1][9] == "适合电动化"
