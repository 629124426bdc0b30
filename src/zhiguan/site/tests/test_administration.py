"""Administration through the pages: two people for every grant, secrets shown once, every act and sign-in traced."""

from __future__ import annotations

import io
import json
import re
from datetime import date
from types import SimpleNamespace
from typing import Any

import pytest
from allauth.usersessions.models import UserSession
from django.test import Client
from openpyxl import load_workbook

from zhiguan.kernel.identity import service
from zhiguan.kernel.identity.codes import GrantState
from zhiguan.kernel.identity.models import Account, AllowedApp, ApiKey, Grant, Role, SavedFilter
from zhiguan.kernel.identity.passwords import rules
from zhiguan.kernel.orgs.models import Person, Unit
from zhiguan.kernel.trace.models import Entry

BACKEND = "zhiguan.kernel.identity.backends.AccountBackend"


@pytest.fixture
def city(as_system: Any) -> SimpleNamespace:
    service.sync_roles()
    unit = Unit.objects.create(code="C", name="测试市", kind="city", pos=0, pos_end=2**60 - 1, valid_from=date(2020, 1, 1))
    person = Person.objects.create(code="P1", name="李明", unit=unit)
    clients = {}
    for kind in ("system_admin", "security_admin", "audit_admin"):
        account = Account.objects.create(username=kind.replace("_", "."), unit=unit, must_change_password=False)
        Grant.objects.create(account=account, role=Role.objects.get(code=kind), scope="city", unit=unit,
                             state=GrantState.ACTIVE)  # fmt: skip
        client = Client()
        client.force_login(account, backend=BACKEND)
        clients[kind.removesuffix("_admin")] = client
    return SimpleNamespace(unit=unit, person=person, **clients)


def traced(code: str) -> Any:
    return Entry.objects.filter(code=code)


def secret_in(answer: Any) -> str:
    assert answer.status_code == 200, answer.status_code
    assert answer["Cache-Control"] == "no-store, private" or "no-store" in answer["Cache-Control"]
    return re.search(r'id="secret" value="([^"]+)"', answer.content.decode()).group(1)  # type: ignore[union-attr]


def test_a_new_account_signs_in_with_the_password_shown_once(city):
    secret = secret_in(city.system.post("/identity/account/new/", {"username": "liming", "person": "李明"}))
    account = Account.objects.get(username="liming")
    assert account.check_password(secret) and account.must_change_password and account.unit == city.unit
    assert secret not in city.system.get(f"/identity/account/{account.pk}/").content.decode()
    assert traced("identity.account.create").count() == 1
    assert city.security.post("/identity/account/new/", {"username": "x1"}).status_code == 403
    again = city.system.post("/identity/account/new/", {"username": "liming", "person": "李明"})
    assert again.status_code == 409 and "该账号已存在" in again.content.decode()


def test_a_grant_needs_two_people_and_administrators_hold_nothing_else(city):
    account = Account.objects.create(username="worker", unit=city.unit, person=city.person)
    role = Role.objects.filter(kind="business").first()
    form = {"account": "worker", "role": role.pk, "scope": "city", "valid_from": "2026-01-01", "reason": "工作需要"}
    assert city.system.post("/identity/grant/new/", form).status_code == 302
    grant = Grant.objects.get(account=account)
    assert grant.state == GrantState.PROPOSED and not service.actor_for(account).permissions
    assert city.system.post(f"/identity/grant/{grant.pk}/confirm/").status_code == 403
    assert city.security.post(f"/identity/grant/{grant.pk}/confirm/").status_code == 302
    grant.refresh_from_db()
    assert grant.state == GrantState.ACTIVE and service.actor_for(account).permissions
    assert city.system.post(f"/identity/grant/{grant.pk}/revoke/", {"reason": "调离"}).status_code == 302
    assert not service.actor_for(account).permissions
    for code in ("identity.grant.propose", "identity.grant.confirm", "identity.grant.revoke"):
        assert traced(code).count() == 1
    clash = city.system.post("/identity/grant/new/", {**form, "account": "security.admin"})
    assert clash.status_code == 422 and "不得兼任" in clash.content.decode()


def test_disabling_ends_sessions_and_resetting_spares_other_administrators(city):
    account = Account.objects.create(username="worker", unit=city.unit, must_change_password=False)
    client = Client()
    client.force_login(account, backend=BACKEND)
    assert client.get("/me/").status_code == 200
    assert UserSession.objects.filter(user=account).exists()
    reset = f"/identity/account/{account.pk}/password/"
    old = secret_in(city.system.post(reset, {"reason": "忘记口令"}))
    account.refresh_from_db()
    assert account.check_password(old) and client.get("/me/").status_code == 302
    assert city.system.post(f"/identity/account/{account.pk}/disable/", {"reason": "离职"}).status_code == 302
    account.refresh_from_db()
    assert not account.is_active and traced("identity.account.disable").count() == 1
    other = Account.objects.get(username="security.admin")
    refused = city.system.post(f"/identity/account/{other.pk}/password/", {"reason": "试试"})
    assert refused.status_code == 403 and "管理员" in refused.content.decode()


