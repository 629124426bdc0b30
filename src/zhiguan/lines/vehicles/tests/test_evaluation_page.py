"""效能评价: the table holds the metrics' own values, ranks by direction, exports what it shows, and keeps to the scope."""

from __future__ import annotations

import csv
import io
import re

import pytest
from django.urls import reverse
from openpyxl import load_workbook

from zhiguan.kernel.metrics import service as metrics
from zhiguan.kit.pages import markup
from zhiguan.kit.pages.conformance import Visitor, assert_same_queries, bytes_of, html, queries, without
from zhiguan.kit.pages.guard import working
from zhiguan.lines.vehicles.queries import comparison
from zhiguan.lines.vehicles.queries.comparison import Asked, Row

from .fleet import known_month, vehicle_day
from .life import LIFE


@pytest.fixture
def month(world, rulebook):
    return known_month(world)


@pytest.fixture
def city(world, make_actor):
    return make_actor(LIFE, unit=world.city, name="市级")


@pytest.fixture
def organ(world, make_actor):
    return make_actor(LIFE, unit=world.organ, name="甲局")


def address(**query):
    return {"from": "2026-03", "to": "2026-03", **query}


def page(actor, **query):
    answer = Visitor(actor).get(reverse("vehicles.evaluation"), address(**query))
    assert answer.status_code == 200
    return answer


def compared(actor, month, by, sort):
    with working(actor):
        return comparison.compare(actor, Asked(by, month.start, month.end, sort)).rows


def test_cars_are_ranked_by_direction_and_hold_the_metrics_values(month, city):
    """4, 5.78 and 6.67 yuan a kilometre: the cheapest first; by mileage the longest first."""
    cheap = compared(city, month, "car", "vehicles.km_cost")
    assert [(row.rank, row.key) for row in cheap] == [
        (1, month.electric.plate), (2, month.diesel.plate), (3, month.petrol.plate)
    ]  # fmt: skip
    far = compared(city, month, "car", "vehicles.mileage")
    assert [row.key for row in far] == [month.diesel.plate, month.petrol.plate, month.electric.plate]
    for row in far:
        for code, value in row.values.items():
            assert value == metrics.value(code, city, car=row.key, **month.dims), (row.key, code)


def test_equal_values_share_a_rank_and_none_comes_last():
    class Metric:
        code, direction = "m", "higher"

    rows = [Row(key, key, values={"m": value}) for key, value in (("a", 1), ("b", None), ("c", 2), ("d", 2), ("e", 0))]
    assert [(row.rank, row.key) for row in comparison.ranked(rows, Metric)] == [
        (1, "c"), (1, "d"), (3, "a"), (4, "e"), (None, "b")
    ]  # fmt: skip


@pytest.mark.parametrize("by", ["organ", "kind", "car"])
def test_the_page_is_its_export(month, city, by):
    answer = page(city, by=by, sort="vehicles.km_cost")
    text = html(answer)
    assert markup.faults(text) == []
    rows = compared(city, month, by, "vehicles.km_cost")
    lines = list(
        csv.reader(io.StringIO(bytes_of(page(city, by=by, sort="vehicles.km_cost", _export="csv")).decode("utf-8-sig")))
    )
    assert [line[1] for line in lines[1:]] == [row.label for row in rows]
    assert all(row.label in text for row in rows)
    heads = [re.sub(r"（.*", "", head) for head in lines[0][2:]]
    assert heads == [metric.name for metric in comparison.offered(city)]
    sheet = load_workbook(io.BytesIO(bytes_of(page(city, by=by, sort="vehicles.km_cost", _export="xlsx")))).active
    assert sheet.max_row == len(rows) + 1
    place = 2 + comparison.CODES.index("vehicles.km_cost")
    assert [sheet.cell(n + 2, place + 1).value for n in range(len(rows))] == [
        pytest.approx(row.values["vehicles.km_cost"]) for row in rows
    ]


def test_narrowing_to_an_organ_and_a_kind(month, city, world):
    text = html(page(city, by="car", organ=world.organ.code, kind="other"))
    assert month.electric.plate in text and month.petrol.plate not in text and month.diesel.plate not in text


def test_every_cell_opens_its_rows(month, city):
    text = html(page(city, by="car", sort="vehicles.km_cost"))
    table = text[text.index("<tbody>") : text.index("</tbody>")]
    found = {url.replace("&amp;", "&") for url in re.findall(r'href="(/vehicles/[^"]+)"', table)}
    assert len(found) > 20
    for url in sorted(found):
        assert Visitor(city).get(url).status_code == 200, url


def test_the_scope_holds(month, organ, world):
    text = html(page(organ, by="car"))
    assert month.petrol.plate in text and month.diesel.plate not in text
    assert Visitor(without(organ)).get(reverse("vehicles.evaluation")).status_code == 403
    assert month.diesel.plate not in html(page(organ, by="car", organ=world.other.code))


def test_figures_one_may_not_read_are_left_out(month, world, make_actor):
    dispatcher = make_actor({"vehicles.trip.view": "below"}, unit=world.organ, name="只看行程")
    text = html(page(dispatcher, by="car"))
    assert "车辆使用率" in text and "每公里费用" not in text


@pytest.mark.parametrize("value", ["'; --", "\0", "9" * 400, "2026-13", "𠮷" * 90, "car", "0000-00"])
def test_bad_input_is_left_at_its_default(month, city, value):
    url = reverse("vehicles.evaluation")
    assert (
        Visitor(city).get(url, dict.fromkeys(("from", "to", "by", "sort", "organ", "kind"), value)).status_code == 200
    )


def test_the_trend_is_the_metric_by_month(month, organ):
    with working(organ):
        chart = comparison.trend(organ, Asked("car", month.start, month.end, "vehicles.km_cost"))
    assert (chart["x"][0], chart["x"][-1], len(chart["x"])) == ("2025-04", "2026-03", 12)
    assert chart["series"][0]["data"] == [None] * 11 + [6.0]


def test_more_cars_are_no_more_queries(month, city):
    period = f"by=car&from=2026-03&to=2026-03&organ={month.petrol.unit.code}"
    visitor, url = Visitor(city), f"{reverse('vehicles.evaluation')}?{period}"
    visitor.get(url)
    before = queries(visitor, url)
    for _ in range(3):
        vehicle_day(month.maker.in_service(), 1, 10)
    assert_same_queries(before, queries(visitor, url))
