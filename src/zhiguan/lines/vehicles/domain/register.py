"""Verbs of the register: vehicles, places, terminals, drivers, quotas."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from django.db import IntegrityError, transaction
from django.utils import timezone

from zhiguan.kernel.ledger import service as ledger
from zhiguan.kernel.orgs.service import Unit
from zhiguan.kernel.telemetry import service as telemetry
from zhiguan.kit.actor import Actor, system
from zhiguan.kit.errors import Conflict, Invalid

from ..codes import Marking
from ..models import DispatchOrder, Driver, ParkingPlace, Terminal, Vehicle, VehicleQuota
from . import dues, holders, standards

PLATE = re.compile(
    r"[京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼][A-Z][A-HJ-NP-Z0-9]{4,5}[A-HJ-NP-Z0-9警]"
)
SHANGHAI = ZoneInfo("Asia/Shanghai")
VIN = re.compile(r"[A-HJ-NPR-Z0-9]{17}")
BOUND = ("dispatched", "started")
STANDARD_FIELDS = (
    "kind", "body", "energy", "price_yuan", "displacement_l", "special_need", "bought_on", "over_standard_note",
)  # fmt: skip
"""What the standard of equipment is about."""


def clean_plate(text: str) -> str:
    """Return the plate as it is stored (capitals, no spaces or dots); raises ``Invalid`` when it is not a plate."""
    plate = re.sub(r"[\s·.\-]", "", text).upper()
    if not PLATE.fullmatch(plate):
        message = f"“{text}”不是有效的车牌号，应为省份汉字、字母和 5 至 6 位字母数字，例如 沪A12345。"
        raise Invalid(message, code="plate", fields={"plate": message})
    return plate


def _check_place(values: dict[str, Any]) -> None:
    unit, place = values.get("unit"), values.get("place")
    if place is not None and place.state != "active":
        raise Invalid("该停放地点已停用。", fields={"place": "该停放地点已停用。"})
    dated = unit is not None and values.get("registered_on") and values.get("bought_on")
    if dated and values["registered_on"] < values["bought_on"]:
        message = "注册登记日期不能早于购置日期。"
        raise Invalid(message, fields={"registered_on": message})


@transaction.atomic
def register(actor: Actor, *, reason: str = "", **values: Any) -> Vehicle:
    """登记车辆: add a vehicle to its unit's books, waiting to be commissioned.

    Raises ``Invalid`` for a malformed plate or VIN, ``Conflict`` for one that is on the books already.
    """
    actor.require("vehicles.vehicle.manage", values["unit"])
    values["plate"] = clean_plate(values["plate"])
    values["vin"] = clean_vin(values.get("vin"))
    _check_place(values)
    standards.require_standard(values)
    try:
        with transaction.atomic():
            return ledger.create(Vehicle, actor, values, name="登记", reason=reason)
    except IntegrityError as error:
        raise _taken(error) from error


def taken(plates: Iterable[str], vins: Iterable[str]) -> tuple[set[str], set[str]]:
    """Return which of the plates and VINs are on anybody's books: they are unique in the whole city."""
    with system("vehicles.register").acting():
        known = Vehicle.objects.order_by()
        return (
            set(known.filter(plate__in=list(plates)).values_list("plate", flat=True)),
            set(known.filter(vin__in=list(vins)).values_list("vin", flat=True)),
        )


def clean_vin(text: str | None) -> str | None:
    """Return the VIN as it is stored (capitals), None for none; raises ``Invalid`` when it is not a VIN."""
    vin = (text or "").strip().upper()
    if vin and not VIN.fullmatch(vin):
        message = "车辆识别代号应为 17 位字母数字，不含 I、O、Q。"
        raise Invalid(message, fields={"vin": message})
    return vin or None


def _taken(error: IntegrityError) -> Conflict:
    if "vin" in str(error):
        return Conflict("该车辆识别代号已在台账中。", code="vin_taken", fields={"vin": "该车辆识别代号已在台账中。"})
    return Conflict("该车牌号已在台账中。", code="plate_taken", fields={"plate": "该车牌号已在台账中。"})


