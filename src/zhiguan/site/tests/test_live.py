"""The live process as a browser meets it: the real application, real sessions, positions committed as by the gateway."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from itertools import count
from types import SimpleNamespace
from typing import Any

import pytest
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.db import transaction
from django.utils import timezone

from zhiguan.kernel.identity.models import Account, Grant, Role
from zhiguan.kernel.identity.service import actor_for
from zhiguan.kernel.orgs.models import Person
from zhiguan.kernel.telemetry.gateway.config import Config
from zhiguan.kernel.telemetry.gateway.server import Gateway
from zhiguan.kernel.telemetry.jt808 import encode
from zhiguan.kernel.telemetry.tests.terminal import Terminal
from zhiguan.kernel.trace.models import Entry
from zhiguan.kit.actor import system
from zhiguan.lines.vehicles.domain import holders, privacy, register
from zhiguan.lines.vehicles.models import Vehicle
from zhiguan.lines.vehicles.tests.conftest import make_world
from zhiguan.site import live

WAIT_S = 10.0


class Browser:
    """One open stream: ``status``, ``headers``, then events one by one."""

    def __init__(self, app: Any, path: str, session: str = "", origin: str = "http://testserver:8000", **more: str):
        headers = {"host": "testserver:8001", "origin": origin} | more
        if session:
            headers["cookie"] = f"sessionid={session}"
        target, _, query = path.partition("?")
        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http",
            "path": target, "raw_path": target.encode(), "query_string": query.encode(), "client": ("127.0.0.1", 4),
            "server": ("testserver", 8001), "app": app, "root_path": "",
            "headers": [(name.encode(), value.encode()) for name, value in headers.items() if value],
        }  # fmt: skip
        self.status, self.headers, self.closed = 0, {}, False
        self._text, self._news, self._left = "", asyncio.Event(), asyncio.Event()
        self._first = True
        self.task = asyncio.create_task(app(scope, self._receive, self._send))

    async def _receive(self) -> dict:
        if self._first:
            self._first = False
            return {"type": "http.request", "body": b"", "more_body": False}
        await self._left.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: dict) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {name.decode().lower(): value.decode() for name, value in message["headers"]}
        else:
            self._text += message.get("body", b"").decode()
            self.closed = not message.get("more_body", False)
        self._news.set()

    async def event(self, wait: float = WAIT_S) -> tuple[str, Any]:
        """The next event's name and data, or ("closed", None)."""
        async with asyncio.timeout(wait):
            while True:
                whole, found, rest = self._text.partition("\n\n")
                if found:
                    self._text = rest
                    lines = dict(line.split(": ", 1) for line in whole.split("\n") if not line.startswith(":"))
                    if "data" in lines:
                        return lines["event"], json.loads(lines["data"])
                elif self.closed:
                    return "closed", None
                else:
                    self._news.clear()
                    await self._news.wait()

    async def answered(self) -> int:
        """Wait for the status."""
        async with asyncio.timeout(WAIT_S):
            while not self.status:
                self._news.clear()
                await self._news.wait()
        return self.status

    async def leave(self) -> None:
        self._left.set()
        await asyncio.wait_for(self.task, WAIT_S)


@pytest.fixture
def town(committed_db, make_actor, tmp_path) -> SimpleNamespace:
    """Two organs with a located car each, and an account that sees the first only."""
    with system("tests").transaction() as boss:
        world = make_world(make_actor)
        sources = []
        for number, unit in enumerate((world.organ, world.other)):
            place = register.add_place(boss, unit=unit, name="车库", lat=31.23, lon=121.47)
            car = register.register(
                boss, plate=f"沪A1234{number}", unit=unit, kind="emergency", brand_model="荣威", price_yuan=150_000,
                bought_on=datetime(2022, 1, 1, tzinfo=UTC).date(), place=place,
            )  # fmt: skip
            register.commission(boss, car)
            sources.append(register.install_terminal(boss, vehicle=car, number=f"1391111000{number}").source_id)
        world.account = Account.objects.create(
            username="fleet", person=world.people["申请人"], unit=world.organ, must_change_password=False
        )
        world.account.set_password("not used here")
        world.account.save()
        role = Role.objects.get(code="vehicles.fleet")
        Grant.objects.create(
            account=world.account, role=role, scope="organ", unit=world.organ, state="active", reason="test"
        )
    world.sources, world.urls, world.folder = sources, committed_db, tmp_path
    return world


