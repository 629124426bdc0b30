"""Accounts, roles, grants, keys: who may sign in and do what, where."""

from __future__ import annotations

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from zhiguan.kit.rowscope.declare import ByPerson, Shared

from .codes import GrantState, RoleKind, ScopeKind

BEFORE_ACTOR = Shared("read at sign-in and to find out what an actor may see; pages check identity.* permissions")


class AccountManager(BaseUserManager):
    def get_by_natural_key(self, username: str | None) -> Account:
        return self.get(username__iexact=username)


class Account(AbstractBaseUser):
    """账号: one way of signing in. Bound to a person; service accounts (接口账号) are not."""

    row_rule = BEFORE_ACTOR
    username = models.CharField("账号", max_length=64, unique=True)
    email = models.EmailField("电子邮箱", blank=True)
    person = models.ForeignKey(
        "orgs.Person", models.PROTECT, null=True, blank=True, related_name="accounts", verbose_name="人员"
    )
    unit = models.ForeignKey("orgs.Unit", models.PROTECT, null=True, related_name="+", verbose_name="所在单位")
    is_active = models.BooleanField("启用", default=True)
    must_change_password = models.BooleanField("首次登录须改密", default=True)
    password_set_at = models.DateTimeField("口令设置时间", null=True)
    password_history = models.JSONField("历史口令摘要", default=list, blank=True)
    failed_count = models.PositiveIntegerField("连续失败次数", default=0)
    locked_until = models.DateTimeField("锁定至", null=True, blank=True)
    access_version = models.PositiveBigIntegerField("权限版本", default=1, editable=False)
    """Raised with every change of the account's grants or roles: whoever keeps its permissions sees that they are old."""
    created_at = models.DateTimeField("创建时间", default=timezone.now)

    USERNAME_FIELD = "username"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: list[str] = []
    is_staff = is_superuser = False  # Django's own switches have no meaning here
    objects = AccountManager()

    class Meta:
        verbose_name = verbose_name_plural = "账号"
        ordering = ["username"]

    def __str__(self) -> str:
        return self.username

    @property
    def locked(self) -> bool:
        """Whether sign-in is refused for now after too many failures."""
        return self.locked_until is not None and self.locked_until > timezone.now()

    @property
    def display_name(self) -> str:
        return self.person.name if self.person_id else self.username


class Role(models.Model):
    """角色: a named set of permissions; the built-in ones come from declarations and cannot be edited."""

    row_rule = BEFORE_ACTOR
    code = models.CharField("代码", max_length=64, unique=True)
    name = models.CharField("名称", max_length=64)
    kind = models.CharField("类别", max_length=16, choices=RoleKind, default=RoleKind.BUSINESS)
    permissions = models.JSONField("权限点", default=list)
    scope = models.CharField("默认数据权限", max_length=16, choices=ScopeKind, default=ScopeKind.UNIT)
    builtin = models.BooleanField("内置", default=False)

    class Meta:
        verbose_name = verbose_name_plural = "角色"
        ordering = ["kind", "code"]

    def __str__(self) -> str:
        return self.name


