"""Names of JT/T 808 as data: alarm bits, status bits, signal bits, message ids, terminal parameters, results.

Source: JT/T 808-2013 and JT/T 808-2019 by way of vehicle_protocol.yaml (same group and code).
Chinese labels are interface text.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple


class Bit(NamedTuple):
    """One flag. `kind` (alarms only): event = cleared once acknowledged, state = lasts with the condition."""

    bit: int
    name: str
    label: str
    edition: str
    kind: str = ""


class Parameter(NamedTuple):
    """One terminal parameter: wire type (BYTE, WORD, DWORD, STRING, STRUCT), name, label, unit."""

    type: str
    name: str
    label: str
    unit: str


ALARM_BITS: tuple[Bit, ...] = (
    Bit(0, "emergency", "紧急报警", "both", "event"),
    Bit(1, "overspeed", "超速报警", "both", "state"),
    Bit(2, "fatigue", "疲劳驾驶", "both", "state"),
    Bit(3, "danger", "危险预警", "both", "event"),
    Bit(4, "gnss_fault", "GNSS模块故障", "both", "state"),
    Bit(5, "antenna_open", "GNSS天线未接或被剪断", "both", "state"),
    Bit(6, "antenna_short", "GNSS天线短路", "both", "state"),
    Bit(7, "undervoltage", "主电源欠压", "both", "state"),
    Bit(8, "power_cut", "主电源掉电", "both", "state"),
    Bit(9, "display_fault", "终端LCD或显示器故障", "both", "state"),
    Bit(10, "tts_fault", "TTS模块故障", "both", "state"),
    Bit(11, "camera_fault", "摄像头故障", "both", "state"),
    Bit(12, "ic_card_fault", "IC卡模块故障", "both", "state"),
    Bit(13, "overspeed_warning", "超速预警", "both", "state"),
    Bit(14, "fatigue_warning", "疲劳驾驶预警", "both", "state"),
    Bit(15, "illegal_driving", "违规行驶报警", "2019", "state"),
    Bit(16, "tyre_warning", "胎压预警", "2019", "state"),
    Bit(17, "right_blind", "右转盲区异常报警", "2019", "state"),
    Bit(18, "day_driving", "当天累计驾驶超时", "both", "state"),
    Bit(19, "long_stop", "超时停车", "both", "state"),
    Bit(20, "area", "进出区域", "both", "event"),
    Bit(21, "route", "进出路线", "both", "event"),
    Bit(22, "segment_time", "路段行驶时间不足/过长", "both", "event"),
    Bit(23, "off_route", "路线偏离报警", "both", "state"),
    Bit(24, "vss_fault", "车辆VSS故障", "both", "state"),
    Bit(25, "fuel", "车辆油量异常", "both", "state"),
    Bit(26, "theft", "车辆被盗", "both", "state"),
    Bit(27, "illegal_ignition", "车辆非法点火", "both", "event"),
    Bit(28, "illegal_move", "车辆非法位移", "both", "event"),
    Bit(29, "collision", "碰撞预警（2019：碰撞侧翻报警）", "both", "state"),
    Bit(30, "rollover", "侧翻预警", "both", "state"),
    Bit(31, "illegal_door", "非法开门报警（2019：保留）", "2013 only", "event"),
)

STATUS_BITS: tuple[Bit, ...] = (
    Bit(0, "acc", "ACC开", "both"),
    Bit(1, "located", "定位", "both"),
    Bit(2, "south", "南纬", "both"),
    Bit(3, "west", "西经", "both"),
    Bit(4, "out_of_service", "停运", "both"),
    Bit(5, "encrypted", "经纬度加密", "both"),
    Bit(6, "forward_collision", "紧急刹车系统采集的前撞预警", "2019"),
    Bit(7, "lane", "车道偏移预警", "2019"),
    Bit(10, "oil_cut", "车辆油路断开", "both"),
    Bit(11, "power_cut", "车辆电路断开", "both"),
    Bit(12, "doors_locked", "车门加锁", "both"),
    Bit(13, "door1", "前门开", "both"),
    Bit(14, "door2", "中门开", "both"),
    Bit(15, "door3", "后门开", "both"),
    Bit(16, "door4", "驾驶席门开", "both"),
    Bit(17, "door5", "自定义门开", "both"),
    Bit(18, "gps", "使用GPS", "both"),
    Bit(19, "beidou", "使用北斗", "both"),
    Bit(20, "glonass", "使用GLONASS", "both"),
    Bit(21, "galileo", "使用Galileo", "both"),
    Bit(22, "moving", "车辆行驶状态", "2019"),
)

LOAD_LABELS: dict[int, str] = {0: "空车", 1: "半载", 2: "保留", 3: "满载"}
"""Bits 8 and 9 of the status word."""

SIGNAL_BITS: tuple[Bit, ...] = (
    Bit(0, "low_beam", "近光灯", "both"),
    Bit(1, "high_beam", "远光灯", "both"),
    Bit(2, "right_turn", "右转向灯", "both"),
    Bit(3, "left_turn", "左转向灯", "both"),
    Bit(4, "brake", "制动", "both"),
    Bit(5, "reverse", "倒档", "both"),
    Bit(6, "fog", "雾灯", "both"),
    Bit(7, "outline", "示廓灯", "both"),
    Bit(8, "horn", "喇叭", "both"),
    Bit(9, "air_conditioning", "空调", "both"),
    Bit(10, "neutral", "空挡", "both"),
    Bit(11, "retarder", "缓速器", "both"),
    Bit(12, "abs", "ABS", "both"),
    Bit(13, "heater", "加热器", "both"),
    Bit(14, "clutch", "离合器", "both"),
)

MESSAGES: dict[int, str] = {
    0x0001: "终端通用应答",
    0x0002: "终端心跳",
    0x0003: "终端注销",
    0x0004: "查询服务器时间",
    0x0005: "终端补传分包请求",
    0x0100: "终端注册",
    0x0102: "终端鉴权",
    0x0104: "查询终端参数应答",
    0x0107: "查询终端属性应答",
    0x0108: "终端升级结果通知",
    0x0200: "位置信息汇报",
    0x0201: "位置信息查询应答",
    0x0301: "事件报告",
    0x0302: "提问应答",
    0x0303: "信息点播/取消",
    0x0500: "车辆控制应答",
    0x0608: "查询区域或线路数据应答",
    0x0700: "行驶记录数据上传",
    0x0701: "电子运单上报",
    0x0702: "驾驶员身份信息采集上报",
    0x0704: "定位数据批量上传",
    0x0705: "CAN总线数据上传",
    0x0800: "多媒体事件信息上传",
    0x0801: "多媒体数据上传",
    0x0802: "存储多媒体数据检索应答",
    0x0805: "摄像头立即拍摄命令应答",
    0x0900: "数据上行透传",
    0x0901: "数据压缩上报",
    0x0A00: "终端RSA公钥",
    0x8001: "平台通用应答",
    0x8003: "服务器补传分包请求",
    0x8004: "查询服务器时间应答",
    0x8100: "终端注册应答",
    0x8103: "设置终端参数",
    0x8104: "查询终端参数",
    0x8105: "终端控制",
    0x8106: "查询指定终端参数",
    0x8107: "查询终端属性",
    0x8108: "下发终端升级包",
    0x8201: "位置信息查询",
    0x8202: "临时位置跟踪控制",
    0x8203: "人工确认报警消息",
    0x8204: "链路检测请求",
    0x8300: "文本信息下发",
    0x8301: "事件设置",
    0x8302: "提问下发",
    0x8303: "信息点播菜单设置",
    0x8304: "信息服务",
    0x8400: "电话回拨",
    0x8401: "设置电话本",
    0x8500: "车辆控制",
    0x8600: "设置圆形区域",
    0x8601: "删除圆形区域",
    0x8602: "设置矩形区域",
    0x8603: "删除矩形区域",
    0x8604: "设置多边形区域",
    0x8605: "删除多边形区域",
    0x8606: "设置路线",
    0x8607: "删除路线",
    0x8608: "查询区域或线路数据",
    0x8700: "行驶记录仪数据采集命令",
    0x8701: "行驶记录仪参数下传命令",
    0x8702: "上报驾驶员身份信息请求",
    0x8800: "多媒体数据上传应答",
    0x8801: "摄像头立即拍摄命令",
    0x8802: "存储多媒体数据检索",
    0x8803: "存储多媒体数据上传",
    0x8804: "录音开始命令",
    0x8805: "单条存储多媒体数据检索上传命令",
    0x8900: "数据下行透传",
    0x8A00: "平台RSA公钥",
}

PARAMETERS: dict[int, Parameter] = {
    0x0001: Parameter("DWORD", "heartbeat_interval", "终端心跳发送间隔", "s"),
    0x0002: Parameter("DWORD", "tcp_timeout", "TCP消息应答超时时间", "s"),
    0x0003: Parameter("DWORD", "tcp_retries", "TCP消息重传次数", "times"),
    0x0004: Parameter("DWORD", "udp_timeout", "UDP消息应答超时时间", "s"),
    0x0005: Parameter("DWORD", "udp_retries", "UDP消息重传次数", "times"),
    0x0006: Parameter("DWORD", "sms_timeout", "SMS消息应答超时时间", "s"),
    0x0007: Parameter("DWORD", "sms_retries", "SMS消息重传次数", "times"),
    0x0010: Parameter("STRING", "apn", "主服务器APN", ""),
    0x0011: Parameter("STRING", "apn_user", "主服务器无线通信拨号用户名", ""),
    0x0012: Parameter("STRING", "apn_password", "主服务器无线通信拨号密码", ""),
    0x0013: Parameter("STRING", "server", "主服务器地址", ""),
    0x0014: Parameter("STRING", "backup_apn", "备份服务器APN", ""),
    0x0015: Parameter("STRING", "backup_user", "备份服务器无线通信拨号用户名", ""),
    0x0016: Parameter("STRING", "backup_password", "备份服务器无线通信拨号密码", ""),
    0x0017: Parameter("STRING", "backup_server", "备份服务器地址", ""),
    0x0018: Parameter("DWORD", "tcp_port", "服务器TCP端口（2013版）", ""),
    0x0019: Parameter("DWORD", "udp_port", "服务器UDP端口（2013版）", ""),
    0x0020: Parameter("DWORD", "report_strategy", "位置汇报策略", ""),
    0x0021: Parameter("DWORD", "report_scheme", "位置汇报方案", ""),
    0x0022: Parameter("DWORD", "interval_not_signed_in", "驾驶员未登录汇报时间间隔", "s"),
    0x0027: Parameter("DWORD", "interval_sleep", "休眠时汇报时间间隔", "s"),
    0x0028: Parameter("DWORD", "interval_emergency", "紧急报警时汇报时间间隔", "s"),
    0x0029: Parameter("DWORD", "interval_default", "缺省时间汇报间隔", "s"),
    0x002C: Parameter("DWORD", "distance_default", "缺省距离汇报间隔", "m"),
    0x002D: Parameter("DWORD", "distance_not_signed_in", "驾驶员未登录汇报距离间隔", "m"),
    0x002E: Parameter("DWORD", "distance_sleep", "休眠时汇报距离间隔", "m"),
    0x002F: Parameter("DWORD", "distance_emergency", "紧急报警时汇报距离间隔", "m"),
    0x0030: Parameter("DWORD", "corner_angle", "拐点补传角度", "degree"),
    0x0031: Parameter("WORD", "fence_radius", "电子围栏半径", "m"),
    0x0032: Parameter("STRUCT", "banned_period", "违规行驶时段范围", ""),
    0x0050: Parameter("DWORD", "alarm_mask", "报警屏蔽字（与报警标志位对应）", ""),
    0x0051: Parameter("DWORD", "alarm_sms", "报警发送文本SMS开关", ""),
    0x0052: Parameter("DWORD", "alarm_photo", "报警拍摄开关", ""),
    0x0053: Parameter("DWORD", "alarm_photo_store", "报警拍摄存储标志", ""),
    0x0054: Parameter("DWORD", "key_alarms", "关键标志", ""),
    0x0055: Parameter("DWORD", "max_speed", "最高速度", "km/h"),
    0x0056: Parameter("DWORD", "overspeed_duration", "超速持续时间", "s"),
    0x0057: Parameter("DWORD", "continuous_driving", "连续驾驶时间门限", "s"),
    0x0058: Parameter("DWORD", "day_driving", "当天累计驾驶时间门限", "s"),
    0x0059: Parameter("DWORD", "min_rest", "最小休息时间", "s"),
    0x005A: Parameter("DWORD", "max_stop", "最长停车时间", "s"),
    0x0080: Parameter("DWORD", "odometer", "车辆里程表读数", "0.1 km"),
    0x0081: Parameter("WORD", "province", "车辆所在的省域ID", ""),
    0x0082: Parameter("WORD", "city", "车辆所在的市域ID", ""),
    0x0083: Parameter("STRING", "plate", "公安交通管理部门颁发的机动车号牌", ""),
    0x0084: Parameter("BYTE", "plate_colour", "车牌颜色", ""),
}

ACK_RESULTS: dict[int, str] = {0: "成功/确认", 1: "失败", 2: "消息有误", 3: "不支持", 4: "报警处理确认"}
REGISTER_RESULTS: dict[int, str] = {
    0: "成功",
    1: "车辆已被注册",
    2: "数据库中无该车辆",
    3: "终端已被注册",
    4: "数据库中无该终端",
}
PLATE_COLOURS: dict[int, str] = {0: "未上牌", 1: "蓝色", 2: "黄色", 3: "黑色", 4: "白色", 9: "其他"}
MEDIA_TYPES: dict[int, str] = {0: "图像", 1: "音频", 2: "视频"}
MEDIA_FORMATS: dict[int, str] = {0: "JPEG", 1: "TIF", 2: "MP3", 3: "WAV", 4: "WMV"}
BATCH_TYPES: dict[int, str] = {0: "正常位置批量汇报", 1: "盲区补报"}
AREA_TYPES: dict[int, str] = {0: "无特定位置", 1: "圆形区域", 2: "矩形区域", 3: "多边形区域", 4: "路段"}


_LABELS: dict[int, dict[int, str]] = {
    id(bits): {entry.bit: entry.label for entry in bits} for bits in (ALARM_BITS, STATUS_BITS, SIGNAL_BITS)
}


def bit_names(word: int, bits: tuple[Bit, ...]) -> list[str]:
    """Names of the bits set in `word`."""
    return [entry.name for entry in bits if word >> entry.bit & 1]


def bit_labels(word: int, bits: tuple[Bit, ...]) -> list[str]:
    """Chinese labels of the bits set in `word`, by a table above; a bit without a label is shown by number."""
    if not word:
        return []
    known = _LABELS[id(bits)]
    return [known.get(bit, f"第{bit}位") for bit in range(word.bit_length()) if word >> bit & 1]


@lru_cache(maxsize=4096)
def status_labels(status: int) -> tuple[str, ...]:
    """Chinese labels of the status word, the load (two bits) included. Cached: a fleet uses few different words."""
    labels = bit_labels(status & ~0x300, STATUS_BITS)
    load = status >> 8 & 3
    return (*labels, LOAD_LABELS[load]) if load else tuple(labels)
