"""Permissions and traced acts of files. Pure data."""

from __future__ import annotations

from zhiguan.kernel.trace.declare import TraceCode
from zhiguan.kit.manifest import Permission

LIMIT_MANAGE = "files.limit.manage"

PERMISSIONS = (Permission(LIMIT_MANAGE, "维护附件类型和大小限制"),)
TRACED = (
    TraceCode("files.file.store", "上传附件"),
    TraceCode("files.file.attach", "关联附件"),
    TraceCode("files.file.detach", "移除附件"),
    TraceCode("files.file.purge", "清除附件"),
    TraceCode("files.file.download", "下载附件"),
    TraceCode("files.limit.set", "设定附件限制"),
)