@transaction.atomic
def edit(actor: Actor, vehicle: Vehicle, *, version: int | None = None, reason: str = "", **values: Any) -> Vehicle:
    """变更车辆信息. Moving it to another unit needs the permission over both."""
    actor.require("vehicles.vehicle.manage", vehicle)
    if values.get("unit") is not None:
        actor.require("vehicles.vehicle.manage", values["unit"])
    if "plate" in values:
        values["plate"] = clean_plate(values["plate"])
    if "vin" in values:
        values["vin"] = clean_vin(values["vin"])
    _check_place(values)
    if any(name in values and values[name] != getattr(vehicle, name) for name in STANDARD_FIELDS):
        standards.require_standard({name: getattr(vehicle, name) for name in STANDARD_FIELDS} | values)
    try:
        with transaction.atomic():
            vehicle = ledger.change(vehicle, actor, values, version=version, reason=reason)
    except IntegrityError as error:
        raise _taken(error) from error
    holders.follow(actor, vehicle)
    for terminal in vehicle.terminals.filter(state="active").select_related("source"):
        if terminal.source.key != vehicle.plate or terminal.unit_id != vehicle.unit_id:
            telemetry.rebind(actor, terminal.source, key=vehicle.plate, unit=vehicle.unit)
            ledger.change(terminal, actor, {"unit": vehicle.unit}, name="随车变更归属")
    return vehicle


def _move(actor: Actor, vehicle: Vehicle, code: str, reason: str = "", **values: Any) -> Vehicle:
    actor.require("vehicles.vehicle.manage", vehicle)
    return ledger.move(vehicle, code, actor, reason=reason, **values)


def commission(actor: Actor, vehicle: Vehicle) -> Vehicle:
    """启用: put a registered vehicle into use; it needs a parking place first."""
    if vehicle.place_id is None:
        raise Invalid("启用前须指定停放地点。", code="place_missing")
    return _move(actor, vehicle, "commission")


def _require_idle(vehicle: Vehicle) -> None:
    # Dispatching takes the same lock, so that no order slips in between this question and the move.
    Vehicle.objects.select_for_update(no_key=True).filter(pk=vehicle.pk).first()
    bound = DispatchOrder.objects.filter(vehicle=vehicle, state__in=BOUND).values_list("code", flat=True)[:3]
    if bound:
        raise Conflict(f"该车仍有未完成的派车单（{'、'.join(bound)}），请先收车或取消。", code="orders_open")


@transaction.atomic
def send_to_repair(actor: Actor, vehicle: Vehicle, *, reason: str) -> Vehicle:
    """送修."""
    _require_idle(vehicle)
    return _move(actor, vehicle, "send_to_repair", reason)


def return_from_repair(actor: Actor, vehicle: Vehicle) -> Vehicle:
    """修毕."""
    return _move(actor, vehicle, "return_from_repair")


@transaction.atomic
def lay_up(actor: Actor, vehicle: Vehicle, *, reason: str) -> Vehicle:
    """封存: take a vehicle out of use but keep it on the books. Refused while dispatch orders are open."""
    _require_idle(vehicle)
    return _move(actor, vehicle, "lay_up", reason)


def recall(actor: Actor, vehicle: Vehicle) -> Vehicle:
    """解封."""
    return _move(actor, vehicle, "recall")


@transaction.atomic
def dispose(actor: Actor, vehicle: Vehicle, *, reason: str, on: date | None = None) -> Vehicle:
    """处置: end the vehicle's life on the books on a day (today); its terminal is shut out of the gateway."""
    _require_idle(vehicle)
    vehicle = _move(actor, vehicle, "dispose", reason, disposed_on=on or timezone.localdate())
    for terminal in vehicle.terminals.filter(state="active").select_related("source"):
        remove_terminal(actor, terminal, reason=f"车辆处置：{reason}")
    dues.refresh_vehicles([vehicle.pk])
    return vehicle


