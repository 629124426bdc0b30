"""Passkeys, codes and recovery codes, from setting them up to signing in, in a browser with an authenticator of its own.

With ``ZHIGUAN_PICTURES`` set to a folder every page is left there as a picture, for people to look at.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import re
import struct
import time
from pathlib import Path
from typing import Any

import pytest

from tests.journeys.conftest import DESK, PHONE

PICTURES = os.environ.get("ZHIGUAN_PICTURES")
OWN_HOST = "localhost"
"""Passkeys belong to a domain; the address of a machine is none."""
INSIDE = re.compile(r"^[^?]*/me/$")
LATIN = re.compile(r"[A-Za-z]{4,}")
KNOWN = re.compile(r"https?|Mozilla.*|Chrome|manager|approver|leader|[A-Z2-7]{32}|v?\d+[\w.]*")
OVERFLOW = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"


def look(page: Any, name: str) -> None:
    """See that a page speaks Chinese and fits a phone; leave pictures when they are asked for."""
    from axe_playwright_python.sync_playwright import Axe

    for kind, size in (("desk", DESK), ("phone", PHONE)):
        page.set_viewport_size(size)
        page.wait_for_timeout(150)
        if PICTURES:
            Path(PICTURES).mkdir(exist_ok=True)
            page.screenshot(path=f"{PICTURES}/{name}-{kind}.png", full_page=True)
        assert page.evaluate(OVERFLOW) <= 0, f"{name}: too wide on {kind}"
    text = page.locator("main").inner_text()
    foreign = [word for word in LATIN.findall(re.sub(r"Mozilla[^\n]*|[A-Z2-7]{32}", "", text)) if not KNOWN.fullmatch(word)]
    assert foreign == [], f"{name}: {foreign}"
    options = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"], "resultTypes": ["violations"]}
    found = Axe().run(page, options=options).response["violations"]
    assert found == [], f"{name}: {[(each['id'], each['nodes'][0]['target']) for each in found]}"
    page.set_viewport_size(DESK)


def code_now(secret: str, ahead: int = 0) -> str:
    """Return the code that an authenticator application shows (RFC 6238), ``ahead`` steps of 30 s from now."""
    step = int(time.time()) // 30 + ahead
    digest = hmac.new(base64.b32decode(secret), struct.pack(">Q", step), hashlib.sha1).digest()
    start = digest[-1] & 15
    return f"{(struct.unpack('>I', digest[start : start + 4])[0] & 0x7FFFFFFF) % 10**6:06}"


@pytest.fixture
def stranger(product: Any, browser: Any) -> Any:
    """A page of a browser nobody has signed in with."""
    from tests.journeys.conftest import Seen

    base = product.base.replace("127.0.0.1", OWN_HOST)
    context = browser.new_context(viewport=DESK, locale="zh-CN", base_url=base, reduced_motion="reduce")
    context.set_default_timeout(30_000)
    page = context.new_page()
    page.seen = Seen(page, base)
    yield page
    context.close()


def type_password(page: Any, product: Any, account: str) -> None:
    page.goto("/accounts/login/?next=/me/")
    page.fill("input[name=login]", account)
    page.fill("input[name=password]", product.first_passwords[account])
    page.click("main form:has(input[name=login]) button[type=submit]")


def once_more(page: Any, product: Any, account: str) -> None:
    """Answer the question for the password before something that concerns the account's safety."""
    page.wait_for_url("**/accounts/reauthenticate/**")
    page.fill("input[name=password]", product.first_passwords[account])
    page.click("main form button[type=submit]")


def sign_out(page: Any) -> None:
    page.goto("/accounts/logout/")
    page.click("main form button[type=submit]")
    page.wait_for_url("**/accounts/login/**")


