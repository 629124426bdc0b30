"""One cell to one value: what people and Excel write for numbers, dates, yes and no.

Parsers raise ValueError with the rule that is broken, in Chinese.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings

_DATE = re.compile(r"(\d{4})\s*[-/.年]\s*(\d{1,2})\s*[-/.月]\s*(\d{1,2})\s*日?")
_COMPACT = re.compile(r"(\d{4})(\d{2})(\d{2})")
_TIME = re.compile(r"[T\s]*(\d{1,2})\s*[:：时]\s*(\d{1,2})\s*(?:[:：分]\s*(\d{1,2})(?:\.\d+)?\s*秒?|分)?\s*")
_WIDE = str.maketrans("０１２３４５６７８９．－，％／：", "0123456789.-,%/:")
_EXCEL_EPOCH = dt.datetime(1899, 12, 30)  # noqa: DTZ001 -- Excel's serial days have no zone
YES = {"是", "有", "y", "yes", "true", "1", "√", "对"}
NO = {"否", "无", "n", "no", "false", "0", "×", "x", "错"}
ERRORS = ("#N/A", "#REF!", "#VALUE!", "#DIV/0!", "#NAME?", "#NUM!", "#NULL!")


def text(value: Any) -> str:
    """Return a cell as text: whole numbers without a decimal point, dates as they read."""
    if isinstance(value, bool):
        return "是" if value else "否"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    if isinstance(value, dt.datetime):
        midnight = value.time() == dt.time.min
        return value.strftime("%Y-%m-%d" if midnight else "%Y-%m-%d %H:%M:%S")
    if isinstance(value, dt.date):
        return value.isoformat()
    return "" if value is None else str(value).replace("\u3000", " ").replace("\xa0", " ").strip()


def decimal(value: Any) -> Decimal:
    """Return a number; separators, a currency sign, full-width digits and numbers stored as text are understood."""
    if isinstance(value, (bool, dt.date, dt.time, dt.timedelta)):
        raise ValueError("应填数字")
    raw = text(value).translate(_WIDE).replace(",", "").replace(" ", "").lstrip("¥￥").removesuffix("元").lstrip("'")
    negative = raw.startswith("(") and raw.endswith(")")
    try:
        number = Decimal(raw.strip("()") if negative else raw)
    except InvalidOperation:
        raise ValueError("应填数字，例如 1200.50") from None
    if not number.is_finite() or abs(number) >= Decimal(10) ** 18:
        raise ValueError("数字超出范围")
    if isinstance(value, float):  # 0.1 + 0.2 in a formula is 0.30000000000000004 in the file
        number = Decimal(f"{value:.15g}")
    return -number if negative else number


def integer(value: Any) -> int:
    """Return a whole number."""
    number = decimal(value)
    if number != number.to_integral_value():
        raise ValueError("应填整数")
    return int(number)


def money(value: Any) -> Decimal:
    """Return a sum in yuan with at most two decimals."""
    number = decimal(value)
    if number != round(number, 2):
        raise ValueError("金额最多两位小数")
    return round(number, 2)


def percent(value: Any) -> Decimal:
    """Return a share: 12.5% and 0.125 are the same."""
    raw = text(value).translate(_WIDE)
    return decimal(raw[:-1]) / 100 if raw.endswith("%") else decimal(value)


def moment(value: Any) -> dt.datetime:
    """Return an aware moment; without a zone it is local time."""
    zone = ZoneInfo(settings.TIME_ZONE)
    if isinstance(value, dt.datetime):
        return value if value.tzinfo else value.replace(tzinfo=zone)
    if isinstance(value, dt.date):
        return dt.datetime.combine(value, dt.time.min, tzinfo=zone)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        if 1 <= value < 2_958_466:
            return (_EXCEL_EPOCH + dt.timedelta(days=value)).replace(tzinfo=zone, microsecond=0)
        if not (isinstance(value, int) or value.is_integer()):
            raise ValueError("应填日期，例如 2026-03-01")
    raw = text(value).translate(_WIDE)
    match = _DATE.match(raw) or _COMPACT.match(raw)
    rule = "应填日期，例如 2026-03-01"
    if match is None:
        raise ValueError(rule)
    rest = raw[match.end() :]
    clock = _TIME.fullmatch(rest) if rest.strip() else None
    if rest.strip() and clock is None:
        raise ValueError("时间应写作 2026-03-01 08:30")
    try:
        day = dt.date(*(int(part) for part in match.groups()))
        hour, minute, second = (int(part or 0) for part in clock.groups()) if clock else (0, 0, 0)
        return dt.datetime.combine(day, dt.time(hour, minute, second), tzinfo=zone)
    except ValueError:
        raise ValueError("没有这一天或这一时刻") from None


def date(value: Any) -> dt.date:
    """Return a date; a time of day is refused, because dropping it may not be what was meant."""
    found = moment(value)
    if found.time() != dt.time.min:
        raise ValueError("只填日期，不填时间")
    return found.date()


def boolean(value: Any) -> bool:
    """Return 是 or 否 in any of the usual ways."""
    raw = text(value).lower()
    if raw in YES:
        return True
    if raw in NO:
        return False
    raise ValueError("应填“是”或“否”")


PARSERS: dict[str, Callable[[Any], Any]] = {
    "text": text, "integer": integer, "decimal": decimal, "money": money, "percent": percent,
    "date": date, "datetime": moment, "bool": boolean,
}  # fmt: skip
