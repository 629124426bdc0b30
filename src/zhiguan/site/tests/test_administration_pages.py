"""The pages of the system's administration, under the inherited tests. (The log's: ``test_audit_pages.py``.)

Most of their tables are Shared: whoever holds the permission sees every row, whatever unit it is held over. The few
that are somebody's own, no longer alive, or of a unit have rows elsewhere like any business table.
"""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.urls import reverse
from django.utils import timezone

from zhiguan.kernel.identity.codes import GrantState
from zhiguan.kernel.identity.models import Account, AllowedApp, ApiKey, Grant, Role
from zhiguan.kernel.identity.passwords import rules
from zhiguan.kit.pages.conformance import (
    Case,
    DetailPageConformance,
    FormPageConformance,
    ListPageConformance,
    Visitor,
    html,
)
from zhiguan.site.pages.access import (
    ALL_KEYS,
    ALLOWED,
    ALLOWED_APP,
    ANY_KEY,
    APP_NEW,
    GRANT,
    GRANT_NEW,
    GRANTS,
    MY_KEY,
    MY_KEYS,
    ROLE,
    ROLES,
)
from zhiguan.site.pages.accounts import ACCOUNT, ACCOUNTS, POLICY, SESSION, SESSIONS

_numbers = iter(range(10**6))


class SharedList(ListPageConformance):
    """A list whose rows are for everybody with its permission."""

    def test_shows_rows_in_scope_and_no_others(self, case: Case) -> None:
        rows = {case.row().pk, case.row().pk}
        assert rows <= set(self.keys(case))


class SharedDetail(DetailPageConformance):
    """A page about a row that is for everybody with its permission."""

    def test_rows_out_of_scope_do_not_exist(self, case: Case) -> None:
        case.row()
        visitor = Visitor(case.actor)
        for missing in (0, 10**15, 10**30):
            assert visitor.get(reverse(self.page.url_name, kwargs={"pk": missing})).status_code == 404
            for act in self.page.actions:
                address = reverse(f"{self.page.code}.{act.code}", kwargs={"pk": missing})
                assert (visitor.get(address).status_code, visitor.post(address).status_code) == (404, 404)


# --- accounts, roles, grants ----------------------------------------------------------------------------------------------


@pytest.fixture
def account_case(world: SimpleNamespace, actor: Any) -> Case:
    def make() -> Account:
        return Account.objects.create(username=f"worker.{next(_numbers)}", unit=world.other, email="a@example.gov.cn")

    return Case(actor=actor, make=make, make_elsewhere=make, text=lambda row: row.username)


class TestAccounts(SharedList):
    page = ACCOUNTS

    @pytest.fixture
    def case(self, account_case: Case) -> Case:
        return account_case


class TestAccount(SharedDetail):
    page = ACCOUNT

    @pytest.fixture
    def case(self, account_case: Case) -> Case:
        return account_case

    def test_a_locked_account_is_offered_to_be_unlocked(self, case: Case) -> None:
        row = case.row()
        url = reverse(self.page.url_name, kwargs={"pk": row.pk})
        assert f'href="{url}unlock/"' not in html(Visitor(case.actor).get(url))
        Account.objects.filter(pk=row.pk).update(locked_until=timezone.now() + timedelta(minutes=5))
        assert f'href="{url}unlock/"' in html(Visitor(case.actor).get(url))


@pytest.fixture
def role_case(world: SimpleNamespace, actor: Any) -> Case:
    def make() -> Role:
        number = next(_numbers)
        role = Role.objects.create(
            code=f"tests.role{number}", name=f"测试角色{number}", permissions=["trace.entry.view"]
        )
        Grant.objects.create(account=world.clerk, role=role, scope="unit", state=GrantState.ACTIVE)
        return role

    return Case(actor=actor, make=make, make_elsewhere=make, text=lambda row: row.name)


class TestRoles(SharedList):
    page = ROLES

    @pytest.fixture
    def case(self, role_case: Case) -> Case:
        return role_case


class TestRole(SharedDetail):
    page = ROLE

    @pytest.fixture
    def case(self, role_case: Case) -> Case:
        return role_case


@pytest.fixture
def grant_case(world: SimpleNamespace, actor: Any) -> Case:
    role = Role.objects.filter(kind="business").order_by("code").first()

    def make() -> Grant:
        account = Account.objects.create(username=f"holder.{next(_numbers)}", unit=world.other)
        return Grant.objects.create(account=account, role=role, scope="organ", unit=world.other, proposed_by=world.stranger,
                                    reason="工作需要")  # fmt: skip

    def values(row: Any) -> dict[str, Any]:
        account = Account.objects.create(username=f"new.{next(_numbers)}", unit=world.other)
        return {"account": account.username, "role": role.pk, "scope": "custom", "custom_units": [world.mine.pk],
                "valid_from": "2026-01-01", "reason": "工作需要"}  # fmt: skip

    return Case(actor=actor, make=make, make_elsewhere=make, text=lambda row: row.account.username, values=values)


