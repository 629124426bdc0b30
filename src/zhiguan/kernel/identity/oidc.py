"""Sign-in by OpenID Connect: a provider of identities says who somebody is; who may sign in is decided here.

Whoever the provider names for the first time is bound to the account whose name the configured claim says, if that
account is in use and not yet bound to somebody else; from then on the provider's own identifier (``sub``) decides, so
that a name given to a second person there opens nothing. No account is ever made.
"""

from __future__ import annotations

from typing import Any, NoReturn

import jwt
import requests
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.internal import jwtkit
from allauth.socialaccount.models import SocialAccount, SocialApp, SocialToken
from allauth.socialaccount.providers.base import AuthProcess
from allauth.socialaccount.providers.oauth2.client import OAuth2Error
from allauth.socialaccount.providers.oauth2.views import OAuth2CallbackView, OAuth2LoginView
from allauth.socialaccount.providers.openid_connect.views import OpenIDConnectOAuth2Adapter
from django.conf import settings
from django.contrib.auth.signals import user_login_failed
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from .models import Account

ALGORITHMS = {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512"}
"""Signatures taken: those a provider alone can make, with a key that it publishes."""


class SocialAdapter(DefaultSocialAccountAdapter):
    """Whom a provider's word lets in."""

    def is_open_for_signup(self, request: HttpRequest, sociallogin: Any) -> bool:
        return False

    def populate_user(self, request: HttpRequest, sociallogin: Any, data: dict[str, Any]) -> Account:
        """Leave the account that the library would make empty: it is never saved."""
        return sociallogin.user

    def pre_social_login(self, request: HttpRequest, sociallogin: Any) -> None:
        if sociallogin.state.get("process") == AuthProcess.CONNECT:
            _refuse(request, "", "账号只能按登录名绑定统一身份，不能自行绑定。")
        name = str(claims_of(sociallogin.account.extra_data).get(settings.ZHIGUAN_OIDC_CLAIM) or "")
        if sociallogin.is_existing:
            account = sociallogin.user
        else:
            account = Account.objects.filter(username__iexact=name).first() if name and "\0" not in name else None
        if account is None:
            _refuse(request, name, "您的统一身份没有对应的账号。账号由本单位的系统管理员建立，登录时不会自动建立。")
        if not account.is_active:
            _refuse(request, account.username, "您的账号已停用。如需恢复，请联系本单位的系统管理员。")
        if not sociallogin.is_existing:
            provider = sociallogin.account.provider
            if SocialAccount.objects.filter(user=account, provider=provider).exists():
                _refuse(request, account.username, "该账号已绑定另一统一身份，请联系本单位的系统管理员核实。")
            sociallogin.connect(request, account)


def claims_of(data: dict[str, Any]) -> dict[str, Any]:
    """Return what the provider says of the person; what it signed comes before what it answered when asked."""
    return (
        {**data.get("userinfo", {}), **data.get("id_token", {})} if "id_token" in data else data.get("userinfo", data)
    )


def _refuse(request: HttpRequest, name: str, why: str) -> NoReturn:
    user_login_failed.send(sender=__name__, credentials={"username": name}, request=request)
    raise ImmediateHttpResponse(render(request, "socialaccount/refused.html", {"detail": why}, status=403))


class SignedAdapter(OpenIDConnectOAuth2Adapter):
    """The library's, which trusts the connection over which the token came; here the signature is checked always."""

    def complete_login(self, request: HttpRequest, app: SocialApp, token: SocialToken, **kwargs: Any) -> Any:
        if not kwargs["response"].get("id_token"):
            raise OAuth2Error("no id_token")
        login = super().complete_login(request, app, token, **kwargs)
        said = login.account.extra_data
        if "userinfo" in said and said["userinfo"].get("sub") != said["id_token"].get("sub"):
            raise OAuth2Error("userinfo is about somebody else")
        return login

    def _decode_id_token(self, app: SocialApp, id_token: str) -> dict[str, Any]:
        try:
            if jwt.get_unverified_header(id_token).get("alg") not in ALGORITHMS:
                raise OAuth2Error("id_token without a signature of the provider's own")
            return jwtkit.verify_and_decode(
                credential=id_token, keys_url=self.openid_config["jwks_uri"], issuer=self.openid_config["issuer"],
                audience=app.client_id, lookup_kid=jwtkit.lookup_kid_jwk,
            )  # fmt: skip
        except (jwt.PyJWTError, KeyError, TypeError, ValueError) as error:
            raise OAuth2Error("id_token cannot be read") from error


def _run(view: type, request: HttpRequest, provider_id: str) -> HttpResponse:
    try:
        return view.adapter_view(SignedAdapter(request, provider_id))(request)
    except SocialApp.DoesNotExist:
        raise Http404 from None
    except (requests.RequestException, KeyError, ValueError, OAuth2Error):  # the provider does not answer, or nonsense
        return render(request, "socialaccount/authentication_error.html", status=502)


def login(request: HttpRequest, provider_id: str) -> HttpResponse:
    """Send the browser to the provider."""
    return _run(OAuth2LoginView, request, provider_id)


def callback(request: HttpRequest, provider_id: str) -> HttpResponse:
    """Take what the provider sent the browser back with."""
    return _run(OAuth2CallbackView, request, provider_id)
