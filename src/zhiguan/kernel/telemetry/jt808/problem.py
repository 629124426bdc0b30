"""What can be wrong with received bytes, as data: stable code, Chinese text, and whether it spoils the message."""

from __future__ import annotations

from typing import NamedTuple

# code -> (spoils the message, text). A code that does not spoil is a note: the message as a whole can still be used.
PROBLEMS: dict[str, tuple[bool, str]] = {
    "bad_json": (True, "不是有效的 JSON 行"),
    "not_object": (True, "JSON 行不是对象"),
    "line_too_long": (True, "行过长，已跳过"),
    "missing_hex": (True, "缺少十六进制字段或类型不是文本"),
    "bad_hex": (True, "十六进制文本有误"),
    "empty": (True, "内容为空"),
    "missing_delimiter": (True, "缺少起始标识位 7e，不是完整的帧"),
    "unterminated": (True, "缺少结束标识位 7e，帧被截断"),
    "inner_delimiter": (True, "帧内出现标识位 7e，只解析第一段"),
    "frame_too_short": (True, "帧过短，消息头不完整"),
    "frame_too_long": (True, "帧超过最大长度"),
    "bad_checksum": (True, "校验码不符"),
    "length_mismatch": (True, "消息体长度与消息头不一致"),
    "body_too_short": (True, "消息体过短"),
    "bad_escape": (False, "0x7d 后不是 01 或 02，按原字节保留"),
    "unescaped_delimiter": (False, "帧内的 7e 未转义，长度与校验码相符，按一帧解析"),
    "bad_subpackage": (False, "分包总数或序号不合理"),
    "encrypted": (False, "消息体已加密，未解析"),
    "bad_phone": (False, "终端手机号不是 BCD 数字"),
    "bad_time": (False, "时间不是有效的 BCD 日期时间"),
    "bad_text": (False, "文本不是有效的 GBK 编码"),
    "lat_out_of_range": (False, "纬度超出 ±90 度"),
    "lon_out_of_range": (False, "经度超出 ±180 度"),
    "bad_item": (False, "附加信息项长度越界，其后内容未解析"),
    "count_mismatch": (False, "声明的项数与实际不一致"),
    "trailing_bytes": (False, "消息体末尾有多余字节"),
    "garbage": (True, "帧外有无法识别的字节，已跳过"),
    "overlong": (True, "超过最大帧长仍未结束，已丢弃"),
    "missing_start": (False, "相邻帧共用一个标识位，已按校验码恢复"),
}


class Problem(NamedTuple):
    """One thing wrong. `code` is a key of PROBLEMS; `detail` adds the place or the numbers (may be empty)."""

    code: str
    detail: str = ""

    @property
    def spoils(self) -> bool:
        """True when the message must not be taken as sound."""
        return PROBLEMS[self.code][0]

    @property
    def message(self) -> str:
        """Chinese text for people."""
        text = PROBLEMS[self.code][1]
        return f"{text}：{self.detail}" if self.detail else text

    def as_record(self) -> dict[str, str]:
        """Form used in JSON Lines output."""
        return {"code": self.code, "message": self.message}
