"""Forms of sign-in, as the library's but in our words and look."""

from __future__ import annotations

import re
from typing import Any

from allauth.account.forms import ChangePasswordForm as LibraryChangePasswordForm
from allauth.account.forms import LoginForm as LibraryLoginForm
from allauth.account.forms import ReauthenticateForm as LibraryReauthenticateForm
from allauth.mfa.base.forms import AuthenticateForm as LibraryAuthenticateForm
from allauth.mfa.base.forms import ReauthenticateForm as LibraryFactorAgainForm
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.forms import ActivateTOTPForm
from allauth.mfa.totp.internal import auth as codes
from allauth.mfa.utils import decrypt
from allauth.mfa.webauthn.forms import AddWebAuthnForm, EditWebAuthnForm
from django.core.exceptions import ValidationError

from .lockout import count_failure, forget_failures, is_locked
from .passwords import ConfiguredRules


class LoginForm(LibraryLoginForm):
    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.fields.pop("remember", None)
        self.fields["login"].label, self.fields["password"].label = "账号", "密码"
        for field, complete in (("login", "username"), ("password", "current-password")):
            self.fields[field].help_text = ""
            self.fields[field].widget.attrs.update(
                {"class": "form-control form-control-lg", "autocomplete": complete, "placeholder": ""}
            )


class ChangePasswordForm(LibraryChangePasswordForm):
    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        labels = {"oldpassword": "当前密码", "password1": "新密码", "password2": "再次输入新密码"}
        for name, label in labels.items():
            self.fields[name].label = label
            self.fields[name].widget.attrs.update({"class": "form-control", "placeholder": ""})
        self.fields["password1"].help_text = ConfiguredRules().get_help_text()


class ReauthenticateForm(LibraryReauthenticateForm):
    """The password once more, before what concerns the account's safety."""

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.fields["password"].label, self.fields["password"].help_text = "密码", ""
        self.fields["password"].widget.attrs.update({"placeholder": "", "autofocus": True})


CODE_ATTRS = {
    "placeholder": "", "autocomplete": "one-time-code", "inputmode": "numeric", "maxlength": "20", "autofocus": True,
}  # fmt: skip


class _GuardedCode:
    """A code that is asked for under the same lock-out as the password: six digits are soon guessed otherwise."""

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.fields["code"].label = "动态口令或恢复码"
        self.fields["code"].widget.attrs.update(CODE_ATTRS)

    def clean_code(self) -> str:
        if is_locked(self.user.pk):
            raise ValidationError("连续输错次数过多，账号已暂时锁定，请稍后再试或联系系统管理员。")
        try:
            code = super().clean_code()
            if self.authenticator.type == Authenticator.Type.TOTP and not _is_fresh(self.authenticator, code):
                raise ValidationError("该动态口令已经用过，请等验证器应用显示下一个后再输入。")
        except ValidationError:
            count_failure(self.user.pk)
            raise
        return code


def _is_fresh(authenticator: Authenticator, code: str) -> bool:
    """Take the code, unless it or a later one was taken before: what somebody else read over a shoulder opens nothing.

    The library remembers codes in each process's memory, and more briefly than they are good for.
    """
    kept = Authenticator.objects.select_for_update().get(pk=authenticator.pk)
    secret = decrypt(kept.data["secret"])
    given = int(re.sub(r"\D", "", code))  # people type it as they see it, in two groups
    step = next(each for each in codes.yield_hotp_counters_from_time() if given == codes.hotp_value(secret, each))
    if step <= kept.data.get("last_step", -1):
        return False
    authenticator.data = kept.data = {**kept.data, "last_step": step}
    kept.save(update_fields=["data"])
    return True


class SecondFactorForm(_GuardedCode, LibraryAuthenticateForm):
    """The code at sign-in."""


class SecondFactorAgainForm(_GuardedCode, LibraryFactorAgainForm):
    """The code once more, of somebody who has signed in."""

    def clean_code(self) -> str:
        code = super().clean_code()
        forget_failures(self.user.pk)
        return code


class ActivateCodeForm(ActivateTOTPForm):
    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.fields["code"].label = "6 位动态口令"
        self.fields["code"].widget.attrs.update({**CODE_ATTRS, "maxlength": "6"})


class AddPasskeyForm(AddWebAuthnForm):
    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.fields["name"].label, self.fields["name"].max_length = "名称", 40
        self.fields["name"].help_text = "便于您区分，例如“办公电脑”“我的手机”。"
        self.fields["passwordless"].label, self.fields["passwordless"].initial = "可以直接用它登录", True
        self.fields["passwordless"].help_text = "不选时，只在输入密码之后作第二因素使用。"
        self.fields["passwordless"].widget.attrs["class"] = "form-check-input"


class EditPasskeyForm(EditWebAuthnForm):
    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.fields["name"].label, self.fields["name"].max_length = "名称", 40
