"""解除隐私保护 by two people: who may ask, who may agree, when it is over, what is told to whom."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest
from django.db import IntegrityError, transaction
from django.urls import reverse
from django.utils import timezone

from zhiguan.kernel.notices.models import Notice
from zhiguan.kernel.trace.models import Entry
from zhiguan.kit.actor import system
from zhiguan.kit.errors import Conflict, Denied, Invalid
from zhiguan.kit.pages.conformance import Case, DetailPageConformance, ListPageConformance, Visitor, html
from zhiguan.lines.vehicles import pages
from zhiguan.lines.vehicles.domain import holders, privacy
from zhiguan.lines.vehicles.models import PrivacyLift
from zhiguan.lines.vehicles.queries import privacy as read

from .conftest import PERMISSIONS
from .test_api import account_with, caller
from .test_pages import Maker

BOSS = system("tests")
ASK = dict.fromkeys(("vehicles.privacy.view", "vehicles.privacy.lift"), "below")
DECIDE = dict.fromkeys(("vehicles.privacy.view", "vehicles.privacy.decide"), "below")


@pytest.fixture
def asker(world, make_actor):
    return make_actor(PERMISSIONS | ASK, unit=world.organ, account=7, person=world.people["申请人"].pk, name="核查员")


@pytest.fixture
def decider(world, make_actor):
    return make_actor(DECIDE, unit=world.organ, account=9, person=world.people["审批人"].pk, name="审批人")


def hold(world, car, person="驾驶员", valid_from=date(2026, 1, 1), **more):
    return holders.add_holder(
        BOSS, vehicle=car, person=world.people[person], holding="driver", valid_from=valid_from, **more
    )


@pytest.fixture
def car(world, make_vehicle):
    car = make_vehicle()
    hold(world, car)
    return car


def ask(actor, car, **more):
    today = timezone.localdate()
    values = {"day_from": today, "day_to": today, "hours": 4, "reason": "核查线索"} | more
    with actor.acting():
        return privacy.apply_lift(actor, car, **values)


def agree(actor, lift):
    with actor.acting():
        return privacy.approve_lift(actor, lift, opinion="同意")


def open_to(actor) -> set[int]:
    with actor.acting():
        return set(read.lifts(actor, timezone.localdate()))


def test_one_asks_another_agrees_and_only_the_first_sees(asker, decider, car):
    lift = ask(asker, car)
    assert open_to(asker) == set() and lift.expires_at is None
    lift = agree(decider, lift)
    assert lift.expires_at - lift.decided_at < timedelta(hours=4, seconds=5)
    assert lift.expires_at - lift.decided_at > timedelta(hours=4, seconds=-5)
    assert open_to(asker) == {car.pk} and open_to(decider) == set()
    codes = set(Entry.objects.values_list("code", flat=True))
    assert {"vehicles.privacylift.create", "vehicles.privacylift.approve"} <= codes


@pytest.mark.parametrize("wrong", [
    {"reason": "  "}, {"hours": 0}, {"hours": 100}, {"days": (-60, 0)}, {"days": (0, -1)}, {"days": (0, 9)},
])  # fmt: skip
def test_days_hours_and_reason_are_bounded(asker, car, wrong):
    today = timezone.localdate()
    first, last = wrong.pop("days", (0, 0))
    with pytest.raises(Invalid):
        ask(asker, car, day_from=today + timedelta(days=first), day_to=today + timedelta(days=last), **wrong)
    assert not PrivacyLift.objects.exists()


def test_where_nothing_is_kept_there_is_nothing_to_lift(world, asker, make_vehicle):
    """No holder, or none on these days: neither page nor program offers it, and the verb says why it refuses."""
    may = replace(asker, permissions=asker.permissions | {"vehicles.vehicle.view": asker.scope("vehicles.privacy.lift")})
    free, later, kept = make_vehicle("沪A20003"), make_vehicle("沪A20004"), make_vehicle("沪A20005")
    today = timezone.localdate()
    hold(world, later, valid_from=today + timedelta(days=2))
    hold(world, kept)
    for car in (free, later):
        with pytest.raises(Conflict) as refused:
            ask(asker, car)
        assert refused.value.code == "nothing_kept" and "没有固定使用人" in refused.value.message
    assert ask(asker, later, day_to=today + timedelta(days=2)).state == "applied"
    for car, offered in ((free, False), (later, True), (kept, True)):
        address = reverse("vehicles.vehicle.detail", args=[car.pk])
        assert ("申请解除隐私保护" in html(Visitor(may).get(address))) == offered, car.plate
    answer = Visitor(may).get(reverse("vehicles.vehicle.apply_lift", args=[free.pk]))
    assert answer.status_code == 409 and "没有登记固定使用人" in html(answer)


def test_nobody_decides_for_themselves_under_whatever_account(world, asker, car, make_actor):
    lift = ask(asker, car)
    both = replace(asker, permissions=asker.permissions | make_actor(DECIDE, unit=world.organ).permissions)
    other_account = replace(both, account_id=8)
    for same in (both, other_account):
        for verb, values in ((privacy.approve_lift, {}), (privacy.refuse_lift, {"reason": "否"})):
            with pytest.raises(Denied) as refused, same.acting():
                verb(same, lift, **values)
            assert refused.value.code == "same_person"
    with pytest.raises(IntegrityError), transaction.atomic():  # nor by a way around the verb
        PrivacyLift.objects.filter(pk=lift.pk).update(decided_by_id=7)
    with pytest.raises(IntegrityError), transaction.atomic():
        PrivacyLift.objects.filter(pk=lift.pk).update(state="approved")
    lift.refresh_from_db()
    assert lift.state == "applied" and open_to(asker) == set()


def test_scopes_permissions_and_keys_without_a_person(world, asker, decider, car, make_actor, make_vehicle):
    stranger = make_actor(PERMISSIONS | ASK | DECIDE, unit=world.other, account=8)
    for actor in (stranger, replace(asker, account_id=None), world.manager):
        with pytest.raises(Denied):
            ask(actor, car)
    lift = ask(asker, car)
    for actor in (stranger, world.manager, replace(decider, account_id=None)):
        with pytest.raises(Denied):
            agree(actor, lift)
        with pytest.raises(Denied), actor.acting():
            privacy.refuse_lift(actor, lift, reason="否")
    for actor in (stranger, world.manager):
        with pytest.raises(Denied), actor.acting():
            privacy.end_lift(actor, lift)
    with pytest.raises(Denied), decider.acting():
        privacy.withdraw_lift(replace(decider, permissions=asker.permissions), lift)
    lift.refresh_from_db()
    assert lift.state == "applied"


def test_a_holder_does_not_decide_who_looks_at_them(world, asker, car, make_actor):
    holder = make_actor(DECIDE, unit=world.organ, account=9, person=world.people["驾驶员"].pk)
    with pytest.raises(Denied) as refused:
        agree(holder, ask(asker, car))
    assert refused.value.code == "own_whereabouts"


def test_submitted_twice_it_is_one(asker, decider, car):
    lift = ask(asker, car)
    with pytest.raises(Conflict) as twice:
        ask(asker, car)
    assert twice.value.code == "lift_waiting" and PrivacyLift.objects.count() == 1
    stale = PrivacyLift.objects.get(pk=lift.pk)
    first = agree(decider, lift)
    for verb, values in ((privacy.approve_lift, {}), (privacy.refuse_lift, {"reason": "否"})):
        with pytest.raises(Conflict), decider.acting():
            verb(decider, stale, **values)
    with pytest.raises(Conflict), asker.acting():
        privacy.withdraw_lift(asker, stale)
    first.refresh_from_db()
    assert (first.state, first.version) == ("approved", 2)
    assert ask(asker, car).state == "applied", "with an answer one may ask again"


def test_what_nobody_decided_in_time_has_lapsed(asker, decider, car):
    lift = ask(asker, car)
    PrivacyLift.objects.filter(pk=lift.pk).update(created_at=timezone.now() - privacy.DECIDE_WITHIN)
    lift.refresh_from_db()
    with pytest.raises(Conflict) as refused:
        agree(decider, lift)
    assert refused.value.code == "lift_lapsed" and open_to(asker) == set()
    page = html(Visitor(decider).get(reverse("vehicles.privacylift.detail", args=[lift.pk])))
    assert "逾期未审批" in page and ">批准<" not in page
    assert ask(asker, car).pk != lift.pk
    lift.refresh_from_db()
    assert lift.state == "withdrawn"


def test_time_ends_it_and_then_nobody_can_end_it_again(asker, decider, car):
    lift = agree(decider, ask(asker, car))
    PrivacyLift.objects.filter(pk=lift.pk).update(expires_at=timezone.now())
    lift.refresh_from_db()
    assert open_to(asker) == set()
    with pytest.raises(Conflict) as over, asker.acting():
        privacy.end_lift(asker, lift)
    assert over.value.code == "lift_over"
    page = html(Visitor(asker).get(reverse("vehicles.privacylift.detail", args=[lift.pk])))
    assert "已到时失效" in page and "提前结束" not in page


def test_it_ends_early_by_either_of_the_two(world, asker, decider, car, make_vehicle):
    second = make_vehicle("沪A20002")
    hold(world, second)
    for actor, vehicle in ((asker, car), (decider, second)):
        lift = agree(decider, ask(asker, vehicle))
        assert open_to(asker) == {vehicle.pk}
        with actor.acting():
            ended = privacy.end_lift(actor, lift)
        assert ended.state == "ended" and ended.expires_at <= timezone.now() and open_to(asker) == set()


def test_the_holder_reads_of_it_when_it_is_over_and_not_before(world, asker, decider, car, make_actor):
    holder = make_actor({}, unit=world.organ, account=11, person=world.people["驾驶员"].pk)
    other = make_actor({}, unit=world.organ, account=12, person=world.people["驾驶员二"].pk)
    account_with("zhang", world.organ, {})
    lift = agree(decider, ask(asker, car, reason="核查夜间用车"))
    address = reverse("vehicles.privacylift.mine")
    assert "核查夜间用车" not in html(Visitor(holder).get(address)) and privacy.tell_holders() == 0
    PrivacyLift.objects.filter(pk=lift.pk).update(expires_at=timezone.now())
    page = html(Visitor(holder).get(address))
    assert all(text in page for text in ("核查夜间用车", "核查员", "审批人", car.plate))
    assert "核查夜间用车" not in html(Visitor(other).get(address))
    for actor in (holder, other):
        assert Visitor(actor).get(reverse("vehicles.privacylift")).status_code == 403
        assert Visitor(actor).get(reverse("vehicles.privacylift.detail", args=[lift.pk])).status_code in (403, 404)
    with other.acting():  # the row rule itself
        assert not PrivacyLift.objects.exists()


def test_those_who_decide_the_applicant_and_the_holder_are_told(world, asker, car):
    from zhiguan.kernel.identity.models import Account

    deciding = account_with("decides", world.organ, DECIDE)
    asking = account_with("asks", world.organ, ASK)
    held = account_with("holds", world.organ, {})
    Account.objects.filter(pk=held.pk).update(person=world.people["驾驶员"])
    Account.objects.filter(pk=deciding.pk).update(person=world.people["审批人"])
    lift = ask(replace(asker, account_id=asking.pk), car)

    def told(account) -> list[str]:
        return list(Notice.objects.filter(account=account.pk).order_by("pk").values_list("kind", flat=True))

    assert told(deciding) == ["vehicles.privacy.apply"] and told(asking) == [] and told(held) == []
    may = asker.permissions | {"vehicles.privacy.decide": asker.scope("vehicles.privacy.lift")}
    agree(replace(asker, account_id=deciding.pk, person_id=world.people["审批人"].pk, permissions=may), lift)
    assert told(asking) == ["vehicles.privacy.decide"] and told(held) == []
    assert privacy.tell_holders() == 0
    PrivacyLift.objects.update(expires_at=timezone.now())
    assert (privacy.tell_holders(), privacy.tell_holders()) == (1, 0)
    assert told(held) == ["vehicles.privacy.tell"]


def test_programs_ask_and_agree_too_each_for_its_account(world, car):
    """A key acts as its account: the same key cannot do both."""
    asks = caller(account_with("asks", world.organ, ASK | {"vehicles.vehicle.view": "below"}),
                  ASK | {"vehicles.vehicle.view": "below"})  # fmt: skip
    decides = caller(account_with("decides", world.organ, DECIDE | ASK), DECIDE | ASK)
    today = f"{timezone.localdate()}"
    body = {"day_from": today, "day_to": today, "hours": 2, "reason": "核查"}
    made = asks("POST", f"/api/v1/vehicles/vehicle/{car.pk}/apply-lift", body)
    assert made.status_code in (200, 201), made.content.decode()
    lift = PrivacyLift.objects.get()
    address, version = f"/api/v1/vehicles/privacylift/{lift.pk}/approve", {"If_Match": f'"{lift.version}"'}
    assert asks("POST", address, {}, **version).status_code == 403
    done = decides("POST", address, {"opinion": "同意"}, **version)
    assert done.status_code == 200, done.content.decode()
    lift.refresh_from_db()
    assert lift.state == "approved" and lift.account_id != lift.decided_by_id


class _Lifts:
    @pytest.fixture
    def case(self, world, asker, make_actor):
        other = make_actor(ASK, unit=world.other, account=8)
        mine, others = Maker(world.organ, None), Maker(world.other, None)

        def make(actor=asker, maker=mine):
            car = maker.vehicle()
            hold(world, car)
            return ask(actor, car)

        return Case(asker, make, lambda: make(other, others), text=lambda row: row.vehicle.plate)


class TestLifts(_Lifts, ListPageConformance):
    page = pages.LIFTS


class TestLifted(_Lifts, DetailPageConformance):
    page = pages.LIFTED


class TestLookedAt(ListPageConformance):
    """Of the reader's own vehicles, over; whoever holds another vehicle reads nothing of it."""

    page = pages.LOOKED_AT

    @pytest.fixture
    def case(self, world, asker, decider, make_actor):
        me = make_actor({}, unit=world.organ, account=11, person=world.people["驾驶员"].pk)
        maker = Maker(world.organ, None)

        def make(person="驾驶员"):
            car = maker.vehicle()
            hold(world, car, person)
            lift = agree(decider, ask(asker, car))
            PrivacyLift.objects.filter(pk=lift.pk).update(expires_at=timezone.now())
            return lift

        return Case(me, make, lambda: make("驾驶员二"), text=lambda row: row.plate)

    def test_without_a_frame_there_are_no_rows(self, case):
        """Here the person, not a permission, is what opens rows."""
        case.row()
        nobody = replace(case.actor, person_id=None)
        with nobody.acting():
            assert not PrivacyLift.objects.exists() and not self.page.rows(nobody).exists()
