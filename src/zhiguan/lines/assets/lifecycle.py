"""The life of asset cards, titles, disposals and changes of holder. Pure data."""

from zhiguan.kernel.ledger.declare import Lifecycle, Move

MANAGE, HOLD = "assets.asset.manage", "assets.holder.manage"
TITLE_MANAGE, APPROVE, EXECUTE = "assets.title.manage", "assets.disposal.approve", "assets.disposal.execute"

ASSET = Lifecycle(
    code="assets.asset",
    name="资产",
    start="in_use",
    states={"in_use": "在用", "idle": "闲置", "awaiting_disposal": "待处置", "disposed": "已处置"},
    moves=(
        Move("lay_idle", ("in_use",), "idle", "转为闲置", MANAGE, needs_reason=True),
        Move("take_up", ("idle",), "in_use", "启用", MANAGE),
        Move("await_disposal", ("in_use", "idle"), "awaiting_disposal", "列入待处置", MANAGE, needs_reason=True),
        Move("put_back", ("awaiting_disposal",), "idle", "撤出待处置", MANAGE, needs_reason=True),
        Move("change_holder", ("in_use", "idle", "awaiting_disposal"), "idle", "权属划转", HOLD, needs_reason=True),
        Move("dispose", ("in_use", "idle", "awaiting_disposal"), "disposed", "处置核销", EXECUTE, needs_reason=True),
    ),
    colours={"in_use": "green", "idle": "yellow", "awaiting_disposal": "orange", "disposed": "secondary"},
)

TITLE = Lifecycle(
    code="assets.titleregistration",
    name="产权登记",
    start="valid",
    states={"valid": "有效", "replaced": "已变更", "cancelled": "已注销"},
    moves=(
        Move("replace", ("valid",), "replaced", "变动登记", TITLE_MANAGE, needs_reason=True),
        Move("cancel", ("valid",), "cancelled", "注销登记", TITLE_MANAGE, needs_reason=True),
    ),
    colours={"valid": "green", "replaced": "secondary", "cancelled": "secondary"},
)

DISPOSAL = Lifecycle(
    code="assets.disposal",
    name="资产处置",
    start="approved",
    states={"approved": "已批复待实施", "executed": "已实施待缴款", "settled": "已办结", "revoked": "已撤销"},
    moves=(
        Move("execute", ("approved",), "executed", "处置实施", EXECUTE),
        Move("settle", ("executed",), "settled", "收入上缴", EXECUTE),
        Move("revoke", ("approved",), "revoked", "撤销批复", APPROVE, needs_reason=True),
    ),
    colours={"approved": "yellow", "executed": "azure", "settled": "green", "revoked": "secondary"},
)

# What happened on a day: written once, never moved.
HOLDER = Lifecycle(
    code="assets.holderchange",
    name="资产权属划转",
    start="booked",
    states={"booked": "已登记"},
    moves=(),
    colours={"booked": "green"},
)
