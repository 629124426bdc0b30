"""Code lists, permissions and roles of official vehicles. Pure data."""

from __future__ import annotations

from django.db.models import TextChoices

from zhiguan.kernel.notices.declare import DIGEST, NoticeKind
from zhiguan.kernel.trace.declare import TraceCode
from zhiguan.kit.manifest import Permission, RoleTemplate


class VehicleKind(TextChoices):
    """车辆种类，《党政机关公务用车管理办法》第三条 (reference facts ``vehicles.kinds.*``)."""

    CONFIDENTIAL_MAIL = "confidential_mail", "机要通信用车"
    EMERGENCY = "emergency", "应急保障用车"
    LAW_ENFORCEMENT = "law_enforcement", "执法执勤用车"
    SPECIAL_PURPOSE = "special_purpose", "特种专业技术用车"
    OTHER = "other", "其他公务用车"


class Energy(TextChoices):
    PETROL = "petrol", "汽油"
    DIESEL = "diesel", "柴油"
    HYBRID = "hybrid", "插电混合动力"
    ELECTRIC = "electric", "纯电动"


class Body(TextChoices):
    """车型, by GA 802."""

    SEDAN = "sedan", "轿车"
    SUV = "suv", "越野车"
    SMALL_BUS = "small_bus", "小型客车"
    MEDIUM_BUS = "medium_bus", "中型客车"
    LARGE_BUS = "large_bus", "大型客车"


class LicenceClass(TextChoices):
    """准驾车型."""

    A1 = "A1", "A1"
    A3 = "A3", "A3"
    B1 = "B1", "B1"
    C1 = "C1", "C1"
    C2 = "C2", "C2"


class OrderKind(TextChoices):
    ORDINARY = "ordinary", "一般公务"
    EMERGENCY = "emergency", "应急"


class Match(TextChoices):
    """How a trip and the dispatch orders of its vehicle agree."""

    MATCHED = "matched", "与派车单相符"
    OVERRUN = "overrun", "超出派车时段"
    DEVIATED = "deviated", "未到派车目的地"
    NO_ORDER = "no_order", "无派车单"
    NO_TRIP = "no_trip", "有单无行程"


class PlaceKind(TextChoices):
    """Kinds of places that an official journey has no business at, unless it was ordered there."""

    SCHOOL = "school", "学校、幼儿园"
    LEISURE = "leisure", "休闲娱乐场所"
    RESIDENCE = "residence", "住宅小区"
    DINING = "dining", "餐饮场所"
    SHOPPING = "shopping", "商场、市场"
    SCENIC = "scenic", "风景名胜区"
    OTHER = "other", "其他"


class Datum(TextChoices):
    """坐标系 of coordinates that people type or import."""

    WGS84 = "wgs84", "WGS84（国家大地坐标系 2000）"
    GCJ02 = "gcj02", "GCJ-02（国内互联网地图坐标）"


class Holding(TextChoices):
    """How a person and a vehicle belong together."""

    ASSIGNED = "assigned", "按规定配备使用"
    DRIVER = "driver", "固定驾驶员"


class EnergyKind(TextChoices):
    FUEL = "fuel", "加油"
    CHARGE = "charge", "充电"


class CostKind(TextChoices):
    """费用类别 of the ledger of costs."""

    ENERGY = "energy", "燃油电费"
    INSURANCE = "insurance", "保险费"
    MAINTENANCE = "maintenance", "维修保养费"
    INSPECTION = "inspection", "检验费"
    TOLL = "toll", "通行费"
    PARKING = "parking", "停车费"
    ACCIDENT = "accident", "事故费用"
    CLEANING = "cleaning", "洗车清洁费"
    RENT = "rent", "租赁费"
    OVERTIME = "overtime", "驾驶员加班费"
    OTHER = "other", "其他费用"


class CostSource(TextChoices):
    MANUAL = "manual", "手工登记"
    IMPORT = "import", "批量导入"
    STATEMENT = "statement", "对账单"
    DERIVED = "derived", "业务办理"


class Marking(TextChoices):
    """标识化管理 (reference fact ``vehicles.use.marking``)."""

    PENDING = "pending", "待喷涂"
    DONE = "done", "已喷涂"
    EXEMPT = "exempt", "免喷涂"


class InsuranceKind(TextChoices):
    COMPULSORY = "compulsory", "交强险"
    COMMERCIAL = "commercial", "商业险"


class InspectionKind(TextChoices):
    TEST = "test", "上线检验"
    MARK = "mark", "申领标志"


class UpkeepKind(TextChoices):
    MAINTENANCE = "maintenance", "保养"
    REPAIR = "repair", "维修"


