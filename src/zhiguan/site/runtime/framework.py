"""Ways into Django for the command line."""

from __future__ import annotations

import os

__all__ = ["manage", "set_up"]


def set_up() -> None:
    """Load Django with our settings."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "zhiguan.site.settings")
    import django

    django.setup()


def manage(args: list[str]) -> int:
    """Run one Django management command."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "zhiguan.site.settings")
    from django.core.management import execute_from_command_line

    execute_from_command_line(["zhiguan manage", *args])
    return 0
