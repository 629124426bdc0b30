"""Code tables, permissions and acts of the organisation tree."""

from __future__ import annotations

from django.db.models import TextChoices

from zhiguan.kit.manifest import MenuGroup, Permission, RoleTemplate


class UnitKind(TextChoices):
    CITY = "city", "市"
    DISTRICT = "district", "区"
    ORGAN = "organ", "机关"
    DIVISION = "division", "内设处室"
    SECTION = "section", "科室"


class UnitLevel(TextChoices):
    MUNICIPAL = "municipal", "市级"
    DISTRICT = "district", "区级"


class OrganFunction(TextChoices):
    """职能类别: the system an organ belongs to."""

    PARTY = "party", "党委机关"
    CONGRESS = "congress", "人大机关"
    GOVERNMENT = "government", "政府组成部门"
    SPECIAL = "special", "直属特设机构"
    DIRECT = "direct", "政府直属机构"
    OFFICE = "office", "部门管理机构和派出机构"
    CPPCC = "cppcc", "政协机关"
    DISCIPLINE = "discipline", "监察机关"
    COURT = "court", "审判机关"
    PROCURATORATE = "procuratorate", "检察机关"
    DEMOCRATIC = "democratic", "民主党派和工商联"
    MASS = "mass", "群团组织"
    INSTITUTION = "institution", "直属事业单位"


class Grade(TextChoices):
    """职务层次, the key of most standards of provision (premises, vehicles, housing)."""

    MINISTRY_CHIEF = "ministry_chief", "省部级正职"
    MINISTRY_DEPUTY = "ministry_deputy", "省部级副职"
    BUREAU_CHIEF = "bureau_chief", "厅局级正职"
    BUREAU_DEPUTY = "bureau_deputy", "厅局级副职"
    DIVISION_CHIEF = "division_chief", "县处级正职"
    DIVISION_DEPUTY = "division_deputy", "县处级副职"
    SECTION_CHIEF = "section_chief", "乡科级正职"
    SECTION_DEPUTY = "section_deputy", "乡科级副职"
    STAFF = "staff", "科员级"
    WORKER = "worker", "工勤人员"


class AppointmentKind(TextChoices):
    MAIN = "main", "主要任职"
    CONCURRENT = "concurrent", "兼任"


class EndReason(TextChoices):
    TRANSFERRED = "transferred", "调任"
    PROMOTED = "promoted", "晋升"
    RETIRED = "retired", "退休"
    RESIGNED = "resigned", "辞职"
    REMOVED = "removed", "免职"
    CORRECTED = "corrected", "登记更正"


class QuotaKind(TextChoices):
    """编制类别."""

    ADMINISTRATIVE = "administrative", "行政编制"
    INSTITUTIONAL = "institutional", "事业编制"
    LOGISTICS = "logistics", "工勤编制"


UNIT_MANAGE = Permission("orgs.unit.manage", "维护组织机构")
UNIT_VIEW = Permission("orgs.unit.view", "查看组织机构")
PERSON_MANAGE = Permission("orgs.person.manage", "维护人员任职")
PERSON_VIEW = Permission("orgs.person.view", "查看人员任职")
ESTABLISHMENT_MANAGE = Permission("orgs.establishment.manage", "维护人员编制")
ESTABLISHMENT_VIEW = Permission("orgs.establishment.view", "查看人员编制")

MENU = MenuGroup("orgs", "机构人员", 720, "sitemap")

READER = RoleTemplate(
    "orgs.reader",
    "机构编制查阅人员",
    ("orgs.unit.view", "orgs.person.view", "orgs.establishment.view"),
    scope="organ",
)
KEEPER = RoleTemplate(
    "orgs.keeper",
    "机构编制管理人员",
    (
        "orgs.unit.view", "orgs.unit.manage", "orgs.person.view", "orgs.person.manage", "orgs.establishment.view",
        "orgs.establishment.manage",
    ),
    scope="city",
)  # fmt: skip

ACTS: dict[str, str] = {
    "orgs.unit.create": "新建机构",
    "orgs.unit.change": "修改机构资料",
    "orgs.unit.rename": "机构更名",
    "orgs.unit.move": "机构划转",
    "orgs.unit.close": "机构撤销",
    "orgs.unit.merge": "机构合并",
    "orgs.person.register": "登记人员",
    "orgs.person.change": "修改人员资料",
    "orgs.person.contact": "查看人员联系方式",
    "orgs.appointment.appoint": "任职",
    "orgs.appointment.transfer": "调任",
    "orgs.appointment.end": "免职离任",
    "orgs.establishment.set": "核定编制",
}
"""Acts that the verbs hand to their ``record``: trace code and name."""
