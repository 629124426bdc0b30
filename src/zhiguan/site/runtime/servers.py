"""The two HTTP processes: `web` (pages and API, WSGI) and `live` (long-lived connections, ASGI)."""

from __future__ import annotations

import argparse
import os

__all__ = ["live", "web"]

BLOCKING_THREADS = 4  # each holds a database connection; granian's own default would exhaust the server's
KILL_AFTER_SECONDS = 2  # event streams never end by themselves


def web(args: argparse.Namespace) -> int:
    """`zhiguan web`: serve pages and API until SIGTERM."""
    from granian.constants import Interfaces
    from granian.server import Server

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "zhiguan.site.settings")
    Server(
        "zhiguan.site.wsgi:application", address=args.bind, port=args.port, interface=Interfaces.WSGI,
        workers=args.workers, blocking_threads=BLOCKING_THREADS, websockets=False,
        respawn_failed_workers=True, workers_kill_timeout=KILL_AFTER_SECONDS,
    ).serve()  # fmt: skip
    return 0


def live(args: argparse.Namespace) -> int:
    """`zhiguan live`: serve event streams until SIGTERM."""
    from granian.constants import Interfaces
    from granian.server import Server

    Server(
        "zhiguan.site.live:app", address=args.bind, port=args.port, interface=Interfaces.ASGI, workers=1,
        respawn_failed_workers=True, workers_kill_timeout=KILL_AFTER_SECONDS,
    ).serve()  # fmt: skip
    return 0
