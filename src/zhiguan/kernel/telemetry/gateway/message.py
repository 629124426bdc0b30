"""Downlinks: from what a page asks to the message a terminal gets."""

from __future__ import annotations

from typing import Any

from ..jt808 import encode

TERMINAL_DISPLAY = 0b0000_0100
TERMINAL_READS_ALOUD = 0b0000_1000
"""Flags of 0x8300."""


def message_of(kind: str, payload: dict[str, Any], version_flag: int) -> tuple[int, bytes]:
    """A downlink's message id and body. Raises ValueError or KeyError for a payload that makes none."""
    if kind == "text":
        flags = int(payload.get("flags", TERMINAL_DISPLAY | TERMINAL_READS_ALOUD))
        return 0x8300, encode.text_message(str(payload["text"]), flags=flags, version_flag=version_flag)
    if kind == "query_location":
        return 0x8201, b""
    if kind == "raw":
        return int(str(payload["msg_id"]), 16), bytes.fromhex(str(payload.get("body", "")))
    raise ValueError(f"unknown kind of downlink: {kind}")
