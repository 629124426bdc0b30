"""Every message the platform can send of its own accord: its fields, what they may be, and the body made from them.

No Django: the gateway makes the message, the service checks the same fields before a command is kept. A payload is a
dict of JSON values; :func:`check` returns it complete and clean or raises :class:`Refused` with a Chinese sentence for
each field that is wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from . import payloads as read
from .jt808 import MAX_BODY, areas, encode, multimedia
from .jt808.parameters import PARAMETERS, checked, shown
from .jt808.tables import CONTROL_COMMANDS, MEDIA_TYPES, MESSAGES, RESOLUTIONS
from .payloads import Field, Refused

Payload = dict[str, Any]
DISPLAY, READ_ALOUD = 0b0000_0100, 0b0000_1000
"""Flags of 0x8300."""
MOST_TEXT = MAX_BODY - 2
"""Bytes of a text beside its flags and type."""


@dataclass(frozen=True)
class Downlink:
    """One kind of message. ``answer`` is the id of the answer with content, 0 when the general answer says all."""

    code: str
    name: str
    msg_id: int
    build: Callable[[Payload, int], bytes]
    fields: tuple[Field, ...] = ()
    answer: int = 0
    since: int = 2011
    """First edition that knows the message."""


MOST_VERTICES = 110
MOST_TURNS = 30
"""So many fit one package of 1,023 bytes with every other field at its longest (2019)."""

_TELL = areas.TELL_DRIVER_IN | areas.TELL_PLATFORM_IN | areas.TELL_DRIVER_OUT | areas.TELL_PLATFORM_OUT
_RULE = (
    Field("tell", "进出提示", read.whole(0, _TELL), areas.TELL_PLATFORM_IN | areas.TELL_PLATFORM_OUT, required=False),
    Field("start", "起始时间", read.moment, required=False),
    Field("end", "结束时间", read.moment, required=False),
    Field("max_speed", "最高速度", read.whole(1, 300), required=False),
    Field("over_s", "超速持续时间", read.whole(0, 255), 10, required=False),
    Field("night_speed", "夜间最高速度", read.whole(1, 300), required=False),
    Field("name", "名称", read.gbk(40, empty=True), "", required=False),
)
_NUMBER = Field("number", "区域编号", read.whole(1, 2**32 - 1))


def _rule(payload: Payload) -> areas.Rule:
    start, end = (datetime.fromisoformat(payload[name]) if payload.get(name) else None for name in ("start", "end"))
    return areas.Rule(
        tell=payload["tell"], start=start, end=end, max_speed=payload.get("max_speed"), over_s=payload["over_s"],
        night_speed=payload.get("night_speed"), name=payload["name"],
    )  # fmt: skip


def _two(value: Sequence[float]) -> areas.Point:
    return float(value[0]), float(value[1])


def _set_circle(payload: Payload, version_flag: int) -> bytes:
    entry = areas.circle(payload["number"], _two(payload["centre"]), payload["radius_m"], _rule(payload), version_flag)
    return areas.set_areas([entry], areas.CHANGE)


def _set_rectangle(payload: Payload, version_flag: int) -> bytes:
    corners = _two(payload["top_left"]), _two(payload["bottom_right"])
    return areas.set_areas([areas.rectangle(payload["number"], *corners, _rule(payload), version_flag)], areas.CHANGE)


def _set_polygon(payload: Payload, version_flag: int) -> bytes:
    return areas.polygon(payload["number"], [_two(p) for p in payload["points"]], _rule(payload), version_flag)


def _set_route(payload: Payload, version_flag: int) -> bytes:
    rule = _rule(payload)
    turns = [
        areas.Turn(
            n, n, _two(point), payload["width_m"], max_speed=rule.max_speed, over_s=rule.over_s,
            night_speed=rule.night_speed,
        )
        for n, point in enumerate(payload["points"], 1)
    ]  # fmt: skip
    return areas.route(payload["number"], turns, rule, version_flag)


def _delete(payload: Payload, version_flag: int) -> bytes:
    return areas.delete(payload["numbers"])


def _bounds(payload: Payload) -> tuple[datetime | None, datetime | None]:
    start, end = (datetime.fromisoformat(payload[name]) if payload.get(name) else None for name in ("start", "end"))
    return start, end


def _set_parameters(payload: Payload, version_flag: int) -> bytes:
    return encode.set_parameters({int(key, 16): checked(int(key, 16), v) for key, v in payload["values"].items()})


def _query_parameters(payload: Payload, version_flag: int) -> bytes:
    return encode.query_given_parameters([int(number, 16) for number in payload["ids"]]) if payload["ids"] else b""


def _nothing(payload: Payload, version_flag: int) -> bytes:
    return b""


_DELETE_FIELD = Field("numbers", "区域编号", read.numbers(125), [], required=False)
_MEDIA = (
    Field("type", "媒体类型", read.whole(0, 2, MEDIA_TYPES), 0, required=False),
    Field("channel", "通道", read.whole(0, 255), 0, required=False),
    Field("event", "事件", read.whole(0, 255), 1, required=False),
    Field("start", "起始时间", read.moment, required=False),
    Field("end", "结束时间", read.moment, required=False),
)
_ALL = (
    Downlink(
        "text", "文本信息", 0x8300,
        lambda p, v: encode.text_message(p["text"], flags=p["flags"], version_flag=v, kind=p["type"]),
        (Field("text", "文本内容", read.gbk(MOST_TEXT)),
         Field("flags", "显示方式", read.whole(0, 255), DISPLAY | READ_ALOUD, required=False),
         Field("type", "文本类型", read.whole(1, 2, {1: "通知", 2: "服务"}), 1, required=False)),
    ),
    Downlink("query_location", "查询位置", 0x8201, _nothing, answer=0x0201),
    Downlink(
        "track", "临时位置跟踪", 0x8202, lambda p, v: encode.track(p["interval_s"], p["validity_s"]),
        (Field("interval_s", "汇报间隔", read.whole(0, 65535)),
         Field("validity_s", "跟踪时长", read.whole(0, 2**32 - 1), 3600, required=False)),
    ),
    Downlink(
        "confirm_alarm", "人工确认报警", 0x8203, lambda p, v: encode.confirm_alarm(p["serial"], p["types"]),
        (Field("serial", "报警消息流水号", read.whole(0, 65535), 0, required=False),
         Field("types", "报警类型", read.whole(1, 2**32 - 1))),
        since=2013,
    ),
    Downlink("link_check", "链路检测", 0x8204, _nothing, since=2019),
    Downlink(
        "set_parameters", "设置终端参数", 0x8103, _set_parameters, (Field("values", "参数", read.parameters),)
    ),
    Downlink(
        "query_parameters", "查询终端参数", 0x8104, _query_parameters,
        (Field("ids", "参数编号", read.parameter_ids, [], required=False),), answer=0x0104,
    ),
    Downlink("query_attributes", "查询终端属性", 0x8107, _nothing, answer=0x0107, since=2013),
    Downlink(
        "control", "终端控制", 0x8105, lambda p, v: encode.control(p["command"], p["arguments"]),
        (Field("command", "控制命令", read.whole(1, 7, CONTROL_COMMANDS)),
         Field("arguments", "命令参数", read.gbk(900, empty=True), "", required=False)),
    ),
    Downlink(
        "set_circle", "设置圆形区域", 0x8600, _set_circle,
        (_NUMBER, Field("centre", "圆心", read.point), Field("radius_m", "半径", read.whole(1, 200_000)), *_RULE),
    ),
    Downlink("delete_circle", "删除圆形区域", 0x8601, _delete, (_DELETE_FIELD,)),
    Downlink(
        "set_rectangle", "设置矩形区域", 0x8602, _set_rectangle,
        (_NUMBER, Field("top_left", "左上角", read.point), Field("bottom_right", "右下角", read.point), *_RULE),
    ),
    Downlink("delete_rectangle", "删除矩形区域", 0x8603, _delete, (_DELETE_FIELD,)),
    Downlink(
        "set_polygon", "设置多边形区域", 0x8604, _set_polygon,
        (_NUMBER, Field("points", "顶点", read.points(3, MOST_VERTICES)), *_RULE),
    ),
    Downlink("delete_polygon", "删除多边形区域", 0x8605, _delete, (_DELETE_FIELD,)),
    Downlink(
        "set_route", "设置路线", 0x8606, _set_route,
        (_NUMBER, Field("points", "拐点", read.points(2, MOST_TURNS)),
         Field("width_m", "路段宽度", read.whole(1, 255), 50, required=False), *_RULE),
    ),
    Downlink("delete_route", "删除路线", 0x8607, _delete, (_DELETE_FIELD,)),
    Downlink(
        "query_area", "查询区域或路线", 0x8608, lambda p, v: areas.query(p["kind"], p["numbers"]),
        (Field("kind", "类型", read.whole(1, 4, areas.KINDS)), _DELETE_FIELD), answer=0x0608, since=2019,
    ),
    Downlink("query_driver", "上报驾驶员身份", 0x8702, _nothing, answer=0x0702, since=2013),
    Downlink(
        "camera", "立即拍摄", 0x8801,
        lambda p, v: multimedia.camera(
            p["channel"], shots=p["shots"], interval_s=p["interval_s"], keep=p["keep"], resolution=p["resolution"],
            quality=p["quality"],
        ),
        (Field("channel", "通道", read.whole(1, 255), 1, required=False),
         Field("shots", "拍摄张数", read.whole(0, 65535), 1, required=False),
         Field("interval_s", "间隔或时长", read.whole(0, 65535), 0, required=False),
         Field("keep", "仅保存在终端", read.flag, False, required=False),
         Field("resolution", "分辨率", read.whole(1, 8, RESOLUTIONS), 2, required=False),
         Field("quality", "质量", read.whole(1, 10), 3, required=False)),
        answer=0x0805,
    ),
    Downlink(
        "media_search", "检索终端多媒体", 0x8802,
        lambda p, v: multimedia.search(p["type"], p["channel"], p["event"], *_bounds(p)), _MEDIA, answer=0x0802,
    ),
    Downlink(
        "media_fetch", "上传终端多媒体", 0x8803,
        lambda p, v: multimedia.fetch(p["type"], p["channel"], p["event"], *_bounds(p), drop=p["drop"]),
        (*_MEDIA, Field("drop", "上传后删除", read.flag, False, required=False)),
    ),
    Downlink(
        "record_sound", "录音", 0x8804, lambda p, v: multimedia.record_sound(p["command"], p["seconds"]),
        (Field("command", "录音命令", read.whole(0, 1, {0: "停止录音", 1: "开始录音"})),
         Field("seconds", "录音时长", read.whole(0, 65535), 10, required=False)),
    ),
    Downlink(
        "media_fetch_one", "上传单条多媒体", 0x8805, lambda p, v: multimedia.fetch_one(p["media_id"], drop=p["drop"]),
        (Field("media_id", "多媒体编号", read.whole(0, 2**32 - 1)), Field("drop", "上传后删除", read.flag, False, required=False)),
    ),
    Downlink(
        "passthrough", "数据下行透传", 0x8900, lambda p, v: encode.passthrough(p["type"], bytes.fromhex(p["data"])),
        (Field("type", "透传类型", read.whole(0, 255)), Field("data", "透传内容", read.hexadecimal(MAX_BODY - 1))),
    ),
    Downlink(
        "raw", "原始消息", 0, lambda p, v: bytes.fromhex(p["body"]),
        (Field("msg_id", "消息编号", lambda value: f"{read.downlink_id(value):04x}"),
         Field("body", "消息体", read.hexadecimal(MAX_BODY), "", required=False)),
    ),
)  # fmt: skip
DOWNLINKS: dict[str, Downlink] = {each.code: each for each in _ALL}
CHOICES = [(each.code, each.name) for each in _ALL]


def check(kind: str, payload: Mapping[str, Any]) -> Payload:
    """Return the payload with every field clean and every default filled in. Raises :class:`Refused`."""
    known = DOWNLINKS.get(kind)
    if known is None:
        raise Refused({"kind": f"不认识的指令“{kind}”"})
    wrong: dict[str, str] = {}
    clean: Payload = {}
    for item in known.fields:
        value = payload.get(item.name)
        if value is None:
            if item.required:
                wrong[item.name] = f"{item.label}：请填写"
            elif item.default is not None:
                clean[item.name] = item.default
            continue
        try:
            clean[item.name] = item.read(value)
        except ValueError as error:
            wrong[item.name] = f"{item.label}：{error}"
    names = {item.name for item in known.fields}
    wrong |= {str(name): f"{name}：{known.name}没有这一项" for name in payload if name not in names}
    if wrong:
        raise Refused(wrong)
    for version_flag in (0, 1):
        try:
            body = known.build(clean, version_flag)
        except (ValueError, UnicodeError) as error:
            raise Refused({known.fields[0].name if known.fields else "payload": f"{known.name}：{error}"}) from error
        if len(body) > MAX_BODY:
            reason = f"{known.name}：内容过长，{len(body)} 字节，上限 {MAX_BODY} 字节"
            raise Refused({known.fields[-1].name if known.fields else "payload": reason})
    return clean


def message_of(kind: str, payload: Mapping[str, Any], version_flag: int) -> tuple[int, bytes]:
    """A downlink's message id and body. Raises :class:`Refused` (a ValueError) for a payload that makes none."""
    clean = check(kind, payload)
    known = DOWNLINKS[kind]
    if known.since == 2019 and not version_flag:
        raise Refused({"kind": f"{known.name}：该终端的协议版本（2013 及以前）不支持，需 2019 版"})
    body = known.build(clean, version_flag)
    if kind == "raw":
        return int(clean["msg_id"], 16), body
    return (0x8106 if kind == "query_parameters" and clean["ids"] else known.msg_id), body


