"""The product as its users meet it: its real processes on free ports, a small demo city, a browser.

One product serves the whole folder; sign-ins are those that the first start shows, with the forced change of password.
Everything here skips, and says why, where there is no Chromium.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest

CHROMIUM = os.environ.get("ZHIGUAN_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
DESK, PHONE = {"width": 1440, "height": 900}, {"width": 390, "height": 844}
START_S = 300
PREPARE = """
from zhiguan.site.runtime.framework import set_up
set_up()
from django.core.management import call_command
call_command("collectstatic", interactive=False, verbosity=0)
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from zhiguan.kernel.identity.models import Account
for account in Account.objects.exclude(username__in={through_page!r}):
    Account.objects.filter(pk=account.pk).update(must_change_password=False)
    session = SessionStore()
    session[SESSION_KEY] = str(account.pk)
    session[BACKEND_SESSION_KEY] = "zhiguan.kernel.identity.backends.AccountBackend"
    session[HASH_SESSION_KEY] = account.get_session_auth_hash()
    session.create()
    print("session", account.username, session.session_key)
from zhiguan.kernel.identity.demo import password
newcomer = Account(username="newcomer", unit=account.unit, must_change_password=True)
first = password()
newcomer.set_password(first)
newcomer.save()
print("newcomer ", first, " 新人")
"""
THROUGH_PAGE = ("staff",)
"""Accounts that sign in through the page; the others get their session at once, which spares minutes of hashing."""
PROCESS_FLAGS = (
    "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-sync",
    "--disable-component-update", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
)  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)


@dataclass
class Product:
    """A running product. ``states`` are the cookies of accounts that have signed in, as the browser keeps them."""

    base: str
    urls: Any = field(repr=False)
    first_passwords: dict[str, str] = field(repr=False)
    passwords: dict[str, str] = field(default_factory=dict, repr=False)
    states: dict[str, Any] = field(default_factory=dict, repr=False)
    env: dict[str, str] = field(default_factory=dict, repr=False)
    """What another process of this product is started with."""

    def rows(self, text: str, *values: Any) -> list[tuple]:
        """Ask the database past row-level security, to know what pages must and must not show."""
        with psycopg.connect(self.urls.superuser, autocommit=True) as connection:
            return connection.execute(text, values or None).fetchall()  # type: ignore[arg-type]


def _cookies(key: str) -> dict[str, Any]:
    """The browser's storage of somebody whose session this is."""
    cookie = {"name": "sessionid", "value": key, "domain": "127.0.0.1", "path": "/", "expires": -1, "httpOnly": True,
              "secure": False, "sameSite": "Lax"}  # fmt: skip
    return {"cookies": [cookie], "origins": []}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _wait_for(url: str, process: subprocess.Popen, log: Path) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(url, timeout=2) as answer:
                if answer.status == 200:
                    return
        except (OSError, urllib.error.URLError):
            time.sleep(0.2)
        assert process.poll() is None, log.read_text()[-2000:]
    raise AssertionError(f"{url} does not answer: {log.read_text()[-2000:]}")


