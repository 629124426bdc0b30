"""Permissions, roles, menu and traced acts of supervision. Pure data."""

from __future__ import annotations

from django.db.models import TextChoices

from zhiguan.kernel.notices.declare import INSTANT, NoticeKind
from zhiguan.kernel.trace.declare import TraceCode
from zhiguan.kit.manifest import MenuGroup, Permission, RoleTemplate

VIEW = "supervision.finding.view"
ASSIGN = "supervision.finding.assign"
EXPLAIN = "supervision.finding.explain"
VERIFY = "supervision.finding.verify"
DISMISS = "supervision.finding.dismiss"
TUNE = "supervision.threshold.tune"
COMPUTE = "supervision.trial.compute"


class Severity(TextChoices):
    """严重程度; the keys of ``declare.SEVERITIES``."""

    MINOR = "minor", "一般"
    MAJOR = "major", "较重"
    SERIOUS = "serious", "严重"


class Outcome(TextChoices):
    """How a finding ended; what precision is counted from."""

    CONFIRMED = "confirmed", "属实"
    DISMISSED = "dismissed", "不属实"
    WITHDRAWN = "withdrawn", "数据更正后撤回"


MENU = MenuGroup("supervision", "监督管理", 700, "eye-check")

PERMISSIONS = (
    Permission(VIEW, "查看问题线索"),
    Permission(ASSIGN, "交办问题线索"),
    Permission(EXPLAIN, "说明和整改问题线索"),
    Permission(VERIFY, "核查问题线索"),
    Permission(DISMISS, "排除问题线索"),
    Permission(TUNE, "试算和调整监督阈值"),
)

TRACED = (
    TraceCode("supervision.finding.create", "发现问题线索"),
    TraceCode("supervision.finding.update", "更新线索证据"),
    TraceCode("supervision.finding.reassign", "改派问题线索"),
    TraceCode("supervision.finding.rectify", "整改问题线索"),
    TraceCode("supervision.finding.close", "核查销号"),
    TraceCode("supervision.finding.send_back", "退回问题线索"),
    TraceCode("supervision.finding.withdraw", "撤回问题线索"),
    TraceCode("supervision.finding.reraise", "重新提出问题线索"),
    TraceCode("supervision.thresholdtrial.create", "提出阈值试算"),
    TraceCode("supervision.thresholdtrial.finish", "完成阈值试算"),
    TraceCode("supervision.thresholdtrial.fail", "阈值试算未完成"),
    TraceCode("supervision.thresholdtrial.repeat", "重新试算阈值"),
    TraceCode("supervision.thresholdtrial.apply", "按试算调整阈值"),
    TraceCode("supervision.thresholdtrial.drop", "放弃阈值试算"),
)

ROLES = (
    RoleTemplate("supervision.supervisor", "监督管理人员", (VIEW, ASSIGN, VERIFY, DISMISS, TUNE), scope="city"),
    RoleTemplate("supervision.tuner", "监督规则管理人员", (VIEW, TUNE, "reference.fact.manage"), scope="city"),
    RoleTemplate("supervision.responder", "问题线索承办人", (VIEW, EXPLAIN), scope="organ"),
)
"""Findings are also subject to the row scope of their line: grant these beside a role of the line."""

NOTICES = (
    NoticeKind("supervision.finding.assign", "问题线索交办", mail=INSTANT, icon="alert-triangle"),
    NoticeKind("supervision.finding.send_back", "问题线索退回", mail=INSTANT, icon="arrow-back-up"),
)
"""What those who have to answer for a finding are told."""
