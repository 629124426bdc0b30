"""Approval items of the line: G1 title registration, G2 change of title, G3 disposal. Their work: ``domain/title_work``,
``domain/disposal_work``."""

from zhiguan.kernel.documents.declare import CERTIFICATE, DocumentKind
from zhiguan.kernel.flow.declare import Field, Material, Section, ServiceItem, Table, case_permissions, case_roles
from zhiguan.kit.manifest import RoleTemplate

from .codes import DisposalKind, HolderCause, TopClass

PDF_ONLY = ("application/pdf",)
CHANGES = (("holder", "资产划转"), ("value", "资产价值变动"), ("rename", "单位名称、性质变更"), ("cancel", "注销登记"))
REUSE = (("none", "已发布调剂信息，无单位需要"), ("unfit", "已无使用价值，不适合调剂"), ("listed", "正在公物仓调剂"))
_KIND_NAME = " else ".join(f'if kind = "{code}" then "{name}"' for code, name in DisposalKind.choices) + ' else ""'
"""The name of a kind of disposal, in FEEL."""


def _assets(lookup: str, help_text: str, *more: Field, minimum: int = 0, maximum: int = 2000) -> Table:
    """Return the table of assets: people give the number, the rest is filled in from the ledger."""
    return Table("rows", "资产清单", (
        Field("asset", "资产编号", "record", required=True, lookup=lookup, help="从本单位台账中选择，或填写资产编号。"),
        Field("name", "名称和规格型号", max_length=160, help="按台账自动填入。"),
        Field("original", "原值", "money", unit="元", minimum=0),
        Field("net", "净值", "money", unit="元", minimum=0),
        *more,
    ), minimum=minimum, maximum=maximum, totals=("original", "net"), unique="asset", help=help_text)  # fmt: skip


TITLE = ServiceItem(
    code="assets.asset_title_registration",
    number="G1",
    name="国有资产产权登记",
    summary="单位首次办理国有资产产权登记，核发国有资产产权登记证，登记证号写入资产台账。",
    facts="approvals.asset_title_registration",
    flow="flows/asset_title_registration.bpmn",
    decisions={"route": "flows/asset_title_registration_route.dmn"},
    title='unit.name + "国有资产产权登记"',
    document="assets.title_certificate",
    life_events=("机构设立与改革", "资产登记"),
    icon="certificate",
    order=10,
    sections=(
        Section("登记信息", (
            Field("as_of", "登记基准日", "date", required=True, help="资产数量和价值的截止日期，一般为上年末或者上月末。"),
            Field("legal_no", "统一社会信用代码", required=True, max_length=18,
                  check='matches(legal_no, "^[0-9A-HJ-NP-RTUW-Y]{18}$")', check_text="统一社会信用代码应为 18 位数字和大写字母。"),
            Field("founding", "单位设立批准文件文号", required=True, max_length=80),
            Field("reason", "申请说明", "long_text"),
        )),
        Section("资产总量", (
            Table("sums", "分类价值", (
                Field("class_code", "资产大类", "choice", required=True, choices=tuple(TopClass.choices)),
                Field("count", "数量", "integer", required=True, minimum=0, maximum=10_000_000, unit="件"),
                Field("original", "原值", "money", required=True, minimum=0, unit="元"),
                Field("accumulated", "累计折旧", "money", required=True, minimum=0, unit="元"),
                Field("net", "净值", "money", required=True, minimum=0, unit="元"),
            ), minimum=1, maximum=8, totals=("count", "original", "accumulated", "net"), unique="class_code",
               help="已按登记基准日从资产台账汇总；与台账不一致的，请先更正台账。"),
        )),
        Section("须办理权属登记的资产", (
            _assets("title_assets", "土地、房屋、车辆等依法须办理权属登记的资产；没有的可以不填。",
                    Field("deed", "权属证书号", max_length=80), maximum=500),
        )),
    ),
    materials=(
        Material("application", "产权登记申请（盖章）", types=PDF_ONLY),
        Material("declaration", "产权登记真实性声明", types=PDF_ONLY),
        Material("founding_proof", "单位设立批准文件、法人证书"),
        Material("deeds", "资产权属证明（土地、房屋、车辆）", required_if="count(rows) > 0", max_files=50),
        Material("report", "最近一期财务报告、资产清查结果", max_pages=500),
    ),
)  # fmt: skip