@pytest.fixture(scope="session")
def product(cluster: Any, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """Web and live processes over a database of their own, filled with the small demo city."""
    if CHROMIUM is None:
        pytest.skip("浏览器测试需要 Chromium（apt install chromium，或用 ZHIGUAN_CHROMIUM 指定）")
    pytest.importorskip("playwright", reason="浏览器测试需要 playwright")
    from zhiguan.kit.templatetags import kit_assets
    from zhiguan.site.runtime.postgres import drop_database
    from zhiguan.site.testing import _clone, _urls

    manifest = Path(kit_assets.__file__).parent.parent / "static" / "kit" / "dist"
    if not manifest.is_dir():
        pytest.skip("前端页面尚未构建：请先运行 zhiguan frontend")
    folder = tmp_path_factory.mktemp("journeys")
    name = f"zgtx_journeys_{os.getpid()}"
    city = request.getfixturevalue("demo_city")
    _clone(cluster, city.name, name)
    urls = _urls(cluster, name)
    web, live = _free_port(), _free_port()
    env = city.env(urls, folder) | {"ZHIGUAN_LIVE_PORT": str(live), "ZHIGUAN_LOG_LEVEL": "WARNING"}
    started: list[subprocess.Popen] = []
    try:
        prepared = subprocess.run(
            [sys.executable, "-c", PREPARE.format(through_page=THROUGH_PAGE)], env=env, capture_output=True, text=True,
            timeout=START_S, check=False,
        )
        assert prepared.returncode == 0, prepared.stderr[-3000:]
        said = city.said + prepared.stdout
        sign_ins = dict(re.findall(r"^(\w+)\s+(\w{4}-\w{4}-\w{4}-\w{4})\s", said, re.M))
        for process, port in (("web", web), ("live", live)):
            log = folder / f"{process}.log"
            command = [sys.executable, "-m", "zhiguan.site.cli", process, "--port", str(port)]
            with log.open("wb") as out:
                started.append(subprocess.Popen(command, env=env, stdout=out, stderr=subprocess.STDOUT))
        for process, running, port in zip(("web", "live"), started, (web, live), strict=True):
            _wait_for(f"http://127.0.0.1:{port}/healthz", running, folder / f"{process}.log")
        made = Product(f"http://127.0.0.1:{web}", urls, sign_ins, env=env)
        for account, key in re.findall(r"^session (\w+) (\w+)$", prepared.stdout, re.M):
            made.states[account] = _cookies(key)
        yield made
    finally:
        for process in started:
            process.terminate()
        for process in started:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
        drop_database(cluster, name)


@dataclass
class Seen:
    """What one page did that no page may do."""

    page: Any
    base: str
    wrong: list[str] = field(default_factory=list)
    ignored: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self.wrong.append(f"error: {error}"))
        self.page.on("request", self._request)
        self.page.on("response", self._response)

    def _console(self, message: Any) -> None:
        # A refused form answers 422, which the browser calls an error; statuses are judged in _response.
        if message.type == "error" and "status of" not in message.text:
            self.wrong.append(f"console: {message.text[:300]}")

    def _request(self, request: Any) -> None:
        if not request.url.startswith(("http://127.0.0.1:", "http://localhost:", "data:", "blob:")):
            self.wrong.append(f"outside: {request.url[:200]}")

    def _response(self, answer: Any) -> None:
        if answer.status >= 400 and answer.status not in (409, 412, 422):
            self.wrong.append(f"{answer.status}: {answer.url[:200]}")

    def take(self) -> list[str]:
        """Return what went wrong since last asked."""
        found, self.wrong[:] = list(self.wrong), []
        return found


@pytest.fixture(scope="module")
def browser(product: Product) -> Iterator[Any]:
    """Headless Chromium that reaches nothing but this machine."""
    from playwright.sync_api import sync_playwright

    flags = [*PROCESS_FLAGS, *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    with sync_playwright() as driver:
        running = driver.chromium.launch(executable_path=CHROMIUM, args=flags)
        yield running
        running.close()


@pytest.fixture
def open_as(product: Product, browser: Any) -> Iterator[Callable[..., Any]]:
    """Open a page as one of the demo accounts: ``open_as("staff", PHONE)``; the first time through the sign-in page."""
    contexts = []

    def go(account: str | None, viewport: dict[str, int] = DESK) -> Any:
        page = new_page(product, browser, account, viewport)
        contexts.append(page.context)
        return page

    yield go
    for context in contexts:
        context.close()


def new_page(product: Product, browser: Any, account: str | None, viewport: dict[str, int] = DESK) -> Any:
    """A page of somebody's own, with what goes wrong on it in ``page.seen``; its context is the caller's to close."""
    state = sign_in(product, browser, account) if account else None
    context = browser.new_context(
        viewport=viewport, locale="zh-CN", timezone_id="Asia/Shanghai", storage_state=state, reduced_motion="reduce",
        base_url=product.base,
    )  # fmt: skip
    context.set_default_timeout(30_000)
    page = context.new_page()
    page.seen = Seen(page, product.base)
    return page


def sign_in(product: Product, browser: Any, account: str) -> Any:
    """Sign in through the page and change the first password; returns the browser's cookies, kept for next time."""
    if account in product.states:
        return product.states[account]
    context = browser.new_context(viewport=DESK, locale="zh-CN", base_url=product.base)
    context.set_default_timeout(30_000)
    page = context.new_page()
    page.goto("/accounts/login/")
    page.fill("input[name=login]", account)
    page.fill("input[name=password]", product.first_passwords[account])
    page.click("button[type=submit]")
    page.wait_for_url("**/accounts/password/change/**")
    chosen = f"Zg-{secrets.token_urlsafe(12)}-7a"
    page.fill("input[name=oldpassword]", product.first_passwords[account])
    page.fill("input[name=password1]", chosen)
    page.fill("input[name=password2]", chosen)
    page.click("button[type=submit]")
    page.wait_for_url(lambda url: "/accounts/" not in url)
    product.passwords[account] = chosen
    product.states[account] = context.storage_state()
    context.close()
    return product.states[account]
