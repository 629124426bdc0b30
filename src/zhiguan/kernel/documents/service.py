"""Render a declared template to PDF/A, with a code by which anybody can check the paper against the record."""

from __future__ import annotations

import base64
import hashlib
import hmac
import io
import json
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import noto_cjk_sans_otc
import segno
import typst
from django.conf import settings
from django.utils import timezone

from .declare import Template

__all__ = ["Template", "matches", "render", "verification_code"]

HERE = Path(__file__).parent
STANDARD = "a-2b"


def verification_code(*parts: object) -> str:
    """Return a short code for what the paper says: who does not hold our key cannot make one up.

    ``parts`` name the record and what of it is printed, for example its key and version.
    """
    text = "\x1f".join(str(part) for part in parts).encode()
    key = hashlib.sha256(b"zhiguan.documents" + settings.SECRET_KEY.encode()).digest()
    code = base64.b32encode(hmac.new(key, text, hashlib.sha256).digest())[:12].decode()
    return "-".join((code[:4], code[4:8], code[8:]))


def matches(code: str, *parts: object) -> bool:
    """Tell whether the code on a paper belongs to these parts."""
    return hmac.compare_digest(code.strip().upper().encode(), verification_code(*parts).encode())


def square(text: str) -> str:
    """Return a QR code as SVG."""
    out = io.BytesIO()
    segno.make(text, error="m").save(out, kind="svg", border=0, xmldecl=False, svgns=True)
    return out.getvalue().decode()


@lru_cache(maxsize=1)
def _fonts() -> typst.Fonts:
    """Reading the fonts takes longer than a page; machines' own fonts are left out so that every server prints alike."""
    return typst.Fonts(include_system_fonts=False, font_paths=[str(Path(str(noto_cjk_sans_otc.FONT_PATH)).parent)])


def render(template: Template, data: Mapping[str, Any], *, address: str = "", code: str = "") -> bytes:
    """Return the document as PDF/A. ``address`` goes into the QR code, ``code`` stands beside it.

    ``data`` is JSON; the template reads it as ``data``. Raises ``typst.TypstError`` for a template that is broken:
    a programming error, never the user's.
    """
    whole = {**data, "qr": square(address or code or template.code), "code": code}
    return typst.compile(
        {"main.typ": template.path.read_bytes(), "base.typ": (HERE / "base.typ").read_bytes()},
        font_paths=_fonts(), format="pdf", pdf_standards=STANDARD, timestamp=timezone.now().replace(microsecond=0),
        sys_inputs={"data": json.dumps(whole, ensure_ascii=False)},
    )  # fmt: skip
