"""What anybody may learn of a document: whether it is valid, and nothing more."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from django.utils import timezone

from zhiguan.kit.actor import system

from .models import OutcomeDocument

SHOWN = (
    "kind_name", "number", "issuer_name", "issued_on", "valid_until", "state", "ended_at", "digest", "code", "demo",
)  # fmt: skip
STATES = {
    "making": "制作中",
    "valid": "有效",
    "expired": "已过有效期",
    "revoked": "已撤销",
    "superseded": "已被新文书替代",
}
COLOURS = {"making": "azure", "valid": "green", "expired": "orange", "revoked": "red", "superseded": "orange"}


@dataclass(frozen=True)
class Standing:
    """The answer: the document's name, number, issuer and date, whether it is valid, the beginning of its digest."""

    name: str
    number: str
    issuer: str
    issued_on: date
    valid_until: date | None
    state: str
    ended_on: date | None
    digest_start: str
    demo: bool
    digest: str = ""

    @property
    def state_name(self) -> str:
        return STATES[self.state]

    @property
    def colour(self) -> str:
        return COLOURS[self.state]


def by_token(token: str) -> Standing | None:
    """Return the standing of the document whose QR was read; None for any token that is not one."""
    if not token.isascii() or not token.isalnum() or len(token) > 32:
        return None
    return _found(token=token.upper())


def by_number(number: str, code: str) -> Standing | None:
    """Return the standing by number and verification code; None when either is wrong, and which is not told."""
    number = number.strip().replace("(", "〔").replace(")", "〕").replace("[", "〔").replace("]", "〕")[:60]
    given = "".join(letter for letter in code.upper() if letter.isalnum())[:16]
    return _found(given, number=number.replace("\0", ""))


def by_content(digest: str) -> Standing | None:
    """Return the standing of the document whose file has that digest."""
    return _found(digest=digest) if len(digest) == 64 else None


def digest_of(chunks: Iterable[bytes]) -> str:
    """Return the SHA-256 digest of a file."""
    found = hashlib.sha256()
    for chunk in chunks:
        found.update(chunk)
    return found.hexdigest()


def _found(code: str | None = None, **condition: str) -> Standing | None:
    with system("documents.check").transaction():
        row = OutcomeDocument.objects.filter(**condition).values(*SHOWN).first()
    known = (row or {"code": "-"})["code"].replace("-", "")
    if code is not None and not hmac.compare_digest(known.encode(), code.encode()):
        return None
    if row is None:
        return None
    state = row["state"]
    if state == "valid" and row["valid_until"] and row["valid_until"] < timezone.localdate():
        state = "expired"
    ended = timezone.localtime(row["ended_at"]).date() if row["ended_at"] else None
    return Standing(
        row["kind_name"], row["number"], row["issuer_name"], row["issued_on"], row["valid_until"], state, ended,
        row["digest"][:16], row["demo"], row["digest"],
    )  # fmt: skip
