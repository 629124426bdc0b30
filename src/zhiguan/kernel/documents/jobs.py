"""What the worker does for documents."""

from zhiguan.kernel.events.declare import JobKind
from zhiguan.kit.jobs import Periodic

from . import producing
from .issuing import PRODUCE

PRODUCING = JobKind(PRODUCE, "制作文书", producing.produce, retries=5, as_system=True)
RESUMING = Periodic("documents.document.resume", "补制文书", "17 * * * *", producing.resume)
