"""The life of a finding: raised by a rule, ended by a person, or withdrawn when later data speak against it."""

from zhiguan.kernel.ledger.declare import Lifecycle, Move

from .codes import ASSIGN, DISMISS, EXPLAIN, TUNE, VERIFY

FINDING = Lifecycle(
    code="supervision.finding",
    name="问题线索",
    start="raised",
    states={
        "raised": "待交办", "assigned": "待说明", "explained": "已说明待核查", "rectified": "已整改待核查",
        "closed": "已销号", "dismissed": "已排除", "withdrawn": "已撤回",
    },
    moves=(
        Move("assign", ("raised",), "assigned", "交办", ASSIGN),
        Move("reassign", ("assigned",), "assigned", "改派", ASSIGN),
        Move("explain", ("assigned",), "explained", "说明", EXPLAIN),
        Move("rectify", ("assigned", "explained"), "rectified", "整改", EXPLAIN),
        Move("close", ("explained", "rectified"), "closed", "核查销号", VERIFY),
        Move("send_back", ("explained", "rectified"), "assigned", "退回", VERIFY, needs_reason=True),
        Move("dismiss", ("raised", "assigned", "explained"), "dismissed", "排除", DISMISS, needs_reason=True),
        Move("withdraw", ("raised", "assigned", "explained", "rectified"), "withdrawn", "撤回", needs_reason=True),
        Move("reraise", ("withdrawn",), "raised", "重新提出", needs_reason=True),
    ),
    colours={"raised": "red", "assigned": "orange", "explained": "azure", "rectified": "blue", "closed": "green",
             "dismissed": "secondary", "withdrawn": "secondary"},
)  # fmt: skip

OPEN = ("raised", "assigned", "explained", "rectified")
"""States in which somebody still has to do something."""
ENDED = ("closed", "dismissed", "withdrawn")

TRIAL = Lifecycle(
    code="supervision.thresholdtrial",
    name="阈值试算",
    start="waiting",
    states={"waiting": "试算中", "done": "已试算", "failed": "未完成", "applied": "已执行", "dropped": "已放弃"},
    moves=(
        Move("finish", ("waiting",), "done", "完成试算"),
        Move("fail", ("waiting",), "failed", "试算未完成", needs_reason=True),
        Move("repeat", ("done", "failed"), "waiting", "重新试算", TUNE),
        Move("apply", ("done",), "applied", "按此调整", TUNE, needs_reason=True),
        Move("drop", ("waiting", "done", "failed"), "dropped", "放弃", TUNE, needs_reason=True),
    ),
    colours={"waiting": "azure", "done": "blue", "failed": "orange", "applied": "green", "dropped": "secondary"},
)
