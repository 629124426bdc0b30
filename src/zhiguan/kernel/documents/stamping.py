"""Trusted time of issued documents (可信时间戳): a token by RFC 3161 of the authority that ZHIGUAN_TSA_URL names; off without.

A document is signed with the token inside its signature. An authority that does not answer never holds a document up: it
is issued without, the page says so, and a token over the digest of the file is fetched later and kept beside it; the file
stays the one people have. ``openssl ts -verify -data FILE.pdf -in TOKEN.der -token_in`` checks such a token.
"""

from __future__ import annotations

import base64
import logging
import urllib.error
import urllib.request
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Q

from zhiguan.kernel.ledger import service as ledger
from zhiguan.kit.actor import system

from .models import OutcomeDocument

log = logging.getLogger("zhiguan.documents")

TIMEOUT_S = 8
LARGEST = 256 * 1024
"""Bytes of an answer; tokens with their certificates have some thousands."""
WAITING = "已签名；可信时间戳服务暂不可用，稍后自动补盖时间戳。"


class Unavailable(Exception):
    """The authority did not answer, refused, or answered with what is no token for the question."""


@dataclass(frozen=True)
class Stamp:
    """When, by whom; ``token`` is the DER of one that is kept beside the file, empty for one inside its signature."""

    at: datetime
    by: str
    token: bytes = b""


def read(token: Any) -> Stamp:
    """Return what a token (``asn1crypto.cms.ContentInfo``) says."""
    info = token["content"]["encap_content_info"]["content"].parsed
    signers = [each.chosen for each in token["content"]["certificates"]]
    name = next((each.subject.native.get("common_name") or each.subject.human_friendly for each in signers), "")
    return Stamp(info["gen_time"].native, str(name)[:200], token.dump())


@lru_cache(maxsize=2)
def client(url: str) -> Any:
    """Return the client of an authority; ``last`` is the token it gave last."""
    # pyHanko takes a quarter of a second to import and only the worker signs.
    from asn1crypto import tsp
    from pyhanko.sign.timestamps import TimeStamper
    from pyhanko.sign.timestamps.common_utils import TimestampRequestError

    class Client(TimeStamper):
        last: Any = None

        async def async_request_tsa_response(self, req: Any) -> Any:
            headers = {"Content-Type": "application/timestamp-query", "Accept": "application/timestamp-reply"}
            asked = urllib.request.Request(url, req.dump(), headers)  # noqa: S310 -- the address is the administrator's
            with urllib.request.urlopen(asked, timeout=TIMEOUT_S) as answer:  # noqa: S310
                return tsp.TimeStampResp.load(answer.read(LARGEST), strict=True)

        async def async_timestamp(self, message_digest: bytes, md_algorithm: str) -> Any:
            try:
                token = await super().async_timestamp(message_digest, md_algorithm)
                imprint = token["content"]["encap_content_info"]["content"].parsed["message_imprint"]
                told = imprint["hash_algorithm"]["algorithm"].native, imprint["hashed_message"].native
                if told != (md_algorithm, message_digest):
                    raise Unavailable("the token is for something else")
                read(token)
            except (OSError, TimestampRequestError, ValueError, TypeError, KeyError, AttributeError) as error:
                raise Unavailable(f"{type(error).__name__}: {error}") from error
            self.last = token
            return token

    return Client()


def stamper() -> Any:
    """Return the client of the authority in force, or None."""
    return client(settings.ZHIGUAN_TSA_URL) if settings.ZHIGUAN_TSA_URL else None


def token_for(digest: str) -> Stamp:
    """Return a token over a file's SHA-256 digest (hexadecimal). Raises :class:`Unavailable`."""
    import asyncio

    return read(asyncio.run(stamper().async_timestamp(bytes.fromhex(digest), "sha256")))


def catch_up(limit: int = 200) -> str:
    """补盖时间戳: fetch tokens for the documents that wait for one; the first refusal ends the round."""
    if not settings.ZHIGUAN_TSA_URL:
        return ""
    done = 0
    with system("documents.stamp").acting():
        with transaction.atomic():  # without one nobody's scope is in force, and no row is seen
            rows = OutcomeDocument.objects.filter(~Q(problem=""), problem=WAITING).exclude(digest="")
            waiting = list(rows.order_by("pk")[:limit])
        for row in waiting:  # the authority is asked outside: no lock waits for it
            try:
                stamp = token_for(row.digest)
            except Unavailable as error:
                log.warning("time stamping authority: %s", error)
                return f"补盖时间戳 {done} 份，时间戳服务暂不可用"
            ledger.change(
                row, system("documents.stamp"),
                {"stamped_at": stamp.at, "stamped_by": stamp.by, "stamp": base64.b64encode(stamp.token).decode(), "problem": ""},
                name="补盖时间戳", code="stamp",
            )  # fmt: skip
            done += 1
    return f"补盖时间戳 {done} 份" if done else ""
