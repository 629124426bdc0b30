"""The periodic jobs that parts declare, as tasks of the queue."""

from __future__ import annotations

import logging
import time

from procrastinate.contrib.django import app

from zhiguan.kit import registry
from zhiguan.kit.jobs import Periodic

log = logging.getLogger("zhiguan.jobs")


def _task(job: Periodic) -> None:
    @app.periodic(cron=job.cron)
    @app.task(name=job.code, queueing_lock=job.code, lock=job.code)
    def run(timestamp: int) -> None:
        began = time.monotonic()
        said = job.run()
        if said:
            log.info("%s：%s（%.1f 秒）", job.name, said, time.monotonic() - began)


def register() -> None:
    """Make tasks of the registry's periodic jobs; the composition root calls it once the registry is frozen."""
    for job in registry.current().all(Periodic):
        _task(job)
