"""Composition root: collects every declaration once Django is ready, and the rules of tables that are not models."""

from __future__ import annotations

import importlib
import importlib.util

from django.apps import apps

from zhiguan.kit import registry
from zhiguan.kit.rowscope.declare import Shared, TableRule

EXTERNAL_TABLES = (
    TableRule("django_migrations", Shared("migration state, read by doctor"), grants=("SELECT",)),
    TableRule("django_content_type", Shared("names of models")),
    TableRule("django_session", Shared("read before the actor is known; keys are unguessable")),
    TableRule("auth_*", Shared("Django's own permission tables, unused by us")),
    TableRule("account_*", Shared("sign-in: read before the actor is known")),
    TableRule("socialaccount_*", Shared("sign-in: read before the actor is known")),
    TableRule("mfa_*", Shared("sign-in: read before the actor is known")),
    TableRule("usersessions_*", Shared("sign-in: read before the actor is known")),
    TableRule("procrastinate_*", Shared("the job queue holds references, never business rows")),
)


def packages() -> list[str]:
    """Return our own apps in the order of the storeys."""
    return [config.name for config in apps.get_app_configs() if config.name != "zhiguan.site" and _ours(config.name)]


def _ours(name: str) -> bool:
    return importlib.util.find_spec(f"{name}.manifest") is not None or name.startswith("zhiguan.")


def table_rules() -> list[TableRule]:
    """Return the rules of tables that are not models: third parties' and those parts declare as ``TABLE_RULES``."""
    rules = list(EXTERNAL_TABLES)
    for package in packages():
        if importlib.util.find_spec(f"{package}.declare"):
            rules += getattr(importlib.import_module(f"{package}.declare"), "TABLE_RULES", ())
    return rules


def register() -> None:
    """Collect and freeze the registry: every part and line, and the site's own pages, which join several parts."""
    registry.freeze(registry.Registry.collect([*packages(), "zhiguan.site"]))
