"""Sensitive places, permitted areas and holders: verbs, shapes without a clear inside, dates, races, imports."""

from __future__ import annotations

import json
from datetime import date

import pytest
from django.urls import reverse
from django.utils import timezone

from zhiguan.kit.actor import system
from zhiguan.kit.errors import Conflict, Denied, Invalid
from zhiguan.kit.pages.conformance import (
    Case,
    DetailPageConformance,
    FormPageConformance,
    ImportPageConformance,
    ListPageConformance,
    Visitor,
    html,
)
from zhiguan.lines.vehicles import pages
from zhiguan.lines.vehicles.domain import holders, places, register
from zhiguan.lines.vehicles.models import PermittedArea, SensitivePlace

from .conftest import PERMISSIONS, make_unit
from .test_api import account_with, caller
from .test_pages import Maker

BOSS = system("tests")
SQUARE = [[121.4, 31.2], [121.5, 31.2], [121.5, 31.3], [121.4, 31.3], [121.4, 31.2]]
HOLE = [[121.44, 31.24], [121.46, 31.24], [121.46, 31.26], [121.44, 31.26], [121.44, 31.24]]
CIRCLE = {"type": "Circle", "center": [121.47, 31.23], "radius_m": 150}
MORE = ("vehicles.holder.view", "vehicles.holder.manage")


def polygon(*rings) -> dict:
    return {"type": "Polygon", "coordinates": list(rings)}


@pytest.fixture
def keeper(world, make_actor):
    return make_actor(PERMISSIONS | dict.fromkeys(MORE, "below"), unit=world.organ, account=7, name="甲局保管人")


@pytest.fixture
def districts(world):
    """Two districts of the city: sensitive places are kept by districts and the city."""
    return [make_unit(world.city, n, f"31000{n}", f"某{n}区", "district") for n in (5, 6)]


@pytest.fixture
def warden(districts, make_actor):
    return make_actor(PERMISSIONS, unit=districts[0], name="区保管人")


def sensitive(unit, **values):
    return places.add_sensitive(BOSS, **{"unit": unit, "kind": "school", "name": "某中学", "fence": CIRCLE, **values})


# --- shapes

REFUSED = [
    (polygon([[121.4, 31.2], [121.5, 31.3], [121.5, 31.2], [121.4, 31.3], [121.4, 31.2]]), "自相交"),
    (polygon([[179.9, 31.2], [-179.9, 31.2], [-179.9, 31.3], [179.9, 31.3], [179.9, 31.2]]), "180°"),
    (polygon([]), "点太少"),
    (polygon(), "没有坐标"),
    ({}, "不支持的围栏类型"),
    ("何处", "格式不对"),
    (polygon([[121.4, 31.2], [121.5, 31.2], [121.6, 31.2], [121.4, 31.2]]), "面积为零"),
    (polygon([[121.4, 91.2], [121.5, 31.2], [121.5, 31.3], [121.4, 91.2]]), "超出范围"),
    (polygon([[31.2, 121.4], [31.2, 121.5], [31.3, 121.5], [31.2, 121.4]]), "写反"),
    (polygon(SQUARE[:-1]), "没有闭合"),
    (polygon(SQUARE, [[122.0, 31.24], [122.1, 31.24], [122.1, 31.26], [122.0, 31.24]]), "外边界之外"),
    ({"type": "Circle", "center": [179.999, 31.2], "radius_m": 5_000}, "180°"),
    ({"type": "Circle", "center": [121.4, 31.2], "radius_m": 0}, "半径不对"),
]


@pytest.mark.parametrize(("fence", "reason"), REFUSED)
@pytest.mark.parametrize("kind", ["sensitive", "permitted"])
def test_a_shape_without_a_clear_inside_is_refused_in_words(world, kind, fence, reason):
    with pytest.raises(Invalid) as refused:
        if kind == "sensitive":
            sensitive(world.city, fence=fence)
        else:
            places.add_permitted(BOSS, unit=world.organ, name="市区", fence=fence, valid_from=date(2026, 1, 1))
    assert reason in refused.value.fields["fence"]
    assert not SensitivePlace.objects.exists() and not PermittedArea.objects.exists()


