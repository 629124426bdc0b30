"""Sign-in at a provider of identities: a small real one runs here, with keys of its own, and is asked over HTTP."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Iterator
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
import pytest
import requests
from allauth.socialaccount.models import SocialAccount
from cryptography.hazmat.primitives.asymmetric import rsa
from django.test import Client

from zhiguan.kernel.identity.models import Account
from zhiguan.kernel.orgs.models import Unit
from zhiguan.kernel.trace.models import Entry

CLIENT, SECRET = "zhiguan", secrets.token_urlsafe(16)


class Provider:
    """Discovery, keys, authorisation and tokens as OpenID Connect Core 1.0 wants them, PKCE asked for.

    ``says`` are the claims of whoever comes; the tests change them, the signing key, and what else is to be wrong.
    """

    def __init__(self) -> None:
        self.key = self.signs_with = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.says: dict[str, Any] = {"sub": "1001", "preferred_username": "worker", "name": "王工"}
        self.answers: dict[str, Any] | None = None
        self.issuer = self.audience = ""
        self.lasts_s = 300
        self.codes: dict[str, dict[str, str]] = {}
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                provider.get(self)

            def do_POST(self) -> None:
                length = int(self.headers["Content-Length"])
                form = {key: each[0] for key, each in parse_qs(self.rfile.read(length).decode()).items()}
                provider.token(self, form)

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def send(self, to: BaseHTTPRequestHandler, status: int, body: Any, **headers: str) -> None:
        content = json.dumps(body).encode()
        to.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(content)), **headers}.items():
            to.send_header(name, value)
        to.end_headers()
        to.wfile.write(content)

    def get(self, to: BaseHTTPRequestHandler) -> None:
        parts = urlsplit(to.path)
        asked = {key: each[0] for key, each in parse_qs(parts.query).items()}
        if parts.path == "/.well-known/openid-configuration":
            self.send(to, 200, {
                "issuer": self.issuer or self.url, "authorization_endpoint": f"{self.url}/authorize",
                "token_endpoint": f"{self.url}/token", "jwks_uri": f"{self.url}/keys",
                "userinfo_endpoint": f"{self.url}/userinfo", "response_types_supported": ["code"],
                "token_endpoint_auth_methods_supported": ["client_secret_basic"],
            })  # fmt: skip
        elif parts.path == "/keys":
            public = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(self.key.public_key()))
            self.send(to, 200, {"keys": [{**public, "kid": "k1", "use": "sig", "alg": "RS256"}]})
        elif parts.path == "/authorize":
            assert (asked["client_id"], asked["response_type"], asked["code_challenge_method"]) == (
                CLIENT,
                "code",
                "S256",
            )
            code = secrets.token_urlsafe(12)
            self.codes[code] = asked
            back = urlencode({"code": code, "state": asked["state"]})
            self.send(to, 302, {}, Location=f"{asked['redirect_uri']}?{back}")
        elif parts.path == "/userinfo":
            self.send(to, 200, self.answers if self.answers is not None else self.says)
        else:
            self.send(to, 404, {})

    def token(self, to: BaseHTTPRequestHandler, form: dict[str, str]) -> None:
        asked = self.codes.pop(form["code"], None)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(form.get("code_verifier", "").encode()).digest())
        basic = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        good = (
            asked is not None and asked["code_challenge"] == challenge.decode().rstrip("=")
            and asked["redirect_uri"] == form["redirect_uri"] and to.headers["Authorization"] == f"Basic {basic}"
        )  # fmt: skip
        if not good:
            self.send(to, 400, {"error": "invalid_grant"})
            return
        now = int(time.time())
        claims = {"iss": self.url, "aud": self.audience or CLIENT, "iat": now, "exp": now + self.lasts_s, **self.says}
        token = jwt.encode(claims, self.signs_with, algorithm="RS256", headers={"kid": "k1"})
        self.send(to, 200, {"access_token": secrets.token_urlsafe(), "token_type": "Bearer", "id_token": token})


@pytest.fixture
def provider(settings: Any) -> Iterator[Provider]:
    made = Provider()
    app = {"provider_id": "city", "name": "统一身份认证", "client_id": CLIENT, "secret": SECRET,
           "settings": {"server_url": made.url}}  # fmt: skip
    settings.SOCIALACCOUNT_PROVIDERS = {"openid_connect": {"APPS": [app], "OAUTH_PKCE_ENABLED": True}}
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def unit(as_system: Any) -> Unit:
    return Unit.objects.create(code="C", name="测试市", kind="city", pos=0, pos_end=99, valid_from=date(2020, 1, 1))


@pytest.fixture
def worker(unit: Unit) -> Account:
    """Has never set a password of their own, and never will: they sign in at the provider."""
    return Account.objects.create(username="worker", unit=unit)


def come_back(client: Client, query: str = "") -> Any:
    """Follow the link on the sign-in page to the provider and back; return our answer."""
    there = client.get(f"/accounts/oidc/city/login/{query}")
    assert there.status_code == 302, there.content.decode()
    back = requests.get(there["Location"], allow_redirects=False, timeout=5)
    parts = urlsplit(back.headers["Location"])
    return client.get(f"{parts.path}?{parts.query}")


def signed_in(client: Client) -> bool:
    return client.get("/me/").status_code == 200


def test_an_account_of_that_name_is_bound_and_signs_in(provider: Provider, worker: Account) -> None:
    client = Client()
    assert "统一身份认证" in client.get("/accounts/login/").content.decode()
    answer = come_back(client, "?next=/me/")
    assert (answer.status_code, answer["Location"]) == (302, "/me/")
    assert signed_in(client), "no password of theirs is in the way"
    bound = SocialAccount.objects.get()
    assert (bound.user_id, bound.provider, bound.uid) == (worker.pk, "city", "1001")
    assert Entry.objects.filter(code="identity.session.begin", account_id=worker.pk).count() == 1
    provider.says["preferred_username"] = "married"  # the name may change there: the identity is the same
    again = Client()
    assert come_back(again).status_code == 302 and signed_in(again)


def test_the_claim_is_a_setting(provider: Provider, worker: Account, settings: Any) -> None:
    settings.ZHIGUAN_OIDC_CLAIM = "employee_no"
    client = Client()
    assert come_back(client).status_code == 403 and not signed_in(client)
    provider.says["employee_no"] = "WORKER"
    assert come_back(client).status_code == 302 and signed_in(client)


@pytest.mark.parametrize("name", ["nobody", "", None, 7, "work\x00er", ["worker"]])
def test_whoever_has_no_account_gets_none(provider: Provider, worker: Account, name: Any) -> None:
    provider.says["preferred_username"] = name
    client, before = Client(), Account.objects.count()
    answer = come_back(client)
    assert answer.status_code == 403 and "没有对应的账号" in answer.content.decode()
    assert not signed_in(client) and Account.objects.count() == before and not SocialAccount.objects.exists()
    assert Entry.objects.filter(code="identity.session.refuse").count() == 1
    assert client.get("/accounts/3rdparty/signup/").status_code == 404


def test_a_disabled_account_stays_outside_bound_or_not(provider: Provider, worker: Account) -> None:
    Account.objects.update(is_active=False)
    assert "已停用" in come_back(Client()).content.decode() and not SocialAccount.objects.exists()
    Account.objects.update(is_active=True)
    assert come_back(Client()).status_code == 302
    Account.objects.update(is_active=False)
    client = Client()
    answer = come_back(client)
    assert answer.status_code == 403 and "已停用" in answer.content.decode() and not signed_in(client)


def test_a_name_given_to_a_second_person_opens_nothing(provider: Provider, worker: Account) -> None:
    assert come_back(Client()).status_code == 302
    provider.says["sub"] = "2002"
    client = Client()
    answer = come_back(client)
    assert answer.status_code == 403 and "已绑定" in answer.content.decode() and not signed_in(client)


def test_nobody_binds_an_identity_themselves(provider: Provider, worker: Account) -> None:
    worker.must_change_password = False
    worker.save()
    client = Client()
    client.force_login(worker, backend="zhiguan.kernel.identity.backends.AccountBackend")
    provider.says |= {"sub": "2002", "preferred_username": "somebody"}
    assert come_back(client, "?process=connect").status_code == 403 and not SocialAccount.objects.exists()
    assert client.get("/accounts/3rdparty/").status_code == 404


def _other_key(provider: Provider) -> None:
    provider.signs_with = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _too_old(provider: Provider) -> None:
    provider.lasts_s = -60


def _for_another_client(provider: Provider) -> None:
    provider.audience = "another"


def _of_another_issuer(provider: Provider) -> None:
    provider.issuer = "https://elsewhere.example/"


def _about_two_people(provider: Provider) -> None:
    provider.answers = {**provider.says, "sub": "9"}


@pytest.mark.parametrize("spoil", [_other_key, _too_old, _for_another_client, _of_another_issuer, _about_two_people])
def test_a_token_that_proves_nothing_opens_nothing(provider: Provider, worker: Account, spoil: Any) -> None:
    spoil(provider)
    client = Client()
    answer = come_back(client)
    assert answer.status_code == 401 and "没有完成" in answer.content.decode()
    assert not signed_in(client) and not SocialAccount.objects.exists()


def test_an_unsigned_token_opens_nothing(provider: Provider, worker: Account, monkeypatch: Any) -> None:
    sign = jwt.encode

    def unsigned(claims: Any, key: Any, **more: Any) -> str:
        return sign(claims, None, algorithm="none", headers=more["headers"])

    monkeypatch.setattr(jwt, "encode", unsigned)
    client = Client()
    assert come_back(client).status_code == 401 and not signed_in(client)


def test_an_answer_nobody_asked_for_is_refused(provider: Provider, worker: Account) -> None:
    there = Client().get("/accounts/oidc/city/login/")
    back = requests.get(there["Location"], allow_redirects=False, timeout=5)
    parts = urlsplit(back.headers["Location"])
    victim = Client()
    answer = victim.get(f"{parts.path}?{parts.query}")
    assert answer.status_code == 401 and not signed_in(victim)
    assert Client().get("/accounts/oidc/city/login/callback/?error=access_denied&state=x").status_code == 401


def test_a_provider_that_does_not_answer_is_said(provider: Provider, worker: Account) -> None:
    provider.server.shutdown()
    provider.server.server_close()
    answer = Client().get("/accounts/oidc/city/login/")
    assert answer.status_code == 502 and "没有完成" in answer.content.decode()
    assert Client().get("/accounts/oidc/unknown/login/").status_code == 404


def test_the_second_factor_is_asked_for_as_ever(provider: Provider, worker: Account) -> None:
    from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret

    TOTP.activate(worker, generate_totp_secret())
    client = Client()
    answer = come_back(client)
    assert answer["Location"] == "/accounts/2fa/authenticate/" and not signed_in(client)
