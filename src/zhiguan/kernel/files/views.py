"""Handing out a file."""

from __future__ import annotations

from django.http import FileResponse, HttpRequest

from zhiguan.kit import actor as actors

from . import service
from .declare import TYPES


def download(request: HttpRequest, pk: int) -> FileResponse:
    """Answer a file's content; ``?inline=1`` shows pictures and PDF in the browser, everything else is saved."""
    actor = actors.current()
    assert actor is not None  # the page's guard has seen to it
    file, content = service.opened(actor, pk)
    inline = bool(request.GET.get("inline")) and TYPES[file.media_type].inline
    answer = FileResponse(content, as_attachment=not inline, filename=file.name, content_type=file.media_type)
    answer["X-Content-Type-Options"] = "nosniff"
    answer["Content-Security-Policy"] = "default-src 'none'; style-src 'unsafe-inline'; sandbox"
    answer["Cache-Control"] = "private, no-store"
    return answer