def test_a_passkey_from_adding_to_signing_in(product, stranger):
    page = stranger
    devices = page.context.new_cdp_session(page)
    devices.send("WebAuthn.enable")
    made = devices.send("WebAuthn.addVirtualAuthenticator", {"options": {
        "protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True,
        "isUserVerified": True, "automaticPresenceSimulation": True,
    }})  # fmt: skip
    authenticator = {"authenticatorId": made["authenticatorId"]}
    page.goto("/accounts/login/")
    look(page, "login")
    type_password(page, product, "manager")
    page.wait_for_url(INSIDE)
    page.get_by_role("link", name="双因素与通行密钥").click()
    page.wait_for_url("**/accounts/2fa/")
    look(page, "factors-none")
    page.get_by_role("link", name="添加通行密钥").click()
    page.wait_for_url("**/accounts/reauthenticate/**")
    look(page, "reauthenticate")
    once_more(page, product, "manager")
    page.wait_for_url("**/webauthn/add/**")
    look(page, "passkey-add")

    devices.send("WebAuthn.setUserVerified", {**authenticator, "isUserVerified": False})
    page.get_by_role("button", name="添加").click()
    assert "没有完成验证" in page.locator(".zg-toast").inner_text()
    look(page, "passkey-add-failed")
    devices.send("WebAuthn.setUserVerified", {**authenticator, "isUserVerified": True})
    page.fill("input[name=name]", "办公电脑")
    with page.expect_navigation():
        page.get_by_role("button", name="添加").click()
    page.wait_for_url("**/recovery-codes/**")
    look(page, "recovery-codes")
    assert page.locator("#recovery_codes li").count() == 10
    page.goto("/accounts/2fa/webauthn/")
    assert "办公电脑" in page.locator("main").inner_text()
    look(page, "passkeys")

    sign_out(page)
    page.goto("/accounts/login/?next=/me/")
    page.wait_for_function("window.allauth && window.allauth.webauthn")
    page.click("#passkey_login")
    page.wait_for_url(INSIDE)
    assert "manager" in page.locator("main").inner_text()
    assert product.rows(
        "SELECT count(*) FROM trace_entry e JOIN identity_account a ON a.id = e.account_id "
        "WHERE a.username = 'manager' AND e.code = 'identity.factor.add'"
    )[0][0] == 2, "the passkey and its recovery codes are in the log"  # fmt: skip

    sign_out(page)
    type_password(page, product, "manager")
    page.wait_for_url("**/2fa/authenticate/**")
    look(page, "second-factor")
    page.click("#mfa_webauthn_authenticate")
    page.wait_for_url(INSIDE)

    page.goto("/accounts/2fa/webauthn/")
    page.get_by_role("link", name="改名").click()
    page.wait_for_url(re.compile("reauthenticate|edit"))
    if "reauthenticate" in page.url:
        look(page, "reauthenticate-choice")
        if "/2fa/webauthn/reauthenticate/" not in page.url:
            page.get_by_role("link", name="使用通行密钥").click()
            page.wait_for_url("**/2fa/webauthn/reauthenticate/**")
        look(page, "reauthenticate-passkey")
        page.click("#mfa_webauthn_reauthenticate")
    page.wait_for_url("**/edit/")
    look(page, "passkey-rename")
    page.fill("input[name=name]", "值班电脑")
    page.get_by_role("button", name="保存").click()
    page.wait_for_url("**/2fa/webauthn/")
    page.get_by_role("link", name="移除").click()
    page.wait_for_url("**/remove/")
    look(page, "passkey-remove")
    page.get_by_role("button", name="移除").click()
    page.wait_for_url("**/2fa/webauthn/")
    assert "还没有通行密钥" in page.locator("main").inner_text()
    look(page, "passkeys-none")
    assert page.seen.take() == []


