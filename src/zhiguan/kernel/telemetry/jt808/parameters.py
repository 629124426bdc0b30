"""Terminal parameters of 0x8103, 0x8104, 0x8106 and 0x0104: what each is, what it may be, to bytes and back.

Sources: ids and names by vehicle_protocol.yaml (``parameter.*``); those not listed there (0x001A to 0x001D, 0x0023 to
0x0026, 0x0040 to 0x0049, 0x005B to 0x005E, 0x0064 to 0x0074, 0x0090 to 0x0095, 0x0100 to 0x0110), and all ranges, are
as open implementations have them and not confirmed by the text of the standard (docs/jt808.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

ParameterValue = int | str | bytes

UNITS: dict[str, str] = {
    "s": "秒", "times": "次", "m": "米", "km/h": "公里/小时", "degree": "度", "0.1 km": "0.1 公里", "ms": "毫秒",
    "0.1 km/h": "0.1 公里/小时",
}  # fmt: skip
"""Units as people read them."""
WIDTHS: dict[str, int] = {"BYTE": 1, "WORD": 2, "DWORD": 4}
LONGEST_TEXT = 255
"""Bytes of a text: its length has one byte."""


class Parameter(NamedTuple):
    """One terminal parameter: wire type (BYTE, WORD, DWORD, STRING, STRUCT), name, label, unit, and what it may be."""

    type: str
    name: str
    label: str
    unit: str = ""
    low: int = 0
    high: int | None = None
    choices: Mapping[int, str] | None = None
    edition: str = "both"
    """"2013" gone in 2019, "2019" new in 2019."""
    secret: bool = False
    """A password: never shown, never kept readable."""

    @property
    def most(self) -> int:
        """The largest number the parameter may be."""
        return self.high if self.high is not None else (1 << 8 * WIDTHS.get(self.type, 4)) - 1

    @property
    def unit_label(self) -> str:
        """The unit in Chinese."""
        return UNITS.get(self.unit, self.unit)


_DAY = 86_400
_STRATEGY = {0: "定时汇报", 1: "定距汇报", 2: "定时和定距汇报"}
_SCHEME = {0: "根据点火状态", 1: "根据登录状态和点火状态"}
_ANSWERING = {0: "自动接听", 1: "点火时自动接听，熄火时手动接听"}
_BAUD = {0: "4800", 1: "9600", 2: "19200", 3: "38400", 4: "57600", 5: "115200"}
_RATE = {0: "500 毫秒", 1: "1000 毫秒", 2: "2000 毫秒", 3: "3000 毫秒", 4: "4000 毫秒"}
_UPLOAD = {
    0x00: "本地存储，不上传", 0x01: "按时间间隔上传", 0x02: "按距离间隔上传", 0x0B: "按累计时间上传",
    0x0C: "按累计距离上传", 0x0D: "按累计条数上传",
}  # fmt: skip
_COLOURS = {0: "未上牌", 1: "蓝色", 2: "黄色", 3: "黑色", 4: "白色", 5: "绿色", 9: "其他"}


def _text(name: str, label: str, edition: str = "both", *, secret: bool = False) -> Parameter:
    return Parameter("STRING", name, label, high=LONGEST_TEXT, edition=edition, secret=secret)


def _seconds(name: str, label: str, low: int = 1, high: int = 7 * _DAY) -> Parameter:
    return Parameter("DWORD", name, label, "s", low, high)


def _metres(name: str, label: str) -> Parameter:
    return Parameter("DWORD", name, label, "m", 1, 100_000)


PARAMETERS: dict[int, Parameter] = {
    0x0001: _seconds("heartbeat_interval", "终端心跳发送间隔", high=3600),
    0x0002: _seconds("tcp_timeout", "TCP消息应答超时时间", high=3600),
    0x0003: Parameter("DWORD", "tcp_retries", "TCP消息重传次数", "times", 0, 255),
    0x0004: _seconds("udp_timeout", "UDP消息应答超时时间", high=3600),
    0x0005: Parameter("DWORD", "udp_retries", "UDP消息重传次数", "times", 0, 255),
    0x0006: _seconds("sms_timeout", "SMS消息应答超时时间", high=3600),
    0x0007: Parameter("DWORD", "sms_retries", "SMS消息重传次数", "times", 0, 255),
    0x0010: _text("apn", "主服务器APN"),
    0x0011: _text("apn_user", "主服务器无线通信拨号用户名"),
    0x0012: _text("apn_password", "主服务器无线通信拨号密码", secret=True),
    0x0013: _text("server", "主服务器地址"),
    0x0014: _text("backup_apn", "备份服务器APN"),
    0x0015: _text("backup_user", "备份服务器无线通信拨号用户名"),
    0x0016: _text("backup_password", "备份服务器无线通信拨号密码", secret=True),
    0x0017: _text("backup_server", "备份服务器地址"),
    0x0018: Parameter("DWORD", "tcp_port", "服务器TCP端口（2013版）", "", 1, 65535, edition="2013"),
    0x0019: Parameter("DWORD", "udp_port", "服务器UDP端口（2013版）", "", 1, 65535, edition="2013"),
    0x001A: _text("card_server", "道路运输证IC卡认证主服务器地址"),
    0x001B: Parameter("DWORD", "card_tcp_port", "道路运输证IC卡认证主服务器TCP端口", "", 0, 65535),
    0x001C: Parameter("DWORD", "card_udp_port", "道路运输证IC卡认证主服务器UDP端口", "", 0, 65535),
    0x001D: _text("card_backup_server", "道路运输证IC卡认证备份服务器地址"),
    0x0020: Parameter("DWORD", "report_strategy", "位置汇报策略", high=2, choices=_STRATEGY),
    0x0021: Parameter("DWORD", "report_scheme", "位置汇报方案", high=1, choices=_SCHEME),
    0x0022: _seconds("interval_not_signed_in", "驾驶员未登录汇报时间间隔"),
    0x0023: _text("slave_apn", "从服务器APN", "2019"),
    0x0024: _text("slave_user", "从服务器无线通信拨号用户名", "2019"),
    0x0025: _text("slave_password", "从服务器无线通信拨号密码", "2019", secret=True),
    0x0026: _text("slave_server", "从服务器备份地址", "2019"),
    0x0027: _seconds("interval_sleep", "休眠时汇报时间间隔"),
    0x0028: _seconds("interval_emergency", "紧急报警时汇报时间间隔"),
    0x0029: _seconds("interval_default", "缺省时间汇报间隔"),
    0x002C: _metres("distance_default", "缺省距离汇报间隔"),
    0x002D: _metres("distance_not_signed_in", "驾驶员未登录汇报距离间隔"),
    0x002E: _metres("distance_sleep", "休眠时汇报距离间隔"),
    0x002F: _metres("distance_emergency", "紧急报警时汇报距离间隔"),
    0x0030: Parameter("DWORD", "corner_angle", "拐点补传角度", "degree", 0, 179),
    0x0031: Parameter("WORD", "fence_radius", "电子围栏半径", "m"),
    0x0032: Parameter("STRUCT", "banned_period", "违规行驶时段范围", high=4),
    0x0040: _text("platform_phone", "监控平台电话号码"),
    0x0041: _text("reset_phone", "复位电话号码"),
    0x0042: _text("factory_phone", "恢复出厂设置电话号码"),
    0x0043: _text("platform_sms", "监控平台SMS电话号码"),
    0x0044: _text("alarm_sms_phone", "接收终端SMS文本报警号码"),
    0x0045: Parameter("DWORD", "call_answering", "终端电话接听策略", high=1, choices=_ANSWERING),
    0x0046: Parameter("DWORD", "call_longest", "每次最长通话时间", "s"),
    0x0047: Parameter("DWORD", "call_month", "当月最长通话时间", "s"),
    0x0048: _text("listen_phone", "监听电话号码"),
    0x0049: _text("privileged_sms", "监管平台特权短信号码"),
    0x0050: Parameter("DWORD", "alarm_mask", "报警屏蔽字（与报警标志位对应）"),
    0x0051: Parameter("DWORD", "alarm_sms", "报警发送文本SMS开关"),
    0x0052: Parameter("DWORD", "alarm_photo", "报警拍摄开关"),
    0x0053: Parameter("DWORD", "alarm_photo_store", "报警拍摄存储标志"),
    0x0054: Parameter("DWORD", "key_alarms", "关键标志"),
    0x0055: Parameter("DWORD", "max_speed", "最高速度", "km/h", 1, 255),
    0x0056: _seconds("overspeed_duration", "超速持续时间", low=0, high=_DAY),
    0x0057: _seconds("continuous_driving", "连续驾驶时间门限", high=_DAY),
    0x0058: _seconds("day_driving", "当天累计驾驶时间门限", high=_DAY),
    0x0059: _seconds("min_rest", "最小休息时间", high=_DAY),
    0x005A: _seconds("max_stop", "最长停车时间"),
    0x005B: Parameter("WORD", "overspeed_margin", "超速报警预警差值", "0.1 km/h"),
    0x005C: Parameter("WORD", "fatigue_margin", "疲劳驾驶预警差值", "s"),
    0x005D: Parameter("WORD", "collision", "碰撞报警参数设置"),
    0x005E: Parameter("WORD", "rollover_angle", "侧翻报警参数（侧翻角度）", "degree", 0, 180),
    0x0064: Parameter("DWORD", "photo_by_time", "定时拍照控制"),
    0x0065: Parameter("DWORD", "photo_by_distance", "定距拍照控制"),
    0x0070: Parameter("DWORD", "picture_quality", "图像/视频质量（1 最好）", "", 1, 10),
    0x0071: Parameter("DWORD", "brightness", "亮度", "", 0, 255),
    0x0072: Parameter("DWORD", "contrast", "对比度", "", 0, 127),
    0x0073: Parameter("DWORD", "saturation", "饱和度", "", 0, 127),
    0x0074: Parameter("DWORD", "chroma", "色度", "", 0, 255),
    0x0080: Parameter("DWORD", "odometer", "车辆里程表读数", "0.1 km"),
    0x0081: Parameter("WORD", "province", "车辆所在的省域ID"),
    0x0082: Parameter("WORD", "city", "车辆所在的市域ID"),
    0x0083: _text("plate", "公安交通管理部门颁发的机动车号牌"),
    0x0084: Parameter("BYTE", "plate_colour", "车牌颜色", high=9, choices=_COLOURS),
    0x0090: Parameter("BYTE", "gnss_mode", "GNSS定位模式（位0 GPS、位1 北斗、位2 GLONASS、位3 Galileo）", high=15),
    0x0091: Parameter("BYTE", "gnss_baud", "GNSS波特率", high=5, choices=_BAUD),
    0x0092: Parameter("BYTE", "gnss_output", "GNSS模块详细定位数据输出频率", high=4, choices=_RATE),
    0x0093: Parameter("DWORD", "gnss_sampling", "GNSS模块详细定位数据采集频率", "s"),
    0x0094: Parameter("BYTE", "gnss_upload", "GNSS模块详细定位数据上传方式", choices=_UPLOAD),
    0x0095: Parameter("DWORD", "gnss_upload_setting", "GNSS模块详细定位数据上传设置"),
    0x0100: Parameter("DWORD", "can1_sampling", "CAN总线通道1采集时间间隔", "ms"),
    0x0101: Parameter("WORD", "can1_upload", "CAN总线通道1上传时间间隔", "s"),
    0x0102: Parameter("DWORD", "can2_sampling", "CAN总线通道2采集时间间隔", "ms"),
    0x0103: Parameter("WORD", "can2_upload", "CAN总线通道2上传时间间隔", "s"),
    0x0110: Parameter("STRUCT", "can_single", "CAN总线ID单独采集设置", high=8),
}


def checked(number: int, value: Any) -> ParameterValue:
    """A parameter's value as it goes on the wire: number, text, or bytes of a structure (given in hexadecimal).

    Raises ValueError with a Chinese reason for an unknown id and for what the parameter may not be.
    """
    known = PARAMETERS.get(number)
    if known is None:
        raise ValueError(f"不认识参数 0x{number:04X}")
    if known.type in WIDTHS:
        return _number(known, value)
    if not isinstance(value, str):
        raise ValueError(f"“{known.label}”应为文字")
    most = known.high or LONGEST_TEXT
    if known.type == "STRUCT":
        try:
            data = bytes.fromhex(value)
        except ValueError:
            raise ValueError(f"“{known.label}”应为十六进制数字") from None
        if len(data) != most:
            raise ValueError(f"“{known.label}”应为 {most} 字节")
        return data
    if any(ord(letter) < 32 for letter in value):
        raise ValueError(f"“{known.label}”不能含控制字符")
    try:
        size = len(value.encode("gbk"))
    except UnicodeEncodeError as error:
        raise ValueError(f"“{known.label}”含有终端不能显示的字“{value[error.start]}”") from None
    if size > most:
        raise ValueError(f"“{known.label}”最多 {most} 字节，现有 {size} 字节")
    return value


def _number(known: Parameter, value: Any) -> int:
    try:
        number = int(value) if isinstance(value, (int, str)) and not isinstance(value, bool) else None
    except ValueError:
        number = None
    if number is None:
        raise ValueError(f"“{known.label}”应为整数")
    if known.choices is not None and number not in known.choices:
        names = "、".join(f"{key}（{name}）" for key, name in known.choices.items())
        raise ValueError(f"“{known.label}”只能是 {names}")
    if not known.low <= number <= known.most:
        raise ValueError(
            f"“{known.label}”应在 {known.low} 至 {known.most} 之间{known.unit_label and f'（{known.unit_label}）'}"
        )
    return number


def shown(number: int, value: Any) -> str:
    """A parameter's value for people: names for choices, the unit, dots for passwords."""
    known = PARAMETERS.get(number)
    if value is None or value == "":
        return ""
    if known is None:
        return str(value)
    if known.secret:
        return "••••••"
    if known.choices is not None and value in known.choices:
        return known.choices[value]
    return f"{value} {known.unit_label}".strip()
