"""Migrate as the owner, then bring row-level security, grants and built-in roles in line with the declarations."""

from __future__ import annotations

import gc
import importlib
import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connection, transaction

from zhiguan.kit.actor import system
from zhiguan.kit.rowscope.sync import sync
from zhiguan.site.registers import packages, table_rules
from zhiguan.site.settings import database


@contextmanager
def as_owner(url: str) -> Iterator[None]:
    """Do the block's database work over the owner's connection; the application's comes back afterwards."""
    connection.close()
    before = connection.settings_dict
    after = {key: value for key, value in database(url).items() if key in ("NAME", "USER", "PASSWORD", "HOST", "PORT")}
    connection.settings_dict = {**before, **after}
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict = before


@contextmanager
def _collecting_rarely() -> Iterator[None]:
    """Look for garbage seldom: migrations make models by the ten thousand, and a third of their time went into that."""
    before = gc.get_threshold()
    gc.set_threshold(1_000_000, 5, 5)
    try:
        yield
    finally:
        gc.set_threshold(*before)


def prepare(url: str, app_role: str, *, verbosity: int = 1) -> list[str]:
    """Migrate, sync row-level security, let each part do its owner's work; return tables whose protection changed."""
    with as_owner(url), _collecting_rarely():
        call_command("migrate", interactive=False, verbosity=verbosity)
        with transaction.atomic():
            changed = sync(connection, table_rules(), role=app_role)
            for package in packages():
                if importlib.util.find_spec(f"{package}.owner"):
                    importlib.import_module(f"{package}.owner").after_migrate(connection)
    return changed


def sync_data() -> None:
    """Enter what we ship and the database lacks: built-in roles and standards. As the application."""
    from zhiguan.kernel.flow.definitions import sync as sync_flows
    from zhiguan.kernel.identity.service import sync_roles
    from zhiguan.kernel.reference import service as reference

    with system("site.sync").transaction() as actor:
        sync_roles()
        reference.sync()
        sync_flows(actor)


def sync_calendar() -> int:
    """Enter the holidays and office hours that we ship: without them no rule about working time can run."""
    from zhiguan.kernel.calendar import service as calendar

    with system("site.sync").transaction():
        return calendar.sync()


class Command(BaseCommand):
    help = "Migrate as the owner and synchronise row-level security and built-in roles."

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.DATABASE_OWNER_URL:
            raise CommandError("未配置数据库所有者连接 DATABASE_OWNER_URL，无法升级数据库结构。")
        changed = prepare(settings.DATABASE_OWNER_URL, settings.DATABASE_APP_ROLE, verbosity=options["verbosity"])
        sync_data()
        sync_calendar()
        if options["verbosity"]:
            self.stdout.write(f"数据库结构已是最新；{len(changed)} 张表的行级权限有更新。")
