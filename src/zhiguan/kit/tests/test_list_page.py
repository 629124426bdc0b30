"""A list in use: columns, saved views, bulk acts, exports, facets, search, menu."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

from django.http import QueryDict
from openpyxl import load_workbook

from zhiguan.kernel.orgs.models import Unit
from zhiguan.kit.pages import Column, DateRangeFilter, ports
from zhiguan.kit.pages.conformance import Visitor, bytes_of, html
from zhiguan.kit.pages.export import safe_text
from zhiguan.kit.pages.guard import working
from zhiguan.kit.pages.listing import Listing
from zhiguan.kit.pages.menu import menu
from zhiguan.kit.pages.searching import search_condition

from . import sample_pages

URL = "/sample/person/"


def listing(world: SimpleNamespace, query: str = "", **more: Any) -> Listing:
    return Listing(replace(sample_pages.LIST, **more), world.actor, QueryDict(query))


def test_columns_keep_their_choice_and_order(world: SimpleNamespace) -> None:
    world.person(world.home)
    visitor = Visitor(world.actor)
    visitor.post(URL, {"_columns": "1", "_order": ["duty", "name", "code", "nonsense"], "_shown": ["name", "duty"]})
    head = next(csv.reader(io.StringIO(bytes_of(visitor.get(URL, {"_export": "csv"})).decode("utf-8-sig"))))
    assert head == ["职务", "姓名"]
    visitor.post(URL, {"_columns": "name:-1", "_order": ["duty", "name"], "_shown": ["name", "duty"]})
    assert visitor.session["zg.columns"]["sample.person"] == ["name", "duty"]
    visitor.post(URL, {"_columns": "1", "_order": ["name"], "_shown": []})
    assert visitor.messages == ["至少要显示一列。"]
    visitor.post(URL, {"_columns": "reset"})
    assert "sample.person" not in visitor.session["zg.columns"]


def test_a_column_that_asks_for_a_permission_is_hidden_from_others(world: SimpleNamespace) -> None:
    world.person(world.home, phone="63210000")
    assert "63210000" not in html(Visitor(world.actor).get(URL))
    more = {**world.actor.permissions, "sample.person.phone": world.actor.scope(sample_pages.VIEW)}
    seeing = replace(world.actor, permissions=more)
    assert "63210000" in html(Visitor(seeing).get(URL))


def test_saved_views_come_back_as_tabs_and_go(world: SimpleNamespace) -> None:
    visitor = Visitor(world.actor)
    visitor.post(URL, {"_save_view": "1", "_view_name": "在职人员", "_query": "active=True"})
    text = html(visitor.get(URL, {"active": "True"}))
    assert 'href="?active=True" aria-current="page"' in text and "在职人员" in text
    key = visitor.session["zg.views"]["sample.person"][0][0]
    visitor.post(URL, {"_delete_view": key, "_query": "active=True"})
    assert "在职人员" not in html(visitor.get(URL))


def test_bulk_act_asks_then_acts_and_names_what_it_left(world: SimpleNamespace) -> None:
    fit, busy = world.person(world.home), world.person(world.home, duty="不可停用")
    visitor = Visitor(world.actor)
    data = {"_bulk": "retire", "pk": [fit.pk, busy.pk, 10**17], "_query": "q=张"}
    asked = html(visitor.post(URL, data))
    assert "停用所选的 2 人？" in asked and sample_pages.RETIRED == []
    assert visitor.post(URL, {**data, "_confirmed": "1", "reason": " "}).status_code == 422
    answer = visitor.post(URL, {**data, "_confirmed": "1", "reason": "调离", "_token": "t1"})
    assert answer["Location"] == f"{URL}?q=%E5%BC%A0"
    assert [(fit.pk, "调离")] == sample_pages.RETIRED
    assert visitor.messages == [
        "“停用”已办理 1 条。",
        f"1 条未能“停用”，未作改动。{busy.name}：该人员正在借调，不能停用。",
    ]
    visitor.post(URL, {**data, "_confirmed": "1", "reason": "调离", "_token": "t1"})
    assert len(sample_pages.RETIRED) == 1


def test_bulk_act_on_all_that_match_stays_within_the_filter(world: SimpleNamespace) -> None:
    first, _ = world.person(world.home, name="甲"), world.person(world.home, name="乙")
    data = {"_bulk": "retire", "_all": "1", "_query": "q=甲", "_confirmed": "1", "reason": "撤并"}
    Visitor(world.actor).post(URL, data)
    assert [key for key, _ in sample_pages.RETIRED] == [first.pk]


def test_exports_run_no_formula_and_are_recorded(world: SimpleNamespace, monkeypatch: Any) -> None:
    world.person(world.home, name="=1+1", duty="+86\x07")
    noted: list[Any] = []
    kept = ports.ports()
    record = lambda actor, page, count, kind: noted.append((actor.name, page.code, count, kind))  # noqa: E731
    monkeypatch.setattr(ports, "_installed", replace(kept, on_export=record))
    visitor = Visitor(world.actor)
    sheet = load_workbook(io.BytesIO(bytes_of(visitor.get(URL, {"_export": "xlsx"})))).active
    assert sheet is not None and (sheet["A2"].value, sheet["A2"].data_type) == ("=1+1", "s")
    text = bytes_of(visitor.get(URL, {"_export": "csv"})).decode("utf-8-sig")
    assert "'=1+1" in text
    assert noted == [("测试人员", "sample.person", 1, "xlsx"), ("测试人员", "sample.person", 1, "csv")]
    assert [safe_text(value) for value in ("-3", "@x", "正常")] == ["'-3", "'@x", "正常"]


def test_facets_count_the_other_filters_only(world: SimpleNamespace) -> None:
    for active in (True, True, False):
        world.person(world.home, active=active)
    with working(world.actor):
        found = listing(world, "active=False")
        found.count_facets()
    counts = {option.title: option.count for option in found.applied[0].options}
    assert (counts, found.count) == ({"在职": 2, "离职": 1}, 1)


def test_counts_stop_at_the_cap_and_pages_with_them(world: SimpleNamespace) -> None:
    for _ in range(5):
        world.person(world.home)
    with working(world.actor):
        found = listing(world, "page=99", count_cap=3, page_size=2)
        assert (found.total_text, found.pages, found.number) == ("3+", 2, 2)
        assert listing(world, "", count_cap=5).total_text == "5"


def test_a_list_asked_for_a_period_is_in_its_order(world: SimpleNamespace) -> None:
    for unit, day in ((world.home, "2020-01-01"), (world.away, "2021-01-01")):
        Unit.objects.filter(pk=unit.pk).update(valid_from=day)
    units = {
        "rows": lambda actor: Unit.objects.filter(kind="organ"), "columns": (Column("code", "编码", sortable=True),),
        "search": (), "filters": (DateRangeFilter("valid_from", "成立"),), "default_sort": "code",
    }  # fmt: skip

    def codes(query: str, **more: Any) -> list[str]:
        return [unit.code for unit in listing(world, query, **{**units, **more}).shown]

    assert codes("") == ["A01", "A02"]
    assert codes("valid_from_from=2019-01-01") == ["A02", "A01"]
    assert codes("valid_from_from=2019-01-01&sort=code") == ["A01", "A02"]
    assert codes("valid_from_from=2019-01-01", default_sort="valid_from") == ["A01", "A02"]


def test_only_what_the_columns_read_is_loaded(world: SimpleNamespace, django_assert_num_queries: Any) -> None:
    world.person(world.home)
    with working(world.actor):
        found = listing(world)
        with django_assert_num_queries(2):  # the count, and the rows with what they join
            row = found.shown[0]
            assert [column.cell(row).text for column in found.columns][:3] == [row.name, row.code, "上海市财政局"]
        assert "pinyin" in row.get_deferred_fields() and "name" not in row.get_deferred_fields()


def test_prefix_search_understands_case_and_the_last_code_point(world: SimpleNamespace) -> None:
    person = world.person(world.home, code="HA\U0010ffff9", initials="zxw")
    with working(world.actor):
        for text in ("ha", "HA", "ZXW", "zx HA"):
            assert world.Person.objects.filter(search_condition(("^code", "^initials"), text)).get() == person, text


def test_search_finds_across_pages_within_scope(world: SimpleNamespace) -> None:
    mine, _ = world.person(world.home, name="欧阳甲"), world.person(world.away, name="欧阳乙")
    visitor = Visitor(world.actor)
    text = html(visitor.get("/search", {"q": "欧阳"}))
    assert f"/sample/person/{mine.pk}/" in text and "欧阳乙" not in text
    items = visitor.get("/search", {"q": "欧阳"}, Accept="application/json")
    assert f'"url": "/sample/person/{mine.pk}/"' in items.content.decode()  # type: ignore[attr-defined]
    assert Visitor(None).get("/search").status_code == 302


def test_menu_shows_what_may_be_opened_and_where_one_is(world: SimpleNamespace) -> None:
    group = next(group for group in menu(world.actor, "/sample/person/7/") if group.code == "sample")
    assert [(entry.title, entry.active) for entry in group.items] == [("人员名册", True)]
    assert menu(None) == [] and not [g for g in menu(replace(world.actor, permissions={})) if g.code == "sample"]
