"""Approval items of the line: G6 plans of repair, G7 size of premises. Their work: ``domain/case_repairs``, ``case_sizes``."""

from zhiguan.kernel.documents.declare import DocumentKind
from zhiguan.kernel.flow.declare import Field, Material, Section, ServiceItem, Table, case_permissions, case_roles

from .codes import GRADE_NAMES, HeightClass, OrganLevel, RepairKind, SizeWay

PDF_ONLY = ("application/pdf",)
METRES = {"kind": "decimal", "unit": "平方米", "minimum": 0, "maximum": 10_000_000}
COUNT = {"kind": "integer", "minimum": 0, "maximum": 100_000}

REPAIRS = ServiceItem(
    code="space.office_repair_plan",
    number="G6",
    name="办公用房大中修及专项维修计划",
    summary="申报下一年度办公用房大修、中修和专项维修项目，批准后列入年度维修计划。",
    facts="approvals.office_repair_plan",
    flow="flows/office_repair_plan.bpmn",
    decisions={"route": "flows/office_repair_plan_route.dmn"},
    title='unit.name + string(year) + "年办公用房维修计划" + (if count(rows) = 0 then "" else "（" + string(count(rows)) + "项）")',
    document="space.repair_decision",
    life_events=("办公用房维修", "年度预算编制"),
    icon="tools",
    order=60,
    sections=(
        Section("申请事由", (
            Field("year", "计划年度", "integer", required=True, minimum=2000, maximum=2100),
            Field("reason", "申请理由", "long_text", required=True, help="写明房屋现状、安全隐患、使用影响和资金来源。"),
        )),
        Section("维修项目", (
            Table("rows", "维修项目", (
                Field("building", "楼宇", "record", required=True, lookup="buildings", help="列出本单位管理或使用的楼宇。"),
                Field("project", "项目名称", required=True, max_length=80),
                Field("kind", "维修类别", "choice", required=True, choices=tuple(RepairKind.choices), default="special"),
                Field("area", "维修面积", required=True, kind="decimal", unit="平方米", minimum=0.01, maximum=10_000_000),
                Field("estimate", "估算投资", "money", required=True, unit="元", minimum=1, maximum=10_000_000_000),
                Field("why", "维修理由", required=True, max_length=500),
                Field("approved", "核定投资", "money", unit="元", minimum=1, maximum=10_000_000_000, reviewed=True,
                      help="不填即按估算投资。"),
            ), minimum=1, maximum=50, totals=("area", "estimate", "approved"), unique="project",
               help="可以用 Excel 批量填写。楼宇的建成年份、面积和维修历史取自楼宇台账。"),
            Field("total", "估算投资合计", "computed", unit="元",
                  computed="sum(for row in rows return if row.estimate = null then 0 else row.estimate)"),
            Field("repair_scope", "维修范围", "computed",
                  computed='if some row in rows satisfies row.kind = "major" or row.kind = "medium" '
                           'then "含大修、中修项目" else "专项维修项目"'),
        )),
    ),
    materials=(
        Material("application", "维修项目申请（盖章）", types=PDF_ONLY),
        Material("inspection", "房屋现状与检查鉴定报告", types=PDF_ONLY, required_if='repair_scope = "含大修、中修项目"'),
        Material("scheme", "维修方案和投资估算（概算）", types=PDF_ONLY),
        Material("history", "历次维修记录", required_if='repair_scope = "含大修、中修项目"'),
        Material("pictures", "现场照片、图纸", required=False, max_files=20),
    ),
)  # fmt: skip

SIZE = ServiceItem(
    code="space.office_size",
    number="G7",
    name="办公用房规模核定",
    summary="按编制、职务层次和建设标准核定本单位办公用房规模，批准后记入核定规模台账。",
    facts="approvals.office_size",
    flow="flows/office_size.bpmn",
    decisions={"route": "flows/office_size_route.dmn"},
    title='unit.name + "办公用房规模核定"',
    document="space.size_decision",
    life_events=("机构设立与改革", "办公用房建设与租用"),
    icon="scale",
    order=70,
    sections=(
        Section("申请事由", (
            Field("way", "申请类型", "choice", required=True, default="adjust", choices=tuple(SizeWay.choices)),
            Field("landlord", "出租方", max_length=80, visible_if='way = "lease"', required_if='way = "lease"',
                  help="拟租用房屋的出租单位全称，与租用方案一致。"),
            Field("reason", "申请理由", "long_text", required=True),
            Field("effective_on", "拟执行日期", "date", required=True),
        )),
        Section("编制定员", (
            Field("level", "面积标准级别", "choice", required=True, choices=tuple(OrganLevel.choices),
                  help="按机关级别填入，由标准依据确定。"),
            Table("people", "按职务层次的编制定员", (
                Field("grade", "职务层次", "choice", required=True, choices=tuple(GRADE_NAMES.items())),
                Field("posts", "人数", "integer", required=True, unit="人", minimum=0, maximum=100_000),
            ), minimum=1, maximum=9, totals=("posts",), unique="grade",
               help="已按人员编制和任职台账填入，空缺编制按最低层次计算；有出入请先更正台账。"),
            Field("posts", "编制定员合计", "computed", places=0, unit="人",
                  computed="sum(for row in people return if row.posts = null then 0 else row.posts)"),
        )),
        Section("用房需求", (
            Field("height_class", "层数类别", "choice", required=True, default="multi_storey", choices=tuple(HeightClass.choices)),
            Field("canteen", "设食堂", "boolean"),
            Field("cars", "汽车车位", unit="个", **COUNT),
            Field("bicycles", "自行车", unit="辆", **COUNT),
            Field("ebikes", "电动车、摩托车", unit="辆", **COUNT),
            Field("guards", "警卫人员", unit="人", **COUNT),
            Field("measured", "按标准测算的总建筑面积", required=True, help="已按以上内容测算；修改后须与测算结果一致。", **METRES),
            Field("wanted", "申请总建筑面积", required=True, **METRES),
            Field("approved", "核定面积", help="不填即按申请面积。", reviewed=True, **METRES),
        )),
        Section("现有办公用房", (
            Field("present_office", "办公室使用面积", **METRES),
            Field("present_service", "服务用房使用面积", **METRES),
            Field("present_equipment", "设备用房使用面积", **METRES),
            Field("present_ancillary", "附属用房使用面积", **METRES),
        ), help="取自房间台账，随台账更新。"),
    ),
    materials=(
        Material("application", "规模核定申请（盖章）", types=PDF_ONLY),
        Material("staffing", "机构设置和人员编制批准文件", types=PDF_ONLY),
        Material("titles", "现有办公用房权属材料", required=False, max_files=20),
        Material("proposal", "项目建议书", types=PDF_ONLY, required_if='way = "build" or way = "extend" or way = "purchase"'),
        Material("lease", "租用方案和租金测算", required_if='way = "lease"'),
    ),
)  # fmt: skip

PERMISSIONS = case_permissions("space", "办公用房")
_LEDGERS = ("space.building.view", "space.size.view", "space.repair.view")
ROLES = case_roles("space", "办公用房", handler=_LEDGERS, decider=_LEDGERS)
DOCUMENTS = (
    DocumentKind("space.repair_decision", "维修计划批复", "{word}房修〔{year}〕{n}号",
                 needs=("title", "to", "paragraphs", "columns", "table"), seal="approval"),
    DocumentKind("space.size_decision", "办公用房规模核定意见", "{word}房核〔{year}〕{n}号",
                 needs=("title", "to", "paragraphs", "columns", "table"), seal="approval"),
)  # fmt: skip
