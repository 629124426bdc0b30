"""Commands that write what the product knows about itself, as JSON Lines or JSON on standard output."""

from __future__ import annotations

import argparse
import json
import sys

from zhiguan.site.runtime.framework import set_up

__all__ = ["openapi", "permissions"]


def permissions(args: argparse.Namespace) -> int:
    """`zhiguan permissions export`: the permission matrix for auditors, one role, permission and holder a line."""
    set_up()
    from zhiguan.kernel.identity.service import matrix
    from zhiguan.kit.actor import system

    with system("permissions.export").transaction():
        for row in matrix():
            json.dump(row, sys.stdout, ensure_ascii=False)
            sys.stdout.write("\n")
    return 0


def openapi(args: argparse.Namespace) -> int:
    """`zhiguan openapi`: the OpenAPI document of the API, indented, keys in a stable order. Needs no database."""
    set_up()
    from zhiguan.site.api import pretty_document

    sys.stdout.write(pretty_document())
    return 0
