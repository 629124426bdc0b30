"""核验: the pages anybody can open, without sign-in. They change nothing, keep nothing, and tell nothing but validity."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.csrf import csrf_exempt

from zhiguan.kit.api.gate import Buckets

from . import checking

MOST_BYTES = 30 * 2**20
MISS_COSTS = 4
"""A wrong token or code counts as this many checks more: guessing ends sooner than checking does."""
NOT_FOUND = "没有查到与所填信息相符的文书。请核对文号和核验码；如仍查不到，请向签发机关查询。"
_kept: dict[str, Buckets] = {}


def _buckets() -> Buckets:
    wanted = max(1, settings.ZHIGUAN_CHECK_PER_MINUTE)
    found = _kept.get("check")
    if found is None or found.capacity != wanted:
        found = _kept["check"] = Buckets(wanted)
    return found


def _answer(request: HttpRequest, status: int = 200, **context: Any) -> HttpResponse:
    answer = render(request, "documents/check.html", context, status=status)
    answer["Cache-Control"] = "no-store"
    answer["X-Robots-Tag"] = "noindex, nofollow"
    answer["Referrer-Policy"] = "no-referrer"
    return answer


@csrf_exempt  # changes nothing; and the length is looked at before a form is read
def check(request: HttpRequest, token: str = "") -> HttpResponse:
    """One document by its QR's address; the form for number and code; a file compared with what was issued."""
    if request.method not in ("GET", "HEAD", "POST"):
        return HttpResponse(status=405, headers={"Allow": "GET, HEAD, POST"})
    caller = request.META.get("REMOTE_ADDR", "")
    standing = _buckets().take(caller)
    if not standing.allowed:
        answer = _answer(request, 429, slow=f"核验过于频繁，请在 {standing.wait_s} 秒后重试。")
        answer["Retry-After"] = str(standing.wait_s)
        return answer
    context = _posted(request, token) if request.method == "POST" else _read(token)
    if context.get("missed"):
        for _ in range(MISS_COSTS):
            _buckets().take(caller)
    return _answer(request, 404 if token and context.get("missed") else 200, token=token, **context)


def _read(token: str) -> dict[str, Any]:
    if not token:
        return {}
    found = checking.by_token(token)
    return {"found": found} if found else {"missed": NOT_FOUND}


def _posted(request: HttpRequest, token: str) -> dict[str, Any]:
    length = request.META.get("CONTENT_LENGTH") or "0"
    if not length.isdigit() or int(length) > MOST_BYTES:
        return {**_read(token), "refused": f"文件过大，最大可核验 {MOST_BYTES // 2**20} MB。"}
    upload = request.FILES.get("file")
    if upload is not None:
        return _compared(token, checking.digest_of(upload.chunks()))
    number, code = request.POST.get("number", ""), request.POST.get("code", "")
    if not number.strip() or not code.strip():
        return {**_read(token), "refused": "请填写文号和核验码，或选择要核验的文件。", "number": number[:60]}
    found = checking.by_number(number, code)
    return {"found": found, "number": number} if found else {"missed": NOT_FOUND, "number": number[:60]}


def _compared(token: str, digest: str) -> dict[str, Any]:
    """Compare a file's digest with the document of the address, or look for the document it is."""
    if token:
        found = checking.by_token(token)
        if found is None:
            return {"missed": NOT_FOUND}
        return {"found": found, "same": bool(found.digest) and found.digest == digest}
    found = checking.by_content(digest)
    if found is None:
        return {"missed": "上传的文件与本系统签发的任何文书都不一致：可能经过改动、另存或打印扫描，或不是本系统签发。"}
    return {"found": found, "same": True}
