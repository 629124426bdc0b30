"""Password rules that the security administrator can set."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from django.contrib.auth.hashers import check_password
from django.core.exceptions import ValidationError

from .codes import PASSWORD_RULES

if TYPE_CHECKING:
    from .models import Account

CLASSES = (r"[a-z]", r"[A-Z]", r"\d", r"[^a-zA-Z\d]")


def rules() -> dict[str, int]:
    """Return the rules in force: what was set, over the built-in values."""
    from .models import Policy

    return PASSWORD_RULES | dict(Policy.objects.values_list("key", "value"))


class ConfiguredRules:
    """Django password validator: length, kinds of characters and no reuse, as configured."""

    def validate(self, password: str, user: Account | None = None) -> None:
        wanted = rules()
        problems = []
        if len(password) < wanted["min_length"]:
            problems.append(f"口令至少 {wanted['min_length']} 位。")
        if sum(bool(re.search(kind, password)) for kind in CLASSES) < wanted["min_classes"]:
            problems.append(f"口令须包含大写字母、小写字母、数字、符号中的至少 {wanted['min_classes']} 类。")
        if user is not None and user.pk:
            used = [user.password, *user.password_history][: wanted["history"]]
            if any(digest and check_password(password, digest) for digest in used):
                problems.append(f"不能使用最近 {wanted['history']} 次用过的口令。")
        if problems:
            raise ValidationError(problems)

    def get_help_text(self) -> str:
        wanted = rules()
        return f"至少 {wanted['min_length']} 位，包含大写字母、小写字母、数字、符号中的至少 {wanted['min_classes']} 类。"
