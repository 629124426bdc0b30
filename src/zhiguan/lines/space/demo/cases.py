"""Demo cases of repair plans (G6) and sizes (G7), at every stage of their course, handled by the demo accounts."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.utils import timezone

from zhiguan.kernel.flow import demo

from ..items import REPAIRS, SIZE
from ..models import Building


def build() -> dict[str, int]:
    """Make the cases when there are accounts and none yet; return counts."""
    cast = demo.cast(REPAIRS, SIZE)
    if cast is None:
        return {}
    _repairs(cast)
    _sizes(cast)
    return cast.end()


def _repairs(cast: demo.Cast) -> None:
    def applies(who: str, days: int, *projects: tuple[str, str, int, int]) -> demo.Story:
        """Projects as (name, kind, area in m², yuan for each m²) of the organ's own building."""
        building = Building.objects.filter(unit=cast.unit(who)).order_by("code").first()
        rows: list[dict[str, Any]] = [
            {"building": building.pk, "project": name, "kind": kind, "area": str(area), "why": "现状老化，影响使用和安全",
             "estimate": str(Decimal(area * rate))}
            for name, kind, area, rate in projects if building is not None
        ]  # fmt: skip
        return cast.applies(who, REPAIRS, days, rows=rows, reason="消除安全隐患，保障正常办公。（演示数据）")

    applies("fleet", 1, ("电梯专项维修", "special", 60, 300))
    applies("clerk", 9, ("屋面防水维修", "special", 260, 380)).submits().grants()
    applies("fleet", 8, ("公共区域中修", "medium", 900, 850)).submits().reaches("site")
    applies("clerk", 10, ("空调系统专项维修", "special", 1200, 320)).submits().reaches("review").asks(
        7, scheme="维修方案缺少设备清单和投资测算依据。")  # fmt: skip
    applies("clerk", 29, ("办公楼外墙专项维修", "special", 1500, 1600)).submits().reaches("expert").agrees(
        "单方造价偏高，建议按控制值核减后实施。")  # fmt: skip
    applies("fleet", 12, ("大厅装饰改造", "special", 200, 480)).submits().reaches("decide", pace=2).refuses(
        3, "装饰改造不属于大中修和专项维修范围，不予列入计划。")  # fmt: skip


def _sizes(cast: demo.Cast) -> None:
    def applies(who: str, days: int, reason: str, **more: Any) -> demo.Story:
        start = (timezone.localdate() + timedelta(days=40)).isoformat()
        return cast.applies(who, SIZE, days, reason=f"{reason}。（演示数据）", effective_on=start, **more)

    applies("clerk", 0, "人员编制调整后重新核定")
    applies("fleet", 3, "编制调整").submits().reaches("accept")
    applies("fleet", 9, "现址面积不足，拟租用过渡用房", way="lease",
            landlord="上海申源物业发展有限公司").submits().reaches("expert").agrees("租用面积应按缺口控制。")
    applies("clerk", 10, "业务量增加").submits().reaches("review").suspends(
        5, "专家评审", "用房缺口测算送专家评审，评审期间中止计时。")  # fmt: skip
    applies("fleet", 27, "合署办公后核定").submits().reaches("review")
    applies("clerk", 9, "内设机构和编制调整").submits().grants()
