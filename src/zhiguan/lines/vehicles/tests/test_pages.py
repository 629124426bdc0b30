"""Every declared page of the line under the inherited tests."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from itertools import count

import pytest
from django.urls import reverse
from django.utils import timezone

from zhiguan.kernel.orgs.models import Person
from zhiguan.kit.actor import system
from zhiguan.kit.pages.conformance import (
    Case,
    DetailPageConformance,
    FormPageConformance,
    ImportPageConformance,
    ListPageConformance,
    Visitor,
    html,
)
from zhiguan.kit.pages.guard import working
from zhiguan.lines.vehicles import pages
from zhiguan.lines.vehicles.domain import orders, register
from zhiguan.lines.vehicles.models import DispatchOrder, Terminal, Trip, Vehicle, VehicleDay

from .conftest import PERMISSIONS
from .tracks import HOME, WORKDAY, at

BOSS = system("tests")


class Maker:
    """Makes rows of every kind in one organ; ``person`` asks for and drives what belongs to somebody."""

    def __init__(self, unit, person) -> None:
        self.unit, self.person = unit, person
        self.numbers = count(unit.pk * 1_000)

    def number(self) -> int:
        return next(self.numbers) % 90_000 + 10_000

    def place(self):
        return register.add_place(BOSS, unit=self.unit, name=f"车库{self.number()}", lat=HOME[0], lon=HOME[1])

    def vehicle(self, **values):
        return register.register(
            BOSS, plate=f"沪A{self.number()}", unit=self.unit, kind="emergency", brand_model="荣威", price_yuan=150_000,
            bought_on=date(2022, 1, 1), place=self.place(), **values,
        )  # fmt: skip

    def in_service(self):
        return register.commission(BOSS, self.vehicle())

    def terminal(self):
        return register.install_terminal(BOSS, vehicle=self.in_service(), number=f"1390000{self.number()}")

    def driver(self, person=None):
        number = self.number()
        person = person or Person.objects.create(code=f"D{number}", name=f"司机{number}", unit=self.unit)
        return register.add_driver(BOSS, person=person, licence_expires_on=date(2099, 1, 1))

    def quota(self):
        kinds = [kind for kind, _ in Vehicle._meta.get_field("kind").choices]
        number = next(self.numbers)
        return register.set_quota(
            BOSS, unit=self.unit, kind=kinds[number % len(kinds)], quota=3,
            valid_from=date(2020, 1, 1) + timedelta(days=number % 1_000), document_no=f"编〔{number}〕号",
        )  # fmt: skip

    def order(self, state: str = "requested", requester=None, driver=None, riders=()):
        number = self.number()
        start = timezone.now() + timedelta(hours=number % 10_000)
        key, code = orders.next_code()
        from zhiguan.kernel.ledger import service as ledger

        bound = state in ("dispatched", "started", "ended")
        driver = (driver or self.driver()) if bound else None
        return ledger.create(
            DispatchOrder, BOSS,
            {
                "id": key, "code": code, "unit": self.unit, "requester": requester or self.person, "purpose": "会议",
                "origin": "本单位", "destination": "会场", "planned_from": start, "planned_to": start + timedelta(hours=1),
                "state": state, "vehicle": self.in_service() if bound else None, "driver": driver,
                "driver_person_id": driver.person_id if driver else None, "passenger_ids": list(riders),
                "started_at": start if state in ("started", "ended") else None,
            },
        )  # fmt: skip

    def trip(self):
        vehicle, order = self.in_service(), self.order("ended")
        number = self.number()
        start = at(WORKDAY, "09:00") + timedelta(seconds=number)
        trip = Trip(
            unit=self.unit, scope_pos=self.unit.pos, vehicle=vehicle, day=WORKDAY, start_at=start,
            end_at=start + timedelta(minutes=10), start_lat=31.2, start_lon=121.4, end_lat=31.3, end_lon=121.5,
            distance_m=number, point_count=10, max_speed_kmh=60, order=order, match="matched",
        )  # fmt: skip
        trip.save()
        return trip

    def day(self):
        return VehicleDay.objects.create(
            unit=self.unit, scope_pos=self.unit.pos, vehicle=self.in_service(), day=WORKDAY, points=100, trips=2,
            distance_m=12_000, driving_s=1_800, computed_at=timezone.now(),
        )  # fmt: skip


@pytest.fixture
def mine(world):
    return Maker(world.organ, world.people["申请人"])


@pytest.fixture
def others(world):
    return Maker(world.other, world.people["外单位"])


@pytest.fixture
def somebody(world, make_actor):
    """The organ's manager, who is a person, too: asks for cars and drives them."""
    return make_actor(PERMISSIONS, unit=world.organ, person=world.people["申请人"].pk, name="全能人")


class TestVehicles(ListPageConformance):
    page = pages.VEHICLES

    @pytest.fixture
    def case(self, world, mine, others):
        return Case(world.manager, mine.vehicle, others.vehicle, text=lambda row: row.plate)


