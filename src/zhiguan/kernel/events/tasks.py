"""Tasks of the queue; the worker finds this module by its name."""

from __future__ import annotations

import logging

from django.db import connection
from procrastinate.contrib.django import app

log = logging.getLogger("zhiguan.jobs")

STALE_SECONDS = 60
"""A worker that has not shown itself for this long is dead."""


@app.task(name="events.run_job")
def run_job(job_id: int) -> None:
    """Run one job of ours; what became of it is in its own row."""
    from .running import run

    run(job_id)


@app.periodic(cron="* * * * *")
@app.task(name="events.minute", queueing_lock="events.minute")
def minute(timestamp: int) -> None:
    """Every minute: free what dead workers hold, take up their jobs, start the periodic ones. Holds no lock itself, so
    that a dead worker cannot stop it."""
    from .running import recover, tick

    freed = free_stalled()
    recovered, started = recover(), tick()
    if freed or recovered:
        log.warning("dead workers: %s queue entries freed, %s jobs taken up again", freed, recovered)
    if started:
        log.info("%s periodic jobs started", started)


def free_stalled() -> int:
    """Fail the queue's entries that dead workers were working on; return how many.

    An entry being worked on holds its lock: a periodic task whose worker was killed would never run again. They are
    failed, not repeated: periodic ones come again by themselves, our jobs are taken up by :func:`running.recover`.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE procrastinate_jobs job SET status = 'failed', abort_requested = false WHERE status = 'doing' "
            "AND NOT EXISTS (SELECT FROM procrastinate_workers worker WHERE worker.id = job.worker_id "
            "AND worker.last_heartbeat > now() - make_interval(secs => %s))",
            [STALE_SECONDS],
        )
        return cursor.rowcount
