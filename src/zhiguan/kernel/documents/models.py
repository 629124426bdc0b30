"""Issued documents, their numbers, and the seals that are put on them."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import Q
from django.utils import timezone

from zhiguan.kernel.ledger.base import LedgerRecord
from zhiguan.kit.rowscope.declare import ByArea, ByUnit, Shared

from . import lifecycle
from .declare import SEAL_PURPOSES


class NumberSeries(models.Model):
    """文号序列: the last number given in one series and year.

    The row is locked from giving a number until the transaction ends: whoever comes next waits, and takes the same
    number when the first is rolled back. So numbers have neither gaps nor duplicates.
    """

    row_rule = Shared("counts of numbers only; every verb that issues a document takes the next one")
    pattern = models.CharField("文号格式", max_length=120)
    year = models.PositiveSmallIntegerField("年份")
    last = models.PositiveIntegerField("已用序号", default=0)

    class Meta:
        verbose_name = verbose_name_plural = "文号序列"
        constraints = [models.UniqueConstraint(fields=["pattern", "year"], name="documents_series_once")]

    def __str__(self) -> str:
        return f"{self.pattern} {self.year}: {self.last}"


class Seal(LedgerRecord):
    """电子印章: the picture of one unit's seal, in use from a day on. ``unit`` is the organ whose seal it is."""

    row_rule = ByUnit("documents")
    lifecycle = lifecycle.SEAL
    purpose = models.CharField("印章种类", max_length=16, choices=list(SEAL_PURPOSES.items()))
    legend = models.CharField("印文", max_length=60)
    file = models.ForeignKey("files.StoredFile", models.PROTECT, related_name="+", verbose_name="印模")
    digest = models.CharField("印模摘要（SHA-256）", max_length=64)
    diameter_mm = models.PositiveSmallIntegerField("直径（毫米）", default=42)
    valid_from = models.DateField("启用日期")
    valid_to = models.DateField("停用日期", null=True, blank=True)
    uploaded_by = models.ForeignKey(
        "identity.Account", models.PROTECT, null=True, related_name="+", verbose_name="登记人"
    )
    uploader = models.CharField("登记人姓名", max_length=80, blank=True)
    activated_by = models.ForeignKey(
        "identity.Account", models.PROTECT, null=True, related_name="+", verbose_name="启用人"
    )
    activator = models.CharField("启用人姓名", max_length=80, blank=True)

    class Meta:
        verbose_name = verbose_name_plural = "电子印章"
        ordering = ["unit_id", "-valid_from", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["unit", "purpose"], condition=Q(state="active"), name="documents_seal_active"
            ),
            # Two people: a seal that is or was in use was not put into use by whoever uploaded it.
            models.CheckConstraint(
                condition=~Q(state__in=["active", "retired"])
                | (Q(activated_by__isnull=False) & ~Q(activated_by=models.F("uploaded_by"))),
                name="documents_seal_two_people",
            ),
        ]

    def __str__(self) -> str:
        return self.legend


