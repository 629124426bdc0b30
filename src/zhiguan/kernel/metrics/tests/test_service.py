"""Values under the reader's scope, groups that sum up, refusals of what cannot be asked, addresses of rows."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from django.urls import reverse

from zhiguan.kernel.metrics import cli, service
from zhiguan.kernel.metrics.declare import Group, Metric, MetricQuery
from zhiguan.kernel.metrics.grouping import by_unit, ratio
from zhiguan.kit.actor import Scope
from zhiguan.kit.errors import Denied, Invalid, NotFound
from zhiguan.kit.pages.conformance import Visitor, html
from zhiguan.kit.pages.markup import faults

from .conftest import PEOPLE, declare

CODE = "orgs.people"


def test_the_value_is_within_the_readers_scope(world, make_actor):
    assert service.value(CODE, world.mayor) == 17
    assert service.value(CODE, world.head) == 6
    assert service.value(CODE, world.head, organ="310000002") == 0
    others = world.other.pos, world.other.pos_end
    two = make_actor({"orgs.person.view": world.head.scope("orgs.person.view") | Scope((others,))}, unit=world.city)
    assert service.value(CODE, two) == 10


def test_without_the_permission_nothing_is_told(world):
    for ask in (service.value, service.read, service.rows_url, lambda *a: service.series(*a, "organ")):
        with pytest.raises(Denied):
            ask(CODE, world.nobody)
    assert CODE not in [metric.code for metric in service.catalogue(world.nobody)]
    assert CODE in [metric.code for metric in service.catalogue(world.head)]


@pytest.mark.parametrize(
    ("dims", "value"),
    [
        ({"organ": "310000001"}, 6), ({"organ": "310101001"}, 5), ({"district": "310101"}, 6),
        ({"district": "municipal"}, 10), ({"district": "310101", "organ": "310101001"}, 5),
        ({"district": "310101", "organ": "310000001"}, 0), ({"duty": "科员"}, 6), ({"duty": ""}, 17),
        ({"duty": "科员", "organ": "310000001"}, 2),
    ],
)  # fmt: skip
def test_dimensions_narrow(world, dims, value):
    assert service.value(CODE, world.mayor, **dims) == value


@pytest.mark.parametrize("dimension", ["organ", "district", "duty"])
@pytest.mark.parametrize("who", ["mayor", "head"])
def test_groups_sum_up_to_the_whole_and_each_is_its_own_value(world, dimension, who):
    actor = getattr(world, who)
    groups = service.series(CODE, actor, dimension)
    assert sum(group.value for group in groups) == service.value(CODE, actor)
    for group in groups:
        if group.key:
            assert service.value(CODE, actor, **{dimension: group.key}) == group.value
            assert group.url == service.rows_url(CODE, actor, **{dimension: group.key})
        else:
            assert group.url == ""


def test_groups_carry_names_in_the_order_of_the_tree(world):
    found = [(group.key, group.label, group.value) for group in service.series(CODE, world.mayor, "organ")]
    assert found == [
        ("310000001", "市甲局", 6), ("310000002", "市乙局", 4), ("310101001", "区丙局", 5), ("", "未归属单位", 2),
    ]  # fmt: skip
    found = [(group.key, group.label, group.value) for group in service.series(CODE, world.mayor, "district")]
    assert found == [("municipal", "市级", 10), ("310101", "黄浦区", 6), ("", "未归属单位", 1)]
    assert {group.label for group in service.series(CODE, world.mayor, "duty")} == {"主任（正职）", "科员"}


def test_groups_keep_the_other_conditions(world):
    groups = service.series(CODE, world.mayor, "organ", duty="科员", district="310101")
    total = service.value(CODE, world.mayor, duty="科员", district="310101")
    assert groups and sum(group.value for group in groups) == total < 6
    for group in groups:
        assert not group.key or "duty=" in group.url


def test_addresses_name_the_units(world):
    assert service.rows_url(CODE, world.mayor) == "/people/"
    assert service.rows_url(CODE, world.mayor, organ="310000001") == f"/people/?unit={world.organ.pk}"
    both = service.rows_url(CODE, world.mayor, district="municipal")
    assert both == f"/people/?unit={world.organ.pk}&unit={world.other.pk}"
    assert service.rows_url(CODE, world.head, district="municipal") == f"/people/?unit={world.organ.pk}"
    assert service.rows_url(CODE, world.head, organ="310000002") == ""  # a list would show everything instead
    inside = service.rows_url(CODE, world.mayor, district="310101", organ="310101001")
    assert inside == f"/people/?unit={world.bureau.pk}"


@pytest.mark.parametrize(
    "dims",
    [
        {"color": "red"}, {"organ": "nowhere"}, {"organ": "310101"}, {"district": "310000001"}, {"duty": "厅长"},
        {"start": "2026-01-01"}, {"organ": "x\0"}, {"organ": "9" * 500},
    ],
)  # fmt: skip
def test_what_cannot_be_asked_is_refused(world, dims):
    for ask in (service.value, lambda *a, **d: service.series(*a, "organ", **d)):
        with pytest.raises(Invalid):
            ask(CODE, world.mayor, **dims)


def test_unknown_metrics_and_groupings_are_refused(world):
    with pytest.raises(NotFound):
        service.value("orgs.nothing", world.mayor)
    with pytest.raises(Invalid, match="维度"):
        service.series(CODE, world.mayor, "color")


# --- time -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def asked(monkeypatch):
    """The queries that a timed metric is asked."""
    queries: list[MetricQuery] = []

    def compute(query: MetricQuery):
        queries.append(query)
        return [Group("2026-02", "2026-02", 1)] if query.group_by else 1

    timed = replace(
        PEOPLE, code="orgs.timed", dimensions=("month", "day"), compute=compute, choices={}, dimension_names={},
        rows=lambda query: query.address("/rows/", period="at"),
    )  # fmt: skip
    declare(monkeypatch, timed)
    return queries


@pytest.mark.parametrize(
    ("dims", "start", "end"),
    [
        ({"month": "2024-02"}, date(2024, 2, 1), date(2024, 2, 29)),
        ({"month": "2026-12"}, date(2026, 12, 1), date(2026, 12, 31)),
        ({"day": "2026-03-02"}, date(2026, 3, 2), date(2026, 3, 2)),
        ({"start": "2026-01-15", "month": "2026-01"}, date(2026, 1, 15), date(2026, 1, 31)),
        ({"start": date(2026, 1, 15), "end": "2026-02-03"}, date(2026, 1, 15), date(2026, 2, 3)),
        ({"month": "2026-01", "day": "2026-02-01"}, date(2026, 2, 1), date(2026, 1, 31)),
        ({}, None, None),
    ],
)
def test_periods(world, asked, dims, start, end):
    service.value("orgs.timed", world.mayor, **dims)
    assert (asked[-1].start, asked[-1].end) == (start, end)


def test_moments_of_a_period_are_local_days(world, asked):
    reading = service.read("orgs.timed", world.mayor, start="2026-03-01", end="2026-03-01")
    assert asked[-1].start_at == datetime(2026, 2, 28, 16, tzinfo=UTC)
    assert asked[-1].end_at == datetime(2026, 3, 1, 16, tzinfo=UTC)
    assert reading.url == "/rows/?at_from=2026-03-01&at_to=2026-03-01"


def test_groups_of_time_lead_to_their_own_days(world, asked):
    group = service.series("orgs.timed", world.mayor, "month", start="2026-02-10")[0]
    assert group.url == "/rows/?at_from=2026-02-10&at_to=2026-02-28"


@pytest.mark.parametrize("dims", [{"day": "2026-02-30"}, {"month": "2026-13"}, {"start": "x"}, {"month": "9999-12"}])
def test_bad_dates_are_refused(world, asked, dims):
    with pytest.raises(Invalid):
        service.value("orgs.timed", world.mayor, **dims)


# --- parts ------------------------------------------------------------------------------------------------------------


def test_shares_are_divided_not_added(world):
    parts, wholes = [Group("a", "甲", 1)], [Group("a", "甲", 4), Group("b", "乙", 2), Group("c", "丙", 0)]
    assert [group.value for group in ratio(parts, wholes)] == [0.25, 0.0, None]


def test_sums_keep_money_exact(world):
    pos = world.organ.pos
    groups = by_unit("organ", [(pos, Decimal("0.1")), (pos, Decimal("0.2")), (pos, None), (world.other.pos, None)])
    assert [group.value for group in groups] == [Decimal("0.3"), None]


@pytest.mark.parametrize(
    "change",
    [
        {"direction": "up"}, {"permission": ""}, {"formula": ""}, {"dimensions": ("organ", "colour")},
        {"choices": {"kind": {}}}, {"kind": "x"},
        {"dimensions": ("start",), "dimension_names": {"start": "起"}, "choices": {}},
    ],
)  # fmt: skip
def test_bad_declarations_are_refused(change):
    with pytest.raises(ValueError, match="Metric"):
        replace(PEOPLE, **change)


@pytest.mark.parametrize(
    ("change", "number", "text"),
    [
        ({}, 12345, "12,345 人"), ({}, None, "—"), ({"kind": "percent"}, 0.876, "87.6%"),
        ({"kind": "money", "unit": "元"}, Decimal("1234.5"), "1,234.50 元"),
    ],
)  # fmt: skip
def test_texts(change, number, text):
    assert service.text(replace(PEOPLE, **change), number) == text


# --- pages and command ------------------------------------------------------------------------------------------------


def test_the_page_shows_the_seams_own_numbers(world):
    visitor = Visitor(world.mayor)
    url = reverse("metrics.metric", kwargs={"code": CODE})
    for query in ({}, {"organ": "310000001"}, {"by": "district"}, {"by": "duty", "district": "310101"}):
        text = html(visitor.get(url, query))
        dims = {name: value for name, value in query.items() if name != "by"}
        assert faults(text) == []
        reading = service.read(CODE, world.mayor, **dims)
        assert f'<a href="{reading.url.replace("&", "&amp;")}"' in text and f">{reading.text}</a>" in text
        for group in service.series(CODE, world.mayor, query.get("by", "organ"), **dims):
            number = service.text(PEOPLE, group.value)
            wanted = f'<a href="{group.url.replace("&", "&amp;")}">{number}</a>' if group.url else f">{number}</td>"
            assert wanted in text


def test_pages_refuse_and_survive(world):
    url = reverse("metrics.metric", kwargs={"code": CODE})
    assert Visitor(world.nobody).get(url).status_code == 403
    assert Visitor(world.mayor).get(reverse("metrics.metric", kwargs={"code": "x.y"})).status_code == 404
    assert Visitor(None).get(url).status_code == 302
    for bad in ({"organ": "nowhere"}, {"by": "x"}, {"duty": "\0"}, {"start": "x"}, {"by": "\0"}):
        assert Visitor(world.mayor).get(url, bad).status_code == 200
    assert "已忽略" in html(Visitor(world.mayor).get(url, {"organ": "nowhere"}))


def test_the_catalogue_lists_what_one_may_read(world):
    text = html(Visitor(world.mayor).get(reverse("metrics.catalogue")))
    assert "在册人数" in text and "测试办法第一条" in text and faults(text) == []
    text = html(Visitor(world.nobody).get(reverse("metrics.catalogue")))
    assert "在册人数" not in text
    found, none = (html(Visitor(world.mayor).get(reverse("metrics.catalogue"), {"q": q})) for q in ("在册人", "没有这样的指标"))
    assert "在册人数" in found and "在册人数" not in none and "没有找到指标" in none


def test_every_declared_metric_answers_alone_and_by_each_dimension(world):
    from zhiguan.kit import registry
    from zhiguan.kit.actor import system

    job = system("tests")
    for metric in registry.current().all(Metric):
        total = service.read(metric.code, job)
        assert total.url.startswith("/"), metric.code
        for dimension in metric.dimensions:
            groups = service.series(metric.code, job, dimension)
            if metric.additive:
                assert sum(group.value or 0 for group in groups) == (total.value or 0), (metric.code, dimension)


def test_the_command(world, capsys):
    assert cli.main(["get", CODE, "--dim", "organ=310000001", "--by", "duty", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert (answer["value"], answer["unit"], answer["dims"]) == (6, "人", {"organ": "310000001"})
    assert {group["key"]: group["value"] for group in answer["groups"]} == {"主任": 4, "科员": 2}
    assert cli.main(["get", CODE]) == 0 and capsys.readouterr().out == "在册人数：17 人\n"
    assert cli.main(["list", "--json"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert CODE in [line["code"] for line in lines]


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["orgs.nothing"], "metric_not_found"), ([CODE, "--dim", "x=1"], "unknown_dimension"),
        ([CODE, "--dim", "actor=1"], "unknown_dimension"), ([CODE, "--by", "x"], "unknown_dimension"),
        ([CODE, "--as", "nobody-there"], "account_not_found"),
    ],
)  # fmt: skip
def test_the_command_refuses_with_a_reason(world, capsys, words, code):
    assert cli.main(["get", *words, "--json"]) == 1
    captured = capsys.readouterr()
    assert captured.out == "" and json.loads(captured.err)["error"] == code


def test_the_command_acts_as_a_named_account(world, capsys):
    from zhiguan.kernel.identity.models import Account

    Account.objects.create(username="somebody", is_active=True)
    assert cli.main(["get", CODE, "--as", "somebody", "--json"]) == 1
    assert json.loads(capsys.readouterr().err)["error"] == "permission_missing"
    with pytest.raises(SystemExit) as usage:
        cli.main(["get", CODE, "--dim", "nonsense"])
    assert usage.value.code == 2
