"""Supervision of office premises: offices above the standard, rooms not given back, rooms left idle, organs above their size.

Rules read the ledgers as they stand and are asked every day for the month: within it, a finding that is still open is
withdrawn when the ledger no longer bears it out. SPEC L3.2, docs/guide-space.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import Max, Q

from zhiguan.kernel.orgs import service as orgs
from zhiguan.kernel.orgs.service import Appointment
from zhiguan.kernel.reference import service as reference
from zhiguan.kernel.supervision.declare import Award, Awards, Hit, Rule, RuleContext, SubjectLink, months
from zhiguan.kit.actor import system

from . import queries
from .models import Allocation, OrganSize, RepairPlan, Room, RoomUser

SHANGHAI = ZoneInfo("Asia/Shanghai")
BOSS = system("space.rules")


def _at(day: date) -> datetime:
    return datetime.combine(day, time.min, SHANGHAI)


def _as_of(context: RuleContext) -> date:
    """The last whole day that the run covers: the ledger is judged as of it."""
    return context.end - timedelta(days=1)


def _figure(name: str, value: Any, unit: str = "平方米") -> dict[str, Any]:
    return {"name": name, "value": f"{value:,.2f}" if isinstance(value, Decimal) else value, "unit": unit}


def _room(room: Room) -> dict[str, Any]:
    return {"type": "space.room", "id": room.pk, "label": f"{room.building.name} {room.number} 室"}


def seated(start: date, end: date) -> Sequence[RoomUser]:
    """Return everybody who has a desk, with shares and limits; and who left one this month, to be cleared."""
    rows = queries.occupants(BOSS).filter(Q(state="active") | Q(valid_to__gte=start.replace(day=1)))
    return list(rows.select_related("unit", "person__unit", "room__building", "room__user"))


def office_over_standard(context: RuleContext) -> Iterator[Hit]:
    """Yield people whose share of an office is above the standard of their 职务层次."""
    for month in context.periods:
        for row in context.subjects:
            if row.excess is None or row.excess <= 0:
                continue
            text = f"{row.person.name}在{row.room.building.name} {row.room.number} 室人均使用面积 {row.share:.2f} 平方米，"
            yield Hit(
                row, month, f"{text}超过面积标准 {row.limit:.2f} 平方米。", row.unit, _at(row.valid_from),
                {"figures": [_figure("人均使用面积", row.share), _figure("面积标准", row.limit), _figure("超出", row.excess)],
                 "related": [_room(row.room)], "confidence": 1.0},
            )  # fmt: skip


def room_not_given_back(context: RuleContext) -> Iterator[Hit]:
    """Yield people who left the organ (transfer, retirement) and still have a room there after the time to give it back."""
    allowed = reference.value("office_space.rules.recover_leave", on=context.end)
    gone = _left(context.subjects)
    for month in context.periods:
        for row in context.subjects:
            left = gone.get(row.pk)
            if left is None or (due := _months_later(left, allowed)) >= _as_of(context):
                continue
            days = (_as_of(context) - due).days
            yield Hit(
                row, month, f"{row.person.name} {left:%Y-%m-%d} 离开该单位，办公用房应于 {due:%Y-%m-%d} 前收回，已逾期 {days} 天。",
                row.unit, _at(due),
                {"figures": [_figure("逾期", days, "天"), _figure("收回期限", allowed, "个月")], "related": [_room(row.room)],
                 "confidence": 1.0},
            )  # fmt: skip


def _months_later(day: date, count: int) -> date:
    month = day.month - 1 + count
    year, month = day.year + month // 12, month % 12 + 1
    last = (date(year + month // 12, month % 12 + 1, 1) - timedelta(days=1)).day
    return date(year, month, min(day.day, last))


def _outside(row: RoomUser, organs: dict[int, Any]) -> bool:
    organ = organs[row.room.user_id]
    return not row.person.active or not organ.pos <= row.person.scope_pos <= organ.pos_end


def _left(rows: Sequence[RoomUser]) -> dict[int, date]:
    """Return room user → day they left the organ that has the room, for those who did."""
    organs: dict[int, Any] = {}
    for row in rows:
        if row.room.user is not None and row.room.user_id not in organs:
            organs[row.room.user_id] = orgs.organ_of(row.room.user) or row.room.user
    away = [
        row for row in rows
        if row.state == "active" and row.room.user_id is not None and _outside(row, organs)
    ]
    posts = Appointment.objects.filter(person__in=[row.person_id for row in away], kind="main").order_by().values("person")
    ended = dict(posts.values_list("person").annotate(day=Max("valid_to")))
    begun = dict(posts.filter(valid_to__isnull=True).values_list("person").annotate(day=Max("valid_from")))
    found = {row.pk: (begun if row.person.active else ended).get(row.person_id) for row in away}
    return {key: day for key, day in found.items() if day is not None}


def idle_rooms(start: date, end: date) -> Sequence[Room]:
    """Return the idle rooms; and those that changed this month, to be cleared."""
    changed = Q(updated_at__gte=_at(start.replace(day=1)))
    return list(Room.objects.filter(Q(state="idle") | changed).select_related("unit", "building"))


def left_idle(context: RuleContext) -> Iterator[Hit]:
    """Yield rooms that nobody has had for longer than the bound."""
    bound = reference.value("office_space.detection.idle_days", on=context.end)
    vacated = Allocation.objects.filter(room__in=[room.pk for room in context.subjects], state="vacated").order_by()
    since = dict(vacated.values_list("room").annotate(day=Max("valid_to")))
    for month in context.periods:
        for room in context.subjects:
            begun = since.get(room.pk) or room.created_at.astimezone(SHANGHAI).date()
            days = (_as_of(context) - begun).days
            if room.state == "idle" and days > bound:
                yield Hit(
                    room, month, f"{room.building.name} {room.number} 室自 {begun:%Y-%m-%d} 起闲置 {days} 天，超过 {bound} 天。",
                    room.unit, _at(begun),
                    {"figures": [_figure("闲置", days, "天"), _figure("使用面积", room.usable_area)], "confidence": 1.0},
                )  # fmt: skip


def sizes(start: date, end: date) -> Sequence[OrganSize]:
    return list(queries.sizes_with_use(BOSS).select_related("unit"))


def over_size(context: RuleContext) -> Iterator[Hit]:
    """Yield organs that use more than the basic area their approved size was computed from."""
    for month in context.periods:
        for row in context.subjects:
            if row.excess <= 0:
                continue
            text = f"{row.unit.name}已用办公室、服务用房、设备用房使用面积 {row.used_area:,.2f} 平方米，"
            yield Hit(
                row, month, f"{text}超过核定规模对应的 {row.basic:,.2f} 平方米。", row.unit, _at(row.valid_from),
                {"figures": [_figure("已用使用面积", row.used_area), _figure("核定规模对应面积", row.basic),
                             _figure("超出", row.excess)], "confidence": 1.0},
            )  # fmt: skip


def repairs_begun(start: date, end: date) -> Iterator[Award]:
    rows = RepairPlan.objects.filter(begun_on__gte=start, begun_on__lt=end).exclude(contractor="").select_related("unit")
    for plan in rows:
        link = {"type": "space.repairplan", "id": plan.pk, "label": plan.project}
        yield Award(plan.unit, plan.contractor, plan.begun_on, link, plan.approved_yuan, plan.case_no)


def leases(start: date, end: date) -> Iterator[Award]:
    """Whom premises were leased from, on the day the size approved for it begins."""
    rows = OrganSize.objects.filter(valid_from__gte=start, valid_from__lt=end).exclude(landlord="")
    for size in rows.exclude(state="revoked").select_related("unit"):
        link = {"type": "space.organsize", "id": size.pk, "label": str(size)}
        yield Award(size.unit, size.landlord, size.valid_from, link, source=size.case_no)


AWARDS = (
    Awards("space.repairs", "办公用房维修", "施工单位", repairs_begun),
    Awards("space.leases", "办公用房租用", "出租方", leases),
)
DAILY = {"area": "space", "lookback_days": 1, "periods": months}
RULES = (
    Rule(code="space.office_over_standard", name="办公室超面积标准", severity="major",
         clause="《党政机关办公用房建设标准》；《党政机关办公用房管理办法》第十九条",
         explanation="将房间使用面积按使用人数平均，与使用人职务层次的办公室面积标准比对：人均面积超过标准。",
         evaluate=office_over_standard, cadence="20 6 * * *", subjects=seated, **DAILY),
    Rule(code="space.room_not_given_back", name="离开单位后未按期收回办公用房", severity="major",
         clause=reference.cite("office_space.rules.recover_leave"),
         explanation="将房间使用人与任职记录比对：人员已调离或者退休，超过收回期限仍登记使用原单位房间。",
         evaluate=room_not_given_back, cadence="25 6 * * *", subjects=seated, **DAILY),
    Rule(code="space.left_idle", name="办公用房长期闲置", severity="minor",
         clause=reference.cite("office_space.rules.recover_excess"),
         explanation="将房间状态与调配记录比对：房间自腾退或者登记之日起没有调配，闲置天数超过判定值。",
         evaluate=left_idle, cadence="30 6 * * *", subjects=idle_rooms, **DAILY),
    Rule(code="space.over_size", name="办公用房超核定规模", severity="major",
         clause=reference.cite("office_space.rules.recover_excess"),
         explanation="将已调配的办公室、服务用房、设备用房使用面积与核定规模测算的同类面积比对：已用面积超过核定规模。",
         evaluate=over_size, cadence="35 6 * * *", subjects=sizes, **DAILY),
)  # fmt: skip
LINKS = (
    SubjectLink("space.room", "space.room.detail"), SubjectLink("space.roomuser", "space.roomuser.detail"),
    SubjectLink("space.organsize", "space.organsize.detail"), SubjectLink("space.repairplan", "space.repairplan.detail"),
)  # fmt: skip
