"""What a line or kernel part declares of itself. Pure data: importable before Django is set up."""

from __future__ import annotations

from dataclasses import dataclass


class Declared:
    """Base of everything the registry collects. A declaration has a ``code``, unique within its type."""

    code: str


@dataclass(frozen=True)
class Line(Declared):
    """A business line (业务条线): one folder under ``lines/``. ``code`` equals the folder's name and never changes."""

    code: str
    name: str
    order: int
    summary: str
    icon: str = "folder"
    basis: tuple[str, ...] = ()
    exemptions: tuple[tuple[str, str], ...] = ()
    """Pairs (house law, reason); a stale one fails the house tests."""


@dataclass(frozen=True)
class Permission(Declared):
    """权限点: ``code`` is area.subject.act, e.g. ``vehicles.order.approve``."""

    code: str
    name: str


@dataclass(frozen=True)
class RoleTemplate(Declared):
    """角色: a named set of permissions. ``scope`` is the scope usually granted: self, unit, below, organ, district, city.

    ``kind`` is business, or one of the three administrators system_admin, security_admin, audit_admin, which exclude
    each other and every business role.
    """

    code: str
    name: str
    permissions: tuple[str, ...]
    scope: str = "unit"
    kind: str = "business"


@dataclass(frozen=True)
class MenuGroup(Declared):
    """A group of the left menu. Lines get one from their manifest; kernel parts and functions declare theirs."""

    code: str
    name: str
    order: int
    icon: str = "folder"
