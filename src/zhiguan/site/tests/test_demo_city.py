"""The demo city as a whole: every part's share, and what only the composition can check."""

from __future__ import annotations

import subprocess
import sys

import psycopg
import pytest
from django.core.management import CommandError, call_command

from zhiguan.kernel.geo.service import district_of
from zhiguan.kernel.orgs.demo.places import DISTRICTS, STREETS
from zhiguan.kernel.orgs.service import create_unit, organs
from zhiguan.site.testing import FILL, _urls


def test_every_office_stands_in_its_district(as_system) -> None:
    from zhiguan.kernel.orgs import demo

    demo.seed("demo")
    found = list(organs().values_list("name", "address", "lat", "lon", "level", "district_code"))
    names = {code: name for code, name, *_ in DISTRICTS}
    codes = district_of([row[2] for row in found], [row[3] for row in found])
    wrong = [row[:4] for row, code in zip(found, codes, strict=True) if not row[1].startswith(names.get(code, "?"))]
    assert not wrong
    assert all(row[5] == code for row, code in zip(found, codes, strict=True) if row[4] == "district")


def test_no_street_lies_so_near_a_border_that_an_office_may_fall_across_it() -> None:
    places = [*STREETS.values(), *((row[0], row[4], row[5]) for row in DISTRICTS)]
    for north in (-0.001, 0.001):
        for east in (-0.0012, 0.0012):
            found = district_of([lat + north for _, lat, _ in places], [lon + east for _, _, lon in places])
            assert [place for place, code in zip(places, found, strict=True) if place[0] != code] == []


def test_the_command_fills_an_empty_installation_once(demo_city, cluster, tmp_path) -> None:
    assert all(f"演示数据 {part}" in demo_city.said for part in ("orgs", "identity", "assets", "housing", "space", "vehicles"))
    urls = _urls(cluster, demo_city.name)
    again = subprocess.run(
        [sys.executable, "-c", FILL], env=demo_city.env(urls, tmp_path / "var"), capture_output=True, text=True, check=True
    )
    assert "orgs" not in again.stdout and "vehicles" not in again.stdout
    with psycopg.connect(urls.superuser) as database:
        assert database.execute("SELECT note FROM orgs_unit WHERE parent_id IS NULL").fetchall() == [("演示数据",)]


def test_real_data_are_never_mixed_with_invented_ones(as_system) -> None:
    create_unit(as_system, parent=None, code="310000", name="上海市", kind="city", record=lambda *args, **more: None)
    with pytest.raises(CommandError):
        call_command("demo_city", size="small")
