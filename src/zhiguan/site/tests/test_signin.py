"""Sign-in with a password: its age, the lock-out together with the second factor, and how long a session lasts."""

from __future__ import annotations

import io
import re
import time
from datetime import date, timedelta
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, generate_totp_secret, hotp_value
from django.contrib.sessions.models import Session
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from zhiguan.kernel.identity import service
from zhiguan.kernel.identity.models import Account, Policy
from zhiguan.kernel.identity.passwords import rules
from zhiguan.kernel.orgs.models import Unit
from zhiguan.kernel.trace.models import Entry

PASSWORD, NEXT = "Right-2026-pass", "Other-2027-word"


@pytest.fixture
def account(as_system: Any) -> Account:
    unit = Unit.objects.create(code="C", name="测试市", kind="city", pos=0, pos_end=99, valid_from=date(2020, 1, 1))
    made = Account(username="worker", unit=unit, must_change_password=False, password_set_at=timezone.now())
    made.set_password(PASSWORD)
    made.save()
    return made


def sign_in(client: Client, password: str = PASSWORD) -> Any:
    return client.post("/accounts/login/", {"login": "worker", "password": password})


def aged(account: Account, days: int) -> None:
    Account.objects.filter(pk=account.pk).update(password_set_at=timezone.now() - timedelta(days=days))


# --- a password's age -----------------------------------------------------------------------------------------------------


def test_an_old_password_leads_to_a_new_one_before_anything_else(account: Account) -> None:
    aged(account, rules()["max_age_days"] + 1)
    client = Client()
    assert sign_in(client).status_code == 302
    for path in ("/", "/me/", "/accounts/2fa/"):
        assert client.get(path)["Location"] == "/accounts/password/change/"
    page = client.get("/accounts/password/change/").content.decode()
    assert "超过规定的有效期" in page and "首次登录" not in page
    program = client.get("/api/v1/metrics")
    assert program.status_code == 403 and program.json()["code"] == "password_change_required"
    form = {"oldpassword": PASSWORD, "password1": NEXT, "password2": NEXT}
    same = client.post("/accounts/password/change/", {**form, "password1": PASSWORD, "password2": PASSWORD})
    assert same.status_code == 200 and "次用过的口令" in same.content.decode()
    assert client.post("/accounts/password/change/", form).status_code == 302
    assert client.get("/me/").status_code == 200
    assert Entry.objects.filter(code="identity.password.change", account_id=account.pk).count() == 1
    again = Client()
    sign_in(again, NEXT)
    assert again.get("/me/").status_code == 200


def test_the_age_is_the_rule_in_force(account: Account) -> None:
    aged(account, 40)
    client = Client()
    sign_in(client)
    assert client.get("/me/").status_code == 200
    Policy.objects.create(key="max_age_days", value=30)
    stricter = Client()
    sign_in(stricter)
    assert stricter.get("/me/").status_code == 302
    Account.objects.filter(pk=account.pk).update(password_set_at=None, created_at=timezone.now() - timedelta(days=31))
    never_set = Client()
    sign_in(never_set)
    assert never_set.get("/me/").status_code == 302


def test_the_first_password_is_said_to_be_the_first(account: Account) -> None:
    Account.objects.filter(pk=account.pk).update(must_change_password=True)
    client = Client()
    sign_in(client)
    assert client.get("/me/")["Location"] == "/accounts/password/change/"
    assert "首次登录" in client.get("/accounts/password/change/").content.decode()


def test_keys_of_programs_do_not_age_with_the_password(account: Account, make_actor: Any) -> None:
    aged(account, 4000)
    actor = make_actor({}, account=account.pk)
    _, secret = service.issue_key(actor, account, name="取数", permissions=[], days=30)
    assert Client(headers={"Authorization": f"Bearer {secret}"}).get("/api/v1/metrics").status_code == 200


# --- the second factor ----------------------------------------------------------------------------------------------------


