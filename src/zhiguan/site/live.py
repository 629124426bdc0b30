"""The live process: event streams for maps and the cockpit. It decides nothing: sessions, scope and figures are those
of the pages.

``GET /live/vehicles`` sends a ``snapshot``, then a ``delta`` event whenever positions were read, about once a second;
``GET /live/cockpit`` the figures of a place every two seconds; ``GET /healthz`` answers when the process works.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from zhiguan.site.runtime.framework import set_up

set_up()

import orjson  # noqa: E402
from django.conf import settings  # noqa: E402 -- Django must be set up first
from django.contrib.auth import get_user  # noqa: E402
from django.contrib.sessions.backends.db import SessionStore  # noqa: E402
from django.db import Error as DatabaseError  # noqa: E402
from django.http import HttpRequest  # noqa: E402
from django.http.request import validate_host  # noqa: E402
from django.utils import timezone  # noqa: E402
from starlette.applications import Starlette  # noqa: E402
from starlette.requests import Request  # noqa: E402
from starlette.responses import PlainTextResponse, Response, StreamingResponse  # noqa: E402
from starlette.routing import Route  # noqa: E402

from zhiguan.kernel.identity.service import Account, actor_for  # noqa: E402
from zhiguan.kit.actor import Actor  # noqa: E402
from zhiguan.lines.vehicles.queries import cockpit as figures  # noqa: E402
from zhiguan.site.live_positions import Lifts, Positions, Rows, Watcher, in_database, look  # noqa: E402

log = logging.getLogger(__name__)

THREADS = 4
"""Each holds a database connection."""
BEAT_S = 15.0
CHECK_S = 30.0
"""How often a stream asks whether its session still holds and what it may see: a kick-out works within this time."""
FIGURES_S = 2.0
REPEAT_S = 10.0
"""Figures that did not change are sent again after so long, so that the page can tell that they are fresh."""
MAX_STREAMS = 2_000
MAX_OF_ACCOUNT = 20
PAGE_PERMISSION = "vehicles.trip.view"


class Ended(Exception):
    """The session is over, or no longer allowed to see this."""


@dataclass(frozen=True)
class Visitor:
    """Whose stream it is."""

    session: str
    address: str


class Process:
    """What all streams of this process share."""

    def __init__(self) -> None:
        self.pool = ThreadPoolExecutor(THREADS, "database")
        self.positions = Positions(self.pool)
        self.streams: dict[int, int] = {}
        self.closing = asyncio.Event()
        self.figures: dict[str, tuple[float, asyncio.Future[str]]] = {}

    async def ask(self, work: Any, *values: Any) -> Any:
        """Do database work on one of the threads."""
        return await asyncio.get_running_loop().run_in_executor(self.pool, lambda: in_database(lambda: work(*values)))

    async def figures_for(self, actor: Actor, code: str) -> str:
        """Return the cockpit's update as JSON; those who may see the same share one computation in two seconds."""
        key = f"{code}|{sorted(actor.permissions.items())!r}"
        known = self.figures.get(key)
        if known is not None and (not known[1].done() or time.monotonic() - known[0] < FIGURES_S * 0.9):
            return await asyncio.shield(known[1])
        made = asyncio.ensure_future(self.ask(_figures, actor, code))
        self.figures[key] = (time.monotonic(), made)
        for old in [each for each, (at, _) in self.figures.items() if time.monotonic() - at > REPEAT_S]:
            del self.figures[old]
        return await asyncio.shield(made)


def _figures(actor: Actor, code: str) -> str:
    with actor.acting():
        return json.dumps(figures.update(actor, code), ensure_ascii=False, default=str)


def visitor_actor(visitor: Visitor) -> Actor:
    """Return who is signed in with this session. Raises ``Ended`` when nobody is, or they may not see positions."""
    request = HttpRequest()
    request.session = SessionStore(visitor.session)
    account = get_user(request)
    if not isinstance(account, Account) or account.must_change_password:
        raise Ended("not signed in")
    actor = actor_for(account, address=visitor.address)
    if not actor.can(PAGE_PERMISSION):
        raise Ended("not permitted")
    return actor


def _picture(visitor: Visitor) -> tuple[Rows, Lifts]:
    return look(visitor_actor(visitor))


def allowed_origin(request: Request) -> str:
    """Return the Origin that may read the answer: a page of this host, whatever its port, or a trusted one; else ""."""
    origin = request.headers.get("origin", "")
    if not origin:
        return ""
    own = urlsplit(f"//{request.headers.get('host', '')}").hostname
    return origin if origin in settings.CSRF_TRUSTED_ORIGINS or urlsplit(origin).hostname == own else ""


def refusal(request: Request) -> Response | None:
    """Return the answer to a request that may not open a stream at all, else None."""
    host = urlsplit(f"//{request.headers.get('host', '')}").hostname or ""
    if not validate_host(f"[{host}]" if ":" in host else host, settings.ALLOWED_HOSTS):
        return PlainTextResponse("主机名不在允许范围内。", 400)
    if request.headers.get("origin") and not allowed_origin(request):
        return PlainTextResponse("不接受来自其他网站的请求。", 403)
    if not request.cookies.get(settings.SESSION_COOKIE_NAME):
        return PlainTextResponse("请先登录。", 401, _cors(request))
    return None


def _cors(request: Request) -> dict[str, str]:
    origin = allowed_origin(request)
    known = {"Access-Control-Allow-Origin": origin, "Access-Control-Allow-Credentials": "true"} if origin else {}
    return known | {"Vary": "Origin, Cookie", "Cache-Control": "no-store"}


def _event(name: str, data: str) -> str:
    return f"event: {name}\ndata: {data}\n\n"


