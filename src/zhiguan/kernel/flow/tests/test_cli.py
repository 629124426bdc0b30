"""``zhiguan clock`` line by line: right answers, and a reason for whatever cannot be read."""

from __future__ import annotations

import io
import json

from zhiguan.kernel.flow.cli import clock_lines

QUESTION = {
    "events": [{"at": "2026-02-13T10:00:00+08:00", "what": "start"}],
    "policy": {"limit": 5, "rungs": [{"code": "yellow", "name": "黄牌", "remaining": 2}, {"code": "red", "remaining": 0}]},
    "now": "2026-02-27T10:00:00+08:00",
}


def ask(*lines: object) -> list[dict]:
    told = io.StringIO()
    clock_lines(io.StringIO("\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines)), told)
    return [json.loads(line) for line in told.getvalue().splitlines()]


def test_the_shipped_holidays_hold():
    (told,) = ask(QUESTION)
    # 14 February 2026 is worked in exchange for the Spring Festival of 15 to 23 February
    assert told["due_at"] == "2026-02-28T00:00:00+08:00"
    assert (told["ok"], told["state"], told["elapsed"], told["remaining"], told["breached"]) == (True, "running", 4, 1, False)
    assert [(card["name"], card["reached"]) for card in told["cards"]] == [("黄牌", True), ("red", False)]


def test_a_calendar_of_ones_own():
    own = {"years": [2026], "holidays": [], "swaps": []}
    (told,) = ask({**QUESTION, "calendar": own})
    assert told["due_at"] == "2026-02-21T00:00:00+08:00" and told["breached"]


def test_wrong_input_says_what_is_wrong_and_the_next_line_is_read():
    told = ask(
        "{", {"events": []}, {**QUESTION, "now": "2026-02-27T10:00:00"}, {**QUESTION, "policy": {"limit": -1}},
        {**QUESTION, "events": [{"at": "2031-01-01T00:00:00Z", "what": "start"}], "now": "2031-01-02T00:00:00Z"},
        {**QUESTION, "events": [{"at": "2026-01-01T00:00:00Z", "what": "dance"}]}, "[]", QUESTION,
    )  # fmt: skip
    assert [each["ok"] for each in told] == [False] * 7 + [True]
    assert all(each["error"] for each in told[:7])
    assert "2031" in told[4]["error"]