def code(secret: str, ahead: int = 0) -> str:
    return format_hotp_value(hotp_value(secret, int(time.time()) // 30 + ahead))


@pytest.fixture
def secret(account: Account) -> str:
    made = generate_totp_secret()
    TOTP.activate(account, made)
    return made


def answer(client: Client, given: str) -> Any:
    return client.post("/accounts/2fa/authenticate/", {"code": given})


def wrong(secret: str) -> str:
    good = {code(secret, step) for step in range(-3, 4)}
    return next(each for each in ("000000", "111111", "222222") if each not in good)


def test_guesses_of_the_code_lock_the_account_whatever_password_comes_between(account: Account, secret: str) -> None:
    for _ in range(rules()["lock_after"]):
        client = Client()
        assert sign_in(client)["Location"] == "/accounts/2fa/authenticate/"
        refused = answer(client, wrong(secret))
        assert refused.status_code == 200 and "没有通过" in refused.content.decode()
    account.refresh_from_db()
    assert account.locked
    assert "已暂时锁定" in answer(client, code(secret)).content.decode(), "the right code comes too late"
    assert client.get("/me/").status_code == 302
    assert sign_in(Client()).status_code == 200, "nor does the password open anything"
    assert Entry.objects.filter(code="identity.session.refuse").count() == rules()["lock_after"] + 1


def test_a_complete_sign_in_begins_to_count_anew(account: Account, secret: str) -> None:
    client = Client()
    sign_in(client, "wrong")
    sign_in(client)
    answer(client, wrong(secret))
    account.refresh_from_db()
    assert account.failed_count == 2
    assert answer(client, code(secret)).status_code == 302
    account.refresh_from_db()
    assert account.failed_count == 0 and client.get("/me/").status_code == 200


def test_a_code_is_good_once(account: Account, secret: str) -> None:
    first, second = Client(), Client()
    sign_in(first)
    sign_in(second)
    taken = code(secret)
    assert answer(first, taken).status_code == 302
    from django.core.cache import cache

    cache.clear()  # another process remembers nothing
    assert "已经用过" in answer(second, taken).content.decode()
    assert "已经用过" in answer(second, code(secret, -1)).content.decode(), "nor one before it"
    assert answer(second, code(secret, 1)).status_code == 302, "a clock that is a little fast is right"


def test_a_code_may_be_typed_as_it_is_shown(account: Account, secret: str) -> None:
    client = Client()
    sign_in(client)
    shown = code(secret)
    assert answer(client, f"{shown[:3]} {shown[3:]}").status_code == 302


@pytest.mark.parametrize("given", ["", " ", "12345", "１２３４５６", "abcdef", "\x00", "9" * 300, "-1", "1e5"])
def test_nonsense_is_no_code(account: Account, secret: str, given: str) -> None:
    client = Client()
    sign_in(client)
    assert answer(client, given).status_code == 200 and client.get("/me/").status_code == 302


def test_a_recovery_code_is_good_once_and_needs_no_telephone(account: Account, secret: str) -> None:
    codes = RecoveryCodes.activate(account).get_unused_codes()
    client, again = Client(), Client()
    sign_in(client)
    assert answer(client, codes[0]).status_code == 302 and client.get("/me/").status_code == 200
    sign_in(again)
    assert answer(again, codes[0]).status_code == 200 and answer(again, codes[1]).status_code == 302


def test_an_administrators_factors_are_not_cleared_by_another(account: Account, secret: str, make_actor: Any) -> None:
    from zhiguan.kernel.identity.models import Grant, Role
    from zhiguan.kit.errors import Conflict, Denied
    from zhiguan.site import administration

    actor = make_actor({"identity.account.manage": "city"}, unit=account.unit)
    service.sync_roles()
    grant = Grant.objects.create(
        account=account, role=Role.objects.get(code="audit_admin"), scope="city", state="active"
    )
    with pytest.raises(Denied):
        administration.clear_factors(actor, account, reason="丢失")
    grant.delete()
    administration.clear_factors(actor, account, reason="丢失")
    assert not Authenticator.objects.exists()
    assert Entry.objects.get(code="identity.account.clear_factors").subject_id == str(account.pk)
    with pytest.raises(Conflict):
        administration.clear_factors(actor, account, reason="丢失")
    with pytest.raises(Denied):
        administration.clear_factors(make_actor({}, unit=account.unit), account, reason="丢失")


def test_an_administrator_is_helped_back_in_from_the_server(account: Account, secret: str) -> None:
    from zhiguan.kernel.identity.models import Grant, Role

    service.sync_roles()
    Grant.objects.create(account=account, role=Role.objects.get(code="audit_admin"), scope="city", state="active")
    out = io.StringIO()
    call_command("reset_account", "worker", reason="遗忘口令", stdout=out)
    account.refresh_from_db()
    assert account.check_password(re.search(r"\w{4}(-\w{4}){3}", out.getvalue()).group())  # type: ignore[union-attr]
    assert account.must_change_password
    call_command("reset_account", "WORKER", factors=True, reason="手机丢失", stdout=out)
    assert not Authenticator.objects.exists()
    told = Entry.objects.filter(code__startswith="identity.account.").order_by("id")
    assert [(entry.code, entry.job) for entry in told] == [
        ("identity.account.reset_password", "site.reset_account"),
        ("identity.account.clear_factors", "site.reset_account"),
    ]
    for words in (["nobody"], ["worker", "--factors"]):
        with pytest.raises(CommandError):
            call_command("reset_account", *words, reason="试试", stdout=out)
    with pytest.raises(CommandError):
        call_command("reset_account", "worker", reason=" ", stdout=out)


# --- the session ----------------------------------------------------------------------------------------------------------


def test_idle_time_begins_anew_with_every_minute_of_work(account: Account, monkeypatch: Any) -> None:
    now = time.time() // 60 * 60  # held, or the minute may end between two requests
    monkeypatch.setattr("zhiguan.site.middleware.time.time", lambda: now)
    client = Client()
    sign_in(client)
    client.get("/me/")
    idle = timedelta(minutes=rules()["idle_minutes"])
    soon = timezone.now() + timedelta(minutes=2)
    Session.objects.update(expire_date=soon)
    client.get("/me/")
    assert Session.objects.get(session_key=client.session.session_key).expire_date == soon, "not with every request"
    monkeypatch.setattr("zhiguan.site.middleware.time.time", lambda: now + 61)
    client.get("/me/")
    expires = Session.objects.get(session_key=client.session.session_key).expire_date
    assert expires > timezone.now() + idle - timedelta(minutes=1)
    Session.objects.update(expire_date=timezone.now() - timedelta(seconds=1))
    assert client.get("/me/").status_code == 302


@pytest.mark.parametrize(
    "path",
    ["signup/", "password/reset/", "password/set/", "email/", "login/code/confirm/", "3rdparty/", "3rdparty/signup/"],
)
def test_pages_of_the_library_that_have_no_place_here(account: Account, path: str) -> None:
    client = Client()
    assert client.get(f"/accounts/{path}").status_code == 404
    sign_in(client)
    assert client.get(f"/accounts/{path}").status_code == 404
