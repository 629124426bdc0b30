"""One visitor of the whole site in this process, by the WSGI application: no network, everything else."""

from __future__ import annotations

import gzip
import io
import statistics
import sys
import time
from dataclasses import dataclass, field
from typing import Any

LEAST = 60


@dataclass(frozen=True)
class Pace:
    """What repeated requests took: milliseconds, own CPU time included; requests a second of this one process."""

    p95_ms: float
    median_ms: float
    cpu_ms: float
    per_second: float


@dataclass
class Visitor:
    """Sends GET requests with these WSGI headers (``HTTP_…``)."""

    headers: dict[str, str] = field(default_factory=dict)

    @classmethod
    def by_key(cls, secret: str) -> Visitor:
        return cls({"HTTP_AUTHORIZATION": f"Bearer {secret}"})

    @classmethod
    def signed_in(cls, account: Any) -> Visitor:
        """Return a visitor with a session of the account's, as after signing in."""
        from importlib import import_module

        from django.conf import settings
        from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY

        session = import_module(settings.SESSION_ENGINE).SessionStore()
        session[SESSION_KEY] = str(account.pk)
        session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
        session[HASH_SESSION_KEY] = account.get_session_auth_hash()
        session.create()
        return cls({"HTTP_COOKIE": f"{settings.SESSION_COOKIE_NAME}={session.session_key}",
                    "HTTP_ACCEPT_ENCODING": "gzip"})  # fmt: skip

    def get(self, address: str) -> tuple[bytes, float]:
        """Return (what was sent back, seconds); anything but 200 ends the bench."""
        from zhiguan.site.wsgi import application

        path, _, query = address.partition("?")
        environ = {
            "REQUEST_METHOD": "GET", "PATH_INFO": path.encode().decode("latin-1"), "QUERY_STRING": query,
            "SERVER_NAME": "localhost", "SERVER_PORT": "80", "HTTP_HOST": "localhost", "wsgi.input": io.BytesIO(),
            "wsgi.errors": sys.stderr, "wsgi.url_scheme": "http", "REMOTE_ADDR": "127.0.0.1", **self.headers,
        }  # fmt: skip
        told: list[Any] = []
        start = time.perf_counter()
        answer = application(environ, lambda code, headers, error=None: told.extend((code, dict(headers))))
        body = b"".join(answer)
        answer.close()
        spent = time.perf_counter() - start
        if not told[0].startswith("200"):
            raise SystemExit(f"{address}: {told[0]} {told[1].get('Location', '')}")
        return body, spent

    def text(self, address: str) -> str:
        """Return what was sent back, unpacked."""
        body, _ = self.get(address)
        return (gzip.decompress(body) if body.startswith(b"\x1f\x8b") else body).decode()

    def pace(self, addresses: list[str], seconds: float) -> Pace:
        """Ask for the addresses by turns for some seconds, after a warm-up that asks for each once."""
        for address in addresses[:30]:
            self.get(address)
        times: list[float] = []
        end, busy, number = time.perf_counter() + seconds, time.process_time(), 0
        while number < LEAST or time.perf_counter() < end:
            times.append(self.get(addresses[number % len(addresses)])[1])
            number += 1
        busy = time.process_time() - busy
        return Pace(
            statistics.quantiles(times, n=20)[-1] * 1000, statistics.median(times) * 1000, busy / number * 1000,
            number / sum(times),
        )  # fmt: skip
