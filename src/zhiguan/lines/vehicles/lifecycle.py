"""The life of vehicles, terminals, drivers, parking places, quotas and dispatch orders. Pure data."""

from zhiguan.kernel.ledger.declare import Lifecycle, Move

MANAGE = "vehicles.vehicle.manage"

VEHICLE = Lifecycle(
    code="vehicles.vehicle",
    name="公务用车",
    start="registered",
    states={"registered": "待启用", "in_service": "在用", "repair": "维修", "laid_up": "封存", "disposed": "已处置"},
    moves=(
        Move("commission", ("registered",), "in_service", "启用", MANAGE),
        Move("send_to_repair", ("in_service",), "repair", "送修", MANAGE, needs_reason=True),
        Move("return_from_repair", ("repair",), "in_service", "修毕", MANAGE),
        Move("lay_up", ("in_service",), "laid_up", "封存", MANAGE, needs_reason=True),
        Move("recall", ("laid_up",), "in_service", "解封", MANAGE),
        Move("dispose", ("in_service", "laid_up", "repair"), "disposed", "处置", MANAGE, needs_reason=True),
    ),
    colours={"registered": "azure", "in_service": "green", "repair": "orange", "laid_up": "yellow",
             "disposed": "secondary"},
)  # fmt: skip

DISPATCH, DRIVE = "vehicles.order.dispatch", "vehicles.order.drive"
ORDER = Lifecycle(
    code="vehicles.dispatchorder",
    name="派车单",
    start="requested",
    states={
        "requested": "待审批", "approved": "待派车", "dispatched": "已派车", "started": "出车中", "ended": "已收车",
        "refused": "未批准", "cancelled": "已取消",
    },
    moves=(
        Move("approve", ("requested",), "approved", "批准", "vehicles.order.approve"),
        Move("refuse", ("requested",), "refused", "不批准", "vehicles.order.approve", needs_reason=True),
        Move("dispatch", ("approved",), "dispatched", "派车", DISPATCH),
        Move("dispatch_urgently", ("requested",), "dispatched", "应急派车", DISPATCH, needs_reason=True),
        Move("redispatch", ("dispatched",), "dispatched", "改派", DISPATCH, needs_reason=True),
        Move("reschedule", ("dispatched",), "dispatched", "调整时间", DISPATCH, needs_reason=True),
        Move("share", ("approved",), "dispatched", "拼车", DISPATCH),
        Move("withdraw", ("dispatched",), "approved", "撤回派车", DISPATCH, needs_reason=True),
        Move("send", ("approved",), "approved", "转平台调派", DISPATCH),
        Move("hand_back", ("approved",), "approved", "退回原单位", DISPATCH, needs_reason=True),
        Move("accept", ("dispatched",), "dispatched", "接单", DRIVE),
        Move("decline", ("dispatched",), "approved", "不能出车", DRIVE, needs_reason=True),
        Move("start", ("dispatched",), "started", "出车", DRIVE),
        Move("extend", ("started",), "started", "延时", DISPATCH, needs_reason=True),
        Move("end", ("started",), "ended", "收车", DRIVE),
        Move("cancel", ("requested", "approved", "dispatched"), "cancelled", "取消", needs_reason=True),
    ),
    colours={"requested": "yellow", "approved": "azure", "dispatched": "blue", "started": "green",
             "ended": "secondary", "refused": "red", "cancelled": "secondary"},
)  # fmt: skip
SETTLEMENT = Lifecycle(
    code="vehicles.settlement",
    name="用车结算单",
    start="draft",
    states={"draft": "待提交", "issued": "待对方确认", "disputed": "有异议", "confirmed": "双方已确认"},
    moves=(
        Move("issue", ("draft", "disputed"), "issued", "提交对方确认", "vehicles.settlement.manage"),
        Move("dispute", ("issued",), "disputed", "提出异议", "vehicles.settlement.manage", needs_reason=True),
        Move("confirm", ("issued",), "confirmed", "确认", "vehicles.settlement.manage"),
        Move("recompute", ("draft", "disputed"), "draft", "重新计算", "vehicles.settlement.manage"),
    ),
    colours={"draft": "azure", "issued": "yellow", "disputed": "red", "confirmed": "green"},
)
ISSUE = Lifecycle(
    code="vehicles.orderissue",
    name="行车问题与投诉",
    start="open",
    states={"open": "待答复", "answered": "已答复"},
    moves=(Move("answer", ("open",), "answered", "答复", "vehicles.issue.answer"),),
    colours={"open": "yellow", "answered": "green"},
)


def _kept(code: str, name: str, permission: str, off: str, word: str, *, back: bool = True) -> Lifecycle:
    """Return the life of a thing that is in use or not; with ``back`` it can be taken into use again."""
    return Lifecycle(
        code=code,
        name=name,
        start="active",
        states={"active": "启用", "closed": off},
        moves=(
            Move("close", ("active",), "closed", word, permission, needs_reason=True),
            *((Move("reopen", ("closed",), "active", "恢复", permission),) if back else ()),
        ),
        colours={"active": "green", "closed": "secondary"},
    )


