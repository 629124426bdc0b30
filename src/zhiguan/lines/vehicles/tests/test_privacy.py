"""Privacy outside duty hours: replay, trips, live map, pages, exports and API say moved or not moved, and no more."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from datetime import date, time, timedelta

import pytest
from django.http import QueryDict
from django.urls import reverse
from django.utils import timezone
from openpyxl import load_workbook

from zhiguan.kernel.calendar import service as calendar
from zhiguan.kernel.calendar.models import Day, Stamp, Year
from zhiguan.kernel.ledger import service as ledger
from zhiguan.kernel.metrics import service as metrics
from zhiguan.kernel.reference import service as reference
from zhiguan.kernel.telemetry.models import Latest
from zhiguan.kernel.trace.models import Entry
from zhiguan.kit import registry
from zhiguan.kit.actor import system
from zhiguan.kit.pages import ListPage
from zhiguan.kit.pages.conformance import Visitor, bytes_of, html
from zhiguan.kit.pages.listing import Listing
from zhiguan.lines.vehicles import queries
from zhiguan.lines.vehicles.domain import driving, holders, privacy
from zhiguan.lines.vehicles.models import PrivacyLift, Trip
from zhiguan.lines.vehicles.queries import advice, board, cockpit, tracks

from .conftest import PERMISSIONS
from .judging import Told
from .test_metrics import listed
from .tracks import HOME, SATURDAY, WORKDAY, at, north

BOSS = system("tests")
WORK, HOMEWARD, FAR = north(HOME, 4_000), north(HOME, -3_000), north(HOME, 9_000)


@pytest.fixture
def reader(world, make_actor):
    """Sees the organ's vehicles; an account that may lift privacy."""
    more = {"vehicles.holder.view": "below", "vehicles.privacy.view": "below", "vehicles.privacy.lift": "below"}
    return make_actor(PERMISSIONS | more, unit=world.organ, account=7, name="核查员")


@pytest.fixture
def lift(reader, world, make_actor):
    """Lift a car's privacy for the reader: they apply, another decides."""
    decider = make_actor({"vehicles.privacy.view": "below", "vehicles.privacy.decide": "below"}, unit=world.organ, account=9)

    def make(car, first, last=None, *, hours=2, reason="核查线索 XS1"):
        with reader.acting():
            asked = privacy.apply_lift(reader, car, day_from=first, day_to=last or first, hours=hours, reason=reason)
        with decider.acting():
            return privacy.approve_lift(decider, asked, opinion="同意")

    return make


@pytest.fixture
def car(judge, world):
    """A car with a holder. On the working day it drives at 10:00 (duty) and at 20:00 (not), on Saturday at 11:00."""
    track = Told().stand(at(WORKDAY, "00:00"), at(WORKDAY, "10:00"))
    track.stand(track.drive(WORK, at(WORKDAY, "10:00")), at(WORKDAY, "11:00"))
    track.stand(track.drive(HOME, at(WORKDAY, "11:00")), at(WORKDAY, "20:00"))
    track.stand(track.drive(HOMEWARD, at(WORKDAY, "20:00")), at(WORKDAY, "21:00"))
    track.stand(track.drive(HOME, at(WORKDAY, "21:00")), at(WORKDAY, "23:59"))
    saturday = Told().outing(SATURDAY, FAR, "11:00", "12:00")
    judge.write(track, saturday)
    for day in (WORKDAY, SATURDAY):
        driving.compute_day([judge.car], day)
    return judge.car


@pytest.fixture
def held(car, world):
    return holders.add_holder(
        BOSS, vehicle=car, person=world.people["驾驶员"], holding="driver", valid_from=date(2026, 1, 1)
    )


def replay(car, day, actor, **values):
    with actor.acting():
        return tracks.replay(car, day, actor, **values)


def starts(actor) -> list[str]:
    with actor.acting():
        found = [timezone.localtime(trip.start_at) + timedelta(minutes=5) for trip in queries.trips(actor)]
        return sorted(f"{moment:%d %H}" for moment in found)


ALL = ["04 10", "04 11", "04 20", "04 21", "07 11", "07 12"]
DUTY = ["04 10", "04 11"]


def test_without_a_holder_nothing_is_kept(reader, car):
    found = replay(car, WORKDAY, reader)
    assert found["kept"] == [] and starts(reader) == ALL and max(found["points"]["lat"]) > HOME[0]
    assert not Entry.objects.filter(code="vehicles.privacy.read").exists()


