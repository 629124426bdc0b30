"""The worker process: runs queued and periodic jobs."""

from __future__ import annotations

import argparse

__all__ = ["run"]

SHUTDOWN_SECONDS = 2


def run(args: argparse.Namespace) -> int:
    """`zhiguan worker`: take jobs until SIGTERM, then give the running ones a moment to end."""
    from zhiguan.site.runtime.framework import manage

    command = [
        "procrastinate", "worker", "--concurrency", str(args.concurrency), "--delete-jobs", "never",
        "--shutdown-graceful-timeout", str(SHUTDOWN_SECONDS),
    ]  # fmt: skip
    return manage(command)
