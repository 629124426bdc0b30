"""Code lists, permissions and roles of state-owned assets. Pure data."""

from __future__ import annotations

from django.db.models import TextChoices

from zhiguan.kernel.notices.declare import DIGEST, NoticeKind
from zhiguan.kernel.trace.declare import TraceCode
from zhiguan.kit.manifest import Permission, RoleTemplate


class TopClass(TextChoices):
    """资产大类: top level of GB/T 14885-2022 (reference facts ``assets.classes.*``, most of them unverified)."""

    BUILDINGS = "A01", "房屋和构筑物"
    EQUIPMENT = "A02", "设备"
    RELICS = "A03", "文物和陈列品"
    BOOKS = "A04", "图书和档案"
    FURNITURE = "A05", "家具和用具"
    LIVING = "A06", "特种动植物"
    MATERIALS = "A07", "物资"
    INTANGIBLE = "A08", "无形资产"


class Origin(TextChoices):
    """取得方式 (reference fact ``assets.law.sources``)."""

    PURCHASE = "purchase", "购置"
    CONSTRUCTION = "construction", "建设"
    TRANSFER = "transfer", "调拨划转"
    EXCHANGE = "exchange", "置换"
    DONATION = "donation", "接受捐赠"
    SURPLUS = "surplus", "盘盈"
    OTHER = "other", "其他"


class Method(TextChoices):
    """折旧方法 (reference fact ``assets.depreciation.method``)."""

    STRAIGHT = "straight", "年限平均法"
    NONE = "none", "不计提折旧"


class DepreciationKind(TextChoices):
    """折旧类别: for each a minimum of years is a fact ``assets.depreciation.<value>``."""

    STEEL = "steel", "钢结构房屋"
    REINFORCED_CONCRETE = "reinforced_concrete", "钢筋混凝土结构房屋"
    BRICK_CONCRETE = "brick_concrete", "砖混结构房屋"
    BRICK_WOOD = "brick_wood", "砖木结构房屋"
    SIMPLE_HOUSE = "simple_house", "简易房"
    ANNEX = "annex", "房屋附属设施"
    STRUCTURES = "structures", "构筑物"
    COMPUTER = "computer", "计算机设备"
    OFFICE = "office", "办公设备"
    VEHICLE = "vehicle", "车辆"
    LIBRARY = "library", "图书档案设备"
    MACHINERY = "machinery", "机械设备"
    ELECTRICAL = "electrical", "电气设备"
    RADAR = "radar", "雷达、无线电和卫星导航设备"
    COMMUNICATION = "communication", "通信设备"
    BROADCAST = "broadcast", "广播、电视、电影设备"
    INSTRUMENT = "instrument", "仪器仪表"
    ELECTRONIC_MEASURE = "electronic_measure", "电子和通信测量设备"
    MEASURE = "measure", "计量标准器具及量具、衡器"
    SPECIAL_5_10 = "special_5_10", "专用设备（医疗、电工电子等）"
    SPECIAL_10_15 = "special_10_15", "专用设备（工程机械、农林、食品等）"
    SPECIAL_10_20 = "special_10_20", "专用设备（印刷、安全生产、污染防治等）"
    SPECIAL_20_30 = "special_20_30", "专用设备（电力、核、航空航天）"
    FURNITURE = "furniture", "家具"
    UTENSILS = "utensils", "用具、装具"
    INTANGIBLE = "intangible", "无形资产（按约定年限）"
    NONE = "none", "不计提折旧"


