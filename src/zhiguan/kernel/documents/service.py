"""The public door of documents: print a declared template; issue, revoke and supersede official documents."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.utils import timezone

from zhiguan.kit.square import square

from . import typesetting
from .declare import Template
from .issuing import issue, revoke, supersede
from .models import OutcomeDocument
from .signing import SignatureUnusable, identity

__all__ = [
    "OutcomeDocument", "SignatureUnusable", "Template", "identity", "issue", "matches", "render", "revoke",
    "supersede", "verification_code",
]  # fmt: skip


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


def render(template: Template, data: Mapping[str, Any], *, address: str = "", code: str = "") -> bytes:
    """Return a printed page as PDF/A. ``address`` goes into the QR code, ``code`` stands beside it.

    ``data`` is JSON; the template reads it as ``data``. Raises as :func:`typesetting.pdf`. What is printed this way has
    no number, seal or signature: for documents that bind, see :func:`issue`.
    """
    whole = {**data, "qr": square(address or code or template.code), "code": code}
    return typesetting.pdf(template.path, whole, timezone.now())