def test_holes_stay_and_a_ring_has_its_middle_inside(world):
    area = places.add_permitted(
        BOSS, unit=world.organ, name="市区", fence=polygon(SQUARE, HOLE), valid_from=date(2026, 1, 1)
    )
    assert len(area.geofence.holes) == 1
    ring = sensitive(world.city, fence=polygon(SQUARE, HOLE))
    middle = HOLE[0][1] < ring.lat < HOLE[2][1] and HOLE[0][0] < ring.lon < HOLE[2][0]
    assert len(ring.geofence.holes) == 1 and not middle


def test_a_circle_needs_no_polygon_and_foreign_coordinates_are_turned(world):
    place = sensitive(world.city)
    assert (place.fence, place.radius_m, place.lat, place.lon) == (None, 150, 31.23, 121.47)
    turned = sensitive(world.city, name="另一所", datum="gcj02")
    assert 300 < abs(turned.lon - 121.47) * 95_000 < 700  # some 450 m to the west
    polygonal = places.edit_sensitive(BOSS, place, fence=polygon(SQUARE))
    assert polygonal.fence["type"] == "Polygon"
    back = places.edit_sensitive(BOSS, polygonal, fence=CIRCLE)
    assert back.fence is None and back.radius_m == 150


# --- verbs


def test_sensitive_places_are_kept_by_city_and_districts_once(world, keeper, warden, districts):
    with keeper.acting(), pytest.raises(Invalid, match="市级或区级"):
        places.add_sensitive(keeper, unit=world.organ, kind="school", name="某中学", fence=CIRCLE)
    with warden.acting():
        place = places.add_sensitive(warden, unit=districts[0], kind="school", name="某中学", fence=CIRCLE)
        with pytest.raises(Denied):
            places.add_sensitive(warden, unit=districts[1], kind="school", name="另一所", fence=CIRCLE)
        with pytest.raises(Conflict):
            places.add_sensitive(warden, unit=districts[0], kind="school", name="某中学", fence=CIRCLE)
        with pytest.raises(Invalid):
            places.close_sensitive(warden, place, reason=" ")
        closed = places.close_sensitive(warden, place, reason="已迁址")
        with pytest.raises(Conflict):
            places.close_sensitive(warden, closed, reason="再次")
        assert places.reopen_sensitive(warden, closed).state == "active"
    with pytest.raises(Denied):
        places.close_sensitive(keeper, place, reason="不归我管")


def test_an_area_of_one_car_is_its_units_and_ends_after_it_begins(world, keeper, make_vehicle):
    car, foreign = make_vehicle(), make_vehicle("沪B00001", world.other)
    values = {"unit": world.organ, "name": "市区", "fence": polygon(SQUARE), "valid_from": date(2026, 1, 1)}
    with pytest.raises(Invalid, match="不属于"):
        places.add_permitted(keeper, **values, vehicle=foreign)
    with pytest.raises(Invalid, match="晚于"):
        places.add_permitted(keeper, **values, valid_to=date(2026, 1, 1))
    area = places.add_permitted(keeper, **values, vehicle=car)
    with pytest.raises(Invalid):
        places.edit_permitted(keeper, area, valid_to=date(2025, 12, 31))
    closed = places.close_permitted(keeper, area, reason="重划")
    assert places.reopen_permitted(keeper, closed).state == "active"


def held(car, person, **values):
    return holders.add_holder(
        BOSS, **{"vehicle": car, "person": person, "holding": "driver", "valid_from": date(2026, 1, 1), **values}
    )


def test_a_car_is_assigned_to_one_person_at_a_time_with_an_approval(world, make_vehicle):
    car, first, second = make_vehicle(), world.people["申请人"], world.people["驾驶员"]
    with pytest.raises(Invalid, match="批准文号"):
        held(car, first, holding="assigned")
    assigned = held(car, first, holding="assigned", document_no="机管〔2026〕1 号", valid_to=date(2026, 7, 1))
    with pytest.raises(Conflict, match="配备给其他人员"):
        held(car, second, holding="assigned", document_no="机管〔2026〕2 号", valid_from=date(2026, 6, 30))
    after = held(car, second, holding="assigned", document_no="机管〔2026〕2 号", valid_from=date(2026, 7, 1))
    with pytest.raises(Conflict):
        holders.edit_holder(BOSS, assigned, valid_to=date(2026, 7, 2))
    assert held(car, second, holding="driver", valid_to=date(2026, 2, 1)).state == "active"
    with pytest.raises(Conflict, match="该人员"):
        held(car, second, valid_from=date(2026, 8, 1))
    closed = holders.close_holder(BOSS, after, reason="调离")
    assert closed.valid_to == max(timezone.localdate(), date(2026, 7, 2)) or closed.valid_to >= closed.valid_from
    assert holders.reopen_holder(BOSS, closed).valid_to is None


