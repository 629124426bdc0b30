"""``zhiguan dmn``: lines in, lines out."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Sequence

import pytest

from zhiguan.site.cli import main

from .tables import table

ROWS = [["< 9", '< @"2020-01-01"', '"旧"', "1.5", "甲规定"], ["-", '>= @"2020-01-01"', '"新"', "2", ""]]
DATA = table(ROWS, (("面积", "number"), ("建成", "date")), (("结论", "string"), ("系数", "number")))


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "t.dmn"
    path.write_bytes(DATA)
    return str(path)


def ask(monkeypatch, capsys, words: list[str], lines: Sequence[object] = ()) -> tuple[int, list[dict], str]:
    written = "\n".join(each if isinstance(each, str) else json.dumps(each) for each in lines)
    monkeypatch.setattr(sys, "stdin", io.StringIO(written))
    code = main(["dmn", *words])
    out, err = capsys.readouterr()
    return code, [json.loads(line) for line in out.splitlines()], err


def test_eval(monkeypatch, capsys, file):
    code, told, _ = ask(monkeypatch, capsys, ["eval", file, "--decision", "判定"], [
        {"面积": 5, "建成": "2010-05-01"}, {"面积": 5.5, "建成": "2026-01-01"}, {"面积": 50, "建成": "2010-05-01"}, "[", "[]",
        {"面积": "大", "建成": "2010-05-01"}, {"面积": 5}, {"面积": 5, "建成": "去年"}, "",
    ])  # fmt: skip
    assert code == 0 and len(told) == 8
    first = told[0]
    assert first["ok"] and first["value"] == {"结论": "旧", "系数": 1.5}
    assert first["hits"] == [{
        "table": "决策“判定”", "rule": 1, "id": "r1", "annotation": "甲规定", "outputs": {"结论": "旧", "系数": 1.5},
        "explanation": "规则 1 命中：面积 为 5，符合 < 9；建成 为 2010-05-01，符合 < @\"2020-01-01\"",
    }]  # fmt: skip
    assert told[1]["value"] == {"结论": "新", "系数": 2}
    assert told[2]["ok"] and told[2]["value"] is None and told[2]["hits"] == []
    assert [each["ok"] for each in told[3:]] == [False] * 5
    assert "JSON 对象" in told[3]["error"] and "面积" in told[5]["error"] and "建成" in told[6]["error"]


def test_eval_by_the_letter_of_the_standard(monkeypatch, capsys, file):
    words = ["eval", file, "--decision", "D", "--lenient"]
    _, (told,), _ = ask(monkeypatch, capsys, words, [{"面积": "大", "建成": "2010-05-01"}])
    assert told["ok"] and told["value"] is None and told["notes"]


def test_files_and_decisions_that_are_not_there(monkeypatch, capsys, file, tmp_path):
    assert ask(monkeypatch, capsys, ["eval", str(tmp_path / "x.dmn"), "--decision", "D"])[0] == 2
    code, _, error = ask(monkeypatch, capsys, ["eval", file, "--decision", "x"])
    assert code == 2 and "有：判定" in error
    bad = tmp_path / "bad.dmn"
    bad.write_text("<!DOCTYPE a []><a/>", encoding="utf-8")
    code, _, error = ask(monkeypatch, capsys, ["eval", str(bad), "--decision", "D"])
    assert code == 2 and "文档类型" in error


def test_lint(monkeypatch, capsys, file):
    code, told, _ = ask(monkeypatch, capsys, ["lint", file])
    assert code == 1 and [each["code"] for each in told] == ["gap"]
    assert "没有规则对应" in told[0]["message"]
