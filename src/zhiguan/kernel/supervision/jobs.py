"""Jobs of the worker: scheduled rules."""

from __future__ import annotations

from procrastinate.contrib.django import app

from .running import run_due


@app.periodic(cron="*/5 * * * *", periodic_id="supervision.scheduled")
@app.task(name="supervision.scheduled", queueing_lock="supervision.scheduled")
def scheduled_rules(timestamp: int) -> None:
    """Run every scheduled rule whose time has come since its last run."""
    run_due()
