"""The two line commands: names that are always there, and every kind of wrong line answered."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from typing import Any

import pytest

from zhiguan.kernel.telemetry.jt808 import cli
from zhiguan.kernel.telemetry.jt808.cli import decode_lines, split_lines

HEARTBEAT = "7e000200000123456789017fff0a7e"
DECODE_NAMES = {
    "id", "ok", "error", "msg_id", "phone", "serial", "version_flag", "subpackage", "checksum_ok", "alarm", "status",
    "lat", "lon", "altitude_m", "speed_kmh", "direction_deg", "time_utc", "items", "errors", "total", "index",
    "protocol_version", "body_length",
}  # fmt: skip
SPLIT_NAMES = {"id", "frames", "pending_bytes", "errors"}


def run(command: Callable[..., int], text: str | bytes) -> list[dict[str, Any]]:
    """Output records for the input text."""
    target = io.StringIO()
    source = io.BytesIO(text) if isinstance(text, bytes) else io.StringIO(text)
    assert command(source, target) == 0
    return [json.loads(line) for line in target.getvalue().splitlines()]


@pytest.mark.parametrize(
    "line",
    [
        "{",
        "[]",
        "7",
        "null",
        '{"id": 1}',
        '{"id": 1, "hex": 5, "input": 5}',
        '{"id": 1, "hex": "zz", "input": "zz"}',
        '{"id": NaN, "hex": ""}',
        '{"id": 1e999, "hex": "7e"}',
        '{"id": "\\ud800", "hex": "7e"}',
        "[" * 100_000,
        '{"id":' + "9" * 5000 + "}",
    ],
)
def test_wrong_lines_are_answered(line: str) -> None:
    (entry,) = run(decode_lines, line)
    assert set(entry) >= DECODE_NAMES
    assert entry["ok"] is False
    assert entry["error"]
    (entry,) = run(split_lines, line)
    assert set(entry) >= SPLIT_NAMES


def test_good_and_wrong_lines_do_not_disturb_each_other() -> None:
    lines = [f'{{"id":"a","hex":"{HEARTBEAT}"}}', "", "oops", f'{{"id":"b","hex":" {HEARTBEAT.upper()} "}}']
    first, second, third = run(decode_lines, "\ufeff" + "\r\n".join(lines))
    assert (first["id"], first["ok"], first["msg_id"], first["phone"]) == ("a", True, "0002", "012345678901")
    assert (second["id"], second["ok"], second["errors"][0]["code"]) == (None, False, "bad_json")
    assert (third["id"], third["ok"], third["serial"]) == ("b", True, 32767)


def test_bad_hex_gives_what_could_be_read() -> None:
    (entry,) = run(decode_lines, json.dumps({"id": 1, "hex": HEARTBEAT[:26] + "xx"}))
    assert entry["ok"] is False
    assert (entry["msg_id"], entry["phone"], entry["serial"]) == ("0002", "012345678901", 32767)
    assert [error["code"] for error in entry["errors"]] == ["bad_hex", "unterminated"]
    (entry,) = run(decode_lines, json.dumps({"id": 1, "hex": HEARTBEAT + "7"}))
    assert entry["ok"] is False
    assert entry["serial"] == 32767


def test_body_given_as_frame() -> None:
    (entry,) = run(decode_lines, json.dumps({"id": 1, "hex": "007b01c803"}))
    assert entry["ok"] is False
    assert entry["errors"][0]["code"] == "missing_delimiter"
    assert entry["msg_id"] is None


def test_long_lines_are_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli, "MAX_LINE", 200)
    text = json.dumps({"id": "x", "hex": "7e" * 500}) + "\n" + json.dumps({"id": "y", "hex": HEARTBEAT}) + "\n"
    for source in (text, text.encode()):
        long, good = run(decode_lines, source)
        assert (long["ok"], long["errors"][0]["code"]) == (False, "line_too_long")
        assert (good["id"], good["ok"]) == ("y", True)


def test_split_counts_pending_and_errors() -> None:
    (entry,) = run(split_lines, json.dumps({"id": 1, "input": "5566" + HEARTBEAT + HEARTBEAT[:11]}))
    assert entry["frames"] == [HEARTBEAT]
    assert entry["pending_bytes"] == 5
    assert entry["pending_half_byte"] is True
    assert [error["code"] for error in entry["errors"]] == ["garbage"]
    (entry,) = run(split_lines, json.dumps({"id": 1, "input": HEARTBEAT + "q"}))
    assert entry["frames"] == [HEARTBEAT]
    assert [error["code"] for error in entry["errors"]] == ["bad_hex"]


def test_closed_output_ends_quietly() -> None:
    class Closed(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    assert decode_lines(io.StringIO('{"id":1}\n{"id":2}\n'), Closed()) == 0


def test_output_of_another_coding() -> None:
    raw = io.BytesIO()
    target = io.TextIOWrapper(raw, encoding="ascii")
    assert decode_lines(io.StringIO('{"id":"沪A"}\n'), target) == 0
    target.flush()
    assert json.loads(raw.getvalue())["id"] == "沪A"