class Liability(TextChoices):
    FULL = "full", "全部责任"
    MAIN = "main", "主要责任"
    EQUAL = "equal", "同等责任"
    MINOR = "minor", "次要责任"
    NONE = "none", "无责任"


class ClaimKind(TextChoices):
    DAMAGE = "damage", "车辆损失"
    THIRD = "third", "第三者责任"
    PERSON = "person", "人员伤亡"


class DisposalMethod(TextChoices):
    AUCTION = "auction", "公开拍卖"
    SCRAP = "scrap", "报废"
    TRANSFER = "transfer", "调剂"


class DueKind(TextChoices):
    """到期事项: what the due list watches."""

    COMPULSORY = "compulsory", "交强险到期"
    COMMERCIAL = "commercial", "商业险到期"
    INSPECTION = "inspection", "检验到期"
    UPKEEP = "upkeep", "保养到期"
    LICENCE = "licence", "驾驶证到期"
    MEDICAL = "medical", "身体条件证明到期"
    REVIEW = "review", "驾驶证审验到期"
    CARD = "card", "加油充电卡到期"
    VIOLATION = "violation", "违法处理期限"


class Rung(TextChoices):
    """提醒级别: how near the day is."""

    OVERDUE = "overdue", "已逾期"
    LAST = "last", "7 日内"
    NEAR = "near", "30 日内"
    FAR = "far", "60 日内"
    LATER = "later", "60 日以后"


class Tenure(TextChoices):
    """Whose the vehicle is. Rented ones serve a pool and count against no quota."""

    OWN = "own", "自有"
    RENTED = "rented", "租赁"


class PoolKind(TextChoices):
    """用车平台的层级."""

    ORGAN = "organ", "单位车队"
    DISTRICT = "district", "区域平台"
    CITY = "city", "全市平台"
    RENTAL = "rental", "租赁平台"


class PurposeClass(TextChoices):
    """用车事由类别."""

    MEETING = "meeting", "参加会议"
    RESEARCH = "research", "调研检查"
    ENFORCEMENT = "enforcement", "执法执勤"
    MAIL = "mail", "机要通信"
    RECEPTION = "reception", "公务接待"
    ERRAND = "errand", "公文交换、办事"
    RESCUE = "rescue", "应急处置"
    OTHER = "other", "其他公务"


class Shape(TextChoices):
    ROUND = "round", "往返"
    ONE_WAY = "one_way", "单程"


class Level(TextChoices):
    """审批层级, from the lowest (reference facts ``dispatch.approval.*`` name them in these words)."""

    SECTION = "section", "处室负责人"
    LEADER = "leader", "单位领导"


class Ratified(TextChoices):
    """补批 of an emergency journey that went ahead of its approval."""

    AGREED = "agreed", "已补批"
    REFUSED = "refused", "不予补批"


class MarkKind(TextChoices):
    """途中节点 that the driver notes."""

    ARRIVED = "arrived", "到达上车点"
    ABOARD = "aboard", "乘车人上车"
    STOP = "stop", "到达途经点"
    WAIT = "wait", "开始等候"
    GO_ON = "go_on", "结束等候"
    THERE = "there", "到达目的地"
    ALIGHTED = "alighted", "乘车人下车"


class ExpenseKind(TextChoices):
    """随车费用."""

    TOLL = "toll", "通行费"
    PARKING = "parking", "停车费"
    ENERGY = "energy", "加油充电费"
    OTHER = "other", "其他费用"


class IssueKind(TextChoices):
    PROBLEM = "problem", "行车问题"
    COMPLAINT = "complaint", "投诉"


class StudyKind(TextChoices):
    """What a study of a fleet asks."""

    SIZE = "size", "规模测算"
    ELECTRIC = "electric", "电动化测算"


