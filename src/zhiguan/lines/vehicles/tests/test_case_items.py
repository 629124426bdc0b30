"""G4 and G5 from the application to the ledger."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from zhiguan.kernel.flow import definitions, service
from zhiguan.kernel.flow.models import Seat
from zhiguan.kernel.flow.tests.office import Office
from zhiguan.kit.actor import system
from zhiguan.kit.errors import Conflict, Invalid
from zhiguan.lines.vehicles.domain import register
from zhiguan.lines.vehicles.items import QUOTA, RENEWAL
from zhiguan.lines.vehicles.models import PurchasePlan, VehicleQuota

from .conftest import make_unit

pytestmark = pytest.mark.django_db


WHO = (
    ("申请人", "organ", "case_applicant"), ("审批人", "organ", "case_endorser"), ("受理", "bureau", "case_handler"),
    ("审查", "bureau", "case_handler"), ("会同", "bureau", "case_handler"), ("决定", "bureau", "case_decider"),
)  # fmt: skip


@pytest.fixture
def office(rulebook, world):
    definitions.sync(system("tests"))
    bureau = make_unit(world.city, 3, "310000003", "市机关事务管理局", "organ")
    return Office(world, "vehicles", bureau, WHO, people=world.people)


def start_day():
    return (timezone.localdate() + timedelta(days=30)).isoformat()


def apply(office, item, **values):
    with office.actor("申请人").acting():
        return service.create(office.actor("申请人"), item, values=values)


def test_establishment_is_set_by_the_case_once(office, make_vehicle):
    register.set_quota(system("tests"), unit=office.world.organ, kind="emergency", quota=3, valid_from=date(2020, 1, 1))
    make_vehicle("沪A00001")
    case = apply(office, QUOTA, reason="职能增加", effective_on=start_day())
    assert case.values["rows"] == [{"kind": "emergency", "current": 3, "held": 1, "wanted": 3, "why": None, "change": "0"}]
    with pytest.raises(Invalid, match="申请编制与现有编制相同"):
        office.add_material("申请人", case, "application")
        office.acts("申请人", service.submit, case)
    rows = [{"kind": "emergency", "current": 3, "held": 1, "wanted": 5}]
    with pytest.raises(Invalid, match="现有车辆使用情况说明"):
        office.acts("申请人", service.submit, case, values={"rows": rows})
    office.add_material("申请人", case, "usage")
    case = office.acts("申请人", service.submit, case, values={"rows": rows})
    for name in ("审批人", "受理", "审查"):
        case = office.decides(name, case)
    assert case.decisions["route"]["joint"] is True and case.stage == "会同财政部门审查"
    for seat in Seat.objects.filter(case=case, step__node="joint", state="working"):
        case = office.decides(seat.person.name, case)
    case = office.decides("决定", case)
    assert case.state == "granted" and "编制由 3 辆核定为 5 辆" in case.result and case.document_no
    quota = VehicleQuota.objects.get(unit=office.world.organ, kind="emergency", valid_to__isnull=True)
    assert quota.quota == 5 and quota.document_no == case.document_no and quota.valid_from.isoformat() == start_day()
    assert VehicleQuota.objects.count() == 2 and case.effects.get().links[0]["id"] == quota.pk


def test_below_what_is_there_or_from_stale_figures_nothing_is_set(office, make_vehicle):
    register.set_quota(system("tests"), unit=office.world.organ, kind="emergency", quota=3, valid_from=date(2020, 1, 1))
    make_vehicle("沪A00001")
    case = apply(office, QUOTA, reason="核减", effective_on=start_day(), reason_kind="reduce")
    office.add_material("申请人", case, "application")
    for row, text in (({"current": 3, "wanted": 0}, "不能低于实有数"), ({"current": 9, "wanted": 2}, "现有编制应为 3 辆")):
        with pytest.raises(Invalid, match=text):
            office.acts("申请人", service.submit, case, values={"rows": [{"kind": "emergency", **row}]})


def test_renewal_makes_approved_plans_within_establishment_and_standard(office, make_vehicle):
    register.set_quota(system("tests"), unit=office.world.organ, kind="emergency", quota=2, valid_from=date(2010, 1, 1))
    place = register.add_place(system("tests"), unit=office.world.organ, name="老车库", lat=31.2, lon=121.4)
    old = register.register(
        system("tests"), plate="沪A10000", unit=office.world.organ, kind="emergency", brand_model="荣威",
        price_yuan=Decimal("150000"), bought_on=date(2012, 1, 1), registered_on=date(2012, 1, 5), place=place,
    )  # fmt: skip
    old = register.commission(system("tests"), old)
    young = make_vehicle("沪A20000")
    offered = {choice.value for choice in service.work_of(RENEWAL.code).lookups["old_vehicles"](None, office.world.organ, "")}
    assert offered == {old.pk}
    row = {"kind": "emergency", "body": "sedan", "energy": "electric", "budget": "150000", "need": "更新", "replaces": old.pk}
    case = apply(office, RENEWAL, reason="到期更新", rows=[row])
    office.add_material("申请人", case, "application", "budget", "scrapping")
    for bad, text in (({"replaces": young.pk}, "才可申请更新"), ({"budget": "990000"}, "超出配备标准")):
        with pytest.raises(Invalid, match=text):
            office.acts("申请人", service.submit, case, values={"rows": [{**row, **bad}]})
    case = office.acts("申请人", service.submit, case, values={"rows": [row]})
    for name in ("审批人", "受理", "审查"):
        case = office.decides(name, case)
    assert case.stage == "领导审批"
    case = office.decides("决定", case)
    plan = PurchasePlan.objects.get()
    assert case.state == "granted" and plan.state == "approved" and plan.replaces == old
    assert plan.document_no == case.document_no


def test_addition_beyond_the_establishment(office):
    register.set_quota(system("tests"), unit=office.world.organ, kind="emergency", quota=1, valid_from=date(2010, 1, 1))
    row = {"kind": "emergency", "body": "sedan", "energy": "electric", "budget": "150000", "need": "新增"}
    case = apply(office, RENEWAL, reason="新增", mode="addition", rows=[row, row])
    office.add_material("申请人", case, "application", "budget")
    with pytest.raises(Invalid, match="超出编制"):
        office.acts("申请人", service.submit, case)


def test_the_place_is_taken_meanwhile(office, make_vehicle):
    register.set_quota(system("tests"), unit=office.world.organ, kind="emergency", quota=1, valid_from=date(2010, 1, 1))
    row = {"kind": "emergency", "body": "sedan", "energy": "electric", "budget": "150000", "need": "新增"}
    case = apply(office, RENEWAL, reason="新增", mode="addition", rows=[row])
    office.add_material("申请人", case, "application", "budget")
    case = office.acts("申请人", service.submit, case)
    for name in ("审批人", "受理", "审查"):
        case = office.decides(name, case)
    make_vehicle("沪A30000")
    with pytest.raises(Conflict, match="台账情况已经变化"):
        office.decides("决定", case)
    case.refresh_from_db()
    assert case.state == "running" and not PurchasePlan.objects.exists() and not case.document_no
