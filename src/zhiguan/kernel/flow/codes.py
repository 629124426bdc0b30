"""Permissions, roles, notices and acts of the case kernel. Those of single lines' cases: ``declare.case_permissions``."""

from zhiguan.kernel.notices.declare import INSTANT, NoticeKind
from zhiguan.kernel.trace.declare import TraceCode
from zhiguan.kit.manifest import Permission, RoleTemplate

EDIT = "flow.definition.edit"
REVIEW = "flow.definition.review"
DEFINITION_VIEW = "flow.definition.view"
GROUP = "flow.group.manage"

PERMISSIONS = (
    Permission(DEFINITION_VIEW, "查看流程定义"),
    Permission(EDIT, "编制流程定义"),
    Permission(REVIEW, "复核发布流程定义"),
    Permission(GROUP, "维护办理工作组"),
)
ROLES = (
    RoleTemplate("flow.designer", "流程编制人员", (DEFINITION_VIEW, EDIT, GROUP), scope="city"),
    RoleTemplate(
        "flow.supervisor", "办件监督人员", (DEFINITION_VIEW, "supervision.finding.view", "trace.entry.view"), scope="city"
    ),
    RoleTemplate("flow.reviewer", "流程复核人员", (DEFINITION_VIEW, REVIEW), scope="city"),
)
NOTICES = (
    NoticeKind("flow.step.open", "办件待办", mail=INSTANT),
    NoticeKind("flow.step.stuck", "办件无人可办", mail=INSTANT),
    NoticeKind("flow.case.correct", "办件补正通知", mail=INSTANT),
    NoticeKind("flow.case.send_back", "办件退回申请人", mail=INSTANT),
    NoticeKind("flow.case.end", "办件办结", mail=INSTANT),
    NoticeKind("flow.case.card", "办件时限预警", mail=INSTANT),
    NoticeKind("flow.case.urge", "办件催办", mail=INSTANT),
    NoticeKind("flow.case.copy", "办件抄送"),
)
TRACED = (
    TraceCode("flow.case.create", "新建办件"),
    TraceCode("flow.case.save", "保存草稿"),
    TraceCode("flow.case.comment", "办件留言"),
    TraceCode("flow.case.receive", "签收结果"),
    TraceCode("flow.case.urge", "催办"),
    TraceCode("flow.case.copy_to", "抄送办件"),
    TraceCode("flow.case.open_subcase", "发起子办件"),
    TraceCode("flow.case.authorise", "授权代办人可查看办件"),
    TraceCode("flow.case.add_file", "上传申请材料"),
    TraceCode("flow.case.remove_file", "移除申请材料"),
    TraceCode("flow.case.edit_values", "办理中修改表单"),
    TraceCode("flow.definition.create", "新建流程版本"),
    TraceCode("flow.definition.change", "修改流程版本"),
    TraceCode("flow.delegation.grant", "授权代办"),
    TraceCode("flow.delegation.revoke", "收回授权"),
    TraceCode("flow.group.change", "维护办理工作组"),
    TraceCode("flow.case.refused_act", "被拒绝的办理操作"),
)
LEGAL_GROUNDS = "approvals.general.excluded_time"
"""The fact that lists for what a case may be suspended: what the law leaves out of the limit."""