class TestVehicle(DetailPageConformance):
    page = pages.VEHICLE

    @pytest.fixture
    def case(self, world, mine, others):
        return Case(world.manager, mine.vehicle, others.vehicle)


def vehicle_values(unit, plate):
    return {
        "plate": plate, "unit": unit.pk, "kind": "emergency", "body": "sedan", "brand_model": "荣威", "energy": "petrol",
        "price_yuan": "150000", "seats": "5", "bought_on": "2022-01-01",
    }  # fmt: skip


class TestVehicleNew(FormPageConformance):
    page = pages.VEHICLE_NEW

    @pytest.fixture
    def case(self, world):
        return Case(world.manager, values=lambda row: vehicle_values(world.organ, "沪A99998"))


class TestVehicleEdit(FormPageConformance):
    page = pages.VEHICLE_EDIT

    @pytest.fixture
    def case(self, world, mine, others):
        return Case(world.manager, mine.vehicle, others.vehicle,
                    values=lambda row: vehicle_values(world.organ, "沪A99999"))  # fmt: skip


class TestVehicleImport(ImportPageConformance):
    page = pages.VEHICLE_IMPORTING

    @pytest.fixture
    def case(self, world):
        row = {"所属单位": "市甲局", "车辆种类": "应急保障用车", "品牌型号": "荣威", "能源类型": "汽油", "购置价格（元）": 1,
               "购置日期": "2022-01-01"}  # fmt: skip
        return Case(
            world.manager, import_rows=[row | {"车牌号": f"沪A8888{number}"} for number in range(3)],
            bad_row=row | {"车牌号": "沪A77777", "所属单位": "市乙局"}, count=Vehicle.objects.count,
        )  # fmt: skip


class TestPlaces(ListPageConformance):
    page = pages.PLACES

    @pytest.fixture
    def case(self, world, mine, others):
        return Case(world.manager, mine.place, others.place, text=lambda row: row.name)


class TestPlace(DetailPageConformance):
    page = pages.PLACE

    @pytest.fixture
    def case(self, world, mine, others):
        return Case(world.manager, lambda: mine.vehicle().place, others.place)


def place_values(unit):
    return {"name": "新车库", "unit": unit.pk, "lat": "31.2", "lon": "121.4", "radius_m": "60"}


class TestPlaceNew(FormPageConformance):
    page = pages.PLACE_NEW

    @pytest.fixture
    def case(self, world):
        return Case(world.manager, values=lambda row: place_values(world.organ))


class TestPlaceEdit(FormPageConformance):
    page = pages.PLACE_EDIT

    @pytest.fixture
    def case(self, world, mine, others):
        return Case(world.manager, mine.place, others.place, values=lambda row: place_values(world.organ))


class TestTerminals(ListPageConformance):
    page = pages.TERMINALS

    @pytest.fixture
    def case(self, world, mine, others):
        return Case(world.manager, mine.terminal, others.terminal, text=lambda row: row.number)


class TestTerminal(DetailPageConformance):
    page = pages.TERMINAL

    @pytest.fixture
    def case(self, world, mine, others):
        return Case(world.manager, mine.terminal, others.terminal)


class TestTerminalNew(FormPageConformance):
    page = pages.TERMINAL_NEW

    @pytest.fixture
    def case(self, world, mine):
        vehicle = mine.in_service()
        return Case(world.manager, values=lambda row: {"vehicle": vehicle.pk, "number": "13912345678"})


class TestDrivers(ListPageConformance):
    page = pages.DRIVERS

    @pytest.fixture
    def case(self, world, mine, others):
        return Case(world.manager, mine.driver, others.driver, text=lambda row: row.person.name)


class TestDriver(DetailPageConformance):
    page = pages.DRIVER

    @pytest.fixture
    def case(self, world, mine, others):
        return Case(world.manager, lambda: mine.order("dispatched").driver, others.driver)


class TestDriverNew(FormPageConformance):
    page = pages.DRIVER_NEW

    @pytest.fixture
    def case(self, world):
        return Case(world.manager, values=lambda row: {"person": "驾驶员二", "licence_class": "C1",
                                                       "licence_expires_on": "2099-01-01"})  # fmt: skip


class TestDriverEdit(FormPageConformance):
    page = pages.DRIVER_EDIT

    @pytest.fixture
    def case(self, world, mine, others):
        return Case(world.manager, mine.driver, others.driver,
                    values=lambda row: {"licence_class": "B1", "licence_expires_on": "2098-01-01"})  # fmt: skip


class TestQuotas(ListPageConformance):
    page = pages.QUOTAS

    @pytest.fixture
    def case(self, world, mine, others):
        return Case(world.manager, mine.quota, others.quota, text=lambda row: row.document_no)


class TestQuota(DetailPageConformance):
    page = pages.QUOTA

    @pytest.fixture
    def case(self, world, mine, others):
        return Case(world.manager, mine.quota, others.quota)


