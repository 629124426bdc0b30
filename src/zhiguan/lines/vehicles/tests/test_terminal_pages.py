"""Pages of terminals: what every page inherits; shapes that terminals cannot hold; cards found and not found."""

from __future__ import annotations

import json
import math
from datetime import UTC, date, datetime, timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from zhiguan.kernel.identity.models import Account
from zhiguan.kernel.telemetry import service as telemetry
from zhiguan.kernel.telemetry.jt808 import encode, multimedia
from zhiguan.kit.actor import system
from zhiguan.kit.errors import Conflict, Denied, Invalid
from zhiguan.kit.pages.conformance import (
    Case,
    DetailPageConformance,
    FormPageConformance,
    ListPageConformance,
    Visitor,
)
from zhiguan.lines.vehicles import pages
from zhiguan.lines.vehicles.demo.picture import scene
from zhiguan.lines.vehicles.domain import register, terminal_areas, terminals, uplinks
from zhiguan.lines.vehicles.models import DriverSignIn, Terminal, TerminalHealth, TerminalMedia
from zhiguan.lines.vehicles.pages.terminals import masked, message_row
from zhiguan.lines.vehicles.queries import devices

from .conftest import PERMISSIONS
from .test_pages import Maker, mine, others  # noqa: F401 -- fixtures

BOSS = system("tests")
ALL = PERMISSIONS
SQUARE = {
    "type": "Polygon",
    "coordinates": [[[121.4, 31.2], [121.5, 31.2], [121.5, 31.3], [121.4, 31.3], [121.4, 31.2]]],
}


@pytest.fixture
def keeper(world, make_actor):
    return make_actor(ALL, unit=world.organ, name="终端管理员")


def an_area(maker: Maker):
    return terminal_areas.add_area(
        BOSS, name=f"区域{maker.number()}", unit=maker.unit, geometry=SQUARE, max_speed_kmh=60
    )


def a_command(maker: Maker):
    return terminals.query_location(BOSS, maker.terminal())


def kept(source: int, msg_id: int, body: bytes) -> telemetry.Kept:
    """A message as the gateway keeps it."""
    return telemetry.Kept(next(_keys), source, timezone.now(), "message", msg_id, body, 2019)


_keys = iter(range(1, 10_000))


def a_card(maker: Maker, name: str = "", **values):
    terminal = maker.terminal()
    body = encode.driver_card(
        1, timezone.now(), name=name or f"持卡人{maker.number()}", licence="31010119900101", **values
    )
    return uplinks.enter_card(BOSS, kept(terminal.source_id, 0x0702, body))


class TestTerminalWithEverything(DetailPageConformance):
    page = pages.TERMINAL

    @pytest.fixture
    def case(self, keeper, mine, others):  # noqa: F811
        def make():
            terminal = mine.terminal()
            terminals.set_parameters(BOSS, terminal, values={"0029": 10})
            terminal_areas.load_area(BOSS, an_area(mine), terminals=[terminal])
            place = encode.location(31.2, 121.4, timezone.now(), status=3)
            body = multimedia.upload(multimedia.Head(5), place, scene("x", 8, 6))
            uplinks.enter_medium(BOSS, kept(terminal.source_id, 0x0801, body))
            return terminal

        return Case(keeper, make, others.terminal)


class TestCommands(ListPageConformance):
    page = pages.TERMINAL_COMMANDS

    @pytest.fixture
    def case(self, keeper, mine, others):  # noqa: F811
        return Case(keeper, lambda: a_command(mine), lambda: a_command(others), text=lambda row: row.source.number)


class TestCommand(DetailPageConformance):
    page = pages.TERMINAL_COMMAND

    @pytest.fixture
    def case(self, keeper, mine, others):  # noqa: F811
        return Case(keeper, lambda: a_command(mine), lambda: a_command(others))


class TestAreas(ListPageConformance):
    page = pages.TERMINAL_AREAS

    @pytest.fixture
    def case(self, keeper, mine, others):  # noqa: F811
        return Case(keeper, lambda: an_area(mine), lambda: an_area(others), text=lambda row: row.name)


