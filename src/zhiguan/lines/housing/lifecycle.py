"""The life of housing records, of benefits enjoyed and of allowances. Pure data."""

from zhiguan.kernel.ledger.declare import Lifecycle, Move

RECORD_MANAGE = "housing.record.manage"
MANAGE = "housing.allowance.manage"
PAY = "housing.allowance.pay"

RECORD = Lifecycle(
    code="housing.housingrecord",
    name="住房档案",
    start="active",
    states={"active": "有效", "closed": "已封存"},
    moves=(
        Move("close", ("active",), "closed", "封存", RECORD_MANAGE, needs_reason=True),
        Move("reopen", ("closed",), "active", "恢复", RECORD_MANAGE, needs_reason=True),
    ),
    colours={"active": "green", "closed": "secondary"},
)
BENEFIT = Lifecycle(
    code="housing.housingbenefit",
    name="已享受政策",
    start="valid",
    states={"valid": "有效", "voided": "已作废"},
    moves=(Move("void", ("valid",), "voided", "作废", RECORD_MANAGE, needs_reason=True),),
    colours={"valid": "green", "voided": "secondary"},
)
ALLOWANCE = Lifecycle(
    code="housing.allowancerecord",
    name="住房补贴",
    start="approved",
    states={
        "approved": "已核定", "paying": "发放中", "suspended": "暂停发放", "paid": "已发放", "ended": "已终止",
        "revoked": "已撤销",
    },
    moves=(
        Move("start", ("approved",), "paying", "开始发放", PAY),
        Move("suspend", ("paying",), "suspended", "暂停发放", PAY, needs_reason=True),
        Move("resume", ("suspended",), "paying", "恢复发放", PAY, needs_reason=True),
        Move("pay", ("approved",), "paid", "一次发放", PAY),
        Move("end", ("approved", "paying", "suspended"), "ended", "终止", MANAGE, needs_reason=True),
        Move("revoke", ("approved",), "revoked", "撤销核定", MANAGE, needs_reason=True),
    ),
    colours={"approved": "azure", "paying": "green", "suspended": "yellow", "paid": "teal", "ended": "secondary",
             "revoked": "red"},
)  # fmt: skip