def sign_in(account: Account) -> str:
    session = SessionStore()
    session[SESSION_KEY] = str(account.pk)
    session[BACKEND_SESSION_KEY] = "zhiguan.kernel.identity.backends.AccountBackend"
    session[HASH_SESSION_KEY] = account.get_session_auth_hash()
    session.create()
    return session.session_key


def run(town: SimpleNamespace, act: Callable[[Any, Any], Awaitable[None]]) -> None:
    """Run the application and a gateway, and do something with the application and what its terminals report."""

    async def whole() -> None:
        gate = Gateway(Config(database_url=town.urls.ingest, port=0, var=town.folder, commit_interval_ms=20))
        ready = asyncio.Event()
        serving = asyncio.create_task(gate.serve(ready))
        await ready.wait()
        terminals = {
            source: await Terminal(f"1391111000{number}", device=f"DEV000{number}").enter(gate.port)
            for number, source in enumerate(town.sources)
        }

        began, seconds = datetime.now(UTC) - timedelta(minutes=5), count()

        async def report(*sources: int, lat: float = 31.2, **words: int) -> float:
            """Send a position of each; returns the moment the last was acknowledged."""
            moment = began + timedelta(seconds=next(seconds))  # device time has whole seconds
            for source in sources:
                body = encode.location(lat, 121.5, moment, status=3, speed_kmh=30, **words)
                assert (await terminals[source].ask(0x0200, body))["result"] == 0
            return time.monotonic()

        try:
            async with live.app.router.lifespan_context(live.app):
                process = live.app.state.process
                while not process.positions.listening:
                    await asyncio.sleep(0.05)
                await report(town.sources[0])
                await asyncio.sleep(1.5)  # until the latest positions are written, so that the first picture has them
                await act(live.app, report)
        finally:
            for terminal in terminals.values():
                await terminal.leave()
            gate.stop()
            await serving

    asyncio.run(asyncio.wait_for(whole(), 60))


def test_a_map_gets_a_picture_then_what_changes_within_two_seconds_and_only_what_it_may_see(town):
    session = sign_in(town.account)
    mine, other = town.sources

    async def act(app, report):
        browser = Browser(app, "/live/vehicles", session)
        name, picture = await browser.event()
        assert browser.status == 200
        assert browser.headers["access-control-allow-origin"] == "http://testserver:8000"
        assert browser.headers["access-control-allow-credentials"] == "true"
        assert (name, picture["type"]) == ("snapshot", "snapshot")
        assert [row[6] for row in picture["vehicles"]] == ["沪A12340"]
        waits = []
        for number in range(3):
            told = await report(mine, other, lat=31.21 + number / 100)
            name, change = await browser.event()
            waits.append(time.monotonic() - told)
            assert name == "delta"
            # plate and organ were told by the picture
            shown = [(row[0], row[1], row[6]) for row in change["vehicles"]]
            assert shown == [(picture["vehicles"][0][0], round(31.21 + number / 100, 6), None)]
        assert max(waits) < 2.0, waits
        await browser.leave()
        assert not app.state.process.positions.watchers
        assert not app.state.process.streams

    run(town, act)


