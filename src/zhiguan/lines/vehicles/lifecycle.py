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
        Move("dispatch", ("approved",), "dispatched", "派车", "vehicles.order.dispatch"),
        Move("redispatch", ("dispatched",), "dispatched", "改派", "vehicles.order.dispatch", needs_reason=True),
        Move("start", ("dispatched",), "started", "出车", "vehicles.order.drive"),
        Move("end", ("started",), "ended", "收车", "vehicles.order.drive"),
        Move("cancel", ("requested", "approved", "dispatched"), "cancelled", "取消", needs_reason=True),
    ),
    colours={"requested": "yellow", "approved": "azure", "dispatched": "blue", "started": "green",
             "ended": "secondary", "refused": "red", "cancelled": "secondary"},
)  # fmt: skip


def _kept(code: str, name: str, permission: str, off: str, word: str) -> Lifecycle:
    """Return the life of a thing that is in use or not."""
    return Lifecycle(
        code=code,
        name=name,
        start="active",
        states={"active": "启用", "closed": off},
        moves=(
            Move("close", ("active",), "closed", word, permission, needs_reason=True),
            Move("reopen", ("closed",), "active", "恢复", permission),
        ),
        colours={"active": "green", "closed": "secondary"},
    )


TERMINAL = _kept("vehicles.terminal", "定位终端", "vehicles.terminal.manage", "已拆除", "拆除")
DRIVER = _kept("vehicles.driver", "驾驶员", "vehicles.driver.manage", "停驾", "停驾")
PLACE = _kept("vehicles.parkingplace", "停放地点", "vehicles.place.manage", "停用", "停用")
QUOTA = _kept("vehicles.vehiclequota", "车辆编制", "vehicles.quota.manage", "已失效", "终止")

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
