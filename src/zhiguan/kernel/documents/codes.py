"""Permissions, roles, traced acts and the menu of issued documents. Pure data."""

from __future__ import annotations

from zhiguan.kernel.trace.declare import TraceCode
from zhiguan.kit.manifest import MenuGroup, Permission, RoleTemplate

VIEW = "documents.document.view"
REVOKE = "documents.document.revoke"
SEAL_VIEW = "documents.seal.view"
SEAL_UPLOAD = "documents.seal.upload"
SEAL_ACTIVATE = "documents.seal.activate"

MENU = MenuGroup("documents", "公文证照", 690, "certificate")

PERMISSIONS = (
    Permission(VIEW, "查看签发文书"),
    Permission(REVOKE, "撤销签发文书"),
    Permission(SEAL_VIEW, "查看电子印章"),
    Permission(SEAL_UPLOAD, "登记电子印章"),
    Permission(SEAL_ACTIVATE, "启用和停用电子印章"),
)
ROLES = (
    RoleTemplate("documents.reader", "文书查阅人员", (VIEW,), scope="organ"),
    RoleTemplate("documents.holder", "文书持有人", (VIEW,), scope="self"),
    RoleTemplate("documents.manager", "文书管理人员", (VIEW, REVOKE), scope="organ"),
    RoleTemplate("documents.seal_keeper", "印章保管人员", (SEAL_VIEW, SEAL_UPLOAD), scope="organ"),
    RoleTemplate("documents.seal_approver", "印章审核人员", (SEAL_VIEW, SEAL_ACTIVATE), scope="organ"),
)
"""Documents are also subject to the row scope of their line: grant the first three beside a role of the line."""

TRACED = (
    TraceCode("documents.outcomedocument.create", "签发文书"),
    TraceCode("documents.outcomedocument.download", "下载文书"),
    TraceCode("documents.outcomedocument.stamp", "补盖时间戳"),
    TraceCode("documents.seal.create", "登记电子印章"),
    TraceCode("documents.seal.image", "查看印章图样"),
)