def test_off_duty_the_map_says_only_whether_a_car_with_a_holder_moves_unless_lifted_or_alarmed(town, monkeypatch):
    """The calendar of the test holds no year, so that every moment is off duty: what is unknown is kept."""
    monkeypatch.setattr(live, "CHECK_S", 0.5)
    with system("tests").transaction() as boss:
        car = Vehicle.objects.get(plate="沪A12340")
        person = Person.objects.get(name="驾驶员")
        held = holders.add_holder(
            boss, vehicle=car, person=person, holding="driver", valid_from=datetime(2026, 1, 1, tzinfo=UTC).date()
        )
        warden = Account.objects.create(username="warden", unit=town.organ, must_change_password=False)
        warden.set_password("not used here")
        warden.save()
        role = Role.objects.get(code="vehicles.manager")
        other = Account.objects.create(username="decider", unit=town.organ, must_change_password=False)
        for account in (warden, other):
            Grant.objects.create(account=account, role=role, scope="organ", unit=town.organ, state="active", reason="test")
    plain, lifting = sign_in(town.account), sign_in(warden)

    def lift():
        today = timezone.localdate()
        asking, deciding = actor_for(warden), actor_for(other)
        with asking.transaction():
            asked = privacy.apply_lift(asking, car, day_from=today, day_to=today, hours=1, reason="核查线索")
        with deciding.transaction():
            privacy.approve_lift(deciding, asked, opinion="同意")

    async def act(app, report):
        mine = town.sources[0]
        one, two = Browser(app, "/live/vehicles", plain), Browser(app, "/live/vehicles", lifting)
        for browser in (one, two):
            name, picture = await browser.event()
            assert [row[1:6] for row in picture["vehicles"]] == [[None, None, None, None, "kept_moving"]]
        await report(mine, lat=31.41)
        for browser in (one, two):
            name, change = await browser.event()
            assert name == "delta" and change["vehicles"][0][1:6] == [None, None, None, None, "kept_moving"]
        await asyncio.to_thread(lift)
        name, picture = await two.event()  # within CHECK_S a new picture comes by itself
        assert name == "snapshot" and picture["vehicles"][0][1] == 31.41
        await report(mine, lat=31.42)
        assert (await one.event())[1]["vehicles"][0][1] is None
        assert (await two.event())[1]["vehicles"][0][1] == 31.42
        await report(mine, lat=31.43, alarm=1)  # the emergency button
        assert (await one.event())[1]["vehicles"][0][1:6] == [31.43, 121.5, 30.0, 0, "alarm"]
        for browser in (one, two):
            await browser.leave()

    run(town, act)
    with system("tests").transaction():
        reads = Entry.objects.filter(code="vehicles.privacy.read")
        assert {entry.account_id for entry in reads} == {warden.pk} and held.state == "active"


def test_one_query_serves_all_maps(town):
    session = sign_in(town.account)

    async def act(app, report):
        browsers = [Browser(app, "/live/vehicles", session) for _ in range(6)]
        for browser in browsers:
            assert (await browser.event())[0] == "snapshot"
        before = app.state.process.positions.reads
        await report(town.sources[0], lat=31.4)
        for browser in browsers:
            name, change = await browser.event()
            assert (name, change["vehicles"][0][1]) == ("delta", 31.4)
        assert app.state.process.positions.reads - before <= 2
        for browser in browsers:
            await browser.leave()

    run(town, act)


def test_kick_out_and_withdrawn_roles_end_the_stream(town, monkeypatch):
    monkeypatch.setattr(live, "CHECK_S", 0.4)
    first, second = sign_in(town.account), sign_in(town.account)

    async def act(app, report):
        kicked, kept = Browser(app, "/live/vehicles", first), Browser(app, "/live/vehicles", second)
        assert (await kicked.event())[0] == (await kept.event())[0] == "snapshot"
        await asyncio.to_thread(lambda: SessionStore(first).delete())
        assert (await kicked.event())[0] == "closed"
        assert not kept.closed
        await asyncio.to_thread(lambda: Grant.objects.filter(account=town.account).update(state="revoked"))
        assert (await kept.event())[0] == "closed"

    run(town, act)


@pytest.mark.parametrize(
    ("more", "status"),
    [
        ({"session": ""}, 401),
        ({"session": "neverissued0000000000000000000000"}, 403),
        ({"origin": "http://elsewhere.example"}, 403),
        ({"host": "elsewhere.example", "origin": ""}, 400),
    ],
)
def test_strangers_get_no_stream(town, more, status):
    session = sign_in(town.account)

    async def act(app, report):
        browser = Browser(app, "/live/vehicles", **({"session": session} | more))
        assert await browser.answered() == status
        assert "access-control-allow-origin" not in browser.headers or "origin" not in more

    run(town, act)


def test_a_password_still_to_be_changed_opens_no_stream(town):
    with transaction.atomic():
        Account.objects.filter(pk=town.account.pk).update(must_change_password=True)
    session = sign_in(town.account)

    async def act(app, report):
        for path in ("/live/vehicles", "/live/cockpit"):
            assert await Browser(app, path, session).answered() == 403

    run(town, act)


def test_the_cockpit_gets_the_figures_of_its_page(town):
    session = sign_in(town.account)

    async def act(app, report):
        browser = Browser(app, "/live/cockpit?code=310000001", session)
        name, update = await browser.event()
        assert name == "message"
        assert update["kpis"]["vehicles.in_service"] == 1
        await browser.leave()

    run(town, act)
