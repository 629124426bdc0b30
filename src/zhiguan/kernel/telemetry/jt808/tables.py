"""Names of JT/T 808 as data: alarm bits, status bits, signal bits, message ids, results (parameters: `parameters`).

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
MEDIA_EVENTS: dict[int, str] = {
    0: "平台下发指令", 1: "定时动作", 2: "抢劫报警触发", 3: "碰撞侧翻报警触发", 4: "门开拍照", 5: "门关拍照",
    6: "车门由开变关，车速从低于 20 公里/小时到超过 20 公里/小时", 7: "定距拍照",
}  # fmt: skip
PASSTHROUGH_TYPES: dict[int, str] = {
    0x00: "GNSS模块详细定位数据", 0x0B: "道路运输证IC卡信息", 0x41: "串口1透传", 0x42: "串口2透传",
    **dict.fromkeys(range(0xF0, 0x100), "用户自定义透传"),
}  # fmt: skip
CONTROL_COMMANDS: dict[int, str] = {
    1: "无线升级", 2: "控制终端连接指定服务器", 3: "终端关机", 4: "终端复位", 5: "终端恢复出厂设置", 6: "关闭数据通信",
    7: "关闭所有无线通信",
}  # fmt: skip
RESOLUTIONS: dict[int, str] = {
    1: "320×240", 2: "640×480", 3: "800×600", 4: "1024×768", 5: "176×144", 6: "352×288", 7: "704×288", 8: "704×576",
}  # fmt: skip
CARD_STATES: dict[int, str] = {1: "从业资格证IC卡插入", 2: "从业资格证IC卡拔出"}
CARD_RESULTS: dict[int, str] = {
    0: "读卡成功", 1: "卡片密钥认证未通过", 2: "卡片已被锁定", 3: "卡片被拔出", 4: "数据校验错误",
}  # fmt: skip
UPGRADE_KINDS: dict[int, str] = {0: "终端", 12: "道路运输证IC卡读卡器", 52: "北斗卫星定位模块"}
UPGRADE_RESULTS: dict[int, str] = {0: "成功", 1: "失败", 2: "取消"}
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
