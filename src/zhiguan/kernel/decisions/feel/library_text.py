"""Built-in functions of text. Patterns run with a time limit: a pattern may be written so that it never ends."""

from __future__ import annotations

from decimal import Decimal
from functools import lru_cache
from typing import Any

import regex

from .errors import MAX_STRING, FeelError, Run
from .registry import builtin

MAX_PATTERN = 500
PATTERN_SECONDS = 0.5
REPEAT = regex.compile(r"\{\d{1,4}(,\d{0,4})?\}")
PROPERTY = regex.compile(r"[pP]\{\^?[\w-]+\}")
FLAGS = {"s": regex.DOTALL, "m": regex.MULTILINE, "i": regex.IGNORECASE, "x": regex.VERBOSE}


@builtin("substring(string: string, start position: number, length: number?)")
def substring(run: Run, text: str, start: Decimal, length: Decimal | None = None) -> str | None:
    if not start or start.adjusted() > 9:
        return None
    at = int(start)
    first = at - 1 if at > 0 else len(text) + at
    if length is None:
        return text[first:] if 0 <= first <= len(text) else None
    if length < 1 or first < 0:
        return None
    return text[first : first + int(min(length, Decimal(len(text))))]


@builtin("string length(string: string)")
def string_length(run: Run, text: str) -> Decimal:
    return Decimal(len(text))


@builtin("upper case(string: string)")
def upper(run: Run, text: str) -> str:
    return run.text(text.upper())


@builtin("lower case(string: string)")
def lower(run: Run, text: str) -> str:
    return run.text(text.lower())


@builtin("substring before(string: string, match: string)")
def before(run: Run, text: str, match: str) -> str:
    return text.partition(match)[0] if match and match in text else ""


@builtin("substring after(string: string, match: string)")
def after(run: Run, text: str, match: str) -> str:
    return text.partition(match)[2] if match else text


@builtin("contains(string: string, match: string)")
def contains(run: Run, text: str, match: str) -> bool:
    return match in text


@builtin("starts with(string: string, match: string)")
def starts(run: Run, text: str, match: str) -> bool:
    return text.startswith(match)


@builtin("ends with(string: string, match: string)")
def ends(run: Run, text: str, match: str) -> bool:
    return text.endswith(match)


@builtin("trim(string: string)")
def trim(run: Run, text: str) -> str:
    return text.strip()


@builtin("string join(list: list, delimiter: string|null?)")
@builtin("string join(list: list, delimiter: string|null, prefix: string|null, suffix: string|null)")
def join(run: Run, items: list, delimiter: str | None = None, prefix: str | None = None, suffix: str | None = None):
    run.charge(len(items))
    kept = [each for each in items if each is not None]
    if any(type(each) is not str for each in kept):
        return None
    if sum(map(len, kept)) + len(kept) * len(delimiter or "") > MAX_STRING:
        raise FeelError("字符串过长，已停止")
    return run.text((prefix or "") + (delimiter or "").join(kept) + (suffix or ""))


def translate(pattern: str) -> str | None:
    """Return a pattern of XPath as `regex` reads it, None if it is none or asks for more than XPath has."""
    made: list[str] = []
    at = depth = 0
    while at < len(pattern):
        sign = pattern[at]
        if sign == "\\":
            found = PROPERTY.match(pattern, at + 1)
            after = pattern[at + 1 : at + 2]
            if found:
                made.append("\\" + found[0])
                at = found.end()
                continue
            if not after or (after.isalnum() and after not in "nrtdDsSwWbic123456789"):
                return None
            made.append({"i": r"[\p{L}_:]", "c": r"[\w.:\-]"}.get(after, "\\" + after))
            at += 2
            continue
        if sign == "[":
            depth += 1
            made.append("--[" if made and made[-1] == "-" and depth > 1 and made.pop() else "[")
        elif sign == "]":
            depth -= 1
            made.append("]")
        elif depth == 0 and sign == "(" and pattern[at + 1 : at + 2] == "?" and pattern[at + 2 : at + 3] != ":":
            return None
        elif depth == 0 and sign == "{":
            found = REPEAT.match(pattern, at)
            if not found:
                return None
            made.append(found[0])
            at = found.end()
            continue
        else:
            made.append(sign)
        at += 1
    return "".join(made) if depth == 0 else None


@lru_cache(maxsize=500)
def _compiled(pattern: str, flags: str) -> Any:
    if len(pattern) > MAX_PATTERN or any(each not in FLAGS for each in flags):
        return None
    translated = translate(pattern)
    if translated is None:
        return None
    wanted = regex.VERSION1
    for each in flags:
        wanted |= FLAGS[each]
    try:
        return regex.compile(translated, wanted)
    except (regex.error, RecursionError, OverflowError, ValueError):
        return None


def _seconds(run: Run) -> float:
    return min(PATTERN_SECONDS, run.seconds_left())


def _endless() -> FeelError:
    return FeelError("正则表达式计算时间超过上限，已停止")


@builtin("matches(input: string, pattern: string, flags: string|null?)")
def matches(run: Run, text: str, pattern: str, flags: str | None = None) -> bool | None:
    run.charge(20)
    found = _compiled(pattern, flags or "")
    if found is None:
        return None
    try:
        return found.search(text, timeout=_seconds(run)) is not None
    except TimeoutError:
        raise _endless() from None


@builtin("replace(input: string, pattern: string, replacement: string, flags: string|null?)")
def replace(run: Run, text: str, pattern: str, replacement: str, flags: str | None = None) -> str | None:
    run.charge(20)
    found = _compiled(pattern, flags or "")
    parts = None if found is None else _replacement(replacement, found.groups)
    if found is None or parts is None:
        return None
    made: list[str] = []
    last = size = 0
    try:
        for match in found.finditer(text, timeout=_seconds(run)):
            run.charge()
            piece = "".join(part if isinstance(part, str) else match[part] or "" for part in parts)
            made += [text[last : match.start()], piece]
            last = match.end()
            size += len(piece)
            if size > MAX_STRING:
                raise FeelError("字符串过长，已停止")
    except TimeoutError:
        raise _endless() from None
    return run.text("".join([*made, text[last:]]))


def _replacement(text: str, groups: int) -> list[str | int] | None:
    """Return the parts of a replacement: text, or the number of a group."""
    parts: list[str | int] = []
    at = 0
    while at < len(text):
        sign, after = text[at], text[at + 1 : at + 2]
        if sign == "\\":
            if after not in ("\\", "$"):
                return None
            parts.append(after)
            at += 2
        elif sign == "$":
            if not after or after not in "0123456789":
                return None
            end = at + 2
            while end < len(text) and text[end] in "0123456789" and int(text[at + 1 : end + 1]) <= groups:
                end += 1
            group = int(text[at + 1 : end])
            parts.append(group if group <= groups else "")
            at = end
        else:
            parts.append(sign)
            at += 1
    return parts


@builtin("split(string: string, delimiter: string)")
def split(run: Run, text: str, pattern: str) -> list | None:
    run.charge(20)
    found = _compiled(pattern, "")
    if found is None:
        return None
    pieces: list[str] = []
    last = 0
    try:
        for match in found.finditer(text, timeout=_seconds(run)):
            run.charge()
            if match.end() == match.start():
                continue
            pieces.append(text[last : match.start()])
            last = match.end()
    except TimeoutError:
        raise _endless() from None
    return run.items([*pieces, text[last:]])
