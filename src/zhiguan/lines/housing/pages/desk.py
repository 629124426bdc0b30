"""What the line puts on everybody's desk."""

from __future__ import annotations

from zhiguan.kit.desk import Figure, Shortcut, Todo

from .. import queries

DESK = (
    Todo("housing.pay", "待发放的住房补贴", 170, "housing.allowance.pay",
         lambda actor: queries.allowances(actor).filter(state="approved").select_related("unit", "person")
         .order_by("valid_from", "pk"),
         "housing.allowance", "housing.allowance.detail", lambda row: f"{row.person.name} · {row.get_kind_display()}",
         lambda row: f"{row.unit.name} · {row.amount_yuan} 元", icon="wallet", query="state=approved"),
    Shortcut("housing.allowances", "我的住房补贴", 170, "housing.allowance.view", "housing.allowance", "wallet", "查看补贴和依据"),
    Figure("housing.paying", "发放中的住房补贴", 170, "housing.allowance.manage",
           lambda actor: queries.allowances(actor).filter(state="paying"), "housing.allowance", "state=paying", unit="项"),
)  # fmt: skip