class TestGrants(SharedList):
    page = GRANTS

    @pytest.fixture
    def case(self, grant_case: Case) -> Case:
        return grant_case


class TestGrant(SharedDetail):
    page = GRANT

    @pytest.fixture
    def case(self, grant_case: Case) -> Case:
        return grant_case


class TestNewGrant(FormPageConformance):
    page = GRANT_NEW

    @pytest.fixture
    def case(self, grant_case: Case) -> Case:
        return grant_case


class TestPolicy(FormPageConformance):
    page = POLICY

    @pytest.fixture
    def case(self, actor: Any) -> Case:
        return Case(actor=actor, values=lambda row: rules() | {"min_length": 12})


# --- applications and keys ------------------------------------------------------------------------------------------------


@pytest.fixture
def app_case(actor: Any) -> Case:
    def make() -> AllowedApp:
        number = next(_numbers)
        return AllowedApp.objects.create(code=f"app{number}", name=f"应用{number}", origin="https://oa.example.gov.cn/")

    def values(row: Any) -> dict[str, Any]:
        return {"code": f"new{next(_numbers)}", "name": "协同办公", "origin": "https://oa.example.gov.cn/"}

    return Case(actor=actor, make=make, make_elsewhere=make, text=lambda row: row.name, values=values)


class TestApps(SharedList):
    page = ALLOWED

    @pytest.fixture
    def case(self, app_case: Case) -> Case:
        return app_case


class TestApp(SharedDetail):
    page = ALLOWED_APP

    @pytest.fixture
    def case(self, app_case: Case) -> Case:
        return app_case


class TestNewApp(FormPageConformance):
    page = APP_NEW

    @pytest.fixture
    def case(self, app_case: Case) -> Case:
        return app_case


def make_key(account: Account) -> ApiKey:
    number = next(_numbers)
    app = AllowedApp.objects.create(code=f"caller{number}", name=f"调用方{number}")
    return ApiKey.objects.create(
        account=account, app=app, name=f"取数{number}", prefix=f"zgk_{number:08}", digest="0" * 64,
        permissions=["trace.entry.view"], expires_at=timezone.now() + timedelta(days=30),
    )  # fmt: skip


class TestKeys(SharedList):
    page = ALL_KEYS

    @pytest.fixture
    def case(self, world: SimpleNamespace, actor: Any) -> Case:
        def make() -> ApiKey:
            return make_key(world.stranger)

        return Case(actor=actor, make=make, make_elsewhere=make, text=lambda row: row.name)


class TestKey(SharedDetail):
    page = ANY_KEY

    @pytest.fixture
    def case(self, world: SimpleNamespace, actor: Any) -> Case:
        return Case(actor=actor, make=lambda: make_key(world.stranger))


@pytest.fixture
def my_key_case(world: SimpleNamespace, actor: Any) -> Case:
    return Case(actor=actor, make=lambda: make_key(world.clerk), make_elsewhere=lambda: make_key(world.stranger),
                text=lambda row: row.name)  # fmt: skip


class TestMyKeys(ListPageConformance):
    page = MY_KEYS

    @pytest.fixture
    def case(self, my_key_case: Case) -> Case:
        return my_key_case


class TestMyKey(DetailPageConformance):
    page = MY_KEY

    @pytest.fixture
    def case(self, my_key_case: Case) -> Case:
        return my_key_case

    def test_its_holder_revokes_it_without_any_permission(self, world: SimpleNamespace, make_actor: Any) -> None:
        key = make_key(world.clerk)
        visitor = Visitor(make_actor({}, unit=world.mine, account=world.clerk.pk))
        answer = visitor.post(reverse("identity.mykey.revoke", kwargs={"pk": key.pk}), {"reason": "不再使用"})
        assert answer.status_code == 302
        key.refresh_from_db()
        assert key.revoked_at is not None


# --- sessions -------------------------------------------------------------------------------------------------------------


def make_session(account: Account, alive: bool = True) -> UserSession:
    key = f"session{next(_numbers):025}"
    lasts = timedelta(minutes=30 if alive else -30)
    Session.objects.create(session_key=key, session_data="", expire_date=timezone.now() + lasts)
    return UserSession.objects.create(user=account, ip="10.1.2.3", session_key=key, user_agent="Mozilla/5.0")


@pytest.fixture
def session_case(world: SimpleNamespace, actor: Any) -> Case:
    """Sessions of whomever; those that have run out do not exist."""

    def make() -> UserSession:
        return make_session(Account.objects.create(username=f"online.{next(_numbers)}", unit=world.other))

    return Case(actor=actor, make=make, make_elsewhere=lambda: make_session(world.stranger, alive=False),
                text=lambda row: row.user.username)  # fmt: skip


class TestSessions(ListPageConformance):
    page = SESSIONS

    @pytest.fixture
    def case(self, session_case: Case) -> Case:
        return session_case


class TestSession(DetailPageConformance):
    page = SESSION

    @pytest.fixture
    def case(self, session_case: Case) -> Case:
        return session_case
