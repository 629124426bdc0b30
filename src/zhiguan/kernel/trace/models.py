"""Tables of the log. Rows enter only through the database function ``trace_append``; none is ever changed."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import models

from zhiguan.kit.rowscope.declare import ByUnit, Custom, Shared

from . import names

SNAPSHOT_RULE = (
    "scope_pos BETWEEN NULLIF(current_setting('zg.' || area || '_lo', true), '')::bigint"
    " AND NULLIF(current_setting('zg.' || area || '_hi', true), '')::bigint"
    " OR scope_pos <@ NULLIF(current_setting('zg.' || area || '_ranges', true), '')::int8multirange"
)


PLAIN = (
    *("algorithm", "kind", "code", "via", "job", "roles", "scope_pos", "actor_pos"),
    *("subject_type", "subject_id", "case", "fields", "request_id"),
)
"""Columns of an entry that enter its content as they are."""


def stamp(moment: datetime) -> str:
    """Return the moment as the log writes it: UTC, microseconds, ``Z``."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


class Entry(models.Model):
    """One act, as it enters the chain: references and salted digests, no personal data."""

    row_rule = ByUnit(area="trace", persons=("person_id",), append_only=True)

    class Kind(models.TextChoices):
        ACT = "act", "办理"
        READ = "read", "查阅敏感数据"

    algorithm = models.CharField("摘要算法", max_length=8)
    at = models.DateTimeField("时间")
    kind = models.CharField("类别", max_length=4, choices=Kind.choices)
    code = models.CharField("事项代码", max_length=100)
    via = models.CharField("途径", max_length=20)
    job = models.CharField("后台作业", max_length=100, blank=True)
    account_id = models.BigIntegerField("账号", null=True)
    person_id = models.BigIntegerField("人员", null=True)
    roles = ArrayField(models.CharField(max_length=100), verbose_name="角色")
    scope_pos = models.BigIntegerField("所属单位位置")
    actor_pos = models.BigIntegerField("办理人单位位置", null=True)
    subject_type = models.CharField("对象类型", max_length=100, blank=True)
    subject_id = models.CharField("对象标识", max_length=200, blank=True)
    case = models.CharField("办件", max_length=100, blank=True)
    fields = ArrayField(models.CharField(max_length=100), verbose_name="查阅的数据项")
    request_id = models.CharField("请求标识", max_length=100, blank=True)
    actor_digest = models.BinaryField(max_length=32, null=True)
    address_digest = models.BinaryField(max_length=32, null=True)
    subject_digest = models.BinaryField(max_length=32, null=True)
    reason_digest = models.BinaryField(max_length=32, null=True)
    before_digest = models.BinaryField(max_length=32, null=True)
    after_digest = models.BinaryField(max_length=32, null=True)
    digest = models.BinaryField(max_length=32)

    class Meta:
        verbose_name = "痕迹记录"
        verbose_name_plural = verbose_name
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["at"], name="trace_entry_at"),
            models.Index(fields=["subject_type", "subject_id", "id"], name="trace_entry_subject"),
            models.Index(fields=["code", "at"], name="trace_entry_code"),
            models.Index(fields=["account_id", "at"], name="trace_entry_account"),
            models.Index(fields=["person_id", "at"], name="trace_entry_person"),
            models.Index(fields=["scope_pos", "at"], name="trace_entry_scope"),
            models.Index(fields=["case"], name="trace_entry_case", condition=~models.Q(case="")),
        ]

    def __str__(self) -> str:
        return f"{self.code_name} {self.subject_type}:{self.subject_id}"

    @property
    def content(self) -> dict[str, Any]:
        """The content as ``proof.entry_bytes`` takes it."""
        values: dict[str, Any] = {
            "account": self.account_id,
            "person": self.person_id,
            "at": stamp(self.at),
        }
        values |= {name: getattr(self, name) for name in PLAIN}
        for name in ("actor", "address", "subject", "reason", "before", "after"):
            value = getattr(self, f"{name}_digest")
            values[f"{name}_digest"] = None if value is None else bytes(value).hex()
        return values

    @property
    def seq(self) -> int | None:
        """Position in the chain; None until the act's transaction commits, and shortly after under load."""
        link = Link.objects.filter(entry_id=self.pk).first() if not hasattr(self, "link") else self.link
        return None if link is None else link.seq

    @property
    def code_name(self) -> str:
        """事项: the act's Chinese name; the code itself when nobody declares it any longer."""
        return names.code_name(self.code)

    @property
    def kind_name(self) -> str:
        return self.get_kind_display()

    @property
    def via_name(self) -> str:
        return names.VIA.get(self.via, self.via)

    @property
    def role_names(self) -> str:
        return "、".join(names.role_name(code) for code in self.roles)

    @property
    def subject_type_name(self) -> str:
        return names.type_name(self.subject_type)

    @property
    def subject_label(self) -> str:
        """对象: its label at the time, or its reference when the readable part was destroyed or is out of scope."""
        label = self.detail.subject_label if hasattr(self, "detail") else ""
        return label or " ".join(filter(None, (self.subject_type_name, self.subject_id)))

    @property
    def actor_label(self) -> str:
        """办理人: name and unit at the time."""
        if hasattr(self, "detail"):
            return " ".join(filter(None, (self.detail.actor_name, self.detail.unit_name)))
        return f"系统作业 {self.job}" if self.job else f"账号 {self.account_id or '未知'}（明细已销毁或不在权限内）"

    @property
    def reason_text(self) -> str:
        return self.detail.reason if hasattr(self, "detail") else ""

    @property
    def address_text(self) -> str:
        return self.detail.address if hasattr(self, "detail") else ""