def test_a_replay_shows_duty_hours_and_says_of_the_rest_whether_it_moved(reader, car, held):
    found = replay(car, WORKDAY, reader)
    shown = found["points"]
    assert min(shown["lat"]) > HOME[0] - 1e-4  # the evening's place to the south is nowhere in the answer
    assert min(shown["t"]) >= at(WORKDAY, "09:00").timestamp() and max(shown["t"]) < at(WORKDAY, "17:30").timestamp()
    assert [(span["moved"]) for span in found["kept"]] == [False, True]
    assert len(found["trips"]) == 2 and all(str(HOMEWARD[0])[:7] not in json.dumps(stop) for stop in found["stops"])
    whole = replay(car, SATURDAY, reader)
    assert whole["points"]["t"] == [] and [span["moved"] for span in whole["kept"]] == [True]
    assert whole["trips"] == [] and whole["stops"] == []


CLOCKS = ("19:5", "20:0", "20:5", "21:0")


def test_lists_show_of_private_trips_the_day_and_the_days_metres(reader, car, held):
    """Every trip has its row, or no figure would be the sum of its rows; where and when is on no screen and in no file."""
    assert starts(reader) == DUTY
    with system("tests").acting():
        assert queries.trips(BOSS).count() == len(ALL)  # rules and metrics see everything
    visitor = Visitor(reader)
    for name, args, tab in (("vehicles.trip", (), {}), ("vehicles.vehicle.detail", (car.pk,), {"tab": "行程"})):
        text = html(visitor.get(reverse(name, args=args), tab))
        assert "09:59" in text or "10:00" in text
        assert not any(clock in text for clock in CLOCKS)
        assert text.count("非工作时间行程，里程为当日合计") == 2 and text.count("非工作时间行程，已并入当日合计") == 2
    for form in ("csv", "xlsx"):
        sheet = table(visitor, form)
        assert [row["日期"][-2:] for row in sheet] == ["07", "07", "04", "04", "04", "04"]
        private = [row for row in sheet if row["隐私保护"]]
        assert len(private) == 4 and all(row["出发"] == row["到达"] == "" for row in private)
        assert [bool(row["里程（公里）"]) for row in private] == [True, False, True, False]


def table(visitor, form, **query):
    """Return the rows of the exported list as text by heading, every column chosen."""
    columns = "day,vehicle.plate,start_at,end_at,distance_km,max_speed_kmh,match,order.code,unit.name,kept"
    data = bytes_of(visitor.get(reverse("vehicles.trip"), {"_export": form, "cols": columns, **query}))
    if form == "csv":
        rows = list(csv.reader(io.StringIO(data.decode("utf-8-sig"))))
    else:
        sheet = load_workbook(io.BytesIO(data), read_only=True).active
        rows = [["" if cell is None else str(cell) for cell in row] for row in sheet.iter_rows(values_only=True)]
    heads = next(n for n, row in enumerate(rows) if "日期" in row)
    return [dict(zip(rows[heads], [cell.split(" ")[0] if "-" in cell else cell for cell in row], strict=True))
            for row in rows[heads + 1 :] if any(row)]  # fmt: skip


def test_the_mileage_is_the_sum_of_its_rows_private_ones_included(reader, car, held):
    for dims in ({}, {"day": f"{WORKDAY}"}, {"day": f"{SATURDAY}"}, {"car": car.plate}):
        reading = metrics.read("vehicles.mileage", reader, **dims)
        rows = listed(reader, reading.url)
        shown = [row.kept_m if row.kept else row.distance_m for row in rows]
        assert sum(filter(None, shown)) / 1000 == pytest.approx(float(reading.value)), dims
        share = metrics.read("vehicles.unordered_share", reader, **dims)
        assert sum(row.match == "no_order" for row in rows) / len(rows) == share.value
    whole = [row.kept_m for row in listed(reader, metrics.read("vehicles.mileage", reader).url) if row.kept]
    assert sorted(bool(each) for each in whole) == [False, False, True, True]