K = DepreciationKind
KINDS_OF_CLASS: dict[str, tuple[DepreciationKind, ...]] = {
    "A01": (K.STEEL, K.REINFORCED_CONCRETE, K.BRICK_CONCRETE, K.BRICK_WOOD, K.SIMPLE_HOUSE, K.ANNEX, K.STRUCTURES, K.NONE),
    "A02": (K.COMPUTER, K.OFFICE, K.VEHICLE, K.LIBRARY, K.MACHINERY, K.ELECTRICAL, K.RADAR, K.COMMUNICATION, K.BROADCAST,
            K.INSTRUMENT, K.ELECTRONIC_MEASURE, K.MEASURE, K.SPECIAL_5_10, K.SPECIAL_10_15, K.SPECIAL_10_20,
            K.SPECIAL_20_30, K.NONE),
    "A03": (K.NONE,),
    "A04": (K.NONE,),
    "A05": (K.FURNITURE, K.UTENSILS, K.NONE),
    "A06": (K.NONE,),
    "A07": (K.NONE,),
    "A08": (K.INTANGIBLE, K.NONE),
}  # fmt: skip
"""Which kinds of depreciation belong to a top class; the first is not a default, people choose."""


class DisposalKind(TextChoices):
    """处置方式 (reference facts ``assets.disposal.kinds.*``)."""

    FREE_TRANSFER = "free_transfer", "无偿划转"
    DONATION = "donation", "对外捐赠"
    TRANSFER = "transfer", "转让"
    EXCHANGE = "exchange", "置换"
    SCRAP = "scrap", "报废"
    LOSS = "loss_write_off", "损失核销"


OLD_KINDS = {
    "无偿调拨": DisposalKind.FREE_TRANSFER, "无偿调出": DisposalKind.FREE_TRANSFER, "出售": DisposalKind.TRANSFER,
    "出让": DisposalKind.TRANSFER, "报损": DisposalKind.LOSS, "货币性资产损失核销": DisposalKind.LOSS,
}  # fmt: skip
"""Older terms (reference fact ``assets.disposal.old_terms``): understood in imports, never offered."""


class TitleKind(TextChoices):
    """产权登记种类 (reference fact ``approvals.asset_title_registration.kinds``)."""

    ESTABLISHMENT = "establishment", "占有登记"
    CHANGE = "change", "变动登记"
    CANCELLATION = "cancellation", "注销登记"


class HolderCause(TextChoices):
    """划转情形 (reference fact ``assets.law.transfer_cases``)."""

    SPLIT = "split", "分立"
    MERGER = "merger", "合并"
    REFORM = "reform", "改制"
    CLOSURE = "closure", "撤销"
    SUBORDINATION = "subordination", "隶属关系改变"
    FUNCTIONS = "functions", "职能、业务调整"
    REALLOCATION = "reallocation", "调剂划转"


PERMISSIONS = (
    Permission("assets.asset.view", "查看资产台账"),
    Permission("assets.asset.manage", "维护资产台账"),
    Permission("assets.holder.manage", "办理资产权属划转"),
    Permission("assets.title.view", "查看产权登记"),
    Permission("assets.title.manage", "办理产权登记"),
    Permission("assets.disposal.view", "查看资产处置"),
    Permission("assets.disposal.approve", "登记资产处置批复"),
    Permission("assets.disposal.execute", "实施资产处置"),
)
_LOOK = ("assets.asset.view", "assets.title.view", "assets.disposal.view")

ROLES = (
    RoleTemplate(
        "assets.keeper", "单位资产管理员", (*_LOOK, "assets.asset.manage", "assets.disposal.execute"), scope="organ"
    ),
    RoleTemplate("assets.head", "单位资产分管领导", _LOOK, scope="organ"),
    RoleTemplate(
        "assets.manager",
        "资产主管（机管局）",
        (*_LOOK, "assets.asset.manage", "assets.holder.manage", "assets.title.manage", "assets.disposal.approve",
         "assets.disposal.execute"),
        scope="city",
    ),
    RoleTemplate("assets.leader", "资产管理领导", _LOOK, scope="city"),
    RoleTemplate("assets.inspector", "监督人员（资产）", _LOOK, scope="city"),
)  # fmt: skip

NOTICES = (
    NoticeKind("assets.holder.receive", "资产划入", mail=DIGEST, icon="switch-horizontal"),
    NoticeKind("assets.disposal.execute", "资产处置批复", mail=DIGEST, icon="recycle"),
)
TRACED = (TraceCode("assets.asset.print", "打印资产标签"),)