class TestArea(DetailPageConformance):
    page = pages.TERMINAL_AREA

    @pytest.fixture
    def case(self, keeper, mine, others):  # noqa: F811
        return Case(keeper, lambda: an_area(mine), lambda: an_area(others))


def area_values(unit) -> dict:
    return {"name": "环线内", "unit": unit.pk, "geometry": json.dumps(SQUARE), "datum": "wgs84", "width_m": 50, "over_s": 10,
            "on_enter": "on", "max_speed_kmh": 60}  # fmt: skip


class TestAreaNew(FormPageConformance):
    page = pages.TERMINAL_AREA_NEW

    @pytest.fixture
    def case(self, keeper, world):
        return Case(
            keeper, values=lambda row: area_values(world.organ), english=("GeoJSON", "Polygon", "Circle", "LineString")
        )


class TestAreaEdit(FormPageConformance):
    page = pages.TERMINAL_AREA_EDIT

    @pytest.fixture
    def case(self, keeper, world, mine, others):  # noqa: F811
        return Case(keeper, lambda: an_area(mine), lambda: an_area(others), values=lambda row: area_values(world.organ),
                    english=("GeoJSON", "Polygon", "Circle", "LineString"))  # fmt: skip


class TestBatch(FormPageConformance):
    page = pages.TERMINAL_BATCH

    @pytest.fixture
    def case(self, world, make_actor, mine):  # noqa: F811
        mine.terminal()
        account = Account.objects.create(username="keeper", unit=world.organ, must_change_password=False)
        actor = make_actor(ALL, unit=world.organ, name="管理员", account=account.pk)
        return Case(actor, values=lambda row: {"kind": "set_parameters", "p0029": 10})


class TestCards(ListPageConformance):
    page = pages.DRIVER_CARDS

    @pytest.fixture
    def case(self, keeper, mine, others):  # noqa: F811
        return Case(keeper, lambda: a_card(mine), lambda: a_card(others), text=lambda row: row.holder_name)


# --- shapes


def ring(*points: tuple[float, float]) -> dict:
    return {"type": "Polygon", "coordinates": [[list(point) for point in (*points, points[0])]]}


@pytest.mark.parametrize(
    ("geometry", "reason"),
    [
        ({"type": "Polygon", "coordinates": [SQUARE["coordinates"][0],
          [[121.42, 31.22], [121.44, 31.22], [121.44, 31.24], [121.42, 31.22]]]}, "内孔"),
        (ring((121.4, 31.2), (121.5, 31.3), (121.5, 31.2), (121.4, 31.3)), "自相交"),
        (ring((179.9, 31.2), (-179.9, 31.2), (-179.9, 31.3), (179.9, 31.3)), "180°"),
        (ring((121.4, -1.0), (121.5, -1.0), (121.5, 1.0), (121.4, 1.0)), "赤道"),
        ({"type": "LineString", "coordinates": [[179.9, 31.0], [-179.9, 31.0]]}, "180°"),
        ({"type": "LineString", "coordinates": [[121.4, 31.0]]}, "2 至"),
        ({"type": "LineString", "coordinates": [[121.4, 31.0], ["x", 31.0]]}, "第 2 个点"),
        ({"type": "LineString", "coordinates": [[121.4, 31.0], [121.4, 95.0]]}, "超出范围"),
        ({"type": "LineString", "coordinates": [[121.4, 31.0], [121.4, 31.0]]}, "同一处"),
        ({"type": "MultiPolygon", "coordinates": []}, "不支持"),
        ("围栏", "格式"),
    ],
)  # fmt: skip
def test_what_a_terminal_cannot_hold_is_refused_at_the_field(geometry, reason):
    with pytest.raises(Invalid) as caught:
        terminal_areas.fitted(geometry)
    assert reason in caught.value.fields["geometry"]


