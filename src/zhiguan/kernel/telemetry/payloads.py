"""Reading the values of a downlink's payload: each reader returns a value clean or raises ValueError in Chinese."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from .jt808.parameters import PARAMETERS, checked


class Refused(ValueError):
    """A payload that makes no message: ``fields`` has a Chinese sentence for each name that is wrong."""

    def __init__(self, fields: Mapping[str, str]) -> None:
        super().__init__("；".join(fields.values()))
        self.fields = dict(fields)


@dataclass(frozen=True)
class Field:
    """One value of a payload. ``read`` returns it clean or raises ValueError with a Chinese reason."""

    name: str
    label: str
    read: Callable[[Any], Any]
    default: Any = None
    required: bool = True


def whole(low: int, high: int, choices: Mapping[int, str] | None = None) -> Callable[[Any], int]:
    def read(value: Any) -> int:
        try:
            number = int(value) if isinstance(value, (int, str)) and not isinstance(value, bool) else None
        except ValueError:
            number = None
        if number is None:
            raise ValueError("应为整数")
        if choices is not None and number not in choices:
            raise ValueError("只能是" + "、".join(f"{key}（{name}）" for key, name in choices.items()))
        if not low <= number <= high:
            raise ValueError(f"应在 {low} 至 {high} 之间")
        return number

    return read


def flag(value: Any) -> bool:
    if value not in (True, False, 0, 1):
        raise ValueError("应为是或否")
    return bool(value)


def gbk(most: int, *, empty: bool = False) -> Callable[[Any], str]:
    def read(value: Any) -> str:
        if not isinstance(value, str) or not (empty or value.strip()):
            raise ValueError("不能为空")
        try:
            size = len(value.encode("gbk"))
        except UnicodeEncodeError as error:
            raise ValueError(f"含有终端不能显示的字“{value[error.start]}”") from None
        if size > most:
            raise ValueError(f"过长：最多 {most} 字节（每个汉字 2 字节），现有 {size} 字节")
        return value

    return read


def hexadecimal(most: int) -> Callable[[Any], str]:
    def read(value: Any) -> str:
        try:
            data = bytes.fromhex(value) if isinstance(value, str) else None
        except ValueError:
            data = None
        if data is None:
            raise ValueError("应为十六进制数字")
        if len(data) > most:
            raise ValueError(f"过长：最多 {most} 字节，现有 {len(data)} 字节")
        return data.hex()

    return read


def moment(value: Any) -> str:
    try:
        found = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise ValueError("不是有效的日期时间") from None
    if found.tzinfo is None or not 2000 < found.year < 2099:
        raise ValueError("应为带时区的日期时间，2001 至 2098 年")
    return found.isoformat()


def parameters(value: Any) -> dict[str, Any]:
    if not isinstance(value, Mapping) or not value:
        raise ValueError("至少要有一项参数")
    clean: dict[str, Any] = {}
    for key, given in value.items():
        number = _parameter_id(key)
        if PARAMETERS[number].secret:
            raise ValueError(f"“{PARAMETERS[number].label}”不能经平台设置，请在终端上设置")
        read = checked(number, given)
        clean[f"{number:04x}"] = read.hex() if isinstance(read, bytes) else read
    return clean


def _parameter_id(value: Any) -> int:
    try:
        number = int(str(value), 16)
    except ValueError:
        number = -1
    if number not in PARAMETERS:
        raise ValueError(f"不认识参数 {value}")
    return number


def parameter_ids(value: Any) -> list[str]:
    if not isinstance(value, Sequence) or isinstance(value, str) or len(value) > 200:
        raise ValueError("应为参数编号的列表")
    return [f"{_parameter_id(each):04x}" for each in value]


def numbers(most: int) -> Callable[[Any], list[int]]:
    read_one = whole(1, 2**32 - 1)

    def read(value: Any) -> list[int]:
        if not isinstance(value, Sequence) or isinstance(value, str) or len(value) > most:
            raise ValueError(f"应为编号的列表，最多 {most} 个")
        return [read_one(each) for each in value]

    return read


def point(value: Any) -> list[float]:
    try:
        lat, lon = (float(part) for part in value)
    except (TypeError, ValueError):
        raise ValueError("坐标应为 [纬度, 经度]") from None
    if not (-90 <= lat <= 90 and -180 <= lon <= 180):
        raise ValueError(f"坐标超出范围：{lat}, {lon}")
    return [lat, lon]


def points(low: int, high: int) -> Callable[[Any], list[list[float]]]:
    def read(value: Any) -> list[list[float]]:
        if not isinstance(value, Sequence) or isinstance(value, str) or not low <= len(value) <= high:
            raise ValueError(f"应有 {low} 至 {high} 个点")
        return [point(each) for each in value]

    return read


def downlink_id(value: Any) -> int:
    try:
        number = int(str(value), 16)
    except ValueError:
        number = 0
    if not 0x8000 <= number <= 0xFFFF:
        raise ValueError("应为四位十六进制的平台消息编号，8000 至 FFFF")
    return number
