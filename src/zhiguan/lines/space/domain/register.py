"""Verbs of the register: buildings, rooms, allocations, room users."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from zhiguan.kernel.ledger import service as ledger
from zhiguan.kernel.orgs.service import Unit
from zhiguan.kit.actor import Actor, system
from zhiguan.kit.errors import Conflict, Invalid

from ..models import Allocation, Building, Room, RoomUser


def _check_building(values: dict[str, Any]) -> None:
    usable, gross = values.get("usable_area"), values.get("gross_area")
    if usable is not None and gross is not None and usable > gross:
        raise Invalid("使用面积不能大于建筑面积。", fields={"usable_area": "使用面积不能大于建筑面积。"})
    built, repaired = values.get("built_on"), values.get("last_repair_on")
    for name, day in (("built_on", built), ("last_repair_on", repaired)):
        if day is not None and day > timezone.localdate():
            raise Invalid("日期不能晚于今天。", fields={name: "日期不能晚于今天。"})
    if built and repaired and repaired < built:
        message = "最近大中修竣工日期不能早于建成日期。"
        raise Invalid(message, fields={"last_repair_on": message})


@transaction.atomic
def register(actor: Actor, *, reason: str = "", **values: Any) -> Building:
    """登记楼宇. Raises ``Conflict`` for a code that is on the books already."""
    actor.require("space.building.manage", values["unit"])
    _check_building(values)
    try:
        with transaction.atomic():
            return ledger.create(Building, actor, values, reason=reason)
    except IntegrityError as error:
        raise Conflict("该楼宇编号已在台账中。", code="code_taken", fields={"code": "该楼宇编号已在台账中。"}) from error


@transaction.atomic
def edit(actor: Actor, building: Building, *, version: int | None = None, reason: str = "", **values: Any) -> Building:
    """变更楼宇信息. Giving it to another unit needs the permission over both; its rooms follow."""
    actor.require("space.building.manage", building)
    unit = values.get("unit")
    if unit is not None:
        actor.require("space.building.manage", unit)
    _check_building({name: getattr(building, name) for name in ("usable_area", "gross_area", "built_on", "last_repair_on")}
                    | values)  # fmt: skip
    moved = unit is not None and unit.pk != building.unit_id
    try:
        with transaction.atomic():
            building = ledger.change(building, actor, values, version=version, reason=reason)
    except IntegrityError as error:
        raise Conflict("该楼宇编号已在台账中。", code="code_taken", fields={"code": "该楼宇编号已在台账中。"}) from error
    if moved:
        for room in building.rooms.all():
            ledger.change(room, actor, {"unit": unit}, name="随楼宇变更管理单位", reason=reason)
    return building


@transaction.atomic
def close_building(actor: Actor, building: Building, *, reason: str) -> Building:
    """停用楼宇; refused while rooms in it are allocated."""
    actor.require("space.building.manage", building)
    if building.rooms.filter(state="allocated").exists():
        raise Conflict("楼内仍有已调配的房间，请先腾退。", code="rooms_allocated")
    return ledger.move(building, "close", actor, reason=reason)


def reopen_building(actor: Actor, building: Building) -> Building:
    """恢复使用楼宇."""
    actor.require("space.building.manage", building)
    return ledger.move(building, "reopen", actor)


def dispose(actor: Actor, building: Building, *, reason: str) -> Building:
    """处置楼宇: the last event of a building that was closed before."""
    actor.require("space.building.manage", building)
    return ledger.move(building, "dispose", actor, reason=reason)


def taken_rooms(pairs: Iterable[tuple[int, str]]) -> set[tuple[int, str]]:
    """Return which (building, room number) pairs are on the books, whoever may see them."""
    pairs = set(pairs)
    with system("space.register").acting():
        found = Room.objects.filter(building_id__in={building for building, _ in pairs})
        return pairs & set(found.values_list("building_id", "number"))


@transaction.atomic
def add_room(actor: Actor, *, building: Building, reason: str = "", **values: Any) -> Room:
    """登记房间. Raises ``Conflict`` for a number the building has already, ``Invalid`` for a storey it does not have."""
    actor.require("space.building.manage", building)
    _check_room(building, values)
    try:
        with transaction.atomic():
            return ledger.create(Room, actor, {**values, "building": building, "unit": building.unit}, reason=reason)
    except IntegrityError as error:
        message = "该楼宇已有此房间号。"
        raise Conflict(message, code="room_taken", fields={"number": message}) from error


def _check_room(building: Building, values: dict[str, Any]) -> None:
    if building.state != "in_use":
        raise Invalid("该楼宇未在用，不能登记房间。", fields={"building": "该楼宇未在用，不能登记房间。"})
    storey = values.get("storey")
    if storey is not None and (storey == 0 or storey > building.storeys or -storey > building.basements):
        message = f"楼层应在地上 {building.storeys} 层、地下 {building.basements} 层之内（地下填负数）。"
        raise Invalid(message, fields={"storey": message})


@transaction.atomic
def edit_room(actor: Actor, room: Room, *, version: int | None = None, reason: str = "", **values: Any) -> Room:
    """变更房间信息."""
    actor.require("space.building.manage", room)
    values.pop("building", None)
    _check_room(room.building, values)
    try:
        with transaction.atomic():
            return ledger.change(room, actor, values, version=version, reason=reason)
    except IntegrityError as error:
        message = "该楼宇已有此房间号。"
        raise Conflict(message, code="room_taken", fields={"number": message}) from error


def close_room(actor: Actor, room: Room, *, reason: str) -> Room:
    """停用房间."""
    actor.require("space.building.manage", room)
    return ledger.move(room, "close", actor, reason=reason)


def reopen_room(actor: Actor, room: Room) -> Room:
    """恢复使用房间."""
    actor.require("space.building.manage", room)
    return ledger.move(room, "reopen", actor)


@transaction.atomic
def allocate(
    actor: Actor, room: Room, *, user: Unit, valid_from: date, certificate_no: str = "", document_no: str = "",
    reason: str = "", case: str = "",
) -> Room:  # fmt: skip
    """调配: give an idle room to an organ or one of its divisions from a day on."""
    actor.require("space.allocation.manage", room)
    if room.building.state != "in_use":
        raise Conflict("该楼宇未在用，不能调配。", code="building_closed")
    room = ledger.move(room, "allocate", actor, reason=reason, case=case, user=user, user_pos=user.pos)
    ledger.create(
        Allocation, actor,
        {"unit": user, "room": room, "owner_pos": room.scope_pos, "usable_area": room.usable_area, "valid_from": valid_from,
         "certificate_no": certificate_no, "document_no": document_no},
        name="调配", reason=reason, case=case,
    )  # fmt: skip
    return room


@transaction.atomic
def vacate_room(actor: Actor, room: Room, *, reason: str, vacated_on: date | None = None) -> Room:
    """腾退: take the room back; whoever sat there leaves it the same day."""
    actor.require("space.allocation.manage", room)
    vacate(actor, Allocation.objects.get(room=room, state="active"), reason=reason, vacated_on=vacated_on)
    room.refresh_from_db()
    return room


@transaction.atomic
def vacate(actor: Actor, allocation: Allocation, *, reason: str, vacated_on: date | None = None) -> Allocation:
    """腾退一条调配; see :func:`vacate_room`."""
    actor.require("space.allocation.manage", allocation.owner_pos)
    day = vacated_on or timezone.localdate()
    if day < allocation.valid_from:
        message = f"腾退日期不能早于启用日期（{allocation.valid_from:%Y-%m-%d}）。"
        raise Invalid(message, fields={"vacated_on": message})
    room = allocation.room
    ledger.move(room, "vacate", actor, reason=reason, user=None, user_pos=None)
    for user in room.users.filter(state="active"):
        ledger.move(user, "leave", actor, reason=f"房间腾退：{reason}", valid_to=max(day, user.valid_from))
    return ledger.move(allocation, "vacate", actor, reason=reason, valid_to=day)


@transaction.atomic
def seat(
    actor: Actor, *, room: Room, person: Any, valid_from: date, second_office_no: str = "", reason: str = ""
) -> RoomUser:
    """登记房间使用人: a person of the organ that has the room. A second office needs the number of its approval."""
    actor.require("space.occupant.manage", person)
    if room.state != "allocated" or room.user is None:
        raise Invalid("该房间尚未调配，不能登记使用人。", fields={"room": "该房间尚未调配。"})
    actor.require("space.occupant.manage", room.user)
    if RoomUser.objects.filter(person=person, state="active").exclude(room=room).exists() and not second_office_no.strip():
        message = "该人员已有一处办公用房；确需另设的，须填写批准文号。"
        raise Invalid(message, code="second_office", fields={"second_office_no": message})
    try:
        with transaction.atomic():
            return ledger.create(
                RoomUser, actor,
                {"unit": person.unit, "room": room, "person": person, "valid_from": valid_from,
                 "second_office_no": second_office_no}, reason=reason,
            )  # fmt: skip
    except IntegrityError as error:
        message = "该人员已登记在此房间。"
        raise Conflict(message, code="seated", fields={"person": message}) from error


def leave(actor: Actor, user: RoomUser, *, reason: str, left_on: date | None = None) -> RoomUser:
    """退出房间."""
    actor.require("space.occupant.manage", user)
    return ledger.move(user, "leave", actor, reason=reason, valid_to=max(left_on or timezone.localdate(), user.valid_from))