class Detail(models.Model):
    """The readable part of an entry: names, address, reason, and the salt. Destroying the row is provable erasure."""

    row_rule = ByUnit(area="trace", persons=("person_id",), append_only=True)

    entry = models.OneToOneField(
        Entry, models.DO_NOTHING, primary_key=True, related_name="detail", db_index=False, verbose_name="痕迹记录"
    )
    scope_pos = models.BigIntegerField()
    person_id = models.BigIntegerField(null=True)
    salt = models.BinaryField(max_length=32)
    actor_name = models.TextField("办理人", blank=True)
    unit_name = models.TextField("办理人单位", blank=True)
    address = models.TextField("来源地址", blank=True)
    subject_label = models.TextField("对象", blank=True)
    reason = models.TextField("理由", blank=True)

    class Meta:
        verbose_name = "痕迹明细"
        verbose_name_plural = verbose_name

    def __str__(self) -> str:
        return f"{self.actor_name} {self.subject_label}"


class Snapshot(models.Model):
    """The subject before and after, with a salt of its own.

    Business data: shown to whoever has a scope in the subject's own area, so that the audit administrator sees who did
    what and why, but not the business content.
    """

    row_rule = Custom(
        SNAPSHOT_RULE,
        reason="the scope asked is that of the area of the act, which differs from row to row",
        append_only=True,
    )

    entry = models.OneToOneField(
        Entry, models.DO_NOTHING, primary_key=True, related_name="snapshot", db_index=False, verbose_name="痕迹记录"
    )
    scope_pos = models.BigIntegerField()
    area = models.CharField(max_length=50)
    salt = models.BinaryField(max_length=32)
    before = models.TextField("之前", null=True)
    after = models.TextField("之后", null=True)

    class Meta:
        verbose_name = "痕迹前后值"
        verbose_name_plural = verbose_name

    def __str__(self) -> str:
        return f"{self.area} {self.entry_id}"

    @property
    def changes(self) -> list[tuple[str, Any, Any]]:
        """(field, before, after) of every field that differs."""
        before, after = (json.loads(text) if text else {} for text in (self.before, self.after))
        return [
            (name, before.get(name), after.get(name))
            for name in sorted(before.keys() | after.keys())
            if before.get(name) != after.get(name)
        ]


class Link(models.Model):
    """An entry's place in the chain. Written by the database alone."""

    row_rule = Shared("hashes only, from which nothing can be read", append_only=True)

    seq = models.BigIntegerField(primary_key=True)
    entry = models.OneToOneField(Entry, models.DO_NOTHING, related_name="link")
    prev_hash = models.BinaryField(max_length=32)
    hash = models.BinaryField(max_length=32)

    class Meta:
        verbose_name = "痕迹链"
        verbose_name_plural = verbose_name

    def __str__(self) -> str:
        return str(self.seq)


class Checkpoint(models.Model):
    """检查点: a signed promise of how many entries there are and what they are."""

    row_rule = Shared("hashes and signatures only", append_only=True)

    size = models.BigIntegerField("记录数", unique=True)
    algorithm = models.CharField("摘要算法", max_length=8)
    at = models.DateTimeField("时间")
    root = models.BinaryField("根", max_length=32)
    head = models.BinaryField("链尾", max_length=32)
    previous = models.BinaryField("上一检查点", max_length=32)
    nodes = ArrayField(models.BinaryField(max_length=32))
    public_key = models.BinaryField("公钥", max_length=32)
    signature = models.BinaryField("签名", max_length=64)

    class Meta:
        verbose_name = "痕迹检查点"
        verbose_name_plural = verbose_name
        ordering = ["-size"]

    def __str__(self) -> str:
        return f"{self.size} {bytes(self.root).hex()[:16]}"

    @property
    def document(self) -> dict[str, Any]:
        """The checkpoint as exported and kept by witnesses."""
        values: dict[str, Any] = {"algorithm": self.algorithm, "at": stamp(self.at), "size": self.size}
        for name in ("root", "head", "previous", "public_key", "signature"):
            values[name] = bytes(getattr(self, name)).hex()
        return values