TERMINAL = _kept("vehicles.terminal", "定位终端", "vehicles.terminal.manage", "已拆除", "拆除", back=False)
DRIVER = _kept("vehicles.driver", "驾驶员", "vehicles.driver.manage", "停驾", "停驾")
PLACE = _kept("vehicles.parkingplace", "停放地点", "vehicles.place.manage", "停用", "停用")
POOL = _kept("vehicles.pool", "用车平台", "vehicles.pool.manage", "停用", "停用")
CONTRACT = _kept("vehicles.rentalcontract", "车辆租赁合同", "vehicles.pool.manage", "已终止", "终止")
SENSITIVE = _kept("vehicles.sensitiveplace", "敏感场所", "vehicles.place.manage", "已停用", "停用")
PERMITTED = _kept("vehicles.permittedarea", "允许行驶区域", "vehicles.place.manage", "已停用", "停用")
HOLDER = _kept("vehicles.vehicleholder", "固定使用人", "vehicles.holder.manage", "已终止", "终止")
# A quota is ended by the next one, which sets its last day; nobody moves it.
QUOTA = Lifecycle(
    code="vehicles.vehiclequota",
    name="车辆编制",
    start="active",
    states={"active": "有效"},
    moves=(),
    colours={"active": "green"},
)

COST_MANAGE = "vehicles.cost.manage"
CARD = Lifecycle(
    code="vehicles.energycard",
    name="加油充电卡",
    start="active",
    states={"active": "在用", "suspended": "挂失", "closed": "已注销"},
    moves=(
        Move("suspend", ("active",), "suspended", "挂失", COST_MANAGE, needs_reason=True),
        Move("restore", ("suspended",), "active", "解除挂失", COST_MANAGE),
        Move("close", ("active", "suspended"), "closed", "注销", COST_MANAGE, needs_reason=True),
    ),
    colours={"active": "green", "suspended": "orange", "closed": "secondary"},
)
COST = Lifecycle(
    code="vehicles.costentry",
    name="车辆费用",
    start="booked",
    states={"booked": "已登记", "void": "已冲销"},
    moves=(Move("void", ("booked",), "void", "冲销", COST_MANAGE, needs_reason=True),),
    colours={"booked": "green", "void": "secondary"},
)
DOUBT = Lifecycle(
    code="vehicles.costdoubt",
    name="疑似重复费用",
    start="pending",
    states={"pending": "待判定", "kept": "不是重复，已登记", "dropped": "确属重复，不登记"},
    moves=(
        Move("keep", ("pending",), "kept", "不是重复", COST_MANAGE, needs_reason=True),
        Move("drop", ("pending",), "dropped", "确属重复", COST_MANAGE),
    ),
    colours={"pending": "yellow", "kept": "green", "dropped": "secondary"},
)

POLICY = Lifecycle(
    code="vehicles.insurancepolicy",
    name="保险单",
    start="active",
    states={"active": "有效", "cancelled": "已退保"},
    moves=(Move("cancel", ("active",), "cancelled", "退保", MANAGE, needs_reason=True),),
    colours={"active": "green", "cancelled": "secondary"},
)
INSPECTION = Lifecycle(
    code="vehicles.inspection",
    name="检验记录",
    start="booked",
    states={"booked": "已登记", "void": "已作废"},
    moves=(Move("void", ("booked",), "void", "作废", MANAGE, needs_reason=True),),
    colours={"booked": "green", "void": "secondary"},
)
UPKEEP = Lifecycle(
    code="vehicles.upkeeporder",
    name="维修保养单",
    start="planned",
    states={"planned": "待进厂", "in_shop": "维修保养中", "done": "已完工", "cancelled": "已取消"},
    moves=(
        Move("begin", ("planned",), "in_shop", "进厂", MANAGE),
        Move("finish", ("in_shop",), "done", "完工结算", MANAGE),
        Move("cancel", ("planned", "in_shop"), "cancelled", "取消", MANAGE, needs_reason=True),
    ),
    colours={"planned": "yellow", "in_shop": "orange", "done": "green", "cancelled": "secondary"},
)
ACCIDENT = Lifecycle(
    code="vehicles.accident",
    name="事故",
    start="reported",
    states={"reported": "已登记", "assessed": "已认定", "closed": "已结案"},
    moves=(
        Move("assess", ("reported",), "assessed", "责任认定", MANAGE),
        Move("close", ("assessed",), "closed", "结案", MANAGE, needs_reason=True),
    ),
    colours={"reported": "orange", "assessed": "yellow", "closed": "green"},
)
CLAIM = Lifecycle(
    code="vehicles.insuranceclaim",
    name="保险理赔",
    start="open",
    states={"open": "理赔中", "paid": "已赔付", "refused": "未获赔付"},
    moves=(
        Move("settle", ("open",), "paid", "赔付", MANAGE),
        Move("refuse", ("open",), "refused", "拒赔", MANAGE, needs_reason=True),
    ),
    colours={"open": "yellow", "paid": "green", "refused": "secondary"},
)
VIOLATION = Lifecycle(
    code="vehicles.trafficviolation",
    name="交通违法",
    start="open",
    states={"open": "待处理", "handled": "待缴款", "paid": "已办结", "withdrawn": "已撤销"},
    moves=(
        Move("handle", ("open",), "handled", "接受处理", MANAGE),
        Move("pay", ("handled",), "paid", "缴款", MANAGE),
        Move("withdraw", ("open", "handled"), "withdrawn", "撤销", MANAGE, needs_reason=True),
    ),
    colours={"open": "orange", "handled": "yellow", "paid": "green", "withdrawn": "secondary"},
)