@transaction.atomic
def hand_over(actor: Actor, vehicle: Vehicle, *, to: Unit, reason: str) -> Vehicle:
    """调剂: give the vehicle, with its terminal, to another organ, which assigns it a parking place of its own.

    The permission is asked over the giving organ; the receiving one's consent is the approved disposal.
    """
    actor.require("vehicles.vehicle.manage", vehicle)
    _require_idle(vehicle)
    boss = system("vehicles.hand_over")
    with boss.acting():
        vehicle = ledger.change(vehicle, actor, {"unit": to, "place": None}, name="调剂", reason=reason)
        holders.follow(boss, vehicle, reason=reason)
        for terminal in vehicle.terminals.filter(state="active").select_related("source"):
            telemetry.rebind(boss, terminal.source, key=vehicle.plate, unit=to)
            ledger.change(terminal, actor, {"unit": to}, name="随车变更归属", reason=reason)
        dues.refresh_vehicles([vehicle.pk])
    return vehicle


@transaction.atomic
def mark(actor: Actor, vehicle: Vehicle, *, marked_on: date) -> Vehicle:
    """喷涂标识: the vehicle bears the uniform marking since the day."""
    actor.require("vehicles.vehicle.manage", vehicle)
    if marked_on > timezone.localdate():
        raise Invalid("喷涂日期不能晚于今天。", fields={"marked_on": "喷涂日期不能晚于今天。"})
    values = {"marking": Marking.DONE, "marked_on": marked_on, "marking_note": ""}
    return ledger.change(vehicle, actor, values, name="喷涂标识", code="mark")


@transaction.atomic
def exempt_marking(actor: Actor, vehicle: Vehicle, *, reason: str) -> Vehicle:
    """免喷涂标识, with the reason that the local rule accepts."""
    actor.require("vehicles.vehicle.manage", vehicle)
    values = {"marking": Marking.EXEMPT, "marked_on": None, "marking_note": reason[:200]}
    return ledger.change(vehicle, actor, values, name="免喷涂标识", code="exempt_marking", reason=reason)


@transaction.atomic
def install_terminal(actor: Actor, *, vehicle: Vehicle, number: str, **values: Any) -> Terminal:
    """安装终端: bind a positioning terminal to a vehicle and let it into the gateway.

    A device removed from another vehicle may be installed again; its earlier positions stay with that vehicle. Raises
    ``Invalid`` for a malformed number or a disposed vehicle, ``Conflict`` while the device or the vehicle is taken.
    """
    actor.require("vehicles.terminal.manage", vehicle)
    if vehicle.state == "disposed":
        raise Invalid("该车已处置，不能安装终端。", fields={"vehicle": "该车已处置，不能安装终端。"})
    if not re.fullmatch(r"\d{6,20}", number):
        message = "终端手机号应为 6 至 20 位数字。"
        raise Invalid(message, fields={"number": message})
    now = timezone.now()
    installed_on = values.get("installed_on")
    since = None if installed_on is None else min(now, datetime.combine(installed_on, time.min, SHANGHAI))
    earlier = Terminal.objects.filter(source__number=telemetry.normalised(number)).select_related("source", "vehicle")
    last = earlier.order_by("-pk").first()
    if last is None:
        source = telemetry.provision(actor, number=number, key=vehicle.plate, unit=vehicle.unit)
    elif last.state == "active":
        message = f"该终端正装在 {last.vehicle} 上，请先拆除。"
        raise Conflict(message, code="terminal_installed", fields={"number": message})
    else:
        source = telemetry.rebind(actor, last.source, key=vehicle.plate, unit=vehicle.unit)
        source = telemetry.set_active(actor, source, active=True)
        since = max(since or now, last.removed_at or now)
    try:
        with transaction.atomic():
            return ledger.create(
                Terminal, actor, {**values, "unit": vehicle.unit, "vehicle": vehicle, "number": number, "source": source,
                                  "installed_at": since},
                name="安装",
            )  # fmt: skip
    except IntegrityError as error:
        message = "该车已装有在用终端，请先拆除。"
        raise Conflict(message, code="terminal_present", fields={"vehicle": message}) from error