class OutcomeDocument(LedgerRecord):
    """签发文书: a decision, certificate or notice as issued. ``unit`` is whom it is about.

    Everything the paper says is frozen in ``values`` when it is issued; the PDF is made right afterwards, once, and
    kept by its digest. It is read under the scope of its line, by the subject's unit, by the issuing organ and by the
    people named in it. There is no foreign key to the subject: lines are above this storey.
    """

    row_rule = ByArea(area_column="area", persons_column="persons", also=("issuer_pos",))
    lifecycle = lifecycle.DOCUMENT
    private_fields = ("values", "token", "code", "stamp")
    area = models.CharField("条线", max_length=32, editable=False)
    kind = models.CharField("文种", max_length=64)
    kind_name = models.CharField("文书名称", max_length=60)
    title = models.CharField("标题", max_length=200)
    number = models.CharField("文号", max_length=60)
    pattern = models.CharField("文号格式", max_length=120, editable=False)
    year = models.PositiveSmallIntegerField("年份")
    serial = models.PositiveIntegerField("序号")
    issuer = models.ForeignKey("orgs.Unit", models.PROTECT, related_name="+", verbose_name="签发机关")
    issuer_name = models.CharField("签发机关名称", max_length=120)
    issuer_pos = models.BigIntegerField("签发机关数据权限位置", editable=False)
    persons = ArrayField(models.BigIntegerField(), default=list, editable=False, verbose_name="相关人员")
    subject_type = models.CharField("对象类型", max_length=64)
    subject_id = models.BigIntegerField("对象")
    subject_label = models.CharField("对象名称", max_length=120)
    case = models.CharField("来源办件", max_length=64, blank=True)
    values = models.JSONField("内容", default=dict, editable=False)
    issued_at = models.DateTimeField("签发时间", default=timezone.now)
    issued_on = models.DateField("签发日期")
    issued_by = models.CharField("经办人", max_length=80)
    valid_until = models.DateField("有效期至", null=True, blank=True)
    token = models.CharField("核验标识", max_length=32, unique=True, editable=False)
    code = models.CharField("核验码", max_length=16, editable=False)
    demo = models.BooleanField("演示文书", default=False)
    file = models.ForeignKey("files.StoredFile", models.PROTECT, null=True, related_name="+", verbose_name="文件")
    digest = models.CharField("文件摘要（SHA-256）", max_length=64, blank=True)
    size = models.PositiveIntegerField("大小（字节）", null=True)
    pages = models.PositiveSmallIntegerField("页数", null=True)
    seal = models.ForeignKey(Seal, models.PROTECT, null=True, related_name="+", verbose_name="用印")
    signed_by = models.CharField("签名证书", max_length=200, blank=True)
    stamped_at = models.DateTimeField("可信时间", null=True, editable=False)
    stamped_by = models.CharField("时间戳服务", max_length=200, blank=True, editable=False)
    stamp = models.TextField("补盖的时间戳", blank=True, editable=False)
    """Base64 of the token, where it was fetched after the signature and so is not inside it."""
    problem = models.CharField("制作情况", max_length=200, blank=True)
    ended_at = models.DateTimeField("失效时间", null=True, blank=True)
    end_reason = models.TextField("失效事由", blank=True)
    successor = models.ForeignKey("self", models.PROTECT, null=True, related_name="+", verbose_name="替代文书")

    class Meta:
        verbose_name = verbose_name_plural = "签发文书"
        ordering = ["-issued_at", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["pattern", "year", "serial"], name="documents_document_serial"),
            models.UniqueConstraint(fields=["number"], name="documents_document_number"),
            # A case has its document exactly once: a closing that is done again is refused by the database itself.
            models.UniqueConstraint(
                fields=["kind", "case", "subject_type", "subject_id"],
                condition=~Q(case="") & Q(state__in=["making", "valid"]),
                name="documents_document_case",
            ),
            models.CheckConstraint(
                condition=Q(state="making", digest="")
                | (Q(state="valid") & ~Q(digest=""))
                | Q(state__in=["revoked", "superseded"]),
                name="documents_document_made",
            ),
        ]
        indexes = [
            models.Index(fields=["-issued_at", "-id"], name="documents_document_recent"),
            models.Index(fields=["scope_pos", "-issued_at"], name="documents_document_scope"),
            models.Index(fields=["issuer_pos", "-issued_at"], name="documents_document_issuer"),
            models.Index(fields=["subject_type", "subject_id"], name="documents_document_subject"),
            models.Index(fields=["digest"], name="documents_document_digest"),
            models.Index(fields=["id"], condition=Q(state="making"), name="documents_document_making"),
            models.Index(fields=["id"], condition=~Q(problem=""), name="documents_document_problem"),
            GinIndex(fields=["persons"], name="documents_document_persons"),
        ]

    def __str__(self) -> str:
        return f"{self.number} {self.title}"

    @property
    def ledger_area(self) -> str:
        return self.area

    @property
    def ledger_persons(self) -> list[int]:
        return list(self.persons)