CHANGE = ServiceItem(
    code="assets.title_change_registration",
    number="G2",
    name="国有资产产权变动登记",
    summary="资产划转、价值变动、单位变更或者撤销时办理产权变动或者注销登记，原登记证失效，台账权属同步变更。",
    facts="approvals.title_change_registration",
    flow="flows/title_change_registration.bpmn",
    decisions={"route": "flows/title_change_registration_route.dmn"},
    title='unit.name + (if change_kind = "cancel" then "国有资产产权注销登记" else if change_kind = "holder" then '
          '"国有资产产权变动登记（资产划转" + (if count(rows) = 0 then "" else string(count(rows)) + "件") + "）" else "国有资产产权变动登记")',
    document="assets.title_change",
    life_events=("机构设立与改革", "资产划转", "单位撤销合并"),
    icon="switch-horizontal",
    order=20,
    sections=(
        Section("变动信息", (
            Field("certificate_no", "原登记证号", required=True, max_length=60, help="已按台账填入。"),
            Field("change_kind", "变动类型", "choice", required=True, default="holder", choices=CHANGES),
            Field("cause", "划转情形", "choice", choices=tuple(HolderCause.choices), visible_if='change_kind = "holder"',
                  required_if='change_kind = "holder"'),
            Field("to_unit", "接收单位", "unit", visible_if='change_kind = "holder"', required_if='change_kind = "holder"'),
            Field("changed_on", "变动日期", "date", required=True),
            Field("document_no", "变动批准文件文号", required=True, max_length=80),
            Field("reason", "变动情况说明", "long_text", required=True),
        )),
        Section("划转资产", (
            _assets("held_assets", "变动类型为资产划转的，列出划出的全部资产，可以用 Excel 批量填写。"),
        )),
    ),
    materials=(
        Material("application", "产权变动登记申请（盖章）", types=PDF_ONLY),
        Material("decision", "变动批准文件（划转、合并、分立、更名等）"),
        Material("certificate", "原产权登记证"),
        Material("handover", "交接清册、资产评估或清查报告", required_if='change_kind = "holder"', max_pages=1000),
    ),
)  # fmt: skip

DISPOSAL = ServiceItem(
    code="assets.asset_disposal",
    number="G3",
    name="国有资产处置",
    summary="申请无偿划转、对外捐赠、转让、置换、报废和损失核销资产；批复后资产列为待处置，实施后核销。",
    facts="approvals.asset_disposal",
    flow="flows/asset_disposal.bpmn",
    decisions={"route": "flows/asset_disposal_route.dmn"},
    title=f'unit.name + "国有资产" + ({_KIND_NAME}) + (if count(rows) = 0 then "" else string(count(rows)) + "件")',
    document="assets.disposal_decision",
    life_events=("资产报废处置", "单位撤销合并"),
    icon="recycle",
    order=30,
    sections=(
        Section("处置事由", (
            Field("kind", "处置方式", "choice", required=True, default="scrap", choices=tuple(DisposalKind.choices)),
            Field("reason", "处置理由", "long_text", required=True),
            Field("meeting", "集体决策会议及日期", required=True, max_length=120, help="例如 2026年3月2日局务会议。"),
            Field("to_unit", "接收单位", "unit", visible_if='kind = "free_transfer"', help="划往本系统内单位的在此选择，批复实施后资产转到该单位账上。"),
            Field("receiver", "接收方（受赠人、受让人）", max_length=80, visible_if='kind != "scrap" and kind != "loss_write_off"',
                  required_if='kind = "donation"'),
            Field("appraised", "评估价值", "money", unit="元", minimum=0, visible_if='kind = "transfer" or kind = "exchange"',
                  required_if='kind = "transfer" or kind = "exchange"', help="转让、置换须先评估。"),
            Field("appraiser", "评估机构", max_length=80, visible_if='kind = "transfer" or kind = "exchange"',
                  required_if='kind = "transfer" or kind = "exchange"', help="出具评估报告的机构全称。"),
            Field("reuse", "公物仓调剂情况", "choice", choices=REUSE, help="尚有使用价值的资产，处置前须先经公物仓调剂。"),
        )),
        Section("资产清单", (
            _assets("disposable_assets", "台账中“待处置”的资产已自动列入；可以用 Excel 批量填写，只填资产编号即可。",
                    Field("why", "说明", max_length=200, help="未达到折旧年限即报废的，须说明原因。"), minimum=1),
        )),
    ),
    materials=(
        Material("application", "处置申请及集体决策文件", types=PDF_ONLY),
        Material("proof", "权属和价值凭证", max_files=20, max_pages=1000),
        Material("opinion", "报废技术鉴定意见", required_if='kind = "scrap"', max_files=20),
        Material("appraisal", "评估报告", required_if='kind = "transfer" or kind = "exchange"'),
        Material("consent", "接收方意见", required_if='kind = "free_transfer" or kind = "donation"'),
        Material("liability", "责任认定、保险理赔文件", required_if='kind = "loss_write_off"'),
    ),
)  # fmt: skip

PERMISSIONS = case_permissions("assets", "资产")
_CHIEF = ("assets.case.handle", "assets.case.view", "documents.document.view")
ROLES = (
    *case_roles("assets", "资产"),
    RoleTemplate("assets.case_chief", "资产处置审批处室负责人", _CHIEF, scope="city"),
)
DOCUMENTS = (
    DocumentKind("assets.title_certificate", "国有资产产权登记证", "{word}产登〔{year}〕{n}号", template=CERTIFICATE,
                 needs=("title", "holder", "rows"), seal="registration"),
    DocumentKind("assets.title_change", "国有资产产权变动登记证", "{word}产登〔{year}〕{n}号", template=CERTIFICATE,
                 needs=("title", "holder", "rows"), seal="registration"),
    DocumentKind("assets.disposal_decision", "国有资产处置批复", "{word}资处〔{year}〕{n}号",
                 needs=("title", "to", "paragraphs", "columns", "table"), seal="approval"),
)  # fmt: skip
