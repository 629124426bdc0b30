"""Approval items of the line: G8 persons and amounts of housing allowances. Their work: ``domain/case_work``."""

from zhiguan.kernel.documents.declare import NOTICE, DocumentKind
from zhiguan.kernel.flow.declare import Field, Material, Section, ServiceItem, Table, case_permissions, case_roles

from .codes import GRADES, AllowanceKind

PDF_ONLY = ("application/pdf",)

ALLOWANCE = ServiceItem(
    code="housing.housing_allowance",
    number="G8",
    name="公务员住房补贴对象和金额核定",
    summary="核定本单位公务员住房补贴的对象和金额，批准后记入每个人的住房补贴记录。",
    facts="approvals.housing_allowance",
    flow="flows/housing_allowance.bpmn",
    decisions={"route": "flows/housing_allowance_route.dmn"},
    title='unit.name + "住房补贴核定" + (if count(rows) = 0 then "" else "（" + string(count(rows)) + "人次）")',
    document="housing.allowance_notice",
    life_events=("人员调入", "职务晋升", "住房保障"),
    icon="wallet",
    order=80,
    sections=(
        Section("申请事由", (
            Field("reason_kind", "申请类型", "choice", required=True, default="new",
                  choices=(("new", "新增对象"), ("post", "职务变动"), ("yearly", "年度核定"))),
            Field("valid_from", "补贴起始日期", "date", required=True, help="按起始日期适用的规定和当日职务层次计算。"),
            Field("publicity", "本单位公示情况", "long_text", required=True, help="写明公示时间、范围和有无异议。"),
        )),
        Section("补贴对象和金额", (
            Table("rows", "补贴对象", (
                Field("person", "人员", "person", required=True, help="姓名或人员编号。"),
                Field("kind", "补贴种类", "choice", required=True, choices=tuple(AllowanceKind.choices)),
                Field("former_grade", "晋升前职务层次", "choice", choices=tuple(GRADES.items()), required_if='kind = "promotion"'),
                Field("wage", "当月标准工资", "money", unit="元", minimum=0, maximum=1_000_000, sensitive=True,
                      help="起始日期在 2005 年以前的按月补贴填写。"),
                Field("amount", "补贴金额", "money", required=True, unit="元", minimum=0, maximum=100_000_000, sensitive=True,
                      help="已按规定测算填入，须与测算结果一致；按月补贴为每月金额。"),
                Field("note", "说明", max_length=200),
            ), minimum=1, maximum=1000, help="已按住房档案列出符合条件、尚未核定的人员。可以用 Excel 批量填写。"),
            Field("by_month", "按月补贴每月合计", "computed", unit="元",
                  computed='sum(for row in rows return if row.amount != null and (row.kind = "rent" or row.kind = "monthly") '
                           'then row.amount else 0)'),
            Field("once", "一次性补贴合计", "computed", unit="元",
                  computed='sum(for row in rows return if row.amount != null and row.kind != "rent" and row.kind != "monthly" '
                           'then row.amount else 0)'),
        )),
    ),
    materials=(
        Material("form", "住房补贴申报表（盖章）", types=PDF_ONLY),
        Material("declaration", "个人住房情况申报与承诺", max_files=20),
        Material("appointment", "任职文件", required_if='reason_kind = "post"', max_files=20),
        Material("seniority", "工龄（建立住房公积金前）证明", max_files=20,
                 required_if='some row in rows satisfies row.kind = "lump" or row.kind = "shortfall"'),
        Material("benefits", "房改房、集资房等已享受政策情况", required=False, max_files=20),
    ),
)  # fmt: skip

PERMISSIONS = case_permissions("housing", "住房保障")
_WAGES = ("housing.record.view", "housing.record.reveal", "housing.allowance.view")
ROLES = case_roles("housing", "住房保障", handler=_WAGES, decider=("housing.allowance.view",))
DOCUMENTS = (
    DocumentKind("housing.allowance_notice", "住房补贴核定通知", "{word}房补〔{year}〕{n}号", template=NOTICE,
                 needs=("title", "to", "paragraphs", "columns", "table"), seal="approval"),
)  # fmt: skip
