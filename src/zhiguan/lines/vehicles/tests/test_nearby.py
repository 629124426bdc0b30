"""车辆周边查询: who was near a place between two moments, under scope and privacy, with a reason, in the log."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, time, timedelta

import pytest
from django.utils import timezone

from zhiguan.kernel.trace.models import Entry
from zhiguan.kit.actor import system
from zhiguan.kit.errors import Denied, Invalid
from zhiguan.kit.pages.conformance import (
    Case,
    DetailPageConformance,
    FormPageConformance,
    ListPageConformance,
    Visitor,
    html,
)
from zhiguan.lines.vehicles import pages
from zhiguan.lines.vehicles.domain import holders, nearby
from zhiguan.lines.vehicles.models import NearbySearch

from .judging import Told
from .tracks import HOME, WORKDAY, at, north

SEARCH = "vehicles.nearby.search"
CLINIC = north(HOME, 2_000)
CIRCLE = {"type": "Circle", "center": [CLINIC[1], CLINIC[0]], "radius_m": 200}


@pytest.fixture
def asker(world, make_actor):
    """An account that may search among the organ's vehicles, and what its replay asks besides."""
    more = {SEARCH: "below", "vehicles.privacy.lift": "below", "vehicles.trip.view": "below"}
    return make_actor(more, unit=world.organ, account=7, name="核查员")


@pytest.fixture
def passer(judge):
    """A car that drives past the clinic at 9:30 to a place behind it, and stays there until it drives back at 20:00."""
    track = Told().stand(at(WORKDAY, "00:00"), at(WORKDAY, "09:30"))
    track.stand(track.drive(north(HOME, 4_000), at(WORKDAY, "09:30")), at(WORKDAY, "20:00"))
    track.stand(track.drive(HOME, at(WORKDAY, "20:00")), at(WORKDAY, "23:50"))
    judge.write(track)
    return judge.car


def ask(actor, start="09:00", end="10:00", **values) -> NearbySearch:
    given = {"fence": CIRCLE, "day": WORKDAY, "start": time.fromisoformat(start), "end": time.fromisoformat(end),
             "reason": "核查线索 2026-031"} | values  # fmt: skip
    with actor.acting():
        return nearby.search(actor, **given)


def test_who_drove_past_is_found_with_time_and_distance(asker, passer):
    (found,) = ask(asker).result
    assert (found["plate"], found["moved"]) == (passer.plate, True) and found["metres"] < 120
    first = timezone.datetime.fromisoformat(found["first"])
    assert at(WORKDAY, "09:30") < first < at(WORKDAY, "09:40") and found["reports"] >= 1
    assert ask(asker, "10:30", "11:30").result == []
    assert ask(asker, fence=CIRCLE | {"center": [CLINIC[1] + 0.02, CLINIC[0]]}).result == []
    assert [each["moved"] for each in ask(asker, "00:00", "00:00").result] == [True, True]  # until midnight: both ways


def test_only_vehicles_in_scope_are_found(world, passer, make_actor):
    away = make_actor({SEARCH: "below"}, unit=world.other, account=8)
    assert ask(away).vehicles == 0


def test_a_holders_car_is_not_found_off_duty_unless_lifted(world, asker, passer):
    from zhiguan.lines.vehicles.domain import privacy

    holders.add_holder(
        system("tests"), vehicle=passer, person=world.people["驾驶员"], holding="driver", valid_from=date(2026, 1, 1)
    )
    assert ask(asker, "09:00", "10:00").vehicles == 1  # office hours
    assert ask(asker, "19:30", "21:00").vehicles == 0
    with asker.acting():
        asked = privacy.apply_lift(asker, passer, day_from=WORKDAY, day_to=WORKDAY, hours=2, reason="核查夜间用车")
    assert ask(asker, "19:30", "21:00").vehicles == 0, "nobody has agreed yet"
    privacy.approve_lift(replace(system("tests"), account_id=9), asked)
    assert ask(asker, "19:30", "21:00").vehicles == 1
    assert Entry.objects.filter(code="vehicles.privacy.read").count() == 1


def test_search_and_reading_are_in_the_log_with_the_reason(asker, passer):
    made = ask(asker)
    for kind, code in ((Entry.Kind.ACT, SEARCH), (Entry.Kind.READ, "vehicles.nearby.read")):
        entry = Entry.objects.get(kind=kind, code=code)
        assert entry.subject_id == str(made.pk)


def test_what_cannot_be_asked_is_refused_at_its_field(asker, passer, make_actor, world):
    square = {"type": "Polygon", "coordinates": [[[121.4, 31.2], [121.5, 31.2], [121.5, 31.3], [121.4, 31.2]]]}
    today = timezone.localdate()
    for field, values in (
        ("fence", {"fence": square}), ("fence", {"fence": CIRCLE | {"radius_m": 5_000}}),
        ("fence", {"fence": CIRCLE | {"radius_m": 5}}), ("end", {"end": "08:00"}), ("reason", {"reason": "  "}),
        ("day", {"day": today + timedelta(days=1)}),
    ):  # fmt: skip
        with pytest.raises(Invalid) as refused:
            ask(asker, **values)
        assert list(refused.value.fields) == [field]
    with pytest.raises(Denied):
        ask(make_actor({SEARCH: "below"}, unit=world.organ))
    with pytest.raises(Denied):
        ask(make_actor({"vehicles.trip.view": "below"}, unit=world.organ, account=9))
    assert not NearbySearch.objects.exists()


def test_the_answer_shows_map_and_way_to_the_replay_to_its_asker_only(asker, passer, make_actor, world):
    made = ask(asker)
    text = html(Visitor(asker).get(f"/vehicles/nearby/{made.pk}/"))
    assert passer.plate in text and f"/vehicles/vehicle/{passer.pk}/replay/?day={WORKDAY}" in text and "fence-view" in text
    other = make_actor({SEARCH: "below"}, unit=world.organ, account=8)
    assert Visitor(other).get(f"/vehicles/nearby/{made.pk}/").status_code == 404


class _Searches:
    @pytest.fixture
    def case(self, world, asker, make_actor):
        other = make_actor({SEARCH: "below"}, unit=world.other, account=8)
        return Case(
            asker, lambda: ask(asker), lambda: ask(other), text=lambda row: row.reason,
            values=lambda row: {"fence": '{"type":"Circle","center":[121.47,31.23],"radius_m":200}', "day": str(WORKDAY),
                                "start": "09:00", "end": "10:00", "reason": "核查线索"},
        )  # fmt: skip


class TestNearbySearches(_Searches, ListPageConformance):
    page = pages.NEARBY_SEARCHES


class TestNearby(_Searches, DetailPageConformance):
    page = pages.NEARBY


class TestNearbyNew(_Searches, FormPageConformance):
    page = pages.NEARBY_NEW
