"""Indicators of establishment, standards, papers and costs."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet, Sum
from django.urls import reverse
from django.utils import timezone

from zhiguan.kernel.metrics.declare import Group, Metric, MetricQuery, Value
from zhiguan.kernel.metrics.service import breakdown, ratio, share
from zhiguan.kernel.reference.service import cite

from ..codes import CostKind, DueKind, Rung
from ..models import Accident, CostEntry, PurchasePlan, TrafficViolation, VehicleQuota
from ..queries import dues, renewal, standards
from .fleet import BUREAU, KIND, REGISTER, of_kind, on_books

LAW, ACCOUNTING = cite("vehicles.quota.law"), cite("vehicles.use.single_vehicle_accounting")
AGE = cite("vehicles.renewal.age_years")
NEAR = (Rung.OVERDUE.value, Rung.LAST.value, Rung.NEAR.value)


def _quotas(query: MetricQuery) -> QuerySet[VehicleQuota]:
    rows = VehicleQuota.objects.filter(state="active", valid_to__isnull=True)
    return of_kind(query, query.narrow(rows))


def _counted(query: MetricQuery, rows: QuerySet, time: str = "") -> Value | list[Group]:
    if not query.group_by:
        return rows.count()
    return breakdown(query, rows, columns={"kind": "kind"}, **({"time": time} if time else {}))


def _establishment(query: MetricQuery) -> Value | list[Group]:
    if not query.group_by:
        return _quotas(query).aggregate(total=Sum("quota"))["total"] or 0
    return breakdown(query, _quotas(query), columns={"kind": "kind"}, value=Sum("quota"))


def _fullness(query: MetricQuery) -> Value | list[Group]:
    if not query.group_by:
        return share(on_books(query).count(), _quotas(query).aggregate(total=Sum("quota"))["total"] or 0)
    held = breakdown(query, on_books(query), columns={"kind": "kind"})
    return ratio(held, breakdown(query, _quotas(query), columns={"kind": "kind"}, value=Sum("quota")))


def _over_standard(query: MetricQuery) -> Value | list[Group]:
    return _counted(query, on_books(query).filter(standards.over_standard()))


def _renewable(query: MetricQuery) -> Value | list[Group]:
    return _counted(query, renewal.renewable(on_books(query)))


def _unmarked(query: MetricQuery) -> Value | list[Group]:
    return _counted(query, on_books(query).filter(marking="pending"))


def _expiring(query: MetricQuery) -> Value | list[Group]:
    return _counted(query, of_kind(query, query.narrow(dues.all_dues().filter(rung__in=NEAR))))


def _overdue(query: MetricQuery) -> Value | list[Group]:
    return _counted(query, of_kind(query, query.narrow(dues.all_dues().filter(rung=Rung.OVERDUE))))


def _cost(query: MetricQuery) -> Value | list[Group]:
    rows = of_kind(query, query.on_days(query.narrow(CostEntry.objects.filter(state="booked")), "spent_on"))
    if not query.group_by:
        return rows.aggregate(total=Sum("amount_yuan"))["total"] or 0
    return breakdown(query, rows, columns={"kind": "kind"}, time="spent_on", value=Sum("amount_yuan"))


def _accidents(query: MetricQuery) -> Value | list[Group]:
    rows = query.during(query.narrow(Accident.objects.all()), "at")
    return breakdown(query, rows, time="at") if query.group_by else rows.count()


def _violations(query: MetricQuery) -> Value | list[Group]:
    rows = query.during(query.narrow(TrafficViolation.objects.exclude(state="withdrawn")), "at")
    return breakdown(query, rows, time="at") if query.group_by else rows.count()


def _plans(query: MetricQuery) -> Value | list[Group]:
    return _counted(query, of_kind(query, query.narrow(PurchasePlan.objects.filter(state="approved"))))


def _list(page: str, period: str = "", **fixed: Any) -> Any:
    def rows(query: MetricQuery) -> str:
        return query.address(reverse(page), period=period, kind=query.dims.get("kind", ""), **fixed)

    return rows


def _renewals(query: MetricQuery) -> str:
    day = timezone.localdate().isoformat()
    return query.address(reverse("vehicles.renewal"), kind=query.dims.get("kind", ""), renewal_to=day)


PLACES = ("organ", "district")
LIFE_METRICS = (
    Metric(
        code="vehicles.establishment", name="车辆编制数", unit="辆", formula="现行有效的车辆编制数之和",
        permission="vehicles.quota.view", dimensions=(*PLACES, "kind"), source="车辆编制", clause=LAW, responsible=BUREAU,
        compute=_establishment, rows=_list("vehicles.quota"), **KIND,
    ),
    Metric(
        code="vehicles.establishment_rate", name="编制使用率", unit="", formula="车辆实有数 ÷ 现行编制数",
        permission="vehicles.quota.view", dimensions=(*PLACES, "kind"), source="车辆编制、公务用车台账", clause=LAW,
        responsible=BUREAU, compute=_fullness, rows=_list("vehicles.quota"), kind="percent", additive=False, **KIND,
    ),
    Metric(
        code="vehicles.over_standard", name="超标准车辆", unit="辆", formula="购置价格或排气量超出配备标准的在账车辆数",
        permission="vehicles.vehicle.view", dimensions=(*PLACES, "kind"), source=REGISTER, clause=LAW,
        responsible=BUREAU, compute=_over_standard, direction="lower",
        rows=_list("vehicles.vehicle", over_standard="1", held="1"), **KIND,
    ),
    Metric(
        code="vehicles.renewable", name="达到更新年限车辆", unit="辆", formula="使用年限超过更新年限的在账车辆数",
        permission="vehicles.vehicle.view", dimensions=(*PLACES, "kind"), source=REGISTER, clause=AGE, responsible=BUREAU,
        compute=_renewable, rows=_renewals, **KIND,
    ),
    Metric(
        code="vehicles.unmarked", name="待喷涂标识车辆", unit="辆", formula="未喷涂标识且未批准免喷涂的在账车辆数",
        permission="vehicles.vehicle.view", dimensions=(*PLACES, "kind"), source=REGISTER,
        clause=cite("vehicles.use.marking"), responsible=BUREAU, compute=_unmarked, direction="lower",
        rows=_list("vehicles.vehicle", marking="pending", held="1"), **KIND,
    ),
    Metric(
        code="vehicles.expiring", name="待办到期事项", unit="件", formula="已逾期和 30 日内到期的保险、检验、保养、证照等事项数",
        permission="vehicles.vehicle.view", dimensions=(*PLACES, "kind"), source="到期提醒",
        clause=cite("vehicles.use.register"), responsible=BUREAU, compute=_expiring, direction="lower",
        rows=_list("vehicles.due", rung=NEAR), choices={"kind": dict(DueKind.choices)},
        dimension_names={"kind": "事项"},
    ),
    Metric(
        code="vehicles.overdue", name="已逾期事项", unit="件", formula="已过到期日期的保险、检验、保养、证照等事项数",
        permission="vehicles.vehicle.view", dimensions=(*PLACES, "kind"), source="到期提醒",
        clause=cite("vehicles.use.register"), responsible=BUREAU, compute=_overdue, direction="lower",
        rows=_list("vehicles.due", rung="overdue"), choices={"kind": dict(DueKind.choices)},
        dimension_names={"kind": "事项"},
    ),
    Metric(
        code="vehicles.cost", name="车辆运行费用", unit="元", formula="期间内未冲销的车辆费用之和",
        permission="vehicles.cost.view", dimensions=(*PLACES, "kind", "month"), source="车辆费用", clause=ACCOUNTING,
        responsible=BUREAU, compute=_cost, rows=_list("vehicles.cost", "spent_on", state="booked"), kind="money",
        choices={"kind": dict(CostKind.choices)}, dimension_names={"kind": "费用类别"},
    ),
    Metric(
        code="vehicles.accidents", name="车辆事故", unit="起", formula="期间内发生的事故数", permission="vehicles.vehicle.view",
        dimensions=(*PLACES, "month"), source="车辆事故", clause=cite("vehicles.use.register"), responsible=BUREAU,
        compute=_accidents, direction="lower", rows=_list("vehicles.accident", "at"),
    ),
    Metric(
        code="vehicles.violations", name="交通违法", unit="起", formula="期间内发生、未撤销的交通违法数",
        permission="vehicles.vehicle.view", dimensions=(*PLACES, "month"), source="交通违法",
        clause=cite("vehicles.use.register"), responsible=BUREAU, compute=_violations, direction="lower",
        rows=_list("vehicles.violation", "at", state=["open", "handled", "paid"]),
    ),
    Metric(
        code="vehicles.approved_plans", name="待购置计划", unit="件", formula="已批准、尚未购置的配备更新计划数",
        permission="vehicles.plan.view", dimensions=(*PLACES, "kind"), source="配备更新计划", clause=LAW,
        responsible=BUREAU, compute=_plans, rows=_list("vehicles.plan", state="approved"), **KIND,
    ),
)  # fmt: skip
