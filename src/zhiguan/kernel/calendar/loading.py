"""Holidays from text: the shipped file and files of the same form, read and checked before anything is written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import yaml

from zhiguan.kit.errors import Invalid

from .codes import DayKind

BUILTIN = Path(__file__).with_name("data") / "holidays.yaml"
LARGEST_BYTES = 200_000


@dataclass(frozen=True)
class DayRow:
    """One marked day as read; ``kind`` is a :class:`DayKind`."""

    day: date
    kind: str
    name: str


@dataclass(frozen=True)
class YearRow:
    """One year as read, already checked."""

    year: int
    title: str
    number: str = ""
    issued_on: date | None = None
    verified: bool = False
    note: str = ""
    days: tuple[DayRow, ...] = ()


def check_days(year: int, days: Iterable[DayRow], *, whole: bool = True) -> tuple[DayRow, ...]:
    """Return the days in order; raises ``Invalid`` naming every day that cannot be.

    ``whole`` refuses a year without any day off: a file that was cut short.
    """
    problems: dict[str, str] = {}
    found: dict[date, DayRow] = {}
    for row in days:
        key = row.day.isoformat()
        if row.day.year != year:
            problems[key] = f"{key} 不在{year}年内。"
        elif row.day in found:
            problems[key] = f"{key} 重复出现。"
        elif row.kind not in DayKind.values:
            problems[key] = f"{key} 的安排“{row.kind}”无法识别，应为放假或调休上班。"
        elif row.kind == DayKind.SWAP and row.day.weekday() < 5:
            problems[key] = f"{key} 是工作日，不能作为调休上班日（调休上班日应为周六或周日）。"
        elif row.kind == DayKind.HOLIDAY and not row.name.strip():
            problems[key] = f"{key} 没有写明节日名称。"
        found[row.day] = row
    if whole and not any(row.kind == DayKind.HOLIDAY for row in found.values()):
        problems["days"] = f"{year}年没有任何放假日期，请检查内容是否完整。"
    if problems:
        first = next(iter(problems.values()))
        more = f"（共 {len(problems)} 处问题）" if len(problems) > 1 else ""
        raise Invalid(f"{year}年节假日安排有误：{first}{more}", code="calendar_days", fields=problems)
    return tuple(found[day] for day in sorted(found))


def _date(value: Any, path: str) -> date:
    if type(value) is date:
        return value
    try:
        return date.fromisoformat(str(value))
    except ValueError as error:
        message = f"{path}：“{str(value)[:20]}”不是日期，应写作 2027-01-01。"
        raise Invalid(message, fields={path: message}) from error


def _arrangement(entry: Any, path: str) -> list[DayRow]:
    if not isinstance(entry, Mapping) or not entry.get("name") or "from" not in entry:
        message = f"{path}：每项安排应写明 name（节日）、from（首日）、to（末日），有调休的写明 work。"
        raise Invalid(message, fields={path: message})
    first = _date(entry["from"], f"{path}.from")
    last = _date(entry.get("to", first), f"{path}.to")
    if last < first or (last - first).days > 30:
        message = f"{path}：末日 {last} 应不早于首日 {first}，且放假不超过 31 天。"
        raise Invalid(message, fields={path: message})
    name = str(entry["name"])[:40]
    days = [DayRow(first + timedelta(days=n), DayKind.HOLIDAY, name) for n in range((last - first).days + 1)]
    work = entry.get("work") or []
    if not isinstance(work, list):
        message = f"{path}.work 应为日期列表。"
        raise Invalid(message, fields={f"{path}.work": message})
    return days + [DayRow(_date(day, f"{path}.work"), DayKind.SWAP, name) for day in work]


def read_years(content: bytes | str) -> list[YearRow]:
    """Read a file of the shipped form; raises ``Invalid`` naming the place of the first fault."""
    if len(content) > LARGEST_BYTES:
        raise Invalid("文件过大，节假日安排文件不应超过 200 KB。", code="file_too_large")
    try:
        data = yaml.safe_load(content)
    except (yaml.YAMLError, UnicodeDecodeError, ValueError, RecursionError) as error:
        raise Invalid("文件不是有效的 YAML 文本，请按内置文件的格式填写。", code="not_yaml") from error
    years = data.get("years") if isinstance(data, Mapping) else None
    if not isinstance(years, Mapping) or not years:
        raise Invalid("文件中没有 years（年份）一项，请按内置文件的格式填写。", fields={"years": "缺少年份。"})
    rows = []
    for year, body in years.items():
        path = f"years.{year}"
        if type(year) is not int or not 2000 <= year <= 2200 or not isinstance(body, Mapping):
            message = f"{path}：年份应为 2000 至 2200 之间的整数，其下为该年安排。"
            raise Invalid(message, fields={path: message})
        listed = body.get("arrangements")
        if not isinstance(listed, list):
            message = f"{path}.arrangements 应为放假安排列表。"
            raise Invalid(message, fields={f"{path}.arrangements": message})
        days = [row for n, entry in enumerate(listed) for row in _arrangement(entry, f"{path}.arrangements[{n}]")]
        issued = body.get("issued_on")
        rows.append(
            YearRow(
                year=year,
                title=str(body.get("title") or f"{year}年节假日安排")[:200],
                number=str(body.get("number") or "")[:80],
                issued_on=_date(issued, f"{path}.issued_on") if issued else None,
                verified=body.get("verified") is True,
                note=str(body.get("note") or "")[:200],
                days=check_days(year, days),
            )
        )
    return rows
