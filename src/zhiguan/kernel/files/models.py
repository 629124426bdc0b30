"""Files as people know them; the bytes lie in the store under their digest."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils import timezone

from zhiguan.kernel.orgs.base import PositionQuerySet
from zhiguan.kit.rowscope.declare import ByArea, Custom, Shared

SYSTEM = "current_setting('zg.system', true) = '1'"
OWN = "uploaded_by_id = NULLIF(current_setting('zg.account', true), '')::bigint"


class StoredFile(models.Model):
    """附件: one file as uploaded. Equal contents share their bytes, never their rows."""

    row_rule = Custom(
        f"{ByArea().using()} OR {OWN} OR {SYSTEM}", "by area and unit; whoever uploaded a file sees it", open_insert=True
    )
    digest = models.CharField("内容摘要（SHA-256）", max_length=64, db_index=True)
    size = models.BigIntegerField("大小（字节）")
    media_type = models.CharField("类型", max_length=100)
    name = models.CharField("文件名", max_length=160)
    area = models.CharField("条线", max_length=32)
    scope_pos = models.BigIntegerField("数据权限位置")
    permission = models.CharField("下载权限点", max_length=64, blank=True)
    uploaded_by = models.ForeignKey(
        "identity.Account", models.PROTECT, null=True, related_name="+", verbose_name="上传人"
    )
    uploaded_at = models.DateTimeField("上传时间", default=timezone.now)
    subject_type = models.CharField("所属对象类型", max_length=64, blank=True)
    subject_id = models.BigIntegerField("所属对象", null=True, blank=True)
    role = models.CharField("用途", max_length=40, blank=True)
    detached_at = models.DateTimeField("移除时间", null=True, blank=True)

    objects = PositionQuerySet.as_manager()

    class Meta:
        verbose_name = verbose_name_plural = "附件"
        ordering = ["-id"]
        indexes = [
            models.Index(
                fields=["subject_type", "subject_id"], condition=Q(detached_at__isnull=True), name="files_file_subject"
            ),
            models.Index(
                fields=["uploaded_at"],
                condition=Q(subject_id__isnull=True) | Q(detached_at__isnull=False),
                name="files_file_orphan",
            ),
        ]
        constraints = [models.CheckConstraint(condition=Q(size__gt=0), name="files_file_size")]

    def __str__(self) -> str:
        return self.name


class TypeLimit(models.Model):
    """附件限制: what this installation allows of one type, in place of the product's own rule."""

    row_rule = Shared("read at every upload, by everybody")
    media_type = models.CharField("类型", max_length=100, unique=True)
    allowed = models.BooleanField("允许", default=True)
    max_bytes = models.BigIntegerField("最大字节数")

    class Meta:
        verbose_name = verbose_name_plural = "附件限制"
        ordering = ["media_type"]
        constraints = [models.CheckConstraint(condition=Q(max_bytes__gt=0), name="files_limit_positive")]

    def __str__(self) -> str:
        return self.media_type
