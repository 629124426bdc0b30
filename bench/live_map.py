"""The live map with many moving cars in a real browser: frames a second, memory, and how old what it draws is.

Makes a database of its own with ``--cars`` vehicles, writes a new position of every one each second the way the gateway
does (one commit, one announcement), serves page and event stream, opens the map in headless Chromium and measures two
views: the whole city (clustered) and a part of it at street zoom, both while the map is being dragged. Before that the
first paint of the cockpit and its weight without the map. One JSON line a figure: ``name``, ``value``, ``unit``, ``baseline`` (the target), ``ratio`` (value by baseline).

    python bench/live_map.py [--cars 10000] [--seconds 15] [--var FOLDER]
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import psycopg
from scene.database import standing

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "zhiguan.site.settings")
os.environ.setdefault("DATABASE_URL", "postgresql://zhiguan_app@/unset")
os.environ["ZHIGUAN_LOG_LEVEL"] = "ERROR"
os.environ.setdefault("ZHIGUAN_SECRET_KEY", secrets.token_hex(32))  # one key for this process and the servers
DATABASE = "zhiguan_bench_live"
WEB, LIVE = 18300, 18301
CHROMIUM = "/usr/bin/chromium"
FLAGS = ("--headless=new", "--no-sandbox", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync", "--enable-unsafe-swiftshader")  # fmt: skip
CITY = (31.0, 121.2, 0.45, 0.5)
"""South-west corner of where the cars drive, and how far they spread, in degrees."""

PROBE = """
async (seconds) => {
  const frames = []; let last = performance.now(); const end = last + seconds * 1000
  await new Promise((done) => {
    const step = (now) => { frames.push(now - last); last = now; now < end ? requestAnimationFrame(step) : done() }
    requestAnimationFrame(step)
  })
  frames.sort((a, b) => a - b)
  const total = frames.reduce((a, b) => a + b, 0)
  return { fps: frames.length * 1000 / total, worst95: frames[Math.floor(frames.length * 0.95)] }
}
"""


def say(name: str, value: float, unit: str, baseline: float) -> None:
    line = {"name": f"live_map.{name}", "value": round(value, 2), "unit": unit, "baseline": baseline,
            "ratio": round(value / baseline, 3)}  # fmt: skip
    print(json.dumps(line, ensure_ascii=False), flush=True)


def fill(cars: int, superuser: str) -> str:
    """Make one organ, a manager's signed-in session and the cars; return the session's key."""
    from datetime import date

    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
    from django.contrib.sessions.backends.db import SessionStore

    from zhiguan.kernel.identity.codes import GrantState
    from zhiguan.kernel.identity.models import Account, Grant, Role
    from zhiguan.kernel.orgs.models import Unit
    from zhiguan.kit.actor import system
    from zhiguan.lines.vehicles.models import Terminal, Vehicle

    codes = ["vehicles.vehicle.view", "vehicles.trip.view", "vehicles.terminal.view", "vehicles.order.view",
             "telemetry.position.view"]  # fmt: skip
    with system("bench").transaction():
        city = Unit.objects.create(code="C", name="市直单位", short_name="市直", kind="city", pos=0, pos_end=2**60 - 1,
                                   valid_from=date(2020, 1, 1))  # fmt: skip
        account = Account(username="bench", unit=city, must_change_password=False)
        account.set_password(secrets.token_urlsafe(16))
        account.save()
        role = Role.objects.create(code="bench", name="测试", permissions=codes)
        Grant.objects.create(account=account, role=role, scope="below", unit=city, state=GrantState.ACTIVE)
        session = SessionStore()
        session[SESSION_KEY] = str(account.pk)
        session[BACKEND_SESSION_KEY] = "zhiguan.kernel.identity.backends.AccountBackend"
        session[HASH_SESSION_KEY] = account.get_session_auth_hash()
        session.create()
    with psycopg.connect(superuser, autocommit=True) as connection:
        values = {"count": cars, "unit": city.pk}
        connection.execute("ALTER TABLE telemetry_source DISABLE TRIGGER telemetry_source_changed")
        connection.execute(
            """INSERT INTO telemetry_source (id, protocol, number, key, device_id, auth_digest, active, firmware,
                   reported, created_at, unit_id, scope_pos)
               SELECT n, 'jt808', '1' || lpad(n::text, 10, '0'), '', '', '', true, '', '{}', now(), %(unit)s, 0
               FROM generate_series(1, %(count)s) n""", values)  # fmt: skip
    with system("bench").transaction():
        kept = {"unit": city, "scope_pos": 0}
        Vehicle.objects.bulk_create(
            Vehicle(id=n, plate=f"沪A{n:05x}", state="in_service", kind="emergency", brand_model="荣威", price_yuan=150_000,
                    bought_on=date(2022, 1, 1), **kept) for n in range(1, cars + 1)
        )  # fmt: skip
        Terminal.objects.bulk_create(
            Terminal(id=n, number=f"1{n:010d}", state="active", vehicle_id=n, source_id=n, **kept)
            for n in range(1, cars + 1)
        )
    with psycopg.connect(superuser, autocommit=True) as connection:
        connection.execute("ANALYZE")
    return str(session.session_key)


def drive(url: str, cars: int) -> None:
    """Write a position of every car each second until ended, as the gateway does."""
    import asyncio

    from zhiguan.kernel.telemetry.columns import MICROS, POSITION, Block
    from zhiguan.kernel.telemetry.ingest import Writer

    async def run() -> None:
        """Ten commits a second, a tenth of the cars each."""
        writer = Writer(url)
        tenths = np.array_split(np.arange(cars), 10)
        noise = np.random.default_rng(7)
        lat = (CITY[0] + noise.random(cars) * CITY[2]) * 1e6
        lon = (CITY[1] + noise.random(cars) * CITY[3]) * 1e6
        heading = noise.random(cars) * 2 * np.pi
        number = 0
        due = time.time()
        while True:
            mine = tenths[number % 10]
            heading[mine] += noise.normal(0, 0.1, mine.size)
            lat[mine] += np.cos(heading[mine]) * 120
            lon[mine] += np.sin(heading[mine]) * 140
            block = np.zeros(mine.size, POSITION)
            block["source_id"] = mine + 1
            block["at"] = block["received_at"] = round(time.time() * MICROS)
            block["lat"], block["lon"] = lat[mine], lon[mine]
            block["speed"] = 450
            block["direction"] = np.degrees(heading[mine]).astype(int) % 360
            block["status"] = 3
            block["digest"] = number * 10_000 + np.arange(mine.size)
            await writer.commit(Block(block, [None] * mine.size))
            number += 1
            due = max(due + 0.1, time.time() - 1)
            await asyncio.sleep(max(0.0, due - time.time()))

    asyncio.run(run())


def chromium_memory(pid: int) -> float:
    """Return the private memory of the page's renderer in MB (the largest child of that type)."""
    sizes = [0.0]
    for child in psutil.Process(pid).children(recursive=True):
        try:
            if "--type=renderer" in child.cmdline():
                sizes.append(child.memory_full_info().uss / 1e6)
        except psutil.Error:
            continue
    return max(sizes)


