"""Permissions of the log and the acts the log itself can be subject of. There is no permission to delete."""

from zhiguan.kernel.orgs.codes import ACTS
from zhiguan.kernel.orgs.declare import Recording
from zhiguan.kit.manifest import Permission

from .declare import TraceCode

ENTRY_VIEW = Permission("trace.entry.view", "查看痕迹记录")
CHECKPOINT_VIEW = Permission("trace.checkpoint.view", "查看痕迹检查点")

LOG_EXPORT = TraceCode("trace.log.export", "导出痕迹记录")
KEY_CHANGE = TraceCode("trace.key.change", "更换检查点签名密钥")

ORGS = tuple(TraceCode(code, name) for code, name in ACTS.items())
"""Acts of the organisation tree, which lies below the log and cannot declare them itself."""
ORGS_RECORDING = Recording("trace", "zhiguan.kernel.trace.service.record")
"""Where the pages of the organisation tree note those acts."""