def describe(kind: str, payload: Mapping[str, Any]) -> str:
    """What a downlink asks, in one line for people."""
    known = DOWNLINKS.get(kind)
    if known is None:
        return kind
    if kind == "text":
        return f"{known.name}：{payload.get('text', '')}"
    if kind == "control":
        return f"{known.name}：{CONTROL_COMMANDS.get(payload.get('command', 0), '')}"
    if kind == "set_parameters":
        parts = [f"{PARAMETERS[int(k, 16)].label} {shown(int(k, 16), v)}" for k, v in payload.get("values", {}).items()]
        return f"{known.name}：{'；'.join(parts)}"
    if kind == "raw":
        number = int(str(payload.get("msg_id", "0")), 16)
        return f"{known.name}：{number:04X} {MESSAGES.get(number, '')}".rstrip()
    if "number" in payload:
        return f"{known.name}：{payload.get('name') or payload['number']}（编号 {payload['number']}）"
    if payload.get("numbers"):
        return f"{known.name}：编号 {'、'.join(map(str, payload['numbers']))}"
    return known.name


ANSWERED_BY: dict[int, int] = {
    **{each.msg_id: each.answer for each in _ALL if each.answer},
    0x8106: 0x0104,
}
"""Message id -> the answer with content that ends the question; a general "success" before it does not."""