PLAN_MANAGE, PLAN_APPROVE = "vehicles.plan.manage", "vehicles.plan.approve"
PLAN = Lifecycle(
    code="vehicles.purchaseplan",
    name="配备更新计划",
    start="draft",
    states={
        "draft": "草稿", "submitted": "待审批", "approved": "已批准", "bought": "已购置", "enrolled": "已登记入账",
        "refused": "未批准", "cancelled": "已取消",
    },
    moves=(
        Move("submit", ("draft",), "submitted", "提交", PLAN_MANAGE),
        Move("approve", ("submitted",), "approved", "批准", PLAN_APPROVE),
        Move("refuse", ("submitted",), "refused", "不批准", PLAN_APPROVE, needs_reason=True),
        Move("buy", ("approved",), "bought", "购置", PLAN_MANAGE),
        Move("enrol", ("bought",), "enrolled", "登记入账", PLAN_MANAGE),
        Move("cancel", ("draft", "submitted", "approved"), "cancelled", "取消", PLAN_MANAGE, needs_reason=True),
    ),
    colours={"draft": "secondary", "submitted": "yellow", "approved": "azure", "bought": "blue", "enrolled": "green",
             "refused": "red", "cancelled": "secondary"},
)  # fmt: skip
DISPOSAL = Lifecycle(
    code="vehicles.disposal",
    name="车辆处置",
    start="applied",
    states={"applied": "待审批", "approved": "已批准", "done": "已完成", "refused": "未批准", "withdrawn": "已撤回"},
    moves=(
        Move("approve", ("applied",), "approved", "批准", PLAN_APPROVE),
        Move("refuse", ("applied",), "refused", "不批准", PLAN_APPROVE, needs_reason=True),
        Move("finish", ("approved",), "done", "处置完成", PLAN_MANAGE),
        Move("withdraw", ("applied", "approved"), "withdrawn", "撤回", PLAN_MANAGE, needs_reason=True),
    ),
    colours={"applied": "yellow", "approved": "azure", "done": "green", "refused": "red", "withdrawn": "secondary"},
)

STUDY = Lifecycle(
    code="vehicles.fleetstudy",
    name="车队测算",
    start="waiting",
    states={"waiting": "测算中", "done": "已完成"},
    moves=(Move("finish", ("waiting",), "done", "测算完成", PLAN_MANAGE),),
    colours={"waiting": "yellow", "done": "green"},
)
STATISTICS, SIGN = "vehicles.statistics.manage", "vehicles.statistics.sign"
ANNUAL = Lifecycle(
    code="vehicles.annualreport",
    name="年度统计报表",
    start="draft",
    states={"draft": "待锁定", "signed": "已锁定", "replaced": "已被更正版替代", "discarded": "已作废"},
    moves=(
        Move("recompute", ("draft",), "draft", "重新汇总", STATISTICS),
        Move("sign", ("draft",), "signed", "锁定", SIGN),
        Move("replace", ("signed",), "replaced", "被更正版替代", SIGN, needs_reason=True),
        Move("discard", ("draft",), "discarded", "作废", STATISTICS, needs_reason=True),
    ),
    colours={"draft": "yellow", "signed": "green", "replaced": "secondary", "discarded": "secondary"},
)

TERMINAL_AREA = _kept("vehicles.terminalarea", "终端区域", "vehicles.terminal.manage", "停用", "停用")

LIFT = Lifecycle(
    code="vehicles.privacylift",
    name="解除隐私保护",
    start="applied",
    states={"applied": "待审批", "approved": "已批准", "refused": "未批准", "withdrawn": "已撤回", "ended": "已提前结束"},
    moves=(
        Move("approve", ("applied",), "approved", "批准", "vehicles.privacy.decide"),
        Move("refuse", ("applied",), "refused", "不批准", "vehicles.privacy.decide", needs_reason=True),
        Move("withdraw", ("applied",), "withdrawn", "撤回", "vehicles.privacy.lift"),
        Move("end", ("approved",), "ended", "提前结束"),
    ),
    colours={"applied": "yellow", "approved": "azure", "refused": "red", "withdrawn": "secondary", "ended": "secondary"},
)  # fmt: skip
