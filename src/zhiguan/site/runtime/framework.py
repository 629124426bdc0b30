"""Ways into Django for the command line."""

from __future__ import annotations

from zhiguan.kit.starting import set_up

__all__ = ["manage", "set_up"]


def manage(args: list[str]) -> int:
    """Run one Django management command."""
    set_up()
    from django.core.management import execute_from_command_line

    execute_from_command_line(["zhiguan manage", *args])
    return 0
