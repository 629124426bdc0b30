"""Code tables, permissions and roles of housing security."""

from __future__ import annotations

from django.db.models import TextChoices

from zhiguan.kit.manifest import Permission, RoleTemplate


class HousingKind(TextChoices):
    """现住房情况."""

    NONE = "none", "无房"
    PUBLIC_RENTAL = "public_rental", "承租公有住房"
    REFORM = "reform", "房改房"
    FUNDED = "funded", "集资建房"
    ECONOMIC = "economic", "经济适用住房"
    LIMITED = "limited", "限价商品住房"
    MARKET = "market", "商品住房"


class BenefitKind(TextChoices):
    """已享受政策."""

    REFORM = "reform", "购买房改房"
    FUNDED = "funded", "参加集资建房"
    ECONOMIC = "economic", "购买经济适用住房"
    LIMITED = "limited", "购买限价商品住房"
    LUMP = "lump", "领取一次性补贴"
    SHORTFALL = "shortfall", "领取差额补贴"
    PROMOTION = "promotion", "领取级差补贴"
    OTHER = "other", "其他"


class AllowanceKind(TextChoices):
    """住房补贴种类."""

    RENT = "rent", "提租补贴（按月）"
    MONTHLY = "monthly", "购房补贴（按月）"
    LUMP = "lump", "购房补贴（一次性）"
    SHORTFALL = "shortfall", "差额补贴（一次性）"
    PROMOTION = "promotion", "级差补贴（一次性）"


BY_MONTH = (AllowanceKind.RENT, AllowanceKind.MONTHLY)
"""Kinds that are paid each month; the others are paid once."""

GRADES = {
    "ministry_chief": "省部级正职", "ministry_deputy": "省部级副职", "bureau_chief": "厅局级正职", "bureau_deputy": "厅局级副职",
    "division_chief": "县处级正职", "division_deputy": "县处级副职", "section_chief": "乡科级正职",
    "section_deputy": "乡科级副职", "staff": "科员级", "worker": "工勤人员",
}  # fmt: skip
"""职务层次 as the address book has them, highest first."""
SCALES: dict[str, dict[str, str]] = {
    "area": {
        "ministry_chief": "minister", "ministry_deputy": "vice_minister", "section_chief": "section",
        "section_deputy": "section", "staff": "below_section", "worker": "below_section",
    },
    "rent": {
        "ministry_chief": "minister", "ministry_deputy": "vice_minister", "section_chief": "section",
        "section_deputy": "section", "staff": "below_section", "worker": "below_section",
    },
    "monthly.fixed": {"staff": "below_section", "ministry_chief": "", "ministry_deputy": ""},
}  # fmt: skip
"""Group of facts → 职务层次 → the facts' own name, where it differs; "" where the text names no amount."""


def rank_of(scale: str, grade: str) -> str:
    """Return the rank under which a group of facts has the 职务层次; "" when it has none."""
    return SCALES[scale].get(grade, grade) if grade in GRADES else ""


PERMISSIONS = (
    Permission("housing.record.view", "查看住房档案"),
    Permission("housing.record.manage", "维护住房档案"),
    Permission("housing.record.reveal", "查看住房档案敏感信息"),
    Permission("housing.allowance.view", "查看住房补贴"),
    Permission("housing.allowance.manage", "核定住房补贴"),
    Permission("housing.allowance.pay", "登记住房补贴发放状态"),
)
ROLES = (
    RoleTemplate("housing.leader", "住房保障管理领导", ("housing.allowance.view",), scope="city"),
    RoleTemplate("housing.manager", "住房保障主管（机管局）", tuple(each.code for each in PERMISSIONS), scope="city"),
    RoleTemplate(
        "housing.keeper",
        "单位住房保障经办人",
        ("housing.record.view", "housing.record.manage", "housing.record.reveal", "housing.allowance.view"),
        scope="organ",
    ),
    RoleTemplate("housing.person", "住房补贴本人", ("housing.record.view", "housing.allowance.view"), scope="self"),
    RoleTemplate("housing.inspector", "监督人员（住房保障）", ("housing.record.view", "housing.allowance.view"), scope="city"),
)
