"""Approval items of the line: G4 establishment of vehicles, G5 addition and renewal. Their work: ``domain/case_work``."""

from zhiguan.kernel.documents.declare import DocumentKind
from zhiguan.kernel.flow.declare import Field, Material, Section, ServiceItem, Table, case_permissions, case_roles

from .codes import Body, Energy, VehicleKind

KINDS = tuple(VehicleKind.choices)
PDF_ONLY = ("application/pdf",)

QUOTA = ServiceItem(
    code="vehicles.vehicle_quota",
    number="G4",
    name="公务用车编制核定",
    summary="核定或者调整本单位各类公务用车编制数，批准后编制台账同步生效。",
    facts="approvals.vehicle_quota",
    flow="flows/vehicle_quota.bpmn",
    decisions={"route": "flows/vehicle_quota_route.dmn"},
    title='unit.name + "公务用车编制" + (if reason_kind = "new" then "核定" else "调整")',
    document="vehicles.quota_decision",
    life_events=("机构设立与改革", "职能调整", "车辆配备"),
    icon="clipboard-list",
    sections=(
        Section("申请事由", (
            Field("reason_kind", "申请类型", "choice", required=True, default="adjust",
                  choices=(("new", "新设机构核定"), ("adjust", "职能或人员变化调整"), ("reduce", "核减"))),
            Field("reason", "申请理由", "long_text", required=True, help="写明职能、人员编制、业务量变化和现有车辆使用情况。"),
            Field("staff", "在编人数", "integer", unit="人", minimum=0, maximum=100000,
                  help="已按机构编制台账填入，如有出入请先更正台账。"),
            Field("effective_on", "拟执行日期", "date", required=True),
        )),
        Section("编制明细", (
            Table("rows", "编制明细", (
                Field("kind", "车辆种类", "choice", required=True, choices=KINDS),
                Field("current", "现有编制", "integer", unit="辆", minimum=0, maximum=9999),
                Field("held", "实有车辆", "integer", unit="辆", minimum=0, maximum=9999),
                Field("wanted", "申请编制", "integer", required=True, unit="辆", minimum=0, maximum=9999),
                Field("change", "增减", "computed", computed=
                      "if wanted = null then null else wanted - (if current = null then 0 else current)",
                      places=0, unit="辆"),
                Field("why", "说明", max_length=200),
            ), minimum=1, maximum=10, totals=("current", "held", "wanted", "change"), unique="kind",
               help="现有编制和实有车辆取自车辆台账。"),
            Field("increase", "编制净增", "computed", places=0, unit="辆",
                  computed="sum(for row in rows return (if row.wanted = null then 0 else row.wanted)"
                  " - (if row.current = null then 0 else row.current))"),
        )),
    ),
    materials=(
        Material("application", "编制核定申请（盖章）", types=PDF_ONLY),
        Material("duties", "职能和人员编制批准文件", required_if='reason_kind = "new"'),
        Material("usage", "现有车辆使用情况说明", required_if='reason_kind = "adjust" and increase > 0'),
    ),
)  # fmt: skip

RENEWAL = ServiceItem(
    code="vehicles.vehicle_addition_renewal",
    number="G5",
    name="公务用车新增更新",
    summary="在编制和配备标准之内申请新增或者更新车辆，批准后形成可采购的配备更新计划。",
    facts="approvals.vehicle_addition_renewal",
    flow="flows/vehicle_addition_renewal.bpmn",
    decisions={"route": "flows/vehicle_addition_renewal_route.dmn"},
    title='unit.name + "公务用车" + (if mode = "addition" then "新增" else if mode = "renewal" then "更新" else "新增更新") + '
          '(if count(rows) = 0 then "" else string(count(rows)) + "辆")',
    document="vehicles.renewal_decision",
    life_events=("车辆配备", "车辆到期更新"),
    icon="car",
    sections=(
        Section("申请事由", (
            Field("mode", "申请类型", "choice", required=True, default="renewal",
                  choices=(("addition", "新增"), ("renewal", "更新"))),
            Field("year", "计划年度", "integer", required=True, minimum=2000, maximum=2100),
            Field("reason", "申请理由", "long_text", required=True),
        )),
        Section("车辆明细", (
            Table("rows", "车辆明细", (
                Field("replaces", "拟更新车辆", "record", lookup="old_vehicles", required_if='mode = "renewal"',
                      help="列出本单位达到更新年限的在用车辆。"),
                Field("kind", "车辆种类", "choice", required=True, choices=KINDS),
                Field("body", "车型", "choice", required=True, choices=tuple(Body.choices), default="sedan"),
                Field("energy", "能源类型", "choice", required=True, choices=tuple(Energy.choices), default="electric"),
                Field("displacement", "排气量", "decimal", places=1, unit="升", minimum=0, maximum=9.9,
                      required_if='energy = "petrol" or energy = "diesel"'),
                Field("budget", "预算价格", "money", required=True, unit="元", minimum=1, maximum=10000000),
                Field("special_need", "确因工作需要", "boolean", help="按规定可适当提高标准的情形。"),
                Field("need", "配备理由", required=True, max_length=200),
            ), minimum=1, maximum=100, totals=("budget",), unique="replaces", help="可以用 Excel 批量填写。"),
            Field("total", "预算合计", "computed", unit="元",
                  computed="sum(for row in rows return if row.budget = null then 0 else row.budget)"),
        )),
    ),
    materials=(
        Material("application", "新增更新申请（盖章）", types=PDF_ONLY),
        Material("budget", "预算批复或资金来源证明"),
        Material("scrapping", "旧车处置或报废证明", required_if='mode = "renewal"'),
    ),
)  # fmt: skip

PERMISSIONS = case_permissions("vehicles", "车辆")
ROLES = case_roles("vehicles", "车辆")
DOCUMENTS = (
    DocumentKind("vehicles.quota_decision", "公务用车编制批复", "{word}车编〔{year}〕{n}号",
                 needs=("title", "to", "paragraphs", "columns", "table"), seal="approval"),
    DocumentKind("vehicles.renewal_decision", "公务用车新增更新批复", "{word}车更〔{year}〕{n}号",
                 needs=("title", "to", "paragraphs", "columns", "table"), seal="approval"),
)  # fmt: skip