def test_sign_in_failure_and_sign_out_are_traced(city):
    account = Account.objects.create(username="worker", unit=city.unit, must_change_password=False)
    account.set_password("Right-2026-pass")
    account.save()
    client = Client()
    client.post("/accounts/login/", {"login": "worker", "password": "wrong"})
    assert traced("identity.session.refuse").get().account_id == account.pk
    client.post("/accounts/login/", {"login": "Secret-typed-here", "password": "wrong"})
    assert "Secret-typed" not in str([entry.detail.subject_label for entry in traced("identity.session.refuse")])
    client.post("/accounts/login/", {"login": "worker", "password": "Right-2026-pass"})
    assert traced("identity.session.begin").filter(account_id=account.pk).count() == 1
    client.post("/accounts/logout/")
    assert traced("identity.session.finish").filter(account_id=account.pk).count() == 1


def test_sessions_are_ended_by_the_security_administrator(city):
    account = Account.objects.create(username="worker", unit=city.unit, must_change_password=False)
    client = Client()
    client.force_login(account, backend=BACKEND)
    session = UserSession.objects.create(user=account, ip="127.0.0.1", session_key=client.session.session_key, user_agent="x")
    assert "worker" in city.security.get("/identity/session/").content.decode()
    assert city.security.post(f"/identity/session/{session.pk}/end/", {"reason": "异常登录"}).status_code == 302
    assert client.get("/me/").status_code == 302
    assert traced("identity.session.end").count() == 1
    assert city.system.get("/identity/session/").status_code == 403


def test_rules_take_effect_at_once_and_within_bounds(city):
    values = rules() | {"min_length": 12}
    assert city.security.post("/identity/policy/", values).status_code == 302
    assert rules()["min_length"] == 12 and traced("identity.policy.change").count() == 1
    assert city.security.post("/identity/policy/", values | {"min_length": 2}).status_code == 422
    assert city.system.get("/identity/policy/").status_code == 403


def test_a_key_is_shown_once_and_dies_with_its_application(city):
    assert city.system.post("/identity/app/new/", {"code": "oa", "name": "协同办公"}).status_code == 302
    app = AllowedApp.objects.get()
    form = {"app": app.pk, "name": "取数", "days": 30, "permissions": ["identity.account.view"]}
    secret = secret_in(city.system.post("/identity/mykey/new/", form))
    key = ApiKey.objects.get()
    assert secret not in json.dumps([key.digest, key.prefix]) and key.permissions == ["identity.account.view"]
    call = Client(headers={"Authorization": f"Bearer {secret}"})
    assert call.get("/api/v1/metrics").status_code == 200
    more = {**form, "permissions": ["vehicles.vehicle.view"]}
    assert city.system.post("/identity/mykey/new/", more).status_code == 422
    assert city.audit.get(f"/identity/mykey/{key.pk}/").status_code == 404
    assert city.system.post(f"/identity/app/{app.pk}/disable/", {"reason": "停用"}).status_code == 302
    assert call.get("/api/v1/metrics").status_code == 401
    assert city.system.post(f"/identity/app/{app.pk}/enable/", {"reason": "恢复"}).status_code == 302
    assert call.get("/api/v1/metrics").status_code == 200
    assert city.security.post(f"/identity/apikey/{key.pk}/revoke/", {"reason": "泄露"}).status_code == 302
    assert call.get("/api/v1/metrics").status_code == 401
    assert traced("identity.apikey.issue").count() == traced("identity.apikey.revoke").count() == 1


def test_the_matrix_is_exported_and_that_is_traced(city):
    assert "查看痕迹记录" in city.audit.get("/identity/matrix/").content.decode()
    answer = city.audit.get("/identity/matrix/?export=xlsx")
    sheet = load_workbook(io.BytesIO(b"".join(answer.streaming_content))).active
    cells = {tuple(cell.value for cell in row)[5] for row in sheet.iter_rows(min_row=2)}
    assert {"system.admin", "security.admin", "audit.admin"} <= cells
    assert traced("site.page.export").count() == 1
    assert city.system.get("/identity/matrix/").status_code == 403


def test_the_auditor_reads_the_log_and_takes_it_away(city):
    city.security.post("/identity/policy/", rules() | {"history": 6})
    entry = traced("identity.policy.change").get()
    assert "变更口令与会话策略" in city.audit.get("/trace/entry/").content.decode()
    assert city.audit.get(f"/trace/entry/{entry.pk}/?tab=全部经过").status_code == 200
    assert city.audit.get("/trace/checkpoint/").status_code == 200
    lines = city.audit.get("/trace/export/").getvalue().decode().splitlines()
    assert json.loads(lines[0])["kind"] == "header" and traced("trace.log.export").count() == 1
    assert city.system.get("/trace/entry/").status_code == 403


def test_saved_filters_are_the_accounts_own(city):
    sent = {"_save_view": "1", "_view_name": "停用的", "_query": "is_active=0"}
    assert city.system.post("/identity/account/", sent).status_code == 302
    assert SavedFilter.objects.get().name == "停用的"
    assert "停用的" in city.system.get("/identity/account/").content.decode()
    assert "停用的" not in city.security.get("/identity/account/").content.decode()


def test_the_documentation_is_drawn_here(city):
    page = city.system.get("/api/docs/").content.decode()
    assert "vehicles_order_dispatch" in page and "Idempotency-Key" in page
    assert not re.search(r"<script(?![^>]*\bsrc=)[^>]*>\s*\S", page.replace('type="application/json"', "src="))
    assert "//cdn" not in page and city.system.get("/api/openapi.json").json()["openapi"].startswith("3.")
