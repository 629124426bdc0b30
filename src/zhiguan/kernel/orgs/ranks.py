"""The ranks every installation starts with. Pure data; loaded by the first migration.

Leading posts and the civil-service grades that count as them, after 公务员职务与职级并行规定 (2019), 第七条 and 第八条:
a grade's 职务层次 is that of the lowest leading post it corresponds to.
"""

from __future__ import annotations

from .codes import Grade

RANKS: tuple[tuple[str, str, int, str], ...] = (
    ("ministry_chief", "省部级正职", 10, Grade.MINISTRY_CHIEF),
    ("ministry_deputy", "省部级副职", 20, Grade.MINISTRY_DEPUTY),
    ("bureau_chief", "厅局级正职", 30, Grade.BUREAU_CHIEF),
    ("inspector_1", "一级巡视员", 35, Grade.BUREAU_CHIEF),
    ("bureau_deputy", "厅局级副职", 40, Grade.BUREAU_DEPUTY),
    ("inspector_2", "二级巡视员", 45, Grade.BUREAU_DEPUTY),
    ("division_chief", "县处级正职", 50, Grade.DIVISION_CHIEF),
    ("researcher_1", "一级调研员", 52, Grade.DIVISION_CHIEF),
    ("researcher_2", "二级调研员", 54, Grade.DIVISION_CHIEF),
    ("division_deputy", "县处级副职", 60, Grade.DIVISION_DEPUTY),
    ("researcher_3", "三级调研员", 62, Grade.DIVISION_DEPUTY),
    ("researcher_4", "四级调研员", 64, Grade.DIVISION_DEPUTY),
    ("section_chief", "乡科级正职", 70, Grade.SECTION_CHIEF),
    ("principal_1", "一级主任科员", 72, Grade.SECTION_CHIEF),
    ("principal_2", "二级主任科员", 74, Grade.SECTION_CHIEF),
    ("section_deputy", "乡科级副职", 80, Grade.SECTION_DEPUTY),
    ("principal_3", "三级主任科员", 82, Grade.SECTION_DEPUTY),
    ("principal_4", "四级主任科员", 84, Grade.SECTION_DEPUTY),
    ("clerk_1", "一级科员", 90, Grade.STAFF),
    ("clerk_2", "二级科员", 92, Grade.STAFF),
    ("professional", "专业技术岗位", 94, Grade.STAFF),
    ("worker", "工勤技能岗位", 99, Grade.WORKER),
)
"""Code, name, order (highest first), 职务层次."""