class TestQuotaNew(FormPageConformance):
    page = pages.QUOTA_NEW

    @pytest.fixture
    def case(self, world):
        return Case(world.manager, values=lambda row: {"unit": world.organ.pk, "kind": "other", "quota": "3",
                                                       "valid_from": "2026-01-01"})  # fmt: skip


class TestOrders(ListPageConformance):
    page = pages.ORDERS

    @pytest.fixture
    def case(self, world, mine, others):
        return Case(world.manager, lambda: mine.order("dispatched"), others.order, text=lambda row: row.code)


class _OnesOwn(ListPageConformance):
    """Rows that belong to a person are that person's with or without a permission: the page asks for it instead."""

    def test_without_a_frame_there_are_no_rows(self, case):
        case.row()
        nobody = replace(case.actor, permissions={}, person_id=None)
        with working(nobody):
            assert list(self.page.rows(case.actor)) == []


class TestMyRequests(_OnesOwn):
    page = pages.MY_REQUESTS

    @pytest.fixture
    def case(self, world, mine, somebody):
        """A colleague's request in the actor's own unit is not the actor's."""
        colleague = world.people["审批人"]
        return Case(somebody, mine.order, lambda: mine.order(requester=colleague), text=lambda row: row.code)


class TestToApprove(ListPageConformance):
    page = pages.TO_APPROVE

    @pytest.fixture
    def case(self, world, mine, others):
        return Case(world.manager, mine.order, others.order, text=lambda row: row.code)


class TestToDispatch(ListPageConformance):
    page = pages.TO_DISPATCH

    @pytest.fixture
    def case(self, world, mine, others):
        return Case(world.manager, lambda: mine.order("approved"), lambda: others.order("approved"),
                    text=lambda row: row.code)  # fmt: skip


class TestMyDrives(_OnesOwn):
    page = pages.MY_DRIVES

    @pytest.fixture
    def case(self, world, mine, others, make_actor):
        me = mine.driver(world.people["驾驶员"])
        actor = make_actor(PERMISSIONS, unit=world.organ, person=me.person_id, name="驾驶员")
        return Case(actor, lambda: mine.order("dispatched", driver=me), lambda: mine.order("dispatched"),
                    text=lambda row: row.code)  # fmt: skip


class TestOrder(DetailPageConformance):
    page = pages.ORDER

    @pytest.fixture(params=["requested", "approved", "dispatched", "started", "ended"])
    def case(self, request, world, mine, others, make_actor):
        """A manager who rides along: nobody approves their own request."""
        rider = world.people["审批人"].pk
        actor = make_actor(PERMISSIONS, unit=world.organ, person=rider, name="同行的管理员")
        return Case(actor, lambda: mine.order(request.param, riders=[rider]), lambda: others.order(request.param))


def test_cancelling_is_offered_to_those_who_may(world, mine, make_actor):
    order = mine.order("requested")
    url = reverse("vehicles.order.detail", kwargs={"pk": order.pk})
    view = {"vehicles.order.view": "below"}
    reader = make_actor(view, unit=world.organ, person=world.people["驾驶员"].pk)
    requester = make_actor(view, unit=world.organ, person=order.requester_id)
    approver = make_actor({**view, "vehicles.order.approve": "below"}, unit=world.organ)
    for actor, offered in ((reader, False), (requester, True), (approver, True)):
        assert (f'href="{url}cancel/"' in html(Visitor(actor).get(url))) is offered
        assert Visitor(actor).get(f"{url}cancel/").status_code == (200 if offered else 403)
    assert Visitor(reader).post(f"{url}cancel/", {"reason": "不去了"}).status_code == 403
    order.refresh_from_db()
    assert order.state == "requested"


class TestOrderNew(FormPageConformance):
    page = pages.ORDER_NEW

    @pytest.fixture
    def case(self, somebody):
        start = timezone.localtime() + timedelta(days=1)
        values = {
            "kind": "ordinary", "purpose": "会议", "passenger_count": "2", "origin": "本单位", "destination": "会场",
            "planned_from": f"{start:%Y-%m-%d %H:%M}", "planned_to": f"{start + timedelta(hours=2):%Y-%m-%d %H:%M}",
        }  # fmt: skip
        return Case(somebody, values=lambda row: values)


class TestTrips(ListPageConformance):
    page = pages.TRIPS

    @pytest.fixture
    def case(self, world, mine, others):
        return Case(world.manager, mine.trip, others.trip, text=lambda row: row.vehicle.plate)


class TestDays(ListPageConformance):
    page = pages.DAYS

    @pytest.fixture
    def case(self, world, mine, others):
        return Case(world.manager, mine.day, others.day, text=lambda row: row.vehicle.plate)


def test_rows_of_the_maker_are_real(mine):
    """The rows above are what the verbs make, not what the tables happen to take."""
    terminal = mine.terminal()
    assert Terminal.objects.get(pk=terminal.pk).source.active
    assert mine.order("dispatched").vehicle.state == "in_service"