@transaction.atomic
def remove_terminal(actor: Actor, terminal: Terminal, *, reason: str) -> Terminal:
    """拆除终端: shut the device out of the gateway; its tracks stay."""
    actor.require("vehicles.terminal.manage", terminal)
    terminal = ledger.move(terminal, "close", actor, reason=reason, removed_at=timezone.now())
    telemetry.set_active(actor, terminal.source, active=False)
    return terminal


def add_place(actor: Actor, **values: Any) -> ParkingPlace:
    """登记停放地点."""
    actor.require("vehicles.place.manage", values["unit"])
    return ledger.create(ParkingPlace, actor, values)


def edit_place(actor: Actor, place: ParkingPlace, **values: Any) -> ParkingPlace:
    """变更停放地点."""
    actor.require("vehicles.place.manage", place)
    if values.get("unit") is not None:
        actor.require("vehicles.place.manage", values["unit"])
    return ledger.change(place, actor, values)


def close_place(actor: Actor, place: ParkingPlace, *, reason: str) -> ParkingPlace:
    """停用停放地点; refused while vehicles have it."""
    actor.require("vehicles.place.manage", place)
    if place.vehicles.exclude(state="disposed").exists():
        raise Conflict("仍有车辆以此为停放地点，请先调整。", code="vehicles_present")
    return ledger.move(place, "close", actor, reason=reason)


def reopen_place(actor: Actor, place: ParkingPlace) -> ParkingPlace:
    """恢复停放地点: take one that was closed by mistake, or is free again, back into use."""
    actor.require("vehicles.place.manage", place)
    return ledger.move(place, "reopen", actor)


@transaction.atomic
def add_driver(actor: Actor, **values: Any) -> Driver:
    """登记驾驶员. ``Conflict`` when the person is one already."""
    actor.require("vehicles.driver.manage", values["person"])
    if Driver.objects.filter(person=values["person"]).exists():
        message = "该人员已登记为驾驶员。"
        raise Conflict(message, code="driver_present", fields={"person": message})
    driver = ledger.create(Driver, actor, {**values, "unit": values["person"].unit})
    dues.refresh_drivers([driver.pk])
    return driver


@transaction.atomic
def edit_driver(actor: Actor, driver: Driver, **values: Any) -> Driver:
    """变更驾驶员信息."""
    actor.require("vehicles.driver.manage", driver)
    driver = ledger.change(driver, actor, values)
    dues.refresh_drivers([driver.pk])
    return driver


@transaction.atomic
def close_driver(actor: Actor, driver: Driver, *, reason: str) -> Driver:
    """停驾."""
    actor.require("vehicles.driver.manage", driver)
    if DispatchOrder.objects.filter(driver=driver, state__in=BOUND).exists():
        raise Conflict("该驾驶员仍有未完成的派车单，请先改派。", code="orders_open")
    driver = ledger.move(driver, "close", actor, reason=reason)
    dues.refresh_drivers([driver.pk])
    return driver


@transaction.atomic
def reopen_driver(actor: Actor, driver: Driver) -> Driver:
    """恢复驾驶."""
    actor.require("vehicles.driver.manage", driver)
    driver = ledger.move(driver, "reopen", actor)
    dues.refresh_drivers([driver.pk])
    return driver


@transaction.atomic
def set_quota(
    actor: Actor, *, unit: Any, kind: str, quota: int, valid_from: Any, document_no: str = "", reason: str = ""
) -> VehicleQuota:
    """核定编制: set an organ's quota of a kind from a date on; the quota in force until then ends that day."""
    actor.require("vehicles.quota.manage", unit)
    before = VehicleQuota.objects.filter(unit=unit, kind=kind, state="active", valid_to__isnull=True).first()
    if before is not None:
        if before.valid_from >= valid_from:
            message = f"起始日期须晚于现行编制的起始日期（{before.valid_from:%Y-%m-%d}）。"
            raise Invalid(message, fields={"valid_from": message})
        ledger.change(before, actor, {"valid_to": valid_from}, name="被新编制替代", reason=reason)
    values = {"unit": unit, "kind": kind, "quota": quota, "valid_from": valid_from, "document_no": document_no}
    return ledger.create(VehicleQuota, actor, values, name="核定", reason=reason)
