"""A vehicle's life by its verbs: plans, papers, upkeep, mishaps, disposal, and what falls due."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from zhiguan.kernel.calendar import service as calendar
from zhiguan.kernel.notices.models import Notice
from zhiguan.kernel.reference import service as reference
from zhiguan.kit.errors import Conflict, Denied, Invalid
from zhiguan.lines.vehicles.domain import dues, incidents, papers, plans, register, upkeep
from zhiguan.lines.vehicles.models import CostEntry, DueItem, PurchasePlan, Vehicle, VehicleQuota
from zhiguan.lines.vehicles.queries import dues as due_reads
from zhiguan.lines.vehicles.queries import establishment, inspections, odometers, renewal, standards
from zhiguan.lines.vehicles.rules.awards import purchases, repairs

from .life import LIFE, TODAY, LifeMaker
from .test_pages import BOSS

D = Decimal


@pytest.fixture
def mine(world):
    return LifeMaker(world.organ, world.people["申请人"])


@pytest.fixture
def others(world):
    return LifeMaker(world.other, world.people["外单位"])


@pytest.fixture
def boss(world, make_actor):
    return make_actor(LIFE, unit=world.organ, name="甲局车管")


def quota(unit, number, kind="emergency"):
    return register.set_quota(
        BOSS, unit=unit, kind=kind, quota=number, valid_from=date(2020, 1, 1), document_no="编核1号"
    )


# --- standards --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "body", "energy", "special", "price", "litres", "wrong"),
    [
        ("emergency", "sedan", "petrol", False, 180_000, 1.8, set()),
        ("emergency", "sedan", "petrol", False, 180_000.01, 1.8, {"price_yuan"}),
        ("emergency", "sedan", "petrol", False, 180_000, 1.9, {"displacement_l"}),
        ("confidential_mail", "sedan", "petrol", False, 120_001, 1.7, {"price_yuan", "displacement_l"}),
        ("confidential_mail", "sedan", "electric", False, 180_000, None, set()),
        ("law_enforcement", "sedan", "petrol", False, 150_000, 1.8, {"price_yuan", "displacement_l"}),
        ("law_enforcement", "sedan", "petrol", True, 180_000, 1.8, set()),
        ("law_enforcement", "small_bus", "petrol", True, 250_000, 3.0, set()),
        ("other", "small_bus", "petrol", False, 250_000, 2.0, {"price_yuan", "displacement_l"}),
        ("other", "small_bus", "petrol", True, 250_000, 2.0, set()),
        ("emergency", "large_bus", "diesel", False, 450_000, 6.0, set()),
        ("emergency", "large_bus", "diesel", False, 450_001, 6.0, {"price_yuan"}),
        ("special_purpose", "medium_bus", "diesel", False, 4_000_000, 6.0, set()),
    ],
)
def test_standard_by_kind_body_energy_and_need(as_system, kind, body, energy, special, price, litres, wrong):
    checks = standards.check_standard(
        kind=kind, body=body, energy=energy, price_yuan=D(str(price)), special_need=special,
        displacement_l=None if litres is None else D(str(litres)),
    )  # fmt: skip
    assert {check.field for check in checks if check.ok is False} == wrong
    assert all("《党政机关公务用车管理办法》" in check.clause for check in checks)


def test_the_list_of_vehicles_beyond_the_standard_is_what_each_check_says(mine, boss):
    for number, (kind, body, energy, litres, special) in enumerate([
        ("emergency", "sedan", "petrol", D("1.9"), False), ("emergency", "small_bus", "petrol", D("2.0"), True),
        ("law_enforcement", "sedan", "petrol", D("1.6"), False), ("other", "sedan", "electric", None, False),
        ("special_purpose", "sedan", "petrol", D("3.0"), False),
    ]):  # fmt: skip
        register.register(
            BOSS, plate=f"沪C1000{number}", unit=mine.unit, kind=kind, body=body, energy=energy, displacement_l=litres,
            brand_model="某", price_yuan=D(170_000), bought_on=date(2022, 1, 1), special_need=special,
            over_standard_note="调入",
        )  # fmt: skip
    with boss.acting():
        listed = set(establishment.over_standard(boss).values_list("plate", flat=True))
        single = {row.plate for row in Vehicle.objects.all()
                  if any(check.ok is False for check in standards.check_vehicle(row))}  # fmt: skip
    assert listed == single == {"沪C10000", "沪C10002"}


def test_beyond_a_rule_is_refused_with_the_clause_unless_said_why(mine):
    values = {"plate": "沪C20001", "unit": mine.unit, "kind": "emergency", "brand_model": "某", "price_yuan": D(200_000),
              "bought_on": date(2022, 1, 1)}  # fmt: skip
    with pytest.raises(Invalid) as refusal:
        register.register(BOSS, **values)
    assert "18 万元" in refusal.value.message and "《党政机关公务用车管理办法》" in refusal.value.fields["price_yuan"]
    vehicle = register.register(BOSS, **values, over_standard_note="划转接收")
    with pytest.raises(Invalid):
        register.edit(BOSS, vehicle, over_standard_note="")
    assert register.edit(BOSS, vehicle, note="改备注").note == "改备注"


def test_what_nobody_has_read_only_warns(mine, monkeypatch):
    reference.Fact.objects.filter(code="vehicles.limits.emergency.price").update(verified=False)
    vehicle = register.register(BOSS, plate="沪C20002", unit=mine.unit, kind="emergency", brand_model="某",
                                price_yuan=D(200_000), bought_on=date(2022, 1, 1))  # fmt: skip
    (check, *_) = standards.check_vehicle(vehicle)
    assert (check.ok, check.refuses) == (False, False) and "未核对原文" in check.clause


# --- plans ------------------------------------------------------------------------------------------------------------


def test_from_the_plan_to_the_books(mine, boss, make_actor, world):
    quota(mine.unit, 1)
    plan = plans.draft_plan(boss, unit=mine.unit, year=2026, kind="emergency", energy="electric", budget_yuan=D(160_000),
                            need="业务需要")  # fmt: skip
    plan = plans.submit_plan(replace(boss, account_id=None), plan)
    assert "尚余 1 辆" in plan.quota_check and "符合" in plan.standard_check
    plan = plans.approve_plan(boss, plan, document_no="批1号")
    with pytest.raises(Conflict):
        plans.approve_plan(boss, plan)
    with pytest.raises(Invalid, match="预算"):
        plans.buy_plan(boss, plan, supplier="某", brand_model="某 EV", price_yuan=D(170_000), bought_on=TODAY())
    plan = plans.buy_plan(boss, plan, supplier="某", brand_model="某 EV", price_yuan=D(158_000), bought_on=TODAY())
    plan = plans.enrol_plan(boss, plan, plate="沪AD12345", vin="LSJA24U62PB000001", registered_on=TODAY(), seats=5)
    assert (plan.state, plan.vehicle.plate, plan.vehicle.state) == ("enrolled", "沪AD12345", "registered")
    (award,) = purchases(TODAY(), TODAY() + timedelta(days=1))
    assert (award.firm, award.source, award.amount_yuan, award.link["id"]) == ("某", "批1号", D(158_000), plan.pk)
    with pytest.raises(Conflict):
        plans.enrol_plan(boss, plan, plate="沪AD12346", vin="LSJA24U62PB000002", registered_on=TODAY())
    assert Vehicle.objects.count() == 1


def test_a_full_establishment_refuses_and_a_place_is_given_once(mine, boss):
    quota(mine.unit, 1)
    first, second = (mine.plan() for _ in range(2))
    first, second = (plans.submit_plan(BOSS, each) for each in (first, second))
    plans.approve_plan(boss, first)
    with pytest.raises(Conflict, match="超出编制") as refusal:
        plans.approve_plan(boss, second)
    assert "《机关事务管理条例》第二十五条" in refusal.value.message
    with pytest.raises(Conflict, match="没有核定编制"):
        plans.submit_plan(BOSS, mine.plan(kind="other"))


def test_renewal_needs_the_age_and_leaves_the_place_to_the_new_one(mine, boss):
    quota(mine.unit, 1)
    old = mine.vehicle()
    with pytest.raises(Invalid, match="使用年限"):
        mine.plan(replaces=old)
    Vehicle.objects.filter(pk=old.pk).update(bought_on=date(2015, 1, 1))
    old.refresh_from_db()
    assert renewal.renewal_on(old) == date(2023, 1, 1)
    plan = plans.submit_plan(BOSS, mine.plan(replaces=old))
    assert plans.approve_plan(boss, plan).state == "approved"


def test_nobody_approves_their_own_and_nobody_another_organ(mine, others, boss):
    quota(mine.unit, 3)
    me = replace(boss, account_id=7)
    plan = plans.submit_plan(me, mine.plan())
    with pytest.raises(Denied, match="本人"):
        plans.approve_plan(me, plan)
    plan.refresh_from_db()
    assert plan.state == "submitted"
    other = others.plan()
    with boss.acting(), pytest.raises(Denied):
        plans.submit_plan(boss, other)
    with pytest.raises(Denied):
        papers.insure(boss, vehicle=others.vehicle(), kind="commercial", insurer="x", number="x", premium_yuan=D(1),
                      valid_from=TODAY(), valid_to=TODAY() + timedelta(days=9))  # fmt: skip


def test_plan_beyond_the_standard_is_refused_with_the_clause(mine):
    quota(mine.unit, 3)
    with pytest.raises(Invalid, match=r"超出配备标准.*《党政机关公务用车管理办法》"):
        plans.submit_plan(BOSS, mine.plan(budget_yuan=D(190_000)))
    assert PurchasePlan.objects.get().state == "draft"


# --- disposal ---------------------------------------------------------------------------------------------------------


def test_disposal_frees_the_quota_and_closes_the_book(mine, boss):
    quota(mine.unit, 1)
    vehicle = mine.in_service()
    mine.policy(vehicle)
    disposal = plans.apply_disposal(boss, vehicle, method="auction", why="达到年限")
    with pytest.raises(Conflict, match="正在办理"):
        plans.apply_disposal(boss, vehicle, method="scrap", why="再来一次")
    with pytest.raises(Conflict):
        plans.finish_disposal(boss, disposal, done_on=TODAY())
    disposal = plans.approve_disposal(boss, disposal)
    day = TODAY() - timedelta(days=1)
    disposal = plans.finish_disposal(boss, disposal, done_on=day, receiver="某拍卖行", proceeds_yuan=D(23_000))
    vehicle.refresh_from_db()
    assert (vehicle.state, vehicle.disposed_on, disposal.state) == ("disposed", day, "done")
    assert standards.check_quota(mine.unit, "emergency").room == 1
    assert not vehicle.dues.exists()
    with pytest.raises(Invalid, match="处置"):
        mine.cost(vehicle, spent_on=TODAY())


def test_transfer_moves_the_vehicle_where_there_is_room(mine, others, boss):
    vehicle = mine.in_service()
    with pytest.raises(Invalid, match="调剂"):
        mine.disposal(vehicle=vehicle, method="transfer")
    disposal = mine.disposal(vehicle=vehicle, method="transfer", to_unit=others.unit)
    with pytest.raises(Conflict, match="没有核定编制"):
        plans.approve_disposal(boss, disposal)
    quota(others.unit, 1)
    disposal = plans.approve_disposal(boss, disposal)
    with boss.acting():
        plans.finish_disposal(boss, disposal, done_on=TODAY())
    vehicle.refresh_from_db()
    assert (vehicle.unit_id, vehicle.scope_pos, vehicle.place, vehicle.state) == (
        others.unit.pk, others.unit.pos, None, "in_service",
    )  # fmt: skip


def test_establishment_as_of_a_day(mine, boss):
    quota(mine.unit, 1)
    vehicle = mine.in_service()
    register.set_quota(BOSS, unit=mine.unit, kind="emergency", quota=2, valid_from=date(2024, 1, 1))
    mine.in_service()
    mine.in_service()
    with boss.acting():
        now, before = (establishment.picture(boss, day) for day in (TODAY(), date(2023, 6, 1)))
        early = establishment.picture(boss, date(2021, 6, 1))
    cell = {"emergency": 1}
    assert [(p["rows"][0]["cells"][cell["emergency"]]["quota"], p["rows"][0]["cells"][1]["held"], p["over"])
            for p in (now, before, early)] == [(2, 3, 1), (1, 3, 1), (1, 0, 0)]  # fmt: skip
    register.dispose(BOSS, vehicle, reason="报废")
    with boss.acting():
        assert establishment.picture(boss, TODAY())["over"] == 0
    assert VehicleQuota.objects.count() == 2


# --- papers -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "registered", "inspected", "due"),
    [
        ("sedan", date(2022, 3, 1), None, date(2024, 3, 1)),
        ("sedan", date(2022, 3, 1), date(2024, 2, 10), date(2026, 3, 1)),  # early: counts for the day it falls due
        ("sedan", date(2022, 3, 1), date(2024, 6, 10), date(2026, 3, 1)),  # late: the next does not shift
        ("sedan", date(2012, 3, 1), date(2024, 3, 1), date(2025, 3, 1)),
        ("medium_bus", date(2022, 3, 1), date(2024, 3, 1), date(2025, 3, 1)),
        ("medium_bus", date(2010, 3, 1), date(2024, 3, 1), date(2024, 9, 1)),
        ("sedan", date(2024, 2, 29), None, date(2026, 2, 28)),
    ],
)
def test_inspection_falls_due_by_age_and_type(as_system, body, registered, inspected, due):
    vehicle = Vehicle(body=body, registered_on=registered, bought_on=registered)
    assert inspections.due_after(vehicle, inspected) == due


def test_the_old_rule_holds_for_its_days(as_system):
    vehicle = Vehicle(body="sedan", registered_on=date(2010, 3, 1), bought_on=date(2010, 3, 1))
    old = inspections.Intervals(on=date(2020, 1, 1))
    assert inspections.due_after(vehicle, date(2017, 2, 20), old) == date(2018, 3, 1)
    assert "第十六条" in old.clause_for(vehicle)


def test_compulsory_policies_do_not_overlap_and_the_premium_is_booked_once(mine):
    vehicle = mine.vehicle()
    policy = mine.policy(vehicle)
    with pytest.raises(Conflict, match="重叠"):
        mine.policy(vehicle)
    mine.policy(vehicle, kind="commercial", premium_yuan=D(3000))
    with pytest.raises(Conflict, match="已经登记"):
        mine.policy(number=policy.number)
    assert sorted(CostEntry.objects.filter(kind="insurance").values_list("amount_yuan", flat=True)) == [D(950), D(3000)]
    papers.cancel_policy(BOSS, policy, reason="重复投保")
    assert CostEntry.objects.filter(kind="insurance", state="booked").count() == 1
    mine.policy(vehicle)


def test_claims_within_the_policy_and_settled_once(mine):
    policy = mine.policy()
    with pytest.raises(Invalid, match="保险期间"):
        papers.open_claim(BOSS, policy, kind="damage", reported_on=TODAY() - timedelta(days=400), claimed_yuan=D(1))
    with pytest.raises(Invalid, match="同一辆车"):
        papers.open_claim(BOSS, policy, kind="damage", reported_on=TODAY(), claimed_yuan=D(1), accident=mine.accident())
    accident = mine.accident(policy.vehicle)
    claim = papers.open_claim(BOSS, policy, kind="damage", reported_on=TODAY(), claimed_yuan=D(5000), accident=accident)
    accident = incidents.assess_accident(BOSS, accident, liability="full", damage="前保险杠", damage_yuan=D(5200))
    with pytest.raises(Conflict, match="理赔"):
        incidents.close_accident(BOSS, accident, reason="修复", own_cost_yuan=D(200))
    claim = papers.settle_claim(BOSS, claim, paid_yuan=D(5000), paid_on=TODAY())
    with pytest.raises(Conflict):
        papers.settle_claim(BOSS, claim, paid_yuan=D(5000), paid_on=TODAY())
    incidents.close_accident(BOSS, accident, reason="修复", own_cost_yuan=D(200))
    assert CostEntry.objects.get(kind="accident").amount_yuan == D(200)


# --- upkeep -----------------------------------------------------------------------------------------------------------


def test_schedule_by_kilometres_and_months_the_more_special_rule_holds(mine):
    vehicle = mine.in_service()
    general = mine.rule(item="机油机滤", every_km=10_000, every_months=12)
    special = mine.rule(item="机油机滤", brand_model="荣威", every_km=5_000, every_months=6)
    mine.energy(vehicle, odometer_km=4_000)
    dues.refresh_vehicles([vehicle.pk])
    item = vehicle.dues.get(kind="upkeep")
    assert (item.due_km, item.due_on) == (5_000, date(2022, 7, 1))
    order = mine.upkeep(vehicle, rules=[special, general])
    order = upkeep.begin_upkeep(BOSS, order, shop="某厂", began_on=TODAY())
    assert [award.firm for award in repairs(TODAY(), TODAY() + timedelta(days=1))] == ["某厂"]
    assert list(repairs(TODAY() - timedelta(days=9), TODAY())) == []
    vehicle.refresh_from_db()
    assert vehicle.state == "repair"
    with pytest.raises(Invalid):
        upkeep.finish_upkeep(BOSS, order, done_on=TODAY() - timedelta(days=1), cost_yuan=D(1))
    order = upkeep.finish_upkeep(BOSS, order, done_on=TODAY(), cost_yuan=D(680), odometer_km=4_100)
    vehicle.refresh_from_db()
    assert vehicle.state == "in_service"
    assert CostEntry.objects.get(kind="maintenance").amount_yuan == D(680)
    item = vehicle.dues.get(kind="upkeep")
    assert item.due_km == 9_100 and item.due_on > TODAY()
    with pytest.raises(Conflict):
        upkeep.finish_upkeep(BOSS, order, done_on=TODAY(), cost_yuan=D(680))


def test_odometer_is_the_last_reading_and_the_trips_since(mine):
    from zhiguan.lines.vehicles.models import VehicleDay

    vehicle = mine.in_service()
    mine.energy(vehicle, at=timezone.now() - timedelta(days=10), odometer_km=1_000)
    for back in (20, 5, 2):
        VehicleDay.objects.create(
            unit=mine.unit, scope_pos=mine.unit.pos, vehicle=vehicle, day=TODAY() - timedelta(days=back), points=9, trips=1,
            distance_m=50_000, driving_s=1, computed_at=timezone.now(),
        )  # fmt: skip
    assert odometers.odometers([vehicle.pk])[vehicle.pk].km == 1_100


# --- mishaps ----------------------------------------------------------------------------------------------------------


def test_violation_is_of_whoever_drove_by_the_order(mine, past_order, make_vehicle):
    vehicle = make_vehicle("沪A55555")
    start = timezone.now() - timedelta(days=3)
    order = past_order(
        vehicle, start, start + timedelta(hours=2), started_at=start, ended_at=start + timedelta(hours=2)
    )
    row = mine.violation(vehicle, at=start + timedelta(minutes=30))
    assert (row.order, row.driver) == (order, order.driver)
    assert mine.violation(vehicle, at=start + timedelta(hours=5)).driver is None
    with pytest.raises(Conflict, match="已经登记"):
        mine.violation(vehicle, at=row.at, behaviour=row.behaviour)
    assert vehicle.dues.filter(kind="violation").count() == 2
    row = incidents.handle_violation(BOSS, row, driver=order.driver, handled_on=TODAY(), fine_yuan=D(200), points=3)
    assert vehicle.dues.get(key__endswith=f":{row.pk}").due_on == TODAY() + timedelta(days=15)
    row = incidents.pay_violation(BOSS, row, paid_on=TODAY(), payer="驾驶员")
    assert vehicle.dues.filter(kind="violation").count() == 1
    assert not CostEntry.objects.exists()


def test_a_term_in_working_days_where_the_rule_says_so(as_system):
    friday = date(2026, 3, 6)
    assert due_reads.term_end(friday, 5, "日") == date(2026, 3, 11)
    assert due_reads.term_end(friday, 5, "工作日") == date(2026, 3, 11)  # nobody has loaded the year
    calendar.sync()
    assert due_reads.term_end(friday, 5, "工作日") == date(2026, 3, 13)


# --- what falls due ---------------------------------------------------------------------------------------------------


def test_rungs_and_one_notice_a_rung(mine, boss, world, django_user_model, monkeypatch):
    from zhiguan.lines.vehicles.domain import dues as module

    item = mine.card().vehicle.dues.get(kind="card")
    for days, rung in ((-1, "overdue"), (0, "last"), (7, "last"), (8, "near"), (30, "near"), (31, "far"), (60, "far"),
                       (61, "later")):  # fmt: skip
        DueItem.objects.filter(pk=item.pk).update(due_on=TODAY() + timedelta(days=days))
        assert due_reads.all_dues().get(pk=item.pk).rung == rung, days
    account = django_user_model.objects.create(username="fleet1", unit=mine.unit)
    monkeypatch.setattr(module.notices, "holders", lambda *args, **more: [account])
    DueItem.objects.exclude(pk=item.pk).delete()
    DueItem.objects.filter(pk=item.pk).update(due_on=TODAY() + timedelta(days=20))
    assert [module.remind(), module.remind()] == [1, 0]
    DueItem.objects.filter(pk=item.pk).update(due_on=TODAY() + timedelta(days=5))
    assert [module.remind(), module.remind()] == [1, 0]
    assert Notice.objects.filter(account=account).count() == 2


def test_everything_anew_is_the_same(mine):
    mine.whole()
    mine.driver()
    before = sorted(DueItem.objects.values_list("key", "due_on"))
    dues.refresh_all()
    after = sorted(DueItem.objects.values_list("key", "due_on"))
    assert before and set(before) <= set(after)
    assert not [key for key, _ in after if key.startswith("upkeep")]
