"""Permissions: what is asked for is declared, what is declared is asked for, roles hold nothing that does not exist."""

from __future__ import annotations

import fnmatch
import re

from zhiguan.kernel.flow.declare import ServiceItem, case_permissions
from zhiguan.kernel.metrics.declare import ANY_LINE
from zhiguan.kit import registry
from zhiguan.kit.manifest import Permission, RoleTemplate
from zhiguan.kit.pages import SIGNED_IN

from .laws import area_of, called, declarations, judge, literals, nested, python_files, short, tree_of

ASKING = ("can", "scope", "require", "visible_to")


def declared() -> set[str]:
    return {permission.code for permission in registry.current().all(Permission)}


def asked_by_declarations() -> dict[str, str]:
    """Return permission → where, of everything pages, acts, columns, metrics and moves name."""
    found: dict[str, str] = {}
    for declaration in declarations():
        if isinstance(declaration, (Permission, RoleTemplate)):
            continue
        for name, value, path in nested(declaration):
            if name in ("permission", "export_permission") and isinstance(value, str) and value not in ("", SIGNED_IN):
                # Of a metric over many lines: any line's.
                for code in (value.startswith(ANY_LINE) and fnmatch.filter(declared(), value)) or (value,):
                    found[code] = f"{type(declaration).__name__} {declaration.code}{path}"
    return found


def asked_by_code() -> dict[str, str]:
    """Return permission → where, of the literals handed to the actor's questions."""
    found: dict[str, str] = {}
    for path in python_files():
        for name, call in called(tree_of(path)):
            if name.split(".")[-1] in ASKING:
                for text in literals(call):
                    if text.count(".") == 2 and " " not in text:
                        found[text] = f"{short(path)} line {call.lineno}"
    return found


def asked_by_cases() -> set[str]:
    """Return what the kernel of cases asks for, act by act, for each line that has service items."""
    areas = {item.area for item in registry.current().all(ServiceItem)}
    return {permission.code for area in areas for permission in case_permissions(area, "")}


def test_permissions_that_are_asked_for_are_declared() -> None:
    asked = {**asked_by_code(), **asked_by_declarations()}
    faults = {code: f"asked for by {where}" for code, where in asked.items() if code not in declared()}
    judge("permissions-declared", faults, "Declare Permission(code, 中文名) in codes.py; nobody can hold any other.")


def test_roles_hold_permissions_that_exist() -> None:
    faults = {
        f"{role.code} {code}": "no such permission"
        for role in registry.current().all(RoleTemplate) for code in role.permissions if code not in declared()
    }  # fmt: skip
    judge("roles-hold-what-exists", faults, "A role with a misspelt permission silently lacks it.")


def test_permissions_begin_with_the_area_of_their_owner() -> None:
    faults = {}
    for permission in registry.current().all(Permission):
        area = area_of(registry.current().owner(permission))
        parts = permission.code.split(".")
        if len(parts) != 3 or (parts[0] != area and not registry.current().owner(permission).startswith("zhiguan.site")):
            faults[permission.code] = f"declared by {area}"
    judge("permissions-carry-the-area", faults, "Codes are area.subject.act; row scope is asked by the area.")


def test_declared_permissions_are_asked_for() -> None:
    text = "".join(path.read_text() for path in python_files() if path.name != "codes.py")
    named = {
        code for path in python_files() if path.name == "codes.py"
        for name, code in re.findall(r'^(\w+) = (?:Permission\()?"(\w+\.\w+\.\w+)"', path.read_text(), re.MULTILINE)
        if re.search(rf"\b{name}\b", text)
    }  # fmt: skip
    asked = {*asked_by_code(), *asked_by_declarations(), *asked_by_cases()}
    faults = {code: "no page and no verb asks for it" for code in declared() if code not in asked | named and f'"{code}"' not in text}
    judge("permissions-are-used", faults, "A permission that nothing asks for promises a protection that is not there.")


def test_every_permission_is_in_a_role() -> None:
    held = {code for role in registry.current().all(RoleTemplate) for code in role.permissions}
    faults = {code: "held by no role" for code in declared() - held}
    judge("permissions-in-roles", faults, "Give it to a RoleTemplate, or nobody can do it after an installation.")
