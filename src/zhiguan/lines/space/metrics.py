"""Indicators of office premises, each defined once. SPEC D10, L3."""

from __future__ import annotations

from typing import Any

from django.db.models import F, Q, QuerySet, Sum
from django.urls import reverse

from zhiguan.kernel.metrics.declare import Group, Metric, MetricQuery, Value
from zhiguan.kernel.metrics.service import breakdown, ratio, share

from . import queries
from .codes import RepairKind, RoomKind
from .models import Building, RepairPlan, Room

KIND = {"choices": {"kind": dict(RoomKind.choices)}, "dimension_names": {"kind": "房间类别"}}
REPAIR_KIND = {"choices": {"kind": dict(RepairKind.choices)}, "dimension_names": {"kind": "维修类别"}}
BUREAU = "机关事务管理局办公用房管理部门"
DIMENSIONS = ("organ", "district", "kind")
CLAUSE, STANDARD = "《党政机关办公用房管理办法》", "《党政机关办公用房建设标准》"


def _of_kind(query: MetricQuery, rows: QuerySet) -> QuerySet:
    return rows.filter(kind=query.dims["kind"]) if "kind" in query.dims else rows


def _sum(query: MetricQuery, rows: QuerySet, column: str, **more: Any) -> Value | list[Group]:
    if query.group_by:
        return breakdown(query, rows, value=Sum(column), columns={"kind": "kind"}, **more)
    return rows.aggregate(total=Sum(column))["total"] or 0


def _chosen(query: MetricQuery, rows: QuerySet, column: str) -> QuerySet:
    """Return the rows within the units asked for; rows that the actor sees by use, not by their own unit, stay."""
    if query.ranges is None:
        return rows
    within = Q(pk__in=[])
    for lo, hi in query.ranges:
        within |= Q(**{f"{column}__range": (lo, hi)})
    return rows.filter(within)


def _buildings(query: MetricQuery) -> QuerySet[Building]:
    return _chosen(query, queries.buildings(query.actor).exclude(state="disposed"), "scope_pos")


def _count(query: MetricQuery) -> Value | list[Group]:
    rows = _buildings(query)
    return breakdown(query, rows) if query.group_by else rows.count()


def _gross(query: MetricQuery) -> Value | list[Group]:
    return _sum(query, _buildings(query), "gross_area")


def _rooms(query: MetricQuery) -> QuerySet[Room]:
    return _of_kind(query, query.narrow(Room.objects.exclude(state="closed")))


def _used(query: MetricQuery) -> Value | list[Group]:
    rows = _chosen(query, queries.rooms(query.actor).filter(state="allocated"), "user_pos")
    return _sum(query, _of_kind(query, rows), "usable_area", unit="user_pos")


def _idle(query: MetricQuery) -> Value | list[Group]:
    return _sum(query, _rooms(query).filter(state="idle"), "usable_area")


def _idle_share(query: MetricQuery) -> Value | list[Group]:
    idle, rooms = _rooms(query).filter(state="idle"), _rooms(query)
    if query.group_by:
        areas = {"value": Sum("usable_area"), "columns": {"kind": "kind"}}
        return ratio(breakdown(query, idle, **areas), breakdown(query, rooms, **areas))
    return share(idle.aggregate(a=Sum("usable_area"))["a"] or 0, rooms.aggregate(a=Sum("usable_area"))["a"] or 0)


def _over(query: MetricQuery) -> Value | list[Group]:
    rows = query.narrow(queries.sizes_with_use(query.actor).filter(excess__gt=0))
    return breakdown(query, rows) if query.group_by else rows.count()


def _crowded(query: MetricQuery) -> Value | list[Group]:
    rows = query.narrow(queries.occupants(query.actor).filter(excess__gt=0))
    return breakdown(query, rows) if query.group_by else rows.count()


def _planned(query: MetricQuery) -> Value | list[Group]:
    rows = RepairPlan.objects.filter(state__in=("planned", "under_way", "finished"))
    return _sum(query, _of_kind(query, query.narrow(rows)), "approved_yuan")


def _dear(query: MetricQuery) -> Value | list[Group]:
    rows = RepairPlan.objects.exclude(state__in=("rejected", "cancelled"))
    rows = _of_kind(query, query.narrow(rows.filter(estimate_yuan__gt=F("limit_per_m2") * F("area_m2"))))
    return breakdown(query, rows, columns={"kind": "kind"}) if query.group_by else rows.count()


def _list(page: str, unit: str = "unit", **fixed: Any) -> Any:
    def rows(query: MetricQuery) -> str:
        return query.address(reverse(page), unit=unit, kind=query.dims.get("kind", ""), **fixed)

    return rows


def _metric(code: str, name: str, unit: str, formula: str, compute: Any, rows: Any, permission: str, **more: Any) -> Metric:
    return Metric(
        code=f"space.{code}", name=name, unit=unit, formula=formula, compute=compute, rows=rows,
        permission=f"space.{permission}.view", responsible=BUREAU, source=more.pop("source", "办公用房台账"),
        clause=more.pop("clause", CLAUSE), dimensions=more.pop("dimensions", ("organ", "district")), **more,
    )  # fmt: skip


LAW = "《机关事务管理条例》第二十二条"
METRICS = (
    _metric("buildings", "办公楼宇", "栋", "台账中未处置的楼宇数量", _count, _list("space.building", state=["in_use", "closed"]),
            "building"),
    _metric("gross_area", "办公楼宇建筑面积", "平方米", "未处置楼宇的建筑面积之和", _gross,
            _list("space.building", state=["in_use", "closed"]), "building", kind="number", digits=2),
    _metric("used_area", "已调配使用面积", "平方米", "已调配房间的使用面积之和，按使用单位", _used,
            _list("space.room", "user", state="allocated"), "building", kind="number", digits=2, dimensions=DIMENSIONS, **KIND),
    _metric("idle_area", "闲置使用面积", "平方米", "闲置房间的使用面积之和，按管理单位", _idle,
            _list("space.room", state="idle"), "building", kind="number", digits=2, direction="lower", clause=LAW,
            dimensions=DIMENSIONS, **KIND),
    _metric("idle_share", "闲置率", "", "闲置房间使用面积 ÷ 全部房间使用面积", _idle_share,
            _list("space.room", state="idle"), "building", kind="percent", direction="lower", additive=False, clause=LAW,
            dimensions=DIMENSIONS, **KIND),
    _metric("over_size", "超规模单位", "个", "已用办公室、服务、设备用房使用面积超过核定规模测算值的单位数", _over,
            _list("space.organsize", over="1"), "size", direction="lower", clause=LAW, source="核定规模"),
    _metric("over_office", "超标准办公室使用人", "人", "办公室人均使用面积超过其职务层次面积标准的人数", _crowded,
            _list("space.roomuser", over="1"), "occupant", direction="lower", clause=STANDARD, source="房间使用人"),
    _metric("repair_planned", "维修计划批准投资", "元", "已列入计划、实施中和已竣工项目的批准投资之和", _planned,
            _list("space.repairplan", state=["planned", "under_way", "finished"]), "repair", kind="money",
            source="维修计划", dimensions=DIMENSIONS, **REPAIR_KIND),
    _metric("repair_over", "估算超控制值的维修项目", "个", "估算单方造价超过控制值且未取消、未否决的项目数", _dear,
            _list("space.repairplan", over="1", state=["proposed", "planned", "under_way", "finished"]), "repair",
            direction="lower", clause="《机关团体建设楼堂馆所管理条例》第二十八条", source="维修计划", dimensions=DIMENSIONS,
            **REPAIR_KIND),
)  # fmt: skip
