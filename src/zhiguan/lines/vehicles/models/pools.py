"""The one net: pools of vehicles, whom they serve, and rented cars. Money in yuan."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from zhiguan.kernel.ledger.base import LedgerRecord
from zhiguan.kernel.orgs.base import UnitScoped
from zhiguan.kit.rowscope.declare import ByUnit, Shared

from .. import lifecycle
from ..codes import PoolKind
from .area import AREA


class Pool(LedgerRecord):
    """用车平台: vehicles and drivers that serve several organs. ``unit`` is whose dispatchers run it."""

    row_rule = Shared("names of pools, as in an address book: whoever asks for a car may know who could send one")
    lifecycle = lifecycle.POOL
    name = models.CharField("名称", max_length=80, unique=True)
    kind = models.CharField("类型", max_length=12, choices=PoolKind)
    phone = models.CharField("调度电话", max_length=20, blank=True)
    note = models.CharField("备注", max_length=200, blank=True)

    class Meta:
        verbose_name = verbose_name_plural = "用车平台"
        ordering = ["kind", "name"]

    def __str__(self) -> str:
        return self.name


class PoolMember(UnitScoped):
    """平台服务单位: ``unit`` and every unit below it may send orders to the pool."""

    row_rule = Shared("goes with the pool's name")
    pool = models.ForeignKey(Pool, models.CASCADE, related_name="members", verbose_name="平台")

    class Meta:
        verbose_name = verbose_name_plural = "平台服务单位"
        ordering = ["pool", "scope_pos"]
        constraints = [models.UniqueConstraint(fields=["pool", "unit"], name="vehicles_pool_member")]

    def __str__(self) -> str:
        return f"{self.pool} {self.unit}"


class RentalContract(LedgerRecord):
    """车辆租赁合同: whose rented cars serve the pool, at which rate. ``unit`` is the pool's."""

    row_rule = ByUnit(AREA)
    lifecycle = lifecycle.CONTRACT
    number = models.CharField("合同编号", max_length=40, unique=True)
    company = models.CharField("租赁公司", max_length=80)
    pool = models.ForeignKey(Pool, models.PROTECT, related_name="contracts", verbose_name="服务平台")
    day_rate_yuan = models.DecimalField("日租金（元）", max_digits=10, decimal_places=2)
    km_rate_yuan = models.DecimalField("每公里（元）", max_digits=8, decimal_places=2, default=0)
    valid_from = models.DateField("起始日期")
    valid_to = models.DateField("终止日期")
    note = models.CharField("备注", max_length=200, blank=True)

    class Meta:
        verbose_name = verbose_name_plural = "车辆租赁合同"
        ordering = ["-valid_from"]
        constraints = [
            models.CheckConstraint(condition=Q(valid_to__gt=F("valid_from")), name="vehicles_contract_dates"),
            models.CheckConstraint(
                condition=Q(day_rate_yuan__gte=0, km_rate_yuan__gte=0), name="vehicles_contract_rates"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.company} {self.number}"