def test_a_code_from_setting_it_up_to_signing_in(product, stranger):
    page = stranger
    type_password(page, product, "approver")
    page.wait_for_url(INSIDE)
    page.goto("/accounts/2fa/totp/activate/")
    once_more(page, product, "approver")
    page.wait_for_url("**/totp/activate/**")
    look(page, "code-activate")
    secret = page.locator("#totp_secret").inner_text()
    page.fill("input[name=code]", "000000" if code_now(secret) != "000000" else "111111")
    page.get_by_role("button", name="启用").click()
    page.wait_for_selector(".zg-field-error")
    assert page.locator("#totp_secret").inner_text() == secret, "a slip of the finger must not need a new picture"
    look(page, "code-activate-wrong")
    page.fill("input[name=code]", code_now(secret))
    page.get_by_role("button", name="启用").click()
    page.wait_for_url("**/recovery-codes/**")
    codes = page.locator("#recovery_codes li").all_inner_texts()
    assert len(codes) == 10
    page.goto("/accounts/2fa/")
    look(page, "factors-code")

    sign_out(page)
    type_password(page, product, "approver")
    page.wait_for_url("**/2fa/authenticate/**")
    page.goto("/me/")
    assert "/2fa/authenticate/" in page.url, "the password alone opens nothing"
    page.get_by_role("button", name="换一个账号登录").click()
    page.wait_for_url("**/accounts/login/**")
    type_password(page, product, "approver")
    page.wait_for_url("**/2fa/authenticate/**")
    page.fill("input[name=code]", "000000" if code_now(secret) != "000000" else "111111")
    page.get_by_role("button", name="登录", exact=True).click()
    page.wait_for_selector(".zg-field-error")
    look(page, "second-factor-wrong")
    taken = code_now(secret)
    page.fill("input[name=code]", taken)
    page.get_by_role("button", name="登录", exact=True).click()
    page.wait_for_url(INSIDE)

    sign_out(page)
    type_password(page, product, "approver")
    page.fill("input[name=code]", taken)
    page.get_by_role("button", name="登录", exact=True).click()
    page.wait_for_selector(".zg-field-error")
    page.fill("input[name=code]", codes[0])
    page.get_by_role("button", name="登录", exact=True).click()
    page.wait_for_url(INSIDE)
    sign_out(page)
    type_password(page, product, "approver")
    page.fill("input[name=code]", codes[0])
    page.get_by_role("button", name="登录", exact=True).click()
    page.wait_for_selector(".zg-field-error")
    page.fill("input[name=code]", code_now(secret, 1))
    page.get_by_role("button", name="登录", exact=True).click()
    page.wait_for_url(INSIDE)

    page.goto("/accounts/2fa/recovery-codes/generate/")
    if "reauthenticate" in page.url:
        if "/accounts/reauthenticate/" not in page.url:
            look(page, "reauthenticate-code")
            page.get_by_role("link", name="使用密码").click()
        once_more(page, product, "approver")
    page.wait_for_url("**/generate/")
    look(page, "recovery-codes-generate")
    page.get_by_role("button", name="生成").click()
    page.wait_for_url("**/recovery-codes/")
    assert not set(codes) & set(page.locator("#recovery_codes li").all_inner_texts())
    page.goto("/accounts/2fa/totp/deactivate/")
    look(page, "code-deactivate")
    page.get_by_role("button", name="停用").click()
    page.wait_for_url("**/accounts/2fa/")
    page.goto("/accounts/sessions/")
    look(page, "devices")
    page.goto("/accounts/logout/")
    look(page, "logout")
    sign_out(page)
    type_password(page, product, "approver")
    page.wait_for_url(INSIDE)
    assert page.seen.take() == []


def test_somebody_who_lost_the_telephone_is_helped_by_the_administrator(product, stranger, open_as):
    page = stranger
    type_password(page, product, "leader")
    page.wait_for_url(INSIDE)
    page.goto("/accounts/2fa/totp/activate/")
    once_more(page, product, "leader")
    page.wait_for_url("**/totp/activate/**")
    page.fill("input[name=code]", code_now(page.locator("#totp_secret").inner_text()))
    page.get_by_role("button", name="启用").click()
    page.wait_for_url("**/recovery-codes/**")
    system = open_as("system")
    system.goto("/identity/account/?q=leader")
    system.locator("tbody tr a").first.click()
    system.get_by_role("link", name="清除验证方式").first.click()
    system.fill("[name=reason]", "手机丢失，已当面核实")
    look(system, "clear-factors")
    with system.expect_navigation():
        system.locator("form.zg-form").get_by_role("button", name="清除验证方式").click()
    sign_out(page)
    type_password(page, product, "leader")
    page.wait_for_url(INSIDE)
    assert page.seen.take() == [] and system.seen.take() == []