def test_holders_are_their_vehicles_and_follow_it(world, keeper, make_vehicle, make_actor):
    car = make_vehicle()
    holder = held(car, world.people["申请人"])
    stranger = make_actor(PERMISSIONS | dict.fromkeys(MORE, "below"), unit=world.other)
    with pytest.raises(Denied):
        holders.close_holder(stranger, holder, reason="不归我管")
    everywhere = make_actor(PERMISSIONS | dict.fromkeys(MORE, "city"), unit=world.city)
    register.edit(everywhere, car, unit=world.other)
    holder.refresh_from_db()
    assert (holder.unit, holder.scope_pos) == (world.other, world.other.pos)


# --- pages


class _Sensitive:
    @pytest.fixture
    def case(self, world, warden, districts):
        numbers = iter(range(1000))

        def make(unit=districts[0]):
            return sensitive(unit, name=f"某中学{next(numbers):03}")

        def values(row):
            return {"kind": "leisure", "name": "某会所", "unit": districts[0].pk, "fence": '{"type":"Circle",'
                    '"center":[121.47,31.23],"radius_m":90}', "datum": "wgs84"}  # fmt: skip

        return Case(
            warden, make, lambda: make(districts[1]), text=lambda row: row.name, values=values,
            count=SensitivePlace.objects.count,
            import_rows=[{"场所类别": "学校、幼儿园", "名称": f"小学{n}", "登记单位": "某5区", "经度": 121.4 + n / 100, "纬度": 31.2}
                         for n in range(3)],
            bad_row={"场所类别": "学校、幼儿园", "名称": "别区小学", "登记单位": "某6区", "经度": 121.4, "纬度": 31.2},
            english=("GeoJSON", "WGS84", "GCJ-02"),
        )  # fmt: skip


class TestSensitives(_Sensitive, ListPageConformance):
    page = pages.SENSITIVES


class TestSensitive(_Sensitive, DetailPageConformance):
    page = pages.SENSITIVE


class TestSensitiveNew(_Sensitive, FormPageConformance):
    page = pages.SENSITIVE_NEW


class TestSensitiveEdit(_Sensitive, FormPageConformance):
    page = pages.SENSITIVE_EDIT


class TestSensitiveImport(_Sensitive, ImportPageConformance):
    page = pages.SENSITIVE_IMPORT


class _Permitted:
    @pytest.fixture
    def case(self, world, keeper):
        numbers = iter(range(1000))

        def make(unit=world.organ):
            return places.add_permitted(
                BOSS, unit=unit, name=f"区域{next(numbers):03}", fence=polygon(SQUARE, HOLE), valid_from=date(2026, 1, 1)
            )

        def values(row):
            ring = '[[121.4,31.2],[121.5,31.2],[121.5,31.3],[121.4,31.2]]'
            return {"name": "市区", "unit": world.organ.pk, "valid_from": "2026-01-01",
                    "fence": f'{{"type":"Polygon","coordinates":[{ring}]}}', "datum": "wgs84"}  # fmt: skip

        return Case(keeper, make, lambda: make(world.other), text=lambda row: row.name, values=values,
                    english=("GeoJSON", "WGS84", "GCJ-02"))  # fmt: skip


class TestPermitteds(_Permitted, ListPageConformance):
    page = pages.PERMITTEDS


class TestPermitted(_Permitted, DetailPageConformance):
    page = pages.PERMITTED


class TestPermittedNew(_Permitted, FormPageConformance):
    page = pages.PERMITTED_NEW


class TestPermittedEdit(_Permitted, FormPageConformance):
    page = pages.PERMITTED_EDIT


