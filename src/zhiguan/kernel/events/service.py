"""The public door of events and jobs."""

from .delivery import secret_of, signature
from .outbox import publish
from .running import cancel, enqueue, retry, run, run_import
from .subscriptions import redeliver, rotate, set_active, subscribe

__all__ = [
    "cancel",
    "enqueue",
    "publish",
    "redeliver",
    "retry",
    "rotate",
    "run",
    "run_import",
    "secret_of",
    "set_active",
    "signature",
    "subscribe",
]