def test_nothing_about_a_private_trip_can_be_found_out_by_searching_and_sorting(reader, car, held):
    """Two cars: where a private trip stands in the list, and whether it is found, tells nothing of its time or way."""
    page = next(each for each in registry.current().all(ListPage) if each.code == "vehicles.trip")
    longest = max(Trip.objects.values_list("distance_m", flat=True))
    with reader.acting():
        for query in (f"distance_m_from={longest - 1}", "distance_m_from=0", f"distance_m_to={longest + 1}"):
            rows = list(Listing(page, reader, QueryDict(query)).rows)
            assert not any(row.kept for row in rows), query
        for down in ("", "-"):
            order = [row.kept for row in Listing(page, reader, QueryDict(f"sort={down}distance_km")).rows]
            assert order == sorted(order, reverse=not down), "all private ones together, wherever their way would put them"
        before = [row.pk for row in Listing(page, reader, QueryDict("")).rows]
        # The private trips of the day change places in time: the list is the same.
        early, late = Trip.objects.filter(day=SATURDAY).order_by("start_at")
        shift = timedelta(hours=9)
        for trip in (early, late):
            with system("tests").acting():
                Trip.objects.filter(pk=trip.pk).update(start_at=trip.start_at - shift, end_at=trip.end_at - shift)
        assert [row.pk for row in Listing(page, reader, QueryDict("")).rows] == before
    known = {column.name for column in page.columns if column.order_path}
    assert known == {"distance_km"}


def test_an_order_is_duty(reader, car, held, past_order):
    past_order(car, at(WORKDAY, "19:30"), at(WORKDAY, "21:30"))
    driving.compute_day([car], WORKDAY)
    assert starts(reader) == ["04 10", "04 11", "04 20", "04 21"]
    found = replay(car, WORKDAY, reader)
    assert min(found["points"]["lat"]) < HOME[0] - 0.02
    assert [span["moved"] for span in found["kept"]] == [False, False, False]


def test_an_alarm_is_shown(judge, reader, car, held):
    judge.write(Told(FAR).stand(at(SATURDAY, "15:00"), at(SATURDAY, "15:10"), 30).told(
        at(SATURDAY, "15:00"), at(SATURDAY, "15:10"), alarm=1))  # fmt: skip
    found = replay(car, SATURDAY, reader)
    assert len(found["points"]["t"]) == 20 and found["points"]["lat"][0] == pytest.approx(FAR[0], abs=1e-5)


def test_a_lift_shows_all_of_its_days_for_its_hours_to_its_account_and_is_logged(
    reader, car, held, lift, make_actor, world
):
    lifted = lift(car, WORKDAY)
    found = replay(car, WORKDAY, reader)
    assert found["kept"] == [] and len(found["trips"]) == 4 and min(found["points"]["lat"]) < HOME[0] - 0.02
    entry = Entry.objects.get(code="vehicles.privacy.read")
    assert (entry.kind, entry.account_id, entry.fields) == ("read", 7, ["track"])
    assert starts(reader) == DUTY, "lists and exports never show it: nobody could say who read them"
    assert replay(car, SATURDAY, reader)["points"]["t"] == []  # another day
    other = make_actor(dict.fromkeys(reader.permissions, "below"), unit=world.organ, account=8)
    assert starts(other) == DUTY and replay(car, WORKDAY, other)["kept"]
    assert lifted.expires_at > timezone.now()


def test_a_lift_ends_by_itself_by_hand_and_with_the_permission(reader, car, held, lift):
    lifted = lift(car, WORKDAY)
    assert not replay(car, WORKDAY, reader)["kept"]
    less = replace(reader, permissions={k: v for k, v in reader.permissions.items() if k != "vehicles.privacy.lift"})
    assert replay(car, WORKDAY, less)["kept"], "whoever may not ask any more sees nothing under what was agreed to"
    PrivacyLift.objects.filter(pk=lifted.pk).update(expires_at=timezone.now())
    assert replay(car, WORKDAY, reader)["kept"]
    with reader.acting():
        again = lift(car, WORKDAY)
        assert not replay(car, WORKDAY, reader)["kept"]
        privacy.end_lift(reader, again)
    assert replay(car, WORKDAY, reader)["kept"]


def test_what_waits_was_refused_or_withdrawn_opens_nothing(reader, car, held, lift):
    with reader.acting():
        asked = privacy.apply_lift(reader, car, day_from=WORKDAY, day_to=WORKDAY, hours=2, reason="核查")
        assert replay(car, WORKDAY, reader)["kept"]
        privacy.withdraw_lift(reader, asked)
        assert replay(car, WORKDAY, reader)["kept"]
    assert not Entry.objects.filter(code="vehicles.privacy.read").exists()


def test_a_finding_shows_what_it_is_about_and_the_look_is_logged(judge, reader, car, held):
    assert "moved_without_order" in judge.again()
    finding = judge.finding("moved_without_order")
    found = replay(car, WORKDAY, reader, finding=finding.pk)
    assert min(found["points"]["lat"]) < HOME[0] - 0.02  # the evening's drive
    assert max(found["points"]["t"]) < at(WORKDAY, "22:30").timestamp()
    assert Entry.objects.filter(code="vehicles.privacy.read", account_id=7).count() == 1
    elsewhere = replay(car, SATURDAY, reader, finding=finding.pk)
    assert elsewhere["points"]["t"] == []
    assert replay(car, WORKDAY, reader, finding=10**9)["kept"]