PAINTS = """() => {
  const loaded = [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')]
  const own = loaded.filter((each) => !/map|geojson/i.test(new URL(each.name).pathname.split('/').pop()))
  return {
    first: performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? null,
    bytes: own.reduce((sum, each) => sum + each.transferSize, 0),
  }
}"""
"""First contentful paint in ms, and bytes of everything that is not of the map."""


def first_paint(browser: object, cookie: dict) -> None:
    """Open the cockpit in fresh browsers, nothing cached, and print the median of five."""
    paints, sizes = [], []
    for turn in range(6):
        context = browser.new_context(viewport={"width": 1440, "height": 900}, locale="zh-CN")
        context.add_cookies([cookie])
        page = context.new_page()
        page.goto(f"{cookie['url']}/cockpit", wait_until="load")
        while not page.evaluate("performance.getEntriesByName('first-contentful-paint').length"):
            time.sleep(0.02)  # asked from outside: the page's own policy forbids a waiting function
        told = page.evaluate(PAINTS)
        if turn:  # the first one warms the server
            paints.append(told["first"])
            sizes.append(told["bytes"])
        context.close()
    say("cockpit.first_paint", float(np.median(paints)), "ms", 1500)
    say("cockpit.weight_without_map", float(np.median(sizes)) / 1e3, "kB", 300)


