"""Code tables, permissions, roles and acts of office premises."""

from __future__ import annotations

from django.db.models import TextChoices

from zhiguan.kit.manifest import Permission, RoleTemplate


class Structure(TextChoices):
    """建筑结构."""

    FRAME = "frame", "钢筋混凝土框架"
    SHEAR = "shear", "框架剪力墙"
    STEEL = "steel", "钢结构"
    BRICK = "brick", "砖混"
    OTHER = "other", "其他"


class TitleKind(TextChoices):
    """权属情况."""

    UNIFIED = "unified", "已统一登记"
    OWN = "own", "登记在使用单位名下"
    NONE = "none", "未办理权属登记"
    LEASED = "leased", "租用"


class RoomKind(TextChoices):
    """房间类别: the four kinds that the standard of construction counts apart."""

    OFFICE = "office", "办公室"
    SERVICE = "service", "服务用房"
    EQUIPMENT = "equipment", "设备用房"
    ANCILLARY = "ancillary", "附属用房"


class OrganLevel(TextChoices):
    """面积标准级别: which column of the standard holds for an organ."""

    CENTRAL = "central", "中央机关"
    PROVINCIAL = "provincial", "省级（直辖市）机关"
    MUNICIPAL = "municipal", "市级机关"
    COUNTY = "county", "县级机关"


class HeightClass(TextChoices):
    """建筑层数类别, which sets the ratio of usable to gross area."""

    MULTI = "multi_storey", "多层建筑"
    HIGH = "high_rise", "高层建筑"


class SizeWay(TextChoices):
    """规模核定的申请类型."""

    ADJUST = "adjust", "机构编制变化调整"
    BUILD = "build", "新建"
    EXTEND = "extend", "扩建、改建"
    PURCHASE = "purchase", "购置"
    LEASE = "lease", "租用"
    EXCHANGE = "exchange", "置换"


class RepairKind(TextChoices):
    """维修类别."""

    MAJOR = "major", "大修"
    MEDIUM = "medium", "中修"
    SPECIAL = "special", "专项维修"


GRADES = (
    "ministry_chief", "ministry_deputy", "bureau_chief", "bureau_deputy", "division_chief", "division_deputy",
    "section_chief", "section_deputy", "staff",
)  # fmt: skip
"""职务层次 as the address book has them, highest first; workers (工勤人员) have no office of their own."""
GRADE_NAMES = dict(zip(GRADES, (
    "省部级正职", "省部级副职", "厅局级正职", "厅局级副职", "县处级正职", "县处级副职", "乡科级正职", "乡科级副职", "科员级及以下",
), strict=True))  # fmt: skip
RANKS: dict[str, dict[str, str]] = {
    OrganLevel.CENTRAL: {
        "ministry_chief": "minister_chief", "ministry_deputy": "minister_deputy",
        "bureau_chief": "bureau_chief", "bureau_deputy": "bureau_deputy", "division_chief": "division",
        "division_deputy": "division", "": "below_division",
    },
    OrganLevel.PROVINCIAL: {
        "ministry_chief": "provincial_chief", "ministry_deputy": "provincial_deputy",
        "bureau_chief": "department_chief", "bureau_deputy": "department_deputy",
        "division_chief": "division_chief", "division_deputy": "division_deputy", "": "below_division",
    },
    OrganLevel.MUNICIPAL: {
        "bureau_chief": "municipal_chief", "bureau_deputy": "municipal_deputy",
        "division_chief": "bureau_chief", "division_deputy": "bureau_deputy", "": "below_bureau",
    },
    OrganLevel.COUNTY: {
        "division_chief": "county_chief", "division_deputy": "county_deputy",
        "section_chief": "section_chief", "section_deputy": "section_deputy", "": "below_section",
    },
}  # fmt: skip
"""Level → 职务层次 → the standard's own name of the rank; "" stands for every lower one."""


def rank_of(level: str, grade: str) -> str:
    """Return the standard's rank for a 职务层次; a grade above the level's highest counts as the highest."""
    ranks = RANKS[level]
    if grade in ranks:
        return ranks[grade]
    if grade in GRADES and GRADES.index(grade) < GRADES.index(next(iter(ranks))):
        return next(iter(ranks.values()))
    return ranks[""]


PERMISSIONS = (
    Permission("space.building.view", "查看楼宇和房间"),
    Permission("space.building.manage", "维护楼宇和房间"),
    Permission("space.allocation.view", "查看办公用房调配"),
    Permission("space.allocation.manage", "办理办公用房调配和腾退"),
    Permission("space.occupant.view", "查看房间使用人"),
    Permission("space.occupant.manage", "登记房间使用人"),
    Permission("space.size.view", "查看办公用房规模"),
    Permission("space.size.manage", "核定办公用房规模"),
    Permission("space.repair.view", "查看维修计划"),
    Permission("space.repair.propose", "申报维修项目"),
    Permission("space.repair.manage", "编制维修年度计划"),
)
_LOOK = (
    "space.building.view", "space.allocation.view", "space.occupant.view", "space.size.view", "space.repair.view",
)  # fmt: skip
_FINDINGS = ("supervision.finding.view",)
ROLES = (
    RoleTemplate("space.leader", "办公用房管理领导", (*_LOOK, *_FINDINGS), scope="city"),
    RoleTemplate(
        "space.manager", "办公用房主管（机管局）", (*(each.code for each in PERMISSIONS), *_FINDINGS), scope="city"
    ),
    RoleTemplate(
        "space.keeper", "单位办公用房管理员", (*_LOOK, "space.occupant.manage", "space.repair.propose", *_FINDINGS),
        scope="organ",
    ),
    RoleTemplate("space.inspector", "监督人员（办公用房）", (*_LOOK, *_FINDINGS), scope="city"),
)  # fmt: skip