PERMISSIONS = (
    Permission("vehicles.vehicle.view", "查看车辆台账"),
    Permission("vehicles.vehicle.manage", "维护车辆台账"),
    Permission("vehicles.quota.view", "查看车辆编制"),
    Permission("vehicles.quota.manage", "维护车辆编制"),
    Permission("vehicles.terminal.view", "查看定位终端"),
    Permission("vehicles.terminal.manage", "维护定位终端"),
    Permission("vehicles.driver.view", "查看驾驶员"),
    Permission("vehicles.driver.manage", "维护驾驶员"),
    Permission("vehicles.place.view", "查看停放地点"),
    Permission("vehicles.place.manage", "维护停放地点"),
    Permission("vehicles.order.view", "查看用车申请与派车单"),
    Permission("vehicles.order.request", "申请用车"),
    Permission("vehicles.order.approve", "审批用车"),
    Permission("vehicles.order.endorse", "审批须单位领导批准的用车"),
    Permission("vehicles.order.dispatch", "派车"),
    Permission("vehicles.order.drive", "执行派车任务"),
    Permission("vehicles.pool.view", "查看用车平台与租赁合同"),
    Permission("vehicles.pool.manage", "维护用车平台与租赁合同"),
    Permission("vehicles.settlement.view", "查看用车结算"),
    Permission("vehicles.settlement.manage", "办理用车结算"),
    Permission("vehicles.issue.view", "查看行车问题与投诉"),
    Permission("vehicles.issue.answer", "答复行车问题与投诉"),
    Permission("vehicles.trip.view", "查看行程与轨迹"),
    Permission("vehicles.holder.view", "查看车辆固定使用人"),
    Permission("vehicles.holder.manage", "登记车辆固定使用人"),
    Permission("vehicles.privacy.view", "查看隐私保护解除记录"),
    Permission("vehicles.privacy.lift", "申请解除非工作时间隐私保护"),
    Permission("vehicles.privacy.decide", "审批解除非工作时间隐私保护"),
    Permission("vehicles.nearby.search", "查询车辆周边"),
    Permission("vehicles.cost.view", "查看车辆费用"),
    Permission("vehicles.cost.manage", "登记和导入车辆费用"),
    Permission("vehicles.profile.manage", "维护对账单格式"),
    Permission("vehicles.upkeep.manage", "维护保养周期"),
    Permission("vehicles.plan.view", "查看配备更新与处置"),
    Permission("vehicles.plan.manage", "编报配备更新与处置"),
    Permission("vehicles.plan.approve", "审批配备更新与处置"),
    Permission("vehicles.statistics.view", "查看年度统计报表"),
    Permission("vehicles.statistics.manage", "编制年度统计报表"),
    Permission("vehicles.statistics.sign", "锁定年度统计报表"),
)

_LOOK = ("vehicles.vehicle.view", "vehicles.quota.view", "vehicles.terminal.view", "vehicles.driver.view",
         "vehicles.place.view", "vehicles.order.view", "vehicles.trip.view", "vehicles.cost.view",
         "vehicles.plan.view", "vehicles.statistics.view")  # fmt: skip
_POSITIONS = ("telemetry.position.view",)
_NET = ("vehicles.pool.view", "vehicles.settlement.view", "vehicles.issue.view")
_FINDINGS = ("supervision.finding.view",)
_ASK_LIFTS = ("vehicles.privacy.view", "vehicles.privacy.lift")
_DECIDE_LIFTS = ("vehicles.privacy.view", "vehicles.privacy.decide")

ROLES = (
    RoleTemplate("vehicles.leader", "车辆管理领导", (*_LOOK, *_POSITIONS, *_FINDINGS, *_NET, *_DECIDE_LIFTS,
                                              "vehicles.statistics.sign"), scope="city"),
    RoleTemplate(
        "vehicles.manager",
        "车辆主管（机管局）",
        (
            *_LOOK, *_POSITIONS, "vehicles.vehicle.manage", "vehicles.quota.manage", "vehicles.terminal.manage",
            "vehicles.driver.manage", "vehicles.place.manage", "vehicles.holder.view",
            "vehicles.holder.manage", *_ASK_LIFTS, "vehicles.privacy.decide", "vehicles.nearby.search",
            "vehicles.order.approve", "vehicles.order.endorse",
            "vehicles.order.dispatch", "vehicles.pool.manage", *_NET, "vehicles.settlement.manage",
            "vehicles.issue.answer",
            "vehicles.cost.manage", "vehicles.profile.manage", "vehicles.upkeep.manage", "vehicles.plan.manage",
            "vehicles.plan.approve", "vehicles.statistics.manage", "vehicles.statistics.sign",
            "telemetry.source.manage", "telemetry.command.send", "supervision.finding.view",
            "supervision.finding.assign", "supervision.finding.verify", "supervision.threshold.tune",
        ),
        scope="city",
    ),
    RoleTemplate(
        "vehicles.fleet",
        "单位车辆管理员",
        (
            *_LOOK, *_POSITIONS, "vehicles.vehicle.manage", "vehicles.driver.manage", "vehicles.place.manage",
            "vehicles.holder.view", "vehicles.holder.manage",
            "vehicles.order.request", "vehicles.order.dispatch", "vehicles.cost.manage", "vehicles.plan.manage",
            "vehicles.statistics.manage", *_NET, "vehicles.settlement.manage", "vehicles.issue.answer",
            "telemetry.source.manage", "telemetry.command.send",
            "supervision.finding.view", "supervision.finding.explain",
        ),
        scope="organ",
    ),
    RoleTemplate(
        "vehicles.approver",
        "用车审批人",
        ("vehicles.order.view", "vehicles.order.request", "vehicles.order.approve", "vehicles.vehicle.view",
         "vehicles.trip.view"),
        scope="organ",
    ),
    RoleTemplate(
        "vehicles.endorser",
        "用车审批人（单位领导）",
        ("vehicles.order.view", "vehicles.order.request", "vehicles.order.approve", "vehicles.order.endorse",
         "vehicles.vehicle.view", "vehicles.trip.view", "vehicles.settlement.view", "vehicles.statistics.view",
         "vehicles.statistics.sign"),
        scope="organ",
    ),
    RoleTemplate(
        "vehicles.pool",
        "平台调度员",
        (
            "vehicles.vehicle.view", "vehicles.driver.view", "vehicles.place.view", "vehicles.trip.view",
            "vehicles.order.view", "vehicles.order.dispatch", *_POSITIONS, *_NET, "vehicles.settlement.manage",
            "vehicles.issue.answer",
        ),
        scope="unit",
    ),
    RoleTemplate(
        "vehicles.requester", "用车申请人", ("vehicles.order.view", "vehicles.order.request"), scope="self"
    ),
    RoleTemplate("vehicles.driver", "驾驶员", ("vehicles.order.view", "vehicles.order.drive"), scope="self"),
    RoleTemplate(
        "vehicles.inspector",
        "监督人员（车辆）",
        (*_LOOK, *_POSITIONS, *_NET, "vehicles.holder.view", *_ASK_LIFTS, "vehicles.nearby.search",
         "supervision.finding.view", "supervision.threshold.tune", "trace.entry.view"),
        scope="city",
    ),
)  # fmt: skip

