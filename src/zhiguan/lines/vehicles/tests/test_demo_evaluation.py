"""The demo's year of use: what it enters fits together, and the studies and reports made of it are answered."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from zhiguan.kernel.metrics import service as metrics
from zhiguan.lines.vehicles.demo import evaluation
from zhiguan.lines.vehicles.domain import costs
from zhiguan.lines.vehicles.models import AnnualReport, DispatchOrder, FleetStudy, OrderMark, Trip, VehicleDay

from .test_pages import BOSS


def test_a_year_of_use_with_its_answers(world, rulebook, make_vehicle, make_driver, monkeypatch):
    monkeypatch.setattr(evaluation, "DAYS", 100)
    assert evaluation.build() == {}  # no vehicle has costs yet
    car = make_vehicle()
    make_driver()
    today = timezone.localdate()
    costs.book(BOSS, vehicle=car, kind="maintenance", spent_on=today, amount_yuan=Decimal(600), item="保养")
    assert evaluation.build() == {}  # a visit to the workshop is not a year of costs
    costs.record_energy(BOSS, vehicle=car, at=timezone.now(), kind="fuel", quantity=Decimal(40), amount_yuan=Decimal(300))
    made = evaluation.build()
    orders = DispatchOrder.objects.all()
    assert made["历史派车单"] == orders.count() > 1
    assert made["车日"] == VehicleDay.objects.count() > 50
    assert Trip.objects.count() == OrderMark.objects.count() == 2 * orders.count()
    assert not orders.filter(created_at__gte=timezone.now() - timedelta(days=evaluation.LATEST)).exists()
    assert {study.state for study in FleetStudy.objects.all()} == {"done"}
    assert set(AnnualReport.objects.values_list("year", "state")) == {(today.year - 1, "signed"), (today.year, "draft")}
    days = sum(day.distance_m for day in VehicleDay.objects.all()) / 1000
    assert float(metrics.value("vehicles.mileage", BOSS)) == pytest.approx(days)
    assert 0 < metrics.value("vehicles.empty_share", BOSS) < 0.5
    assert evaluation.build() == {}
