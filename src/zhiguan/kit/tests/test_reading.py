"""Uploaded tables of every kind people send, and what is said about those that cannot be read."""

from __future__ import annotations

import datetime as dt
import io
from decimal import Decimal
from typing import Any

import pytest
from openpyxl import Workbook

from zhiguan.kit.actor import Actor
from zhiguan.kit.errors import Invalid
from zhiguan.kit.importing import checking, parsing, workbooks
from zhiguan.kit.importing.declare import ImportColumn, Importer
from zhiguan.kit.importing.reading import read
from zhiguan.kit.importing.uploads import DiskUploads

ACTOR = Actor("测试人员")
TEXT = "车牌号,类别,价格\n沪A12345,轿车,100.5\n沪B00001,客车,\n"


def book(rows: list[list[Any]], *, title: str = "数据", merge: str = "") -> bytes:
    workbook = Workbook()
    sheet = workbook.active
    assert sheet is not None
    sheet.title = title
    for row in rows:
        sheet.append(row)
    if merge:
        sheet.merge_cells(merge)
    out = io.BytesIO()
    workbook.save(out)
    return out.getvalue()


def importer(*columns: ImportColumn, **more: Any) -> Importer:
    return Importer(columns=columns, apply=lambda rows, actor, progress: len(rows), **more)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "gbk", "utf-16", "utf-16-le"])
@pytest.mark.parametrize("delimiter", [",", "\t", ";", "，"])
def test_text_in_any_encoding_and_delimiter_reads_the_same(encoding: str, delimiter: str) -> None:
    table = read(TEXT.replace(",", delimiter).encode(encoding), "a.csv")
    assert table.header == ["车牌号", "类别", "价格"]
    assert table.rows == [(2, ["沪A12345", "轿车", "100.5"]), (3, ["沪B00001", "客车", ""])]


def test_row_numbers_are_those_of_excel_past_titles_and_empty_rows() -> None:
    content = book([["2026年车辆台账"], ["车牌号*", "价格"], ["沪A1", 1], [], ["沪A2", 2]])
    table = read(content, "a.xlsx", titles={"车牌号", "价格"})
    assert (table.header_row, [number for number, _ in table.rows]) == (2, [3, 5])


@pytest.mark.parametrize(
    ("content", "name", "code"),
    [
        (b"", "a.xlsx", "empty_file"),
        (b"PK\x03\x04" + b"\0" * 50, "a.xlsx", "not_a_workbook"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, "a.xls", "not_a_workbook"),
        (b"plain", "a.xlsx", "not_a_workbook"),
        (b"\xff\xfe\x00", "a.csv", "bad_encoding"),
        (b"\x81\xff\x81", "a.csv", "bad_encoding"),
        (b"\n \n", "a.csv", "empty_file"),
        (book([]), "a.xlsx", "empty_file"),
    ],
)
def test_what_cannot_be_read_is_named(content: bytes, name: str, code: str) -> None:
    with pytest.raises(Invalid) as caught:
        read(content, name)
    assert caught.value.code == code and any("\u4e00" <= letter <= "\u9fff" for letter in caught.value.message)


@pytest.mark.parametrize(
    ("parser", "raw", "value"),
    [
        ("integer", 3.0, 3), ("integer", "１２", 12), ("decimal", "1,200.50", Decimal("1200.50")),
        ("decimal", 0.1 + 0.2, Decimal("0.3")), ("money", "￥1,000元", Decimal("1000.00")), ("decimal", "(5)", -5),
        ("percent", "12.5%", Decimal("0.125")), ("percent", 0.125, Decimal("0.125")),
        ("date", "2026年3月1日", dt.date(2026, 3, 1)), ("date", "20260301", dt.date(2026, 3, 1)),
        ("date", 46082.0, dt.date(2026, 3, 1)), ("date", dt.datetime(2026, 3, 1), dt.date(2026, 3, 1)),
        ("date", "2026/3/1", dt.date(2026, 3, 1)), ("text", 138e8, "13800000000"), ("text", "\u3000甲\xa0", "甲"),
        ("bool", "√", True), ("bool", False, False),
    ],
)  # fmt: skip
def test_cells_as_people_write_them(parser: str, raw: Any, value: Any) -> None:
    assert parsing.PARSERS[parser](raw) == value


