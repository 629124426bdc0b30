"""Chinese names of codes, roles, types and ways, for people who read the log."""

from __future__ import annotations

from django.apps import apps

from zhiguan.kit import registry
from zhiguan.kit.manifest import Declared, Permission, RoleTemplate

from .declare import TraceCode

VIA = {"web": "网页", "api": "接口", "job": "后台作业", "command": "命令行", "mobile": "移动端", "gateway": "接入网关"}
WORDS = {"create": "新建", "change": "修改"}
"""Acts that every ledger record has, whatever its life cycle."""

_codes: tuple[registry.Registry, dict[str, str]] | None = None


def codes() -> dict[str, str]:
    """Return the name of every act that may be traced, by code."""
    global _codes  # noqa: PLW0603 -- computed once per registry
    current = registry.current()
    if _codes is None or _codes[0] is not current:
        found = {permission.code: permission.name for permission in current.all(Permission)}
        for declaration in current.all(Declared):
            if bring := getattr(declaration, "trace_codes", None):
                found.update((code.code, code.name) for code in bring())
        found.update((code.code, code.name) for code in current.all(TraceCode))
        _codes = (current, found)
    return _codes[1]


def code_name(code: str) -> str:
    """Return the act's name; of an undeclared ledger act its model's and its word's, else the code itself."""
    name = codes().get(code)
    if name is None:
        subject, _, act = code.rpartition(".")
        name = f"{WORDS[act]}{type_name(subject)}" if act in WORDS and type_name(subject) != subject else code
    return name


def role_name(code: str) -> str:
    """Return the role's name, or the code of a role that is not declared."""
    for template in registry.current().all(RoleTemplate):
        if template.code == code:
            return template.name
    return code


def type_name(label: str) -> str:
    """Return the Chinese name of a subject type such as ``vehicles.vehicle``, or the type itself."""
    try:
        return str(apps.get_model(label)._meta.verbose_name)
    except (LookupError, ValueError):
        return label
