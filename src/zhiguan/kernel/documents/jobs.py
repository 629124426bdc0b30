"""What the worker does for documents."""

from zhiguan.kernel.events.declare import JobKind
from zhiguan.kit.jobs import Periodic

from . import producing, stamping
from .issuing import PRODUCE

PRODUCING = JobKind(PRODUCE, "制作文书", producing.produce, retries=5, as_system=True)
STAMPING = Periodic("documents.document.stamp", "补盖时间戳", "*/10 * * * *", stamping.catch_up)
RESUMING = Periodic("documents.document.resume", "补制文书", "17 * * * *", producing.resume)
