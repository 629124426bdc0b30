"""Handing out a document and the pictures of its pages, behind the pages' own guard."""

from __future__ import annotations

import base64

from django.http import FileResponse, HttpRequest, HttpResponse

from zhiguan.kernel.files import service as files
from zhiguan.kernel.trace import service as trace
from zhiguan.kit import actor as actors
from zhiguan.kit.errors import NotFound

from . import queries


def _handed(pk: int, role: str, attachment: bool = False) -> FileResponse:
    actor = actors.current()
    assert actor is not None  # the page's guard has seen to it
    document, file = queries.file_of(actor, pk, role)
    if role == "document":
        trace.record_read(actor, "documents.outcomedocument.download", document, ["file"])
    answer = FileResponse(files.read(file), as_attachment=attachment, filename=file.name, content_type=file.media_type)
    answer["X-Content-Type-Options"] = "nosniff"
    answer["Content-Security-Policy"] = "default-src 'none'; style-src 'unsafe-inline'; object-src 'self'"
    answer["Cache-Control"] = "private, no-store"
    return answer


def download(request: HttpRequest, pk: int) -> FileResponse:
    """The signed PDF, to keep."""
    return _handed(pk, "document", attachment=True)


def opened(request: HttpRequest, pk: int) -> FileResponse:
    """The signed PDF, to look at in the browser."""
    return _handed(pk, "document")


def stamp(request: HttpRequest, pk: int) -> HttpResponse:
    """The token of trusted time that was fetched after the signature, to verify beside the file."""
    actor = actors.current()
    assert actor is not None  # the page's guard has seen to it
    document = queries.documents(actor).exclude(stamp="").filter(pk=pk).first()
    if document is None:
        raise NotFound("没有补盖的时间戳，或不在您的数据权限范围内。")
    answer = HttpResponse(base64.b64decode(document.stamp), content_type="application/timestamp-token")
    answer["Content-Disposition"] = f'attachment; filename="{document.digest[:16]}.der"'
    answer["X-Content-Type-Options"] = "nosniff"
    return answer


def page(request: HttpRequest, pk: int, number: int) -> FileResponse:
    """One page as a picture, made when the document was; looking at it is looking at the detail page."""
    answer = _handed(pk, f"page-{number}")
    answer["Cache-Control"] = "private, max-age=3600"
    return answer
