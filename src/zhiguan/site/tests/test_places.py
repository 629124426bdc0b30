"""The little picture of a district."""

from __future__ import annotations

import re

import pytest
from django.urls import reverse

from zhiguan.kit.pages.conformance import Visitor, html


def test_a_district_a_city_and_a_place_in_it(as_system, make_actor) -> None:
    visitor = Visitor(make_actor({}))

    def picture(code: str, **where: str) -> str:
        answer = visitor.get(reverse("geo.district", args=[code]), where)
        assert (answer.status_code, answer["Content-Type"]) == (200, "image/svg+xml")
        return html(answer)

    assert picture("310000").count("M") > picture("310101").count("M") >= 1
    x, y, width = (
        float(found)
        for found in re.search(
            r'0 0 (?P<w>\d+) .*cx="(?P<x>[\d.]+)" cy="(?P<y>[\d.]+)"', picture("310000", lat="31.23", lon="121.47")
        ).group("x", "y", "w")
    )
    assert 0 < x < width and y > 0
    for bad in ({"lat": "x", "lon": "1"}, {"lat": "nan", "lon": "nan"}, {"lat": "10", "lon": "10"}, {"lat": "31.2"}):
        assert "circle" not in picture("310101", **bad)


@pytest.mark.parametrize("code", ["999999", "00", "3101011", "x"])
def test_an_unknown_code_is_not_found(as_system, make_actor, code) -> None:
    assert Visitor(make_actor({})).get(reverse("geo.district", args=[code])).status_code == 404
