"""What the line puts on everybody's desk."""

from __future__ import annotations

from typing import Any

from zhiguan.kit.desk import Figure, Shortcut, Todo

from .. import queries
from ..lifecycle import EXECUTE, MANAGE


def _line(disposal: Any) -> str:
    return f"{disposal.code} · {disposal.get_kind_display()} {disposal.count} 件"


def _detail(disposal: Any) -> str:
    return f"{disposal.unit.name} · {disposal.document_no}"


DESK = (
    Todo("assets.execute", "待实施资产处置", 60, EXECUTE,
         lambda actor: queries.disposals_of(actor, EXECUTE, "approved"), "assets.disposal", "assets.disposal.detail",
         _line, _detail, icon="recycle", query="state=approved"),
    Todo("assets.settle", "待上缴处置收入", 62, EXECUTE,
         lambda actor: queries.disposals_of(actor, EXECUTE, "executed"), "assets.disposal", "assets.disposal.detail",
         _line, lambda row: f"{row.unit.name} · {row.proceeds_yuan:,.2f} 元", icon="wallet", query="state=executed"),
    Shortcut("assets.register", "登记资产", 40, MANAGE, "assets.asset.create", "package", "新增资产卡片"),
    Figure("assets.held", "在账资产", 40, "assets.asset.view",
           lambda actor: queries.assets(actor).exclude(state="disposed"), "assets.asset", "held=1", icon="package", unit="件"),
    Figure("assets.idle", "闲置资产", 42, "assets.asset.view",
           lambda actor: queries.assets(actor).filter(state="idle"), "assets.asset", "state=idle", unit="件"),
)  # fmt: skip
