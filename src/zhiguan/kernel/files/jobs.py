"""What the worker does for files."""

from zhiguan.kernel.events.declare import JobKind

from . import service

CLEAN = JobKind("files.store.clean", "清除无主附件", service.clean, cron="40 3 * * *")
CHECK = JobKind("files.store.check", "核对附件内容", service.check, cron="10 4 * * 0", retries=1)