class Grant(models.Model):
    """授权: one role over one scope for one account, between two dates. Takes effect when a second person confirms."""

    row_rule = BEFORE_ACTOR
    account = models.ForeignKey(Account, models.PROTECT, related_name="grants", verbose_name="账号")
    role = models.ForeignKey(Role, models.PROTECT, related_name="grants", verbose_name="角色")
    scope = models.CharField("数据权限", max_length=16, choices=ScopeKind)
    unit = models.ForeignKey("orgs.Unit", models.PROTECT, null=True, blank=True, related_name="+", verbose_name="单位")
    custom_units = models.ManyToManyField("orgs.Unit", blank=True, related_name="+", verbose_name="指定单位")
    valid_from = models.DateField("生效日期", default=timezone.localdate)
    valid_to = models.DateField("截止日期", null=True, blank=True)
    state = models.CharField("状态", max_length=16, choices=GrantState, default=GrantState.PROPOSED)
    reason = models.CharField("事由", max_length=200, blank=True)
    proposed_by = models.ForeignKey(Account, models.PROTECT, null=True, related_name="+", verbose_name="提出人")
    proposed_at = models.DateTimeField("提出时间", default=timezone.now)
    decided_by = models.ForeignKey(Account, models.PROTECT, null=True, blank=True, related_name="+", verbose_name="复核人")
    decided_at = models.DateTimeField("复核时间", null=True, blank=True)

    class Meta:
        verbose_name = verbose_name_plural = "授权"
        ordering = ["-proposed_at"]
        indexes = [models.Index(fields=["account", "state"], name="identity_grant_account")]
        constraints = [
            models.CheckConstraint(
                condition=Q(valid_to__isnull=True) | Q(valid_to__gte=F("valid_from")), name="identity_grant_dates"
            ),
            # Nobody confirms what they proposed themselves; the first grants of an installation have no proposer.
            models.CheckConstraint(
                condition=Q(decided_by__isnull=True) | Q(proposed_by__isnull=True) | ~Q(decided_by=F("proposed_by")),
                name="identity_grant_two_people",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.account} · {self.role} · {self.get_scope_display()}"


class ApiKey(models.Model):
    """接口密钥: lets a program act as an account, with some of its permissions, until a date. Stored as a digest."""

    row_rule = BEFORE_ACTOR
    account = models.ForeignKey(Account, models.PROTECT, related_name="api_keys", verbose_name="账号")
    app = models.ForeignKey(
        "AllowedApp", models.PROTECT, null=True, blank=True, related_name="keys", verbose_name="应用"
    )
    name = models.CharField("用途", max_length=80)
    prefix = models.CharField("前缀", max_length=12, unique=True)
    digest = models.CharField("摘要", max_length=64)
    permissions = models.JSONField("权限点", default=list)
    expires_at = models.DateTimeField("有效期至")
    revoked_at = models.DateTimeField("停用时间", null=True, blank=True)
    last_used_at = models.DateTimeField("最近使用", null=True, blank=True)
    created_at = models.DateTimeField("创建时间", default=timezone.now)

    class Meta:
        verbose_name = verbose_name_plural = "接口密钥"
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"{self.name}（{self.prefix}…）"


class Policy(models.Model):
    """策略: one adjustable rule of sign-in, e.g. ``min_length``."""

    row_rule = BEFORE_ACTOR
    key = models.CharField("项目", max_length=40, unique=True)
    value = models.IntegerField("值")

    class Meta:
        verbose_name = verbose_name_plural = "口令与会话策略"

    def __str__(self) -> str:
        return f"{self.key}={self.value}"


class AllowedApp(models.Model):
    """应用白名单: an application that may use our sign-in or API; one that is not listed is refused."""

    row_rule = BEFORE_ACTOR
    code = models.CharField("应用代码", max_length=40, unique=True)
    name = models.CharField("应用名称", max_length=80)
    origin = models.URLField("来源地址", blank=True)
    active = models.BooleanField("启用", default=True)
    created_at = models.DateTimeField("创建时间", default=timezone.now)

    class Meta:
        verbose_name = verbose_name_plural = "应用白名单"
        ordering = ["code"]

    def __str__(self) -> str:
        return self.name


class SavedFilter(models.Model):
    """常用筛选: a named query of a list, kept by the account that made it."""

    row_rule = ByPerson()
    account = models.ForeignKey(Account, models.CASCADE, related_name="+", verbose_name="账号")
    page = models.CharField("页面", max_length=80)
    name = models.CharField("名称", max_length=20)
    query = models.CharField("筛选条件", max_length=2000)
    created_at = models.DateTimeField("创建时间", default=timezone.now)

    class Meta:
        verbose_name = verbose_name_plural = "常用筛选"
        ordering = ["id"]
        constraints = [models.UniqueConstraint(fields=["account", "page", "name"], name="identity_savedfilter_once")]

    def __str__(self) -> str:
        return self.name


class KeptAnswer(models.Model):
    """接口答复: what a request with an Idempotency-Key was answered, so that sending it again does nothing more."""

    row_rule = ByPerson()
    account = models.ForeignKey(Account, models.CASCADE, related_name="+", verbose_name="账号")
    key = models.CharField("提交标识", max_length=128)
    digest = models.CharField("请求摘要", max_length=64)
    status = models.PositiveSmallIntegerField("状态码")
    headers = models.JSONField("答复头", default=dict)
    body = models.BinaryField("答复内容")
    created_at = models.DateTimeField("时间", default=timezone.now)

    class Meta:
        verbose_name = verbose_name_plural = "接口答复"
        indexes = [models.Index(fields=["created_at"], name="identity_keptanswer_at")]
        constraints = [models.UniqueConstraint(fields=["account", "key"], name="identity_keptanswer_once")]

    def __str__(self) -> str:
        return f"{self.key} {self.status}"
