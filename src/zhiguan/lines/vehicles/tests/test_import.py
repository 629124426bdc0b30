"""Importing the register from files as people really send them: all of it, or nothing and every reason why."""

from __future__ import annotations

import csv
import io
import time
from datetime import date, datetime, timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from django.utils import timezone
from openpyxl import Workbook, load_workbook

from zhiguan.kernel.ledger.models import LedgerEvent
from zhiguan.kit.errors import Invalid
from zhiguan.kit.importing import checking
from zhiguan.kit.pages.conformance import Visitor, bytes_of, html
from zhiguan.lines.vehicles.domain import register
from zhiguan.lines.vehicles.importers import VEHICLE_IMPORT
from zhiguan.lines.vehicles.models import Vehicle

TITLES = [column.title for column in VEHICLE_IMPORT.columns]
GOOD = {"车牌号": "沪A10001", "所属单位": "市甲局", "车辆种类": "应急保障用车", "品牌型号": "荣威 ei6", "能源类型": "汽油",
        "购置价格（元）": 150000, "购置日期": "2022-01-01"}  # fmt: skip


def book(rows, titles=TITLES, edit=None):
    made = Workbook()
    sheet = made.active
    sheet.title = VEHICLE_IMPORT.sheet
    sheet.append(titles)
    for row in rows:
        sheet.append([row.get(title) for title in titles])
    if edit is not None:
        edit(sheet)
    out = io.BytesIO()
    made.save(out)
    return out.getvalue()


def text(rows, encoding, titles=TITLES):
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(titles)
    writer.writerows([[row.get(title, "") for title in titles] for row in rows])
    return out.getvalue().encode(encoding)


def check(world, content, name="车辆.xlsx"):
    with world.manager.acting():
        return checking.dry_run(VEHICLE_IMPORT, checking.load(VEHICLE_IMPORT, content, name), world.manager)


def problems(world, *rows):
    return [(each.row, each.column, each.message) for each in check(world, book(rows)).problems]


@pytest.mark.parametrize(
    ("changed", "column", "message"),
    [
        ({"车牌号": "京京京"}, "车牌号", "不是有效的车牌号"),
        ({"车牌号": 12345}, "车牌号", "不是有效的车牌号"),
        ({"车牌号": datetime(2026, 1, 1)}, "车牌号", "不是有效的车牌号"),
        ({"车牌号": True}, "车牌号", "不是有效的车牌号"),
        ({"车牌号": None}, "车牌号", "必填"),
        ({"所属单位": "没有的单位"}, "所属单位", "没有这个单位"),
        ({"所属单位": "市乙局"}, "所属单位", "不在您的数据权限范围内"),
        ({"所属单位": 310000002}, "所属单位", "不在您的数据权限范围内"),
        ({"车辆种类": "豪车"}, "车辆种类", "应为以下之一"),
        ({"能源类型": "核"}, "能源类型", "应为以下之一"),
        ({"购置价格（元）": "十五万"}, "购置价格（元）", "应填数字"),
        ({"购置价格（元）": -1}, "购置价格（元）", "不能小于"),
        ({"购置价格（元）": 1e13}, "购置价格（元）", "不能大于"),
        ({"购置价格（元）": "1.234"}, "购置价格（元）", "两位小数"),
        ({"排气量（升）": 1.55}, "排气量（升）", "一位小数"),
        ({"购置日期": "去年"}, "购置日期", "日期"),
        ({"购置日期": "2026-02-30"}, "购置日期", "没有这一天"),
        ({"购置日期": date(2999, 1, 1)}, "购置日期", "不能晚于今天"),
        ({"注册登记日期": "2021-12-31"}, "注册登记日期", "不能早于购置日期"),
        ({"核定载客": 2.5}, "核定载客", "整数"),
        ({"核定载客": 61}, "核定载客", "不能大于"),
        ({"车辆识别代号": "123"}, "车辆识别代号", "17 位"),
        ({"品牌型号": "长" * 81}, "品牌型号", "不能超过 80"),
        ({"停放地点": "没有的车库"}, "停放地点", "没有这个停放地点"),
        ({"购置价格（元）": "#REF!"}, "购置价格（元）", "公式错误"),
    ],
)  # fmt: skip
def test_a_wrong_cell_is_named_with_its_row_and_rule(world, changed, column, message):
    found = problems(world, GOOD, GOOD | {"车牌号": "沪A10002"} | changed)
    assert [(row, title) for row, title, _ in found] == [(3, column)]
    assert message in found[0][2]


