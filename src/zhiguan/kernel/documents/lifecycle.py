"""The life of an issued document and of a seal."""

from zhiguan.kernel.ledger.declare import Lifecycle, Move

from .codes import REVOKE, SEAL_ACTIVATE

DOCUMENT = Lifecycle(
    code="documents.outcomedocument",
    name="文书",
    start="making",
    states={"making": "制作中", "valid": "有效", "revoked": "已撤销", "superseded": "已被替代"},
    moves=(
        Move("produce", ("making",), "valid", "制作完成"),
        Move("revoke", ("making", "valid"), "revoked", "撤销", REVOKE, needs_reason=True),
        Move("supersede", ("making", "valid"), "superseded", "替代", needs_reason=True),
    ),
    colours={"making": "azure", "valid": "green", "revoked": "red", "superseded": "secondary"},
)

SEAL = Lifecycle(
    code="documents.seal",
    name="电子印章",
    start="proposed",
    states={"proposed": "待启用", "active": "在用", "retired": "已停用", "rejected": "未通过"},
    moves=(
        Move("activate", ("proposed",), "active", "启用", SEAL_ACTIVATE),
        Move("reject", ("proposed",), "rejected", "不予启用", SEAL_ACTIVATE, needs_reason=True),
        Move("retire", ("active",), "retired", "停用", SEAL_ACTIVATE, needs_reason=True),
    ),
    colours={"proposed": "azure", "active": "green", "retired": "secondary", "rejected": "red"},
)
