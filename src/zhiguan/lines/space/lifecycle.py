"""The life of buildings, rooms, allocations, room users, sizes and repair projects. Pure data."""

from zhiguan.kernel.ledger.declare import Lifecycle, Move

BUILDING_MANAGE = "space.building.manage"
ALLOCATE = "space.allocation.manage"
OCCUPANT = "space.occupant.manage"
SIZE = "space.size.manage"
REPAIR = "space.repair.manage"

BUILDING = Lifecycle(
    code="space.building",
    name="楼宇",
    start="in_use",
    states={"in_use": "在用", "closed": "停用", "disposed": "已处置"},
    moves=(
        Move("close", ("in_use",), "closed", "停用", BUILDING_MANAGE, needs_reason=True),
        Move("reopen", ("closed",), "in_use", "恢复使用", BUILDING_MANAGE),
        Move("dispose", ("closed",), "disposed", "处置", BUILDING_MANAGE, needs_reason=True),
    ),
    colours={"in_use": "green", "closed": "yellow", "disposed": "secondary"},
)
ROOM = Lifecycle(
    code="space.room",
    name="房间",
    start="idle",
    states={"idle": "闲置", "allocated": "已调配", "closed": "停用"},
    moves=(
        Move("allocate", ("idle",), "allocated", "调配", ALLOCATE),
        Move("vacate", ("allocated",), "idle", "腾退", ALLOCATE, needs_reason=True),
        Move("close", ("idle",), "closed", "停用", BUILDING_MANAGE, needs_reason=True),
        Move("reopen", ("closed",), "idle", "恢复使用", BUILDING_MANAGE),
    ),
    colours={"idle": "yellow", "allocated": "green", "closed": "secondary"},
)
ALLOCATION = Lifecycle(
    code="space.allocation",
    name="办公用房调配",
    start="active",
    states={"active": "使用中", "vacated": "已腾退"},
    moves=(Move("vacate", ("active",), "vacated", "腾退", ALLOCATE, needs_reason=True),),
    colours={"active": "green", "vacated": "secondary"},
)
USER = Lifecycle(
    code="space.roomuser",
    name="房间使用人",
    start="active",
    states={"active": "使用中", "left": "已退出"},
    moves=(Move("leave", ("active",), "left", "退出", OCCUPANT, needs_reason=True),),
    colours={"active": "green", "left": "secondary"},
)
ORGAN_SIZE = Lifecycle(
    code="space.organsize",
    name="核定规模",
    start="active",
    states={"active": "有效", "revoked": "已撤销"},
    moves=(Move("revoke", ("active",), "revoked", "撤销", SIZE, needs_reason=True),),
    colours={"active": "green", "revoked": "secondary"},
)
REPAIR_PLAN = Lifecycle(
    code="space.repairplan",
    name="维修项目",
    start="proposed",
    states={
        "proposed": "拟列项", "planned": "已列入计划", "under_way": "实施中", "finished": "已竣工验收",
        "rejected": "未列入", "cancelled": "已取消",
    },
    moves=(
        Move("include", ("proposed",), "planned", "列入计划", REPAIR),
        Move("reject", ("proposed",), "rejected", "不列入", REPAIR, needs_reason=True),
        Move("begin", ("planned",), "under_way", "开工", REPAIR),
        Move("finish", ("under_way",), "finished", "竣工验收", REPAIR),
        Move("cancel", ("proposed", "planned"), "cancelled", "取消", REPAIR, needs_reason=True),
    ),
    colours={"proposed": "yellow", "planned": "azure", "under_way": "blue", "finished": "green", "rejected": "red",
             "cancelled": "secondary"},
)  # fmt: skip