def test_what_is_in_file_or_register_already_is_named(world, make_vehicle):
    vehicle = make_vehicle("沪A10009")
    register.edit(world.manager, vehicle, vin="LSJA24U62PB000001")
    make_vehicle("沪B20002", world.other)  # out of scope, and taken all the same
    found = problems(
        world, GOOD, GOOD | {"车牌号": "沪A·10001"}, GOOD | {"车牌号": "沪A10009"}, GOOD | {"车牌号": "沪B20002"},
        GOOD | {"车牌号": "沪A10003", "车辆识别代号": "lsja24u62pb000001"},
        GOOD | {"车牌号": "沪A10004", "车辆识别代号": "LSJA24U62PB000002"},
        GOOD | {"车牌号": "沪A10005", "车辆识别代号": "lsja24u62pb000002"},
    )  # fmt: skip
    assert found == [
        (3, "车牌号", "与第 2 行重复"),
        (4, "车牌号", "该车牌号已在台账中"),
        (5, "车牌号", "该车牌号已在台账中"),
        (6, "车辆识别代号", "该车辆识别代号已在台账中"),
        (8, "车辆识别代号", "与第 7 行重复"),
    ]


def test_formulas_merged_cells_and_injection(world):
    """A formula without a kept value is empty; a merged cell does not slip a value into the rows below."""
    found = check(world, book([GOOD], edit=lambda sheet: sheet.cell(2, TITLES.index("购置价格（元）") + 1, "=1+1")))
    assert [(each.row, each.column) for each in found.problems] == [(2, "购置价格（元）")]

    def merge(sheet):
        sheet.merge_cells(start_row=2, end_row=3, start_column=2, end_column=2)

    found = check(world, book([GOOD, GOOD | {"车牌号": "沪A10002", "所属单位": None}], edit=merge))
    assert found.problems and found.problems[0].column in ("所属单位", "")
    row = GOOD | {"品牌型号": "@SUM(1+1)*cmd|' /C calc'!A0", "备注": "-2+3"}
    found = check(world, book([row]))
    assert found.problems == []
    assert found.rows[0]["brand_model"].startswith("@SUM")  # kept as text; the export below makes it harmless
    with world.manager.acting():
        VEHICLE_IMPORT.apply(found.rows, world.manager, lambda done: None)
    exported = bytes_of(Visitor(world.manager).get(reverse("vehicles.vehicle"), {"_export": "csv"})).decode("utf-8-sig")
    cells = [cell for line in csv.reader(io.StringIO(exported)) for cell in line]
    assert "'@SUM(1+1)*cmd|' /C calc'!A0" in cells
    assert not [cell for cell in cells if cell[:1] in "=+-@" and cell]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk", "gb18030", "utf-16"])
def test_text_files_in_the_encodings_people_use(world, encoding):
    found = check(world, text([GOOD], encoding), "车辆.csv")
    assert (found.problems, found.rows[0]["unit"], found.rows[0]["plate"]) == ([], "市甲局", "沪A10001")


@pytest.mark.parametrize(
    ("content", "name"),
    [(b"", "a.xlsx"), (b"PK\x03\x04no", "a.xlsx"), (b"\xff\xfe\x00", "a.csv"), (b"\x81\xff\xfe\xfa", "a.csv"),
     (text([], "utf-8"), "a.csv"), (book([]), "a.xlsx"), (b"\x00" * 100, "a.csv"), (b"%PDF-1.4", "a.xlsx")],
)  # fmt: skip
def test_files_that_hold_nothing_are_refused_with_what_to_do(world, content, name):
    with pytest.raises(Invalid) as refusal:
        check(world, content, name)
    assert any("\u4e00" <= letter <= "\u9fff" for letter in refusal.value.message)