@pytest.mark.parametrize(
    ("parser", "raw"),
    [
        ("integer", "3.5"), ("decimal", "abc"), ("decimal", "1e999"), ("decimal", "nan"), ("decimal", True),
        ("decimal", dt.date(2026, 1, 1)), ("money", "1.234"), ("date", "2026-02-30"), ("date", "昨天"),
        ("date", "2026-03-01 08:30"), ("date", 1e12), ("bool", "也许"), ("datetime", "2026-03-01 25:00"),
    ],
)  # fmt: skip
def test_cells_that_break_their_rule(parser: str, raw: Any) -> None:
    with pytest.raises(ValueError, match=r"[\u4e00-\u9fff]"):
        parsing.PARSERS[parser](raw)


def test_moments_are_local_time() -> None:
    moment = parsing.moment("2026-03-01 08:30")
    assert moment.astimezone(dt.UTC) == dt.datetime(2026, 3, 1, 0, 30, tzinfo=dt.UTC)


def test_every_fault_is_named_by_row_and_column() -> None:
    rules = importer(
        ImportColumn("plate", "车牌号", required=True, unique=True, max_length=8, pattern=(r"沪\w+", "应以沪开头")),
        ImportColumn("kind", "类别", kind="choice", choices={"car": "轿车"}),
        ImportColumn("price", "价格", kind="money", minimum=0),
    )
    rows = [
        ["车牌号", "类别", "价格", "多余"],
        ["沪A1", "轿车", 5],
        ["", "轿车", 5],
        ["沪A1", "飞机", -1],
        ["京A1", "car", "#N/A"],
        ["沪A123456789", None, None],
    ]
    outcome = checking.dry_run(rules, checking.load(rules, book(rows), "a.xlsx"), ACTOR)
    found = [(problem.row, problem.column, problem.message) for problem in outcome.problems]
    assert found == [
        (3, "车牌号", "必填"),
        (4, "类别", "应为以下之一：轿车、car"),
        (4, "价格", "不能小于 0"),
        (4, "车牌号", "与第 2 行重复"),
        (5, "车牌号", "应以沪开头"),
        (5, "价格", "单元格是公式错误值，请改正公式或直接填写数值"),
        (6, "车牌号", "不能超过 8 个字，现有 11 个字"),
    ]
    assert outcome.warnings == ["以下列不在模板中，已忽略：多余"]
    assert [row.values for row in outcome.rows] == [{"plate": "沪A1", "kind": "car", "price": Decimal("5.00")}]


def test_merged_cells_missing_and_doubled_columns_are_reported() -> None:
    rules = importer(ImportColumn("plate", "车牌号", required=True), ImportColumn("kind", "类别"))
    merged = book([["车牌号", "类别"], ["沪A1", "轿车"], ["沪A2", None]], merge="B2:B3")
    outcome = checking.dry_run(rules, checking.load(rules, merged, "a.xlsx"), ACTOR)
    assert [(problem.row, problem.column, problem.value) for problem in outcome.problems] == [(2, "类别", "B2:B3")]
    missing = checking.dry_run(rules, checking.load(rules, "类别\n轿车\n".encode(), "a.csv"), ACTOR)
    assert [problem.message for problem in missing.problems] == ["缺少这一列，请使用下载的模板"]
    double = checking.dry_run(rules, checking.load(rules, "车牌号,车牌号\n1,2\n".encode(), "a.csv"), ACTOR)
    assert [problem.message for problem in double.problems] == ["表头重复出现在 A、B 列"]


def test_too_many_rows_are_refused_before_anything_is_checked() -> None:
    rules = importer(ImportColumn("plate", "车牌号"), row_limit=2)
    with pytest.raises(Invalid) as caught:
        checking.load(rules, "车牌号\n1\n2\n3\n".encode(), "a.csv")
    assert caught.value.code == "too_many_rows"


def test_the_template_reads_back_as_an_empty_table() -> None:
    rules = importer(
        ImportColumn("plate", "车牌号", required=True, help="含汉字"),
        ImportColumn("kind", "类别", kind="choice", choices={"car": "轿车"}),
        ImportColumn("on", "购置日期", kind="date"),
    )
    with pytest.raises(Invalid) as caught:
        checking.load(rules, workbooks.template(rules, ACTOR, "导入车辆"), "模板.xlsx")
    assert caught.value.code == "no_rows"


def test_uploads_answer_only_to_their_token(tmp_path: Any) -> None:
    store = DiskUploads(tmp_path)
    token = store.add(b"abc", {"stage": "checking"})
    assert store.content(token) == b"abc" and store.update(token, done=1) == {"stage": "checking", "done": 1}
    for wrong in ("", "0" * 32, "../../etc/passwd", token.upper() + "x"):
        with pytest.raises(KeyError):
            store.content(wrong)
