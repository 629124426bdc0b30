"""Answers that say no: problem+json (RFC 9457) in Chinese, and the refusals only an API knows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import orjson
from django.http import HttpRequest, HttpResponse

from zhiguan.kit.errors import Invalid, Refusal

MEDIA_TYPE = "application/problem+json"
TITLES = {
    400: "请求格式不正确", 401: "未登录或密钥无效", 403: "没有权限", 404: "不存在或不在数据权限范围内", 405: "不支持该方法",
    409: "与当前情况冲突", 412: "版本已过期", 413: "请求内容过大", 415: "不支持的内容类型", 422: "填写的内容不符合要求",
    428: "须说明所依据的版本", 429: "请求过于频繁", 500: "系统没有完成这次操作",
}  # fmt: skip


class Unauthorised(Refusal):
    """Nobody is signed in, or the key is not valid."""

    status, code = 401, "unauthorised"


class MethodRefused(Refusal):
    status, code = 405, "method_not_allowed"


class TooLarge(Refusal):
    status, code = 413, "body_too_large"


class WrongMedia(Refusal):
    status, code = 415, "unsupported_media_type"


class VersionRequired(Refusal):
    """``If-Match`` is missing where an answer without it could overwrite somebody else's change."""

    status, code = 428, "if_match_required"


class TooMany(Refusal):
    """The rate limit is used up; ``wait_s`` seconds until the next request is taken."""

    status, code = 429, "rate_limited"

    def __init__(self, message: str, wait_s: int):
        super().__init__(message)
        self.wait_s = wait_s


def body_of(refusal: Refusal, instance: str = "") -> dict[str, Any]:
    """Return the refusal as the object a program reads; ``errors`` names fields, parameters or headers by ``path``."""
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": TITLES.get(refusal.status, "请求未办理"),
        "status": refusal.status,
        "code": refusal.code,
        "detail": refusal.message,
    }
    if instance:
        body["instance"] = f"urn:uuid:{instance}"
    if refusal.fields:
        body["errors"] = [{"path": path, "message": message} for path, message in refusal.listed()]
    return body


def problem(refusal: Refusal, request: HttpRequest | None = None) -> HttpResponse:
    """Return the refusal as an answer."""
    body = body_of(refusal, getattr(request, "request_id", ""))
    answer = HttpResponse(orjson.dumps(body), status=refusal.status, content_type=MEDIA_TYPE)
    if isinstance(refusal, TooMany):
        answer["Retry-After"] = str(refusal.wait_s)
    if refusal.status == 401:
        answer["WWW-Authenticate"] = "Bearer"
    return answer


_MESSAGES = {
    "missing": "缺少该项。",
    "extra_forbidden": "没有该项。",
    "string_type": "应为文字。",
    "string_too_long": "不超过 {max_length} 个字符。",
    "string_too_short": "不少于 {min_length} 个字符。",
    "string_pattern_mismatch": "格式不正确。",
    "int_type": "应为整数。",
    "int_parsing": "应为整数。",
    "int_from_float": "应为整数。",
    "int_parsing_size": "数值超出范围。",
    "float_type": "应为数字。",
    "float_parsing": "应为数字。",
    "finite_number": "应为有限的数字。",
    "decimal_type": "应为数字或写作文字的数字。",
    "decimal_parsing": "应为数字或写作文字的数字。",
    "decimal_max_digits": "不超过 {max_digits} 位数字。",
    "decimal_max_places": "小数不超过 {decimal_places} 位。",
    "decimal_whole_digits": "整数部分不超过 {whole_digits} 位。",
    "bool_type": "应为 true 或 false。",
    "bool_parsing": "应为 true 或 false。",
    "date_type": "应为日期，例如 2026-03-01。",
    "date_parsing": "应为日期，例如 2026-03-01。",
    "date_from_datetime_parsing": "应为日期，例如 2026-03-01。",
    "datetime_type": "应为带时区的时间，例如 2026-03-01T09:30:00+08:00。",
    "datetime_parsing": "应为带时区的时间，例如 2026-03-01T09:30:00+08:00。",
    "datetime_from_date_parsing": "应为带时区的时间，例如 2026-03-01T09:30:00+08:00。",
    "timezone_aware": "时间须带时区，例如 2026-03-01T09:30:00+08:00。",
    "time_type": "应为时间，例如 09:30。",
    "time_parsing": "应为时间，例如 09:30。",
    "list_type": "应为数组。",
    "dict_type": "应为 JSON 对象。",
    "bytes_type": "应为 Base64 文字。",
    "base64": "应为 Base64 文字。",
    "too_long": "不超过 {max_length} 项。",
    "literal_error": "没有该选项，可选：{expected}。",
    "greater_than_equal": "不小于 {ge}。",
    "less_than_equal": "不大于 {le}。",
    "model_type": "应为 JSON 对象。",
    "model_attributes_type": "应为 JSON 对象。",
    "json_invalid": "不是有效的 JSON。",
}


def invalid(errors: Iterable[Mapping[str, Any]]) -> Refusal:
    """Return pydantic's errors as one refusal in Chinese, each at the path it is about."""
    fields: dict[str, str] = {}
    for error in errors:
        kind, context = error["type"], {**(error.get("ctx") or {})}
        if kind == "json_invalid":
            return Invalid("请求内容不是有效的 JSON。", code="json_invalid")
        text = _MESSAGES.get(kind, "内容不正确。").format_map({**_Blank(), **context})
        path = ".".join(str(part) for part in error["loc"])[:100]
        if not path:
            return Invalid(f"请求内容{text}", code="invalid")
        fields.setdefault(path, text)
    return Invalid("填写的内容不符合要求，请按 errors 逐项更正。", code="invalid", fields=fields)


class _Blank(dict):
    def __missing__(self, key: str) -> str:
        return ""
