"""`zhiguan jt808 decode` and `zhiguan jt808 split`: JSON Lines in, JSON Lines out. Any input gives output, never an
exception.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import IO, Any

from .decode import as_record, decode_frame
from .problem import Problem
from .splitter import Splitter

MAX_LINE = 16 * 1024 * 1024
"""Longest input line, bytes; longer ones are skipped with an error line, so that memory stays bounded."""

_BLANKS = re.compile(r"[\s:,-]+")
_HEX_RUN = re.compile(r"[0-9a-fA-F]*")


def decode_lines(source: IO[Any], target: IO[str]) -> int:
    """Lines {"id","hex"} -> one line each with what the frame says (see docs/jt808.md). Returns 0, for use as exit
    code.

    `source` may give bytes or text. Blank lines are passed over. Wrong input: ok false, `error`, and whatever could
    be read.
    """
    return _each_line(source, target, _decode_entry)


def split_lines(source: IO[Any], target: IO[str]) -> int:
    """Lines {"id","input"} -> {"id","frames","pending_bytes","errors"}, each line a stream of its own. Returns 0."""
    return _each_line(source, target, _split_entry)


def _decode_entry(entry: dict[str, Any], problems: list[Problem]) -> dict[str, Any]:
    data, odd = _hex_of(entry, "hex", problems)
    if odd:
        problems.append(Problem("bad_hex", "位数为奇数"))
    decoded = decode_frame(data)
    if problems and not data:
        decoded.problems.clear()
    decoded.problems[:0] = problems
    return as_record(decoded)


def _split_entry(entry: dict[str, Any], problems: list[Problem]) -> dict[str, Any]:
    data, odd = _hex_of(entry, "input", problems)
    splitter = Splitter()
    frames = splitter.feed(data)
    problems += splitter.take_problems()
    short = [number for number, frame in enumerate(frames) if len(frame) < 15]
    problems += [Problem("frame_too_short", f"第 {number + 1} 帧") for number in short[:100]]
    record: dict[str, Any] = {
        "ok": not problems,
        "frames": [frame.hex() for frame in frames],
        "pending_bytes": splitter.pending_bytes,
        "errors": [problem.as_record() for problem in problems],
    }
    if odd:
        # half a byte at the end is a byte not wholly received, as pending as the bytes before it
        record["pending_half_byte"] = True
    return record


def _hex_of(entry: dict[str, Any], name: str, problems: list[Problem]) -> tuple[bytes, bool]:
    """Bytes of the hex text `entry[name]`, up to the first character that is no hex digit; True when half a byte is
    left.
    """
    text = entry.get(name)
    if not isinstance(text, str):
        problems.append(Problem("missing_hex", name))
        return b"", False
    text = _BLANKS.sub("", text)
    if text[:2] in ("0x", "0X"):
        text = text[2:]
    run = _HEX_RUN.match(text)
    good = run.group() if run else ""
    if len(good) < len(text):
        problems.append(Problem("bad_hex", f"第 {len(good) + 1} 个字符"))
        return bytes.fromhex(good[: len(good) // 2 * 2]), False
    return bytes.fromhex(good[: len(good) // 2 * 2]), bool(len(good) % 2)


def _each_line(
    source: IO[Any], target: IO[str], work: Callable[[dict[str, Any], list[Problem]], dict[str, Any]]
) -> int:
    for number, line in _lines(source):
        problems: list[Problem] = []
        entry: dict[str, Any] = {}
        if line is None:
            problems.append(Problem("line_too_long", f"第 {number} 行，上限 {MAX_LINE} 字节"))
        else:
            try:
                value = json.loads(line, parse_constant=_no_constant)
            except (ValueError, RecursionError):
                problems.append(Problem("bad_json", f"第 {number} 行"))
            else:
                if isinstance(value, dict):
                    entry = value
                else:
                    problems.append(Problem("not_object", f"第 {number} 行"))
        if problems:
            record = _spoilt(work, problems)
        else:
            record = work(entry, problems)
        full = {"id": entry.get("id"), **record}
        try:
            try:
                target.write(_dump(full) + "\n")
            except UnicodeEncodeError:
                # an output of another coding than UTF-8 gets the escaped form
                target.write(json.dumps(full) + "\n")
        except BrokenPipeError:
            break
    return 0


def _spoilt(work: Callable[[dict[str, Any], list[Problem]], dict[str, Any]], problems: list[Problem]) -> dict[str, Any]:
    """Record with every name of a usual one, for a line that could not be read."""
    record = work({}, [])
    record["ok"] = False
    if "error" in record:
        record["error"] = problems[0].message
    record["errors"] = [problem.as_record() for problem in problems]
    return record


def _dump(record: dict[str, Any]) -> str:
    try:
        text = json.dumps(record, ensure_ascii=False, allow_nan=False)
        text.encode("utf-8")
    except UnicodeEncodeError:
        # a lone surrogate in the caller's id: only its escaped form can be written
        return json.dumps(record)
    except (ValueError, RecursionError):
        return json.dumps({**record, "id": None}, ensure_ascii=False)
    return text


def _no_constant(name: str) -> None:
    raise ValueError(name)


def _lines(source: IO[Any]) -> Iterator[tuple[int, str | None]]:
    """Numbered lines without blank ones; None for a line above MAX_LINE."""
    number = 0
    while True:
        line = source.readline(MAX_LINE + 1)
        if not line:
            return
        number += 1
        end = b"\n" if isinstance(line, bytes) else "\n"
        if len(line) > MAX_LINE and not line.endswith(end):  # pyright: ignore[reportArgumentType]
            while line and not line.endswith(end):  # pyright: ignore[reportArgumentType]
                line = source.readline(MAX_LINE)
            yield number, None
            continue
        text = line.decode("utf-8", "replace") if isinstance(line, bytes) else line
        text = text.lstrip("\ufeff").strip()
        if text:
            yield number, text