TRACED = (
    TraceCode("vehicles.handovercheck.note", "出车前车况检查"),
    TraceCode("vehicles.ordermark.note", "记录途中节点"),
    TraceCode("vehicles.orderexpense.note", "登记随车费用"),
    TraceCode("vehicles.dispatchorder.print", "打印派车单"),
    TraceCode("vehicles.poolmember.set", "设定平台服务单位"),
    TraceCode("vehicles.settlement.line", "计算用车结算"),
)

NOTICES = (
    NoticeKind("vehicles.order.approve", "用车申请获批", mail=DIGEST, icon="check"),
    NoticeKind("vehicles.order.refuse", "用车申请未获批", mail=DIGEST, icon="ban"),
    NoticeKind("vehicles.order.dispatch", "派车和改派", mail=DIGEST, icon="steering-wheel"),
    NoticeKind("vehicles.order.reschedule", "用车时间和派车调整", mail=DIGEST, icon="clock"),
    NoticeKind("vehicles.issue.answer", "行车问题与投诉答复", mail=DIGEST, icon="message"),
    NoticeKind("vehicles.order.cancel", "派车单取消", mail=DIGEST, icon="ban"),
    NoticeKind("vehicles.due.remind", "证照与保养到期提醒", mail=DIGEST, icon="clock"),
    NoticeKind("vehicles.privacy.apply", "待审批的解除隐私保护申请", mail=DIGEST, icon="eye"),
    NoticeKind("vehicles.privacy.decide", "解除隐私保护申请的审批结果", mail=DIGEST, icon="eye"),
    NoticeKind("vehicles.privacy.tell", "本人行踪曾被查看的告知", mail=DIGEST, icon="eye"),
    NoticeKind("vehicles.plan.decide", "配备更新与处置的审批结果", mail=DIGEST, icon="checkbox"),
)
"""What requester and driver of an order, and those who look after vehicles, are told."""

TRACES = (
    TraceCode("vehicles.vehicle.mark", "喷涂标识"),
    TraceCode("vehicles.vehicle.exempt_marking", "免喷涂标识"),
    TraceCode("vehicles.upkeeprule.add", "登记保养周期"),
    TraceCode("vehicles.upkeeprule.edit", "变更保养周期"),
    TraceCode("vehicles.statementprofile.add", "登记对账单格式"),
    TraceCode("vehicles.statementprofile.edit", "变更对账单格式"),
    TraceCode("vehicles.terminal.command", "向终端下发指令"),
    TraceCode("vehicles.terminal.command_many", "批量下发终端指令"),
    TraceCode("vehicles.terminal.card", "登记驾驶员刷卡"),
    TraceCode("vehicles.terminal.medium", "登记终端影像"),
    TraceCode("vehicles.privacy.read", "查看非工作时间行踪"),
    TraceCode("vehicles.nearby.search", "查询车辆周边"),
    TraceCode("vehicles.nearby.read", "查看车辆周边查询结果"),
)