def test_headings_may_come_in_any_order_but_must_be_there(world):
    assert check(world, book([GOOD], titles=TITLES[::-1])).problems == []
    assert check(world, book([GOOD], titles=[*TITLES, "别的"])).problems == []
    found = check(world, book([GOOD], titles=[title for title in TITLES if title != "车辆种类"]))
    assert [(each.column, each.message) for each in found.problems] == [("车辆种类", "缺少这一列，请使用下载的模板")]
    found = check(world, book([GOOD], titles=[*TITLES, "车牌号"]))
    assert "重复出现" in found.problems[0].message


def upload(visitor, url, content, name="车辆.xlsx"):
    answer = visitor.post(url, {"file": SimpleUploadedFile(name, content)})
    assert answer.status_code == 302, html(answer)
    return answer["Location"]


def test_from_the_template_to_the_register_and_back(world, django_capture_on_commit_callbacks):
    """The page's whole way: a bad file and its report, the mended file, its dry run, the register."""
    url, visitor = reverse("vehicles.vehicle.import"), Visitor(world.manager)
    rows = [GOOD | {"车牌号": f"沪A1000{number}"} for number in range(5)]
    where = upload(visitor, url, book([*rows[:4], rows[4] | {"所属单位": "市乙局"}]))
    assert "一条也没有导入" in html(visitor.get(where))
    report = load_workbook(io.BytesIO(bytes_of(visitor.get(f"{where}&_report=1")))).active
    assert report.cell(2, 1).value == 6
    assert visitor.post(url, {"_apply": where.split("t=")[1]}).status_code == 422
    assert not Vehicle.objects.exists()
    where = upload(visitor, url, book(rows))
    assert not Vehicle.objects.exists()
    with django_capture_on_commit_callbacks(execute=True):
        visitor.post(url, {"_apply": where.split("t=")[1]})
    assert set(Vehicle.objects.values_list("plate", "state", "unit__name")) == {
        (f"沪A1000{number}", "registered", "市甲局") for number in range(5)
    }
    assert LedgerEvent.objects.filter(code="create", reason="批量导入").count() == 5


def test_what_was_taken_between_check_and_import_stops_all_of_it(world, django_capture_on_commit_callbacks):
    url, visitor = reverse("vehicles.vehicle.import"), Visitor(world.manager)
    where = upload(visitor, url, book([GOOD | {"车牌号": f"沪A1000{number}"} for number in range(5)]))
    with world.manager.acting():
        register.register(
            world.manager, plate="沪A10003", unit=world.organ, kind="other", brand_model="别", price_yuan=1,
            bought_on=date(2022, 1, 1),
        )  # fmt: skip
    with django_capture_on_commit_callbacks(execute=True):
        visitor.post(url, {"_apply": where.split("t=")[1]})
    assert list(Vehicle.objects.values_list("plate", flat=True)) == ["沪A10003"]
    assert "该车牌号已在台账中" in html(visitor.get(where))


def test_a_refusal_in_the_middle_undoes_all(world):
    """Even where the check was not asked: the verbs refuse, and nothing is left."""
    found = check(world, book([GOOD | {"车牌号": f"沪A1000{number}"} for number in range(3)]))
    found.rows[2].values["plate"] = "沪A10000"
    events = LedgerEvent.objects.count()
    with world.manager.acting(), pytest.raises(Exception, match="已在台账"):
        VEHICLE_IMPORT.apply(found.rows, world.manager, lambda done: None)
    assert (Vehicle.objects.count(), LedgerEvent.objects.count()) == (0, events)


def test_five_thousand_rows_are_checked_in_seconds(world, capsys, django_assert_max_num_queries):
    rows = [GOOD | {"车牌号": f"沪A{10_000 + number}", "购置日期": timezone.localdate() - timedelta(days=number)}
            for number in range(5_000)]  # fmt: skip
    content = book(rows)
    started = time.perf_counter()
    with django_assert_max_num_queries(40):
        found = check(world, content)
    seconds = time.perf_counter() - started
    with capsys.disabled():
        print(f"\n5,000 rows checked in {seconds:.1f} s", end="")
    assert (len(found.rows), found.problems) == (5_000, [])
    assert seconds < 20
