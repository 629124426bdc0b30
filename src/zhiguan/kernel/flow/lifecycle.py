"""The lives of a case and of a process definition. Every act on a case is a move, also those that leave its state."""

from zhiguan.kernel.ledger.declare import Lifecycle, Move

RUNNING = ("running",)
OPEN = ("running", "correcting", "returned", "suspended")
"""States in which somebody still has to do something."""
WRITABLE = ("draft", "correcting", "returned")
"""States in which the applicant may write the form and add materials."""
DECIDED = ("granted", "refused")
"""States of a case that was decided on."""
ENDED = (*DECIDED, "withdrawn", "terminated")


def _within(code: str, name: str, *, reason: bool = False) -> Move:
    return Move(code, RUNNING, "running", name, needs_reason=reason)


CASE = Lifecycle(
    code="flow.case",
    name="办件",
    start="draft",
    states={
        "draft": "草稿", "running": "办理中", "correcting": "待补正", "returned": "已退回", "suspended": "已挂起",
        "granted": "已办结", "refused": "不予批准", "withdrawn": "已撤回", "terminated": "已终止",
    },
    moves=(
        Move("submit", ("draft",), "running", "提交"),
        _within("accept", "受理"),
        _within("claim", "签收"),
        _within("release", "退还签收"),
        _within("decide", "办理"),
        _within("delegate", "委派"),
        _within("transfer", "转办", reason=True),
        _within("add_sign_before", "前加签"),
        _within("add_sign_after", "后加签"),
        _within("reduce_sign", "减签", reason=True),
        _within("return_", "退回上一环节", reason=True),
        _within("reassign", "指定办理人", reason=True),
        _within("migrate", "更换流程版本", reason=True),
        Move("send_back", ("running",), "returned", "退回申请人", needs_reason=True),
        Move("correct", ("running",), "correcting", "通知补正"),
        Move("resubmit", ("correcting", "returned"), "running", "重新提交"),
        Move("suspend", ("running",), "suspended", "挂起", needs_reason=True),
        Move("resume", ("suspended",), "running", "恢复办理"),
        Move("grant", ("running",), "granted", "办结"),
        Move("refuse", ("running",), "refused", "不予批准"),
        Move("discard", ("draft",), "withdrawn", "放弃草稿"),
        Move("withdraw", OPEN, "withdrawn", "撤回"),
        Move("terminate", OPEN, "terminated", "终止", needs_reason=True),
    ),
    colours={"draft": "secondary", "running": "blue", "correcting": "orange", "returned": "orange",
             "suspended": "yellow", "granted": "green", "refused": "red", "withdrawn": "secondary",
             "terminated": "secondary"},
)  # fmt: skip

DEFINITION = Lifecycle(
    code="flow.definition",
    name="流程定义",
    start="draft",
    states={"draft": "草稿", "reviewing": "待复核", "published": "已发布", "retired": "已停用"},
    moves=(
        Move("propose", ("draft",), "reviewing", "提交复核"),
        Move("send_back", ("reviewing",), "draft", "退回修改", needs_reason=True),
        Move("publish", ("reviewing",), "published", "发布"),
        Move("retire", ("published",), "retired", "停用"),
        Move("restore", ("retired",), "published", "恢复启用", needs_reason=True),
    ),
    colours={"draft": "secondary", "reviewing": "orange", "published": "green", "retired": "secondary"},
)