def test_shapes_become_what_terminals_know():
    square = terminal_areas.fitted(SQUARE)
    assert (square.shape, square.points) == ("rectangle", ((31.3, 121.4), (31.2, 121.5)))
    disc = terminal_areas.fitted(
        {"type": "Feature", "geometry": {"type": "Circle", "center": [121.4, 31.2], "radius_m": 500}}
    )
    assert (disc.shape, disc.centre, disc.radius_m) == ("circle", (31.2, 121.4), 500)
    many = [
        (121.4 + 0.1 * math.cos(2 * math.pi * n / 3000), 31.2 + 0.1 * math.sin(2 * math.pi * n / 3000))
        for n in range(3000)
    ]
    round_one = terminal_areas.fitted(ring(*many))
    assert round_one.shape == "polygon" and 60 < len(round_one.points) <= telemetry.MOST_VERTICES
    assert "简化" in round_one.warning and "3000" in round_one.warning
    way = terminal_areas.fitted({"type": "LineString", "coordinates": [list(point) for point in many]})
    assert way.shape == "route" and 10 < len(way.points) <= telemetry.MOST_TURNS and way.warning
    shifted = terminal_areas.fitted({"type": "LineString", "coordinates": [[121.4, 31.2], [121.5, 31.2]]}, "gcj02")
    assert 100 < abs(shifted.points[0][1] - 121.4) * 95_000 < 700, "a few hundred metres"


def test_a_shape_with_holes_is_refused_in_the_form(keeper, world):
    values = area_values(world.organ)
    values["geometry"] = json.dumps({"type": "Polygon", "coordinates": [
        SQUARE["coordinates"][0], [[121.42, 31.22], [121.44, 31.22], [121.44, 31.24], [121.42, 31.22]]]})  # fmt: skip
    answer = Visitor(keeper).post(reverse("vehicles.terminalarea.create"), values)
    assert "终端不支持带内孔的区域" in answer.content.decode()


# --- verbs


def test_who_may_ask_and_of_what(keeper, world, make_actor, mine):  # noqa: F811
    terminal = mine.terminal()
    held = {code: scope for code, scope in PERMISSIONS.items() if code != terminals.SEND}
    looking = make_actor(held, unit=world.organ)
    with pytest.raises(Denied):
        terminals.query_location(looking, terminal)
    with pytest.raises(Invalid) as caught:
        terminals.set_parameters(keeper, terminal, values={"0029": 0})
    assert "缺省时间汇报间隔" in caught.value.fields["values"]
    with pytest.raises(Invalid):
        terminals.control(keeper, terminal, command=1, reason="升级")
    with pytest.raises(Invalid):
        terminals.command_many(keeper, terminals=[], kind="query_location", payload={}, title="x")
    register.remove_terminal(BOSS, terminal, reason="损坏")
    with pytest.raises(Conflict):
        terminals.query_location(keeper, Terminal.objects.get(pk=terminal.pk))


def test_a_terminal_of_2013_is_not_asked_for_its_areas(keeper, mine):  # noqa: F811
    terminal = mine.terminal()
    terminal.source.edition = 2013
    with pytest.raises(Invalid, match="2019"):
        telemetry.send(keeper, terminal.source, "query_area", {"kind": 1})


def test_a_terminal_that_moves_keeps_its_areas_and_registers_anew(keeper, mine):  # noqa: F811
    terminal, car = mine.terminal(), mine.in_service()
    (row,) = terminal_areas.load_area(BOSS, an_area(mine), terminals=[terminal])
    moved = terminals.move_terminal(keeper, terminal, vehicle=car, reason="车辆调整")
    assert (moved.vehicle_id, moved.source_id, moved.number) == (car.pk, terminal.source_id, terminal.number)
    assert Terminal.objects.get(pk=terminal.pk).state == "closed" and moved.source.key == car.plate
    row.refresh_from_db()
    assert row.terminal_id == moved.pk and moved.source.auth_digest == ""


def test_a_simplified_area_says_by_how_much(mine):  # noqa: F811
    many = [(121.4 + 0.1 * math.cos(n / 50), 31.2 + 0.1 * math.sin(n / 50)) for n in range(314)]
    area = terminal_areas.add_area(BOSS, name="圆角", unit=mine.unit, geometry=ring(*many))
    assert area.shape == "polygon" and "简化" in terminal_areas.warning_of(area)
    assert len(area.geometry["coordinates"][0]) == 315, "what was drawn is kept"


# --- cards


