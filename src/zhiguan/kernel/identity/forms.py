"""Forms of sign-in, as the library's but in our words and look."""

from __future__ import annotations

from typing import Any

from allauth.account.forms import ChangePasswordForm as LibraryChangePasswordForm
from allauth.account.forms import LoginForm as LibraryLoginForm

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
