"""Demo cases of establishment (G4), addition and renewal (G5), at every stage, handled by the demo accounts."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.utils import timezone

from zhiguan.kernel.flow import demo, service
from zhiguan.kit.actor import system

from ..items import QUOTA, RENEWAL


def build() -> dict[str, int]:
    """Make the cases when there are accounts and none yet; return counts."""
    cast = demo.cast(QUOTA, RENEWAL)
    if cast is None:
        return {}
    _establishments(cast)
    _renewals(cast)
    return cast.end()


def _establishments(cast: demo.Cast) -> None:
    def applies(who: str, days: int, reason: str, change: int = 1) -> demo.Story:
        """``change`` more vehicles of the kind of which the organ has most."""
        story = cast.applies(
            who, QUOTA, days, reason_kind="adjust", reason=f"{reason}，申请调整公务用车编制。（演示数据）",
            effective_on=(timezone.localdate() + timedelta(days=45)).isoformat(),
        )  # fmt: skip
        rows = [dict(row) for row in story.values.get("rows") or ()]
        if rows:
            most = max(rows, key=lambda row: row.get("current") or 0)
            most["wanted"] = max((most.get("current") or 0) + change, most.get("held") or 0)
        return story.fills(rows=rows)

    applies("fleet", 1, "编制内车辆结构调整")
    applies("fleet", 3, "新增应急值守任务").submits()
    applies("fleet", 12, "重大项目服务保障任务增加").submits().reaches("expert", pace=2).agrees("经会审，同意按测算增加。")
    applies("fleet", 6, "内设机构调整").submits().reaches("accept").asks(
        4, reason="请写明调整前后的车辆分工。", usage="请补充近一年各车使用率。")  # fmt: skip
    applies("fleet", 10, "扩大用车范围").submits().reaches("accept").refuses(
        8, "现有车辆使用率不足四成，不符合增加编制的条件。")  # fmt: skip
    applies("clerk", 28, "新设派出机构").submits().reaches("decide")
    applies("clerk", 9, "财政监督检查任务增加").submits().grants()


def _renewals(cast: demo.Cast) -> None:
    for who in demo.APPLICANTS:
        cars = service.work_of(RENEWAL.code).lookups["old_vehicles"](system("demo"), cast.unit(who), "")[:1]
        rows = [
            {"replaces": car.value, **car.fills, "energy": "electric", "body": "sedan", "budget": "118000.00"} for car in cars
        ]
        if not rows:
            continue

        def applies(days: int, reason: str, who: str = who, rows: Any = rows) -> demo.Story:
            return cast.applies(who, RENEWAL, days, reason=f"{reason}。（演示数据）", rows=rows)

        if who == "fleet":
            applies(1, "车辆老旧，维修费用高")
            applies(9, "车辆达到更新年限，安全性能下降").submits().reaches("review").asks(
                5, budget="预算批复文件缺少附表，请补充。")  # fmt: skip
            applies(25, "车辆达到更新年限").submits().reaches("review")
        else:
            applies(20, "统筹安排车辆更新").submits().reaches("accept").sends_back(18, "请先在本单位内部统筹，再行申报。")
            applies(12, "车辆达到更新年限，故障频繁").submits().reaches("review").asks(
                8, scrapping="旧车处置证明应当写明车辆识别代号。").answers(4).grants()  # fmt: skip
