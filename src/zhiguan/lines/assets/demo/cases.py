"""Demo cases of titles and disposals (G1 to G3), at every stage of their course, handled by the demo accounts."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.utils import timezone

from zhiguan.kernel.flow import demo
from zhiguan.kernel.orgs.service import Unit
from zhiguan.kit.actor import system

from ..domain import cards, case_rows
from ..items import CHANGE, DISPOSAL, TITLE
from ..models import Asset

LEGAL_NO = "11310000MB2F12345X"
DEAR = Decimal(860_000)
"""Price of a thing that experts look at before it is scrapped, in yuan."""
OLD = (
    ("台式计算机", "computer", 4600), ("台式计算机", "computer", 4800), ("激光打印机", "office", 1200), ("碎纸机", "office", 800),
    ("传真机", "office", 950), ("便携式计算机", "computer", 6200), ("投影仪", "office", 5400), ("扫描仪", "office", 2600),
)  # fmt: skip
"""What the applying organs have besides, past its years: name, kind of depreciation, price in yuan."""


def build() -> dict[str, int]:
    """Make the cases when there are accounts and none yet; return counts."""
    cast = demo.cast(TITLE, CHANGE, DISPOSAL)
    if cast is None:
        return {}
    for who in demo.APPLICANTS:
        for number, (name, kind, price) in enumerate(OLD):
            _old(cast, who, name, kind, price, 3000 + 40 * number)
    _titles(cast)
    _changes(cast)
    _disposals(cast)
    return cast.end()


def _titles(cast: demo.Cast) -> None:
    known = {"legal_no": LEGAL_NO, "founding": "演示编〔2010〕1号", "reason": "首次办理产权登记。（演示数据）"}
    cast.applies("clerk", TITLE, 9, **known).submits().grants()
    cast.applies("fleet", TITLE, 2)
    cast.applies("fleet", TITLE, 9, **known).submits().reaches("review").asks(
        6, founding="设立批准文件文号填写不完整，请按文件原文填写。", report="请补充资产清查结果及专项说明。")  # fmt: skip
    cast.applies("fleet", TITLE, 27, **known).submits().reaches("review")


def _free(cast: demo.Cast, who: str, count: int) -> list[Asset]:
    """Cheap things of the organ that are in no disposal."""
    rows = case_rows.free(cast.unit(who)).exclude(top_class="A01").filter(original_value__lt=20_000)
    return list(rows.order_by("original_value", "code")[:count])


def _changes(cast: demo.Cast) -> None:
    ours = [cast.unit(who).pk for who in demo.APPLICANTS]
    to_unit = Unit.objects.of_kind("organ").filter(level="municipal").exclude(pk__in=ours).order_by("sort", "pos").last()
    today = timezone.localdate()

    def moved(days: int, assets: list[Asset], why: str, who: str = "clerk") -> demo.Story:
        return cast.applies(
            who, CHANGE, days, change_kind="holder", cause="functions", to_unit=to_unit.pk if to_unit else None,
            changed_on=(today - timedelta(days=days + 30)).isoformat(), document_no=f"演示改〔{today.year}〕{days}号",
            reason=f"{why}。（演示数据）", rows=case_rows.prefilled(assets),
        )  # fmt: skip

    first = _free(cast, "clerk", 2)
    if to_unit is None or len(first) < 2:
        return
    moved(9, first, "内设机构职能划转，相关办公设备随人员划转").submits().grants()
    left = _free(cast, "clerk", 3)
    moved(1, left[:1], "调剂余缺")
    moved(8, left[:2], "信息化职能划转").submits().reaches("decide")
    moved(24, left[1:] or left, "部分设备随项目移交").submits().reaches("decide", pace=3).refuses(
        9, "移交项目尚未批准，缺少划转依据，不予变动登记。")  # fmt: skip
    cast.applies("clerk", CHANGE, 6, change_kind="rename", document_no=f"演示编〔{today.year}〕8号",
                 reason="单位名称变更，换发登记证。（演示数据）").submits().reaches("review").returns(
        2, "acceptance", "变动批准文件与申请的变动类型不一致，请受理环节重新核对。")  # fmt: skip


def _disposals(cast: demo.Cast) -> None:
    def disposes(who: str, days: int, assets: list[Asset], reason: str, **more: Any) -> demo.Story:
        met = timezone.localdate() - timedelta(days=2 * days + 5)
        return cast.applies(
            who, DISPOSAL, days, reason=f"{reason}。（演示数据）", meeting=f"{met:%Y年%-m月%-d日}办公会议",
            rows=[row | {"why": "已损坏，无维修价值"} for row in case_rows.prefilled(assets)],
            **{"kind": "scrap", "reuse": "unfit"} | more,
        )  # fmt: skip

    ours, theirs = _free(cast, "fleet", 3), _free(cast, "clerk", 3)
    if ours:
        disposes("fleet", 9, ours[:1], "超过使用年限，不能满足工作需要").submits().grants()
        disposes("fleet", 8, [_old(cast, "fleet", "视频会议系统", "office", DEAR, 3300)], "设备整体老化，核心部件停产").submits().reaches("expert")
        disposes("fleet", 26, ours[1:] or _free(cast, "fleet", 1), "办公家具破损").submits().reaches("review")
    if theirs:
        disposes("clerk", 0, theirs[:1], "更新淘汰")
        disposes("clerk", 2, theirs[1:] or theirs, "搬迁后淘汰").submits()
        disposes("clerk", 15, theirs[:2], "支援乡村学校", kind="donation", receiver="演示希望小学", reuse="none").submits().reaches(
            "decide").refuses(9, "拟捐赠资产尚可在本系统内调剂使用，请先通过公物仓调剂。")  # fmt: skip
        disposes("clerk", 7, theirs[-1:], "盘点发现毁损", kind="loss_write_off").submits().reaches("review").suspends(
            4, "鉴定", "毁损原因正在鉴定，待鉴定意见出具后恢复办理。")  # fmt: skip


def _old(cast: demo.Cast, who: str, name: str, kind: str, price: Decimal | int, days: int) -> Asset:
    """Enter a thing of the organ that is past its years."""
    return cards.register(
        system("demo"), unit=cast.unit(who), class_code="A05" if kind == "furniture" else "A02", name=name,
        specification="演示型号", depreciation_kind=kind, acquired_on=timezone.localdate() - timedelta(days=days),
        original_value=Decimal(price), place="库房", supplier="演示供应商", note="演示数据",
    )  # fmt: skip