def test_holders_before_and_after_count_by_their_dates(reader, car, held):
    ended = holders.close_holder(BOSS, held, reason="调离")
    assert starts(reader) == DUTY, "what was protected stays protected"
    ledger.change(ended, BOSS, {"valid_from": date(2026, 1, 1), "valid_to": WORKDAY + timedelta(days=1)})
    assert starts(reader) == [*DUTY, *ALL[4:]]


def test_office_hours_of_the_organ_count_and_an_unknown_year_is_kept(reader, car, held, world):
    calendar.set_office_hours(
        BOSS, world.organ, opens_at=time(9), closes_at=time(22), valid_from=date(2026, 1, 1), reason="值守单位"
    )
    assert starts(reader) == ALL[:4]
    assert replay(car, WORKDAY, reader)["kept"][-1]["start"] >= at(WORKDAY, "22:00").timestamp()
    for model in (Day, Year, Stamp):
        model.objects.all().delete()
    assert starts(reader) == [] and replay(car, WORKDAY, reader)["points"]["t"] == []


def test_an_organ_can_be_taken_out(reader, car, held, world):
    code = "vehicles.detection.privacy_off_duty"
    reference.override(BOSS, code, False, date(2026, 1, 1), "执法执勤单位", place=world.organ)
    assert starts(reader) == ALL and replay(car, WORKDAY, reader)["kept"] == []


# --- now


@pytest.fixture
def here(judge, car, held, world):
    """The car's latest position is fresh, and it is not within office hours."""
    now = timezone.localtime()
    Latest.objects.create(
        source_id=judge.pair[1], at=now, received_at=now, fix_at=now, lat=round(FAR[0] * 1e6), lon=round(FAR[1] * 1e6),
        speed=400, alarm=0,
    )
    hour = 23 if now.hour < 12 else 0
    calendar.set_office_hours(
        BOSS, world.organ, opens_at=time(hour, 1), closes_at=time(hour, 2), valid_from=date(2026, 1, 1), reason="夜间值守"
    )


def present(reader, car):
    """Everything that tells of the present place, as one text."""
    with reader.acting():
        return json.dumps(
            [tracks.snapshot(reader), tracks.position(car, reader), cockpit._vehicle_areas(reader, "310000001"),
             board.free_positions(reader), [each.at for each in advice.cars_of([car], reader)],],
            default=str,
        )  # fmt: skip


PLACE = str(round(FAR[0], 4))[:6]


def test_where_it_is_now_is_on_no_screen(reader, car, here, past_order):
    assert PLACE not in present(reader, car)
    with reader.acting():
        (row,) = tracks.snapshot(reader)["vehicles"]
    assert row[1:6] == [None, None, None, None, "kept_moving"]
    page = html(Visitor(reader).get(reverse("vehicles.vehicle.detail", args=[car.pk])))
    assert "非工作时间不显示" in page and PLACE not in page
    now = timezone.now()
    past_order(car, now - timedelta(hours=1), now + timedelta(hours=1), state="started", started_at=now)
    assert PLACE in present(reader, car)
    page = html(Visitor(reader).get(reverse("vehicles.vehicle.detail", args=[car.pk])))
    assert "非工作时间不显示" not in page and PLACE in page


def test_now_an_alarm_an_order_or_a_lift_show_the_place(reader, car, here, judge, past_order, lift):
    now = timezone.now()
    Latest.objects.filter(source=judge.pair[1]).update(alarm=1)
    with reader.acting():
        assert tracks.snapshot(reader)["vehicles"][0][5] == "alarm"
    Latest.objects.filter(source=judge.pair[1]).update(alarm=0)
    order = past_order(car, now - timedelta(hours=1), now + timedelta(hours=1), state="started", started_at=now)
    with reader.acting():
        assert tracks.snapshot(reader)["vehicles"][0][5] == "moving"
    type(order).objects.filter(pk=order.pk).update(state="cancelled")
    with reader.acting():
        assert tracks.snapshot(reader)["vehicles"][0][1] is None
    lift(car, timezone.localdate(), hours=1)
    with reader.acting():
        assert tracks.snapshot(reader)["vehicles"][0][1] == pytest.approx(FAR[0], abs=1e-5)
    assert Entry.objects.filter(code="vehicles.privacy.read").count() == 1


def test_trips_are_all_there_still(car):
    assert Trip.objects.count() == len(ALL)
