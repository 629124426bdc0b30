"""States, permissions and traced acts of events and jobs. Pure data."""

from __future__ import annotations

from django.db.models import TextChoices

from zhiguan.kernel.notices.declare import NoticeKind
from zhiguan.kernel.trace.declare import TraceCode
from zhiguan.kit.manifest import Permission, RoleTemplate


class JobState(TextChoices):
    QUEUED = "queued", "排队中"
    RUNNING = "running", "执行中"
    DONE = "done", "已完成"
    FAILED = "failed", "失败"
    CANCELLED = "cancelled", "已取消"


class DeliveryState(TextChoices):
    PENDING = "pending", "待投递"
    DELIVERED = "delivered", "已送达"
    DEAD = "dead", "投递失败"


JOB_COLOURS = {"queued": "azure", "running": "blue", "done": "green", "failed": "red", "cancelled": "secondary"}
DELIVERY_COLOURS = {"pending": "azure", "delivered": "green", "dead": "red"}

JOB_VIEW = "events.job.view"
JOB_MANAGE = "events.job.manage"
SUBSCRIPTION_VIEW = "events.subscription.view"
SUBSCRIPTION_MANAGE = "events.subscription.manage"

PERMISSIONS = (
    Permission(JOB_VIEW, "查看后台任务"),
    Permission(JOB_MANAGE, "取消和重试后台任务"),
    Permission(SUBSCRIPTION_VIEW, "查看事件订阅"),
    Permission(SUBSCRIPTION_MANAGE, "维护事件订阅"),
)
INTEGRATOR = RoleTemplate(
    "events.integrator", "数据对接管理人员", (SUBSCRIPTION_VIEW, SUBSCRIPTION_MANAGE), scope="organ"
)
TRACED = (
    TraceCode("events.job.enqueue", "提交后台任务"),
    TraceCode("events.job.cancel", "取消后台任务"),
    TraceCode("events.job.retry", "重试后台任务"),
    TraceCode("events.subscription.create", "新建事件订阅"),
    TraceCode("events.subscription.activate", "启用事件订阅"),
    TraceCode("events.subscription.deactivate", "停用事件订阅"),
    TraceCode("events.subscription.rotate", "更换订阅密钥"),
    TraceCode("events.subscription.secret", "查看订阅密钥"),
    TraceCode("events.delivery.redeliver", "重新投递事件"),
)
NOTICES = (
    NoticeKind("events.job.done", "后台任务完成", icon="circle-check"),
    NoticeKind("events.job.fail", "后台任务失败", icon="alert-circle"),
)
"""What whoever asked for a job is told when it has ended."""
