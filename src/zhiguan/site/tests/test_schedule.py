"""Every declared periodic job is a task of the queue that the worker will run."""

from procrastinate.contrib.django import app

from zhiguan.kit import registry
from zhiguan.kit.jobs import Periodic


def test_every_periodic_job_is_scheduled():
    scheduled = {task.task.name: task.cron for task in app.periodic_registry.periodic_tasks.values()}
    declared = {job.code: job.cron for job in registry.current().all(Periodic)}
    assert declared, "no part declares a periodic job"
    assert {code: scheduled.get(code) for code in declared} == declared