def browse(session: str, cars: int, seconds: float, picture: str) -> None:
    """Open the page and print the figures."""
    from django.conf import settings
    from playwright.sync_api import sync_playwright

    base = f"http://127.0.0.1:{WEB}"
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        context = browser.new_context(viewport={"width": 1440, "height": 900}, locale="zh-CN")
        cookie = {"name": settings.SESSION_COOKIE_NAME, "value": session, "url": base}
        first_paint(browser, cookie)
        context.add_cookies([cookie])
        page = context.new_page()
        page.goto(f"{base}/vehicles/live/")
        if "login" in page.url:
            raise SystemExit("the session was not accepted")
        page.wait_for_selector("[data-cars]", timeout=120_000)
        deadline = time.time() + 120
        while page.get_attribute("[data-cars]", "data-cars") != str(cars):
            if time.time() > deadline:
                raise SystemExit("the map does not show all cars")
            time.sleep(0.2)
        time.sleep(3)
        root = page.locator("[data-cars]")
        middle = page.viewport_size
        ages: list[float] = []

        def measured(name: str) -> None:
            page.mouse.move(middle["width"] * 0.6, middle["height"] / 2)
            page.mouse.down()
            page.evaluate(f"() => {{ window.told = null; ({PROBE})({seconds}).then((told) => (window.told = told)) }}")
            end, step = time.time() + seconds + 1, 0
            while time.time() < end and page.evaluate("window.told") is None:
                step += 1
                page.mouse.move(
                    middle["width"] * 0.6 + 120 * np.sin(step / 9), middle["height"] / 2 + 60 * np.cos(step / 7)
                )
                ages.append(time.time() - float(root.get_attribute("data-drawn") or 0))
                time.sleep(0.03)
            page.mouse.up()
            told = page.evaluate("window.told")
            say(f"{name}.frames", told["fps"], "frames/s", 20)
            say(f"{name}.slow_frame_p95", told["worst95"], "ms", 50)

        measured("city")
        page.locator(".zg-map-list button").first.click()
        time.sleep(3)
        measured("streets")
        if picture:
            page.screenshot(path=picture)
        ages.sort()
        say("age_p95", ages[int(len(ages) * 0.95)], "s", 2)
        say("memory", max(chromium_memory(child.pid) for child in psutil.Process().children()), "MB", 300)
        browser.close()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cars", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=15)
    parser.add_argument("--var", type=Path, default=None)
    parser.add_argument("--picture", default="", help="keep a screenshot of the street view in this file")
    parser.add_argument("--drive", default="", help=argparse.SUPPRESS)
    options = parser.parse_args()
    from zhiguan.kit.starting import set_up

    set_up()
    if options.drive:
        drive(options.drive, options.cars)
        return 0
    if not Path(CHROMIUM).exists():
        print(f"live_map: skipped, no browser at {CHROMIUM}", file=sys.stderr)
        return 0
    from django.core.management import call_command
    from django.db import connection

    from zhiguan.site.runtime.children import answers_http
    from zhiguan.site.runtime.paths import var_dir
    from zhiguan.site.runtime.postgres import drop_database, ensure_cluster, stop

    cluster = ensure_cluster((options.var or var_dir()) / "bench-pg", durable=True)
    started: list[subprocess.Popen] = []
    try:
        with standing(cluster, DATABASE, "") as (urls, _):
            call_command("collectstatic", interactive=False, verbosity=0)
            session = fill(options.cars, urls.superuser)
        connection.close()
        env = {**os.environ, "DATABASE_URL": urls.app, "ZHIGUAN_LIVE_PORT": str(LIVE)}  # fmt: skip
        started = [
            subprocess.Popen([sys.executable, "-m", "zhiguan.site.cli", *words], env=env)
            for words in (["web", "--bind", "127.0.0.1", "--port", str(WEB)],
                          ["live", "--bind", "127.0.0.1", "--port", str(LIVE)])
        ]  # fmt: skip
        started.append(subprocess.Popen(
            [sys.executable, __file__, "--drive", urls.ingest, "--cars", str(options.cars)], env=env))  # fmt: skip
        deadline = time.time() + 240  # a busy machine takes its time
        while not all(answers_http("127.0.0.1", port, "/healthz") for port in (WEB, LIVE)):
            if time.time() > deadline:
                raise SystemExit("web or live process did not start")
            time.sleep(0.5)
        browse(session, options.cars, options.seconds, options.picture)
        spent = psutil.Process(started[1].pid).cpu_times()
        print(f"live process: {spent.user + spent.system:.1f} s CPU", file=sys.stderr)
    finally:
        for child in started:
            child.send_signal(signal.SIGTERM)
        for child in started:
            child.wait(15)
        drop_database(cluster, DATABASE)
        if cluster.started:
            stop(cluster)
    return 0


if __name__ == "__main__":
    sys.exit(main())