def test_a_card_belongs_to_the_vehicle_the_device_was_in(mine, world):  # noqa: F811
    first = mine.terminal()
    Terminal.objects.filter(pk=first.pk).update(installed_at=timezone.now() - timedelta(days=3))
    register.remove_terminal(BOSS, Terminal.objects.get(pk=first.pk), reason="换车")
    second = register.install_terminal(BOSS, vehicle=mine.in_service(), number=first.number)
    hours_ago = timezone.now() - timedelta(hours=5)
    body = encode.driver_card(1, hours_ago, name="甲", licence="3101011990")
    early = uplinks.enter_card(BOSS, kept(first.source_id, 0x0702, body))
    assert early.vehicle_id == first.vehicle_id and early.at == hours_ago.replace(microsecond=0)
    late = uplinks.enter_card(
        BOSS, kept(first.source_id, 0x0702, encode.driver_card(2, timezone.now() + timedelta(seconds=2)))
    )
    assert (late.vehicle_id, late.on, late.terminal_id) == (second.vehicle_id, False, second.pk)
    mad = uplinks.enter_card(
        BOSS, kept(first.source_id, 0x0702, encode.driver_card(1, datetime(2001, 1, 1, tzinfo=UTC)))
    )
    assert abs(mad.at - timezone.now()) < timedelta(minutes=1), "a clock of 2001 is no time"


def test_names_match_only_when_one_driver_has_them(mine, world):  # noqa: F811
    driver = mine.driver(world.people["驾驶员"])
    entry = a_card(mine, "驾驶员")
    assert (entry.driver_id, entry.matched_by) == (driver.pk, "name")
    from zhiguan.kernel.orgs.models import Person

    register.add_driver(BOSS, person=Person.objects.create(code="P9", name="驾驶员", unit=world.organ),
                        licence_expires_on=date(2099, 1, 1))  # fmt: skip
    assert a_card(mine, "驾驶员").driver_id is None
    assert DriverSignIn.objects.count() == 2


def test_papers_and_passwords_are_not_shown_among_messages():
    card = encode.driver_card(1, timezone.now(), name="甲", licence="310101199001011234")
    row = message_row(kept(1, 0x0702, card))
    assert row["hex"] == "" and not row["more"] and "不显示" in row["note"] and "插入" in row["note"]
    through = message_row(kept(1, 0x0900, encode.passthrough(0x41, b"\x01\x02")))
    assert (through["hex"], through["note"]) == ("41 01 02", "串口1透传")


def test_card_numbers_are_shown_in_part():
    assert masked("310101199001011234") == "31**************34"


def test_a_medium_that_is_cut_short_is_kept_with_a_reason(mine):  # noqa: F811
    terminal = mine.terminal()
    assert uplinks.enter_medium(BOSS, kept(terminal.source_id, 0x0801, b"\x00\x00")) is None
    body = multimedia.upload(multimedia.Head(5), encode.location(0, 0, timezone.now()), b"\xff\xd8\xff")
    medium = uplinks.enter_medium(BOSS, kept(terminal.source_id, 0x0801, body))
    assert medium is not None and medium.file is None and "不完整" in medium.refusal and medium.lat is None
    assert TerminalMedia.objects.count() == 1


# --- health


def test_old_firmware_is_told_by_its_like(mine):  # noqa: F811
    versions = ("V1.9", "V1.10", "", "V9")
    for number, version in enumerate(versions):
        terminal = register.install_terminal(
            BOSS,
            vehicle=mine.in_service(),
            number=f"1380000{mine.number()}",
            maker="甲",
            model="A" if number < 3 else "B",
        )
        telemetry.Source.objects.filter(pk=terminal.source_id).update(firmware=version)
    assert uplinks.check_health() == 4
    behind = TerminalHealth.objects.order_by("terminal").values_list("behind", "newest")
    assert list(behind) == [(True, "V1.10"), (False, "V1.10"), (False, "V1.10"), (False, "V9")]
    assert Terminal.objects.filter(devices.offline_for(3)).count() == 4, "never seen counts as silent"
    assert {devices.presence(row) for row in Terminal.objects.select_related("source")} == {"从未上线"}


@pytest.mark.parametrize(("length", "text"), [(timedelta(minutes=3), "3 分钟"), (timedelta(hours=47), "47 小时"),
                                              (timedelta(days=9), "9 天")])  # fmt: skip
def test_lengths_of_silence(length, text):
    assert devices.span(length) == text
