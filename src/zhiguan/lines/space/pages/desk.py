"""What the line puts on everybody's desk."""

from __future__ import annotations

from zhiguan.kit.desk import Figure, Todo

from .. import queries

DESK = (
    Todo("space.include", "待列计划的维修项目", 110, "space.repair.manage",
         lambda actor: queries.repairs(actor).filter(state="proposed").select_related("unit", "building").order_by("year", "pk"),
         "space.repairplan", "space.repairplan.detail", lambda row: f"{row.year} 年 · {row.project}",
         lambda row: f"{row.unit.name} · {row.building.name}", icon="tools", query="state=proposed"),
    Figure("space.idle", "闲置房间", 110, "space.building.manage",
           lambda actor: queries.rooms(actor).filter(state="idle"), "space.room", "state=idle", icon="building", unit="间"),
    Figure("space.over", "超规模单位", 120, "space.size.manage",
           lambda actor: queries.sizes_with_use(actor).filter(excess__gt=0), "space.organsize", "over=1", unit="个"),
)  # fmt: skip