class _Holders:
    @pytest.fixture
    def case(self, world, keeper):
        mine, others = Maker(world.organ, None), Maker(world.other, None)

        def make(maker=mine, person="申请人"):
            return held(maker.vehicle(), world.people[person])

        def values(row):
            return {"vehicle": mine.vehicle().pk, "person": "P2", "holding": "driver", "valid_from": "2026-02-01"}

        return Case(keeper, make, lambda: make(others, "外单位"), text=lambda row: row.vehicle.plate, values=values)


class TestHolders(_Holders, ListPageConformance):
    page = pages.HOLDERS


class TestHolder(_Holders, DetailPageConformance):
    page = pages.HOLDER


class TestHolderNew(_Holders, FormPageConformance):
    page = pages.HOLDER_NEW


class TestHolderEdit(_Holders, FormPageConformance):
    page = pages.HOLDER_EDIT


def test_the_file_says_what_is_wrong_in_each_row(world, warden, districts):
    from zhiguan.kit.importing.declare import ImportRow
    from zhiguan.lines.vehicles.importers import PLACE_IMPORT

    sensitive(districts[0], name="旧校", fence={"type": "Circle", "center": [121.4, 31.2], "radius_m": 100})
    common = {"kind": "school", "unit": "某5区", "address": "", "radius_m": 100, "datum": "wgs84", "corners": None,
              "lat": 31.2, "lon": 121.4}  # fmt: skip
    cross = [[121.4, 31.2], [121.5, 31.3], [121.5, 31.2], [121.4, 31.3], [121.4, 31.2]]
    bad = [{"name": "旧校"}, {"name": "新校"}, {"name": "新校"}, {"name": "无点", "lat": None, "lon": None},
           {"name": "别处", "unit": "某6区"}, {"name": "没有", "unit": "某9区"}, {"name": "相交", "corners": cross}]  # fmt: skip
    rows = [ImportRow(n, {**common, **row}) for n, row in enumerate(bad, 2)]
    with warden.acting():
        found = {problem.row: problem.message for problem in PLACE_IMPORT.check(rows, warden)}
    assert set(found) == {2, 4, 5, 6, 7, 8}
    words = {2: "已登记", 4: "第 3 行", 5: "至少填写", 6: "权限范围", 7: "没有这个", 8: "自相交"}
    assert all(words[row] in message for row, message in found.items()), found



def test_the_vehicles_page_lists_its_holders_and_areas_and_columns_may_be_left_out(world, keeper, make_vehicle):
    car = make_vehicle()
    held(car, world.people["申请人"])
    places.add_permitted(
        BOSS, unit=world.organ, vehicle=car, name="本车区域", fence=polygon(SQUARE), valid_from=date(2026, 1, 1)
    )
    visitor = Visitor(keeper)
    page = html(visitor.get(reverse("vehicles.vehicle.detail", args=[car.pk]), {"tab": "使用人与区域"}))
    assert "申请人" in page and "本车区域" in page
    for name, column in (("vehicles.vehicleholder", "person.name"), ("vehicles.permittedarea", "name")):
        assert visitor.get(reverse(name), {"cols": column}).status_code == 200


def test_programs_draw_areas_too(world):
    """The fence is GeoJSON as text; what has no clear inside is refused at its member."""
    api = caller(account_with("warden", world.organ, PERMISSIONS), PERMISSIONS)
    body = {"name": "市区", "unit": world.organ.pk, "valid_from": "2026-01-01", "fence": json.dumps(polygon(SQUARE, HOLE))}
    made = api("POST", "/api/v1/vehicles/permittedarea", body)
    assert made.status_code == 201, made.content.decode()
    area = PermittedArea.objects.get()
    assert len(area.geofence.holes) == 1 and area.name == "市区"
    crossing = polygon([[121.4, 31.2], [121.5, 31.3], [121.5, 31.2], [121.4, 31.3], [121.4, 31.2]])
    refused = api("POST", "/api/v1/vehicles/permittedarea", body | {"fence": json.dumps(crossing)})
    assert refused.status_code == 422 and "自相交" in refused.content.decode()
    shown = api("GET", f"/api/v1/vehicles/permittedarea/{area.pk}").json()
    assert shown["name"] == "市区"