def _json(value: Any) -> str:
    return orjson.dumps(value, default=str).decode()


async def _open(request: Request, make: Any) -> Response:
    """Answer with a stream, after the session has been checked once."""
    refused = refusal(request)
    if refused is not None:
        return refused
    process: Process = request.app.state.process
    address = request.client.host if request.client else ""
    visitor = Visitor(request.cookies[settings.SESSION_COOKIE_NAME], address)
    try:
        actor = await process.ask(visitor_actor, visitor)
    except Ended:
        return PlainTextResponse("请先登录，或您没有查看实时数据的权限。", 403, _cors(request))
    except DatabaseError:
        return PlainTextResponse("数据库暂时不可用，请稍后再试。", 503, _cors(request))
    account = actor.account_id or 0
    if sum(process.streams.values()) >= MAX_STREAMS or process.streams.get(account, 0) >= MAX_OF_ACCOUNT:
        return PlainTextResponse("实时连接过多，请关闭不用的页面。", 503, _cors(request))

    async def counted() -> AsyncIterator[str]:
        process.streams[account] = process.streams.get(account, 0) + 1
        try:
            yield "retry: 3000\n\n"
            async for part in make(process, visitor, request):
                yield part
        except (Ended, DatabaseError) as error:
            log.info("live: stream of account %s closed: %s", account, str(error).strip() or type(error).__name__)
        finally:
            process.streams[account] -= 1
            if not process.streams[account]:
                del process.streams[account]

    headers = _cors(request) | {"X-Accel-Buffering": "no"}
    return StreamingResponse(counted(), media_type="text/event-stream", headers=headers)


async def _vehicles(process: Process, visitor: Visitor, request: Request) -> AsyncIterator[str]:
    watcher = Watcher()
    process.positions.watchers.add(watcher)
    try:
        yield await _snapshot(process, visitor, watcher)
        checked = said = time.monotonic()
        while not process.closing.is_set():
            due = min(said + BEAT_S, checked + CHECK_S) - time.monotonic()
            with suppress(TimeoutError):
                await asyncio.wait_for(watcher.wake.wait(), max(0.0, due))
            watcher.wake.clear()
            if process.closing.is_set():
                return
            now = time.monotonic()
            if watcher.stale or now - checked >= CHECK_S:
                renewed = await _renew(process, visitor, watcher)
                checked = time.monotonic()
                if renewed:
                    said = checked
                    yield renewed
            if watcher.pending:
                # plate and organ were told by the snapshot
                rows, watcher.pending = [[*row[:6], None, None, row[8]] for row in watcher.pending.values()], {}
                said = now
                yield _event("delta", _json({"type": "delta", "at": timezone.now().isoformat(), "vehicles": rows}))
            elif now - said >= BEAT_S:
                said = now
                yield ": still here\n\n"
    finally:
        process.positions.watchers.discard(watcher)


async def _snapshot(process: Process, visitor: Visitor, watcher: Watcher) -> str:
    watcher.renews()
    rows, lifts = await process.ask(_picture, visitor)
    process.positions.know(rows)
    shown = watcher.starts(rows, lifts)
    return _event("snapshot", _json({"type": "snapshot", "at": timezone.now().isoformat(), "vehicles": shown}))


async def _renew(process: Process, visitor: Visitor, watcher: Watcher) -> str:
    """Check the session again; a new picture when other devices may be seen than before, the place of others is kept
    (the office closed, a lift ended), or changes were missed."""
    if watcher.stale or watcher.visible is None:
        return await _snapshot(process, visitor, watcher)
    rows, lifts = await process.ask(_picture, visitor)
    if frozenset(rows) == watcher.visible and watcher.keeping(rows, lifts) == watcher.kept:
        return ""
    return await _snapshot(process, visitor, watcher)


async def _cockpit(process: Process, visitor: Visitor, request: Request) -> AsyncIterator[str]:
    code = request.query_params.get("code", "")[:40]
    actor = await process.ask(visitor_actor, visitor)
    checked = time.monotonic()
    sent, sent_at = None, 0.0
    while not process.closing.is_set():
        began = time.monotonic()
        if began - checked >= CHECK_S:
            actor, checked = await process.ask(visitor_actor, visitor), began
        text = await process.figures_for(actor, code)
        value = json.loads(text)
        value.pop("at", None)
        if value != sent or began - sent_at >= REPEAT_S:
            sent, sent_at = value, began
            yield _event("message", text)
        with suppress(TimeoutError):
            await asyncio.wait_for(process.closing.wait(), max(0.1, FIGURES_S - (time.monotonic() - began)))


async def vehicles(request: Request) -> Response:
    """The places of the vehicles that the session may see."""
    return await _open(request, _vehicles)


async def cockpit(request: Request) -> Response:
    """The figures of the cockpit of the place ``?code=``."""
    return await _open(request, _cockpit)


async def health(request: Request) -> Response:
    """Answer when the process works."""
    process: Process = request.app.state.process
    listening = process.positions.listening
    return PlainTextResponse("ok" if listening else "数据库未连接", 200 if listening else 503)


@asynccontextmanager
async def _lifespan(made: Starlette) -> AsyncIterator[None]:
    process = made.state.process = Process()
    hearing = asyncio.create_task(process.positions.run())
    try:
        yield
    finally:
        process.closing.set()
        for watcher in process.positions.watchers:
            watcher.wake.set()
        hearing.cancel()
        with suppress(asyncio.CancelledError):
            await hearing
        process.pool.shutdown(wait=False, cancel_futures=True)


app = Starlette(
    routes=[Route("/live/vehicles", vehicles), Route("/live/cockpit", cockpit), Route("/healthz", health)],
    lifespan=_lifespan,
)
