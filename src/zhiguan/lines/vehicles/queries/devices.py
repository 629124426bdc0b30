"""What stands with terminals: who is there, how well they hear, what they were asked, what they carry."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q, QuerySet
from django.utils import timezone

from zhiguan.kernel.telemetry import service as telemetry
from zhiguan.kit.actor import Actor

from ..models import AreaCarried, DriverSignIn, Terminal, TerminalArea, TerminalMedia, Vehicle
from . import privacy

VIEW = "vehicles.terminal.view"
LOW_NETWORK, FEW_SATELLITES = 10, 5
"""Below these a terminal hears badly: network strength of 0 to 31 as terminals send it, satellites for a sound fix."""
SILENT = timedelta(minutes=10)
NONE_YET = "从未上线"
ALARMED = (2, 3)
"""Events of media that an alarm set off (robbery, collision): shown off duty as well."""


def terminals(actor: Actor) -> QuerySet[Terminal]:
    """Return the terminals the actor may see."""
    return Terminal.objects.visible_to(actor, VIEW)


def online() -> Q:
    """The condition that a terminal is connected and has said something lately."""
    return Q(
        source__session__disconnected_at__isnull=True, source__session__seen_at__gte=timezone.now() - SILENT,
        source__session__isnull=False, state="active",
    )  # fmt: skip


def offline_for(days: int) -> Q:
    """The condition that a terminal in use has said nothing for so many days, or never anything."""
    since = timezone.now() - timedelta(days=days)
    return Q(state="active") & (Q(source__last_seen_at__lt=since) | Q(source__last_seen_at__isnull=True))


def low_signal() -> Q:
    """The condition that a terminal hears badly."""
    return Q(health__network__lt=LOW_NETWORK) | Q(health__satellites__lt=FEW_SATELLITES)


def is_online(terminal: Terminal, now: datetime | None = None) -> bool:
    session = getattr(terminal.source, "session", None)
    if session is None or session.disconnected_at is not None:
        return False
    return (now or timezone.now()) - session.seen_at <= SILENT


def presence(terminal: Terminal) -> str:
    """在线, or for how long it has been away."""
    if terminal.state != "active":
        return "—"
    if is_online(terminal):
        return "在线"
    seen = terminal.source.last_seen_at
    return NONE_YET if seen is None else f"离线 {span(timezone.now() - seen)}"


def span(length: timedelta) -> str:
    """A length of time in words: the largest unit that fits."""
    minutes = max(0, int(length.total_seconds() // 60))
    if minutes >= 48 * 60:
        return f"{minutes // 1440} 天"
    return f"{minutes // 60} 小时" if minutes >= 60 else f"{minutes} 分钟"


def commands(actor: Actor) -> QuerySet[telemetry.Command]:
    """Return the downlinks to terminals the actor may see; each has ``source``."""
    sources = terminals(actor).values("source")
    return telemetry.Command.objects.filter(source__in=sources).select_related("source")


def commands_of(terminal: Terminal, actor: Actor) -> QuerySet[telemetry.Command]:
    return telemetry.Command.objects.filter(source=terminal.source_id).order_by("-pk")


def connections_of(terminal: Terminal, actor: Actor) -> QuerySet[telemetry.Connection]:
    return telemetry.Connection.objects.filter(source=terminal.source_id).order_by("-connected_at")


def messages_of(terminal: Terminal, actor: Actor) -> list[telemetry.Kept]:
    """Return the latest kept messages of the device."""
    return telemetry.kept_of(terminal.source, limit=50)


def areas(actor: Actor) -> QuerySet[TerminalArea]:
    return TerminalArea.objects.visible_to(actor, VIEW)


def carried_of(terminal: Terminal, actor: Actor) -> QuerySet[AreaCarried]:
    return AreaCarried.objects.filter(terminal=terminal).select_related("area", "command")


def carriers_of(area: TerminalArea, actor: Actor) -> QuerySet[AreaCarried]:
    return (
        AreaCarried.objects.visible_to(actor, VIEW)
        .filter(area=area)
        .select_related("terminal__vehicle", "command", "area")
    )


def sign_ins(actor: Actor) -> QuerySet[DriverSignIn]:
    return DriverSignIn.objects.visible_to(actor, "vehicles.driver.view")


def sign_ins_of(terminal: Terminal, actor: Actor) -> QuerySet[DriverSignIn]:
    return sign_ins(actor).filter(terminal=terminal)


def sign_ins_in(vehicle: Vehicle, actor: Actor) -> QuerySet[DriverSignIn]:
    return sign_ins(actor).filter(vehicle=vehicle)


def media(actor: Actor) -> QuerySet[TerminalMedia]:
    """Return the media in scope, without those taken off duty that are kept from the actor."""
    rows = TerminalMedia.objects.visible_to(actor, "vehicles.trip.view")
    return privacy.without_kept(rows, actor, "at", "at", ordered=Q(event__in=ALARMED))


def media_of(terminal: Terminal, actor: Actor) -> QuerySet[TerminalMedia]:
    return media(actor).filter(terminal=terminal).select_related("file")


def media_in(vehicle: Vehicle, actor: Actor) -> QuerySet[TerminalMedia]:
    return media(actor).filter(vehicle=vehicle).select_related("file")


def figures(actor: Actor) -> dict[str, int]:
    """Return how the fleet of terminals stands: all in use, online, silent for three days, badly hearing, behind."""
    mine = terminals(actor).filter(state="active")
    return {
        "active": mine.count(), "online": mine.filter(online()).count(), "silent": mine.filter(offline_for(3)).count(),
        "low": mine.filter(low_signal()).count(), "behind": mine.filter(health__behind=True).count(),
    }  # fmt: skip


def parameters(terminal: Terminal, actor: Actor) -> list[dict[str, Any]]:
    """Return the parameters known of the device: what it told or confirmed last, and what it should have.

    Folded from its downlinks in order: an answer to a question says what is; a confirmed setting says it, too, until the
    next answer; what was sent last is what is wanted. Each: id, label, actual, actual_at, how, wanted, wanted_at, same.
    """
    rows: dict[int, dict[str, Any]] = {}
    kinds = ("set_parameters", "query_parameters")
    last = telemetry.Command.objects.filter(source=terminal.source_id, kind__in=kinds).order_by("-pk")[:200]
    for command in reversed(list(last)):
        if command.kind == "set_parameters" and command.state != telemetry.CommandState.WITHDRAWN:
            done = command.state == telemetry.CommandState.ACKNOWLEDGED
            for key, value in command.payload.get("values", {}).items():
                row = rows.setdefault(int(key, 16), {})
                if command.state != telemetry.CommandState.REFUSED:
                    row |= {"wanted": value, "wanted_at": command.created_at}
                if done:
                    row |= {"actual": value, "actual_at": command.answered_at, "how": "设置后确认"}
        elif command.kind == "query_parameters" and command.state == telemetry.CommandState.ACKNOWLEDGED:
            for item in (command.answer or {}).get("fields", {}).get("parameters", []):
                value = item["value"] if item["value"] is not None else item["hex"]
                rows.setdefault(int(item["id"], 16), {}).update(
                    actual=value, actual_at=command.answered_at, how="终端回读"
                )
    return [_parameter(number, rows[number]) for number in sorted(rows)]


def _parameter(number: int, row: dict[str, Any]) -> dict[str, Any]:
    known = telemetry.PARAMETERS.get(number)
    wanted, actual = row.get("wanted"), row.get("actual")
    return {
        "id": f"{number:04X}", "label": known.label if known else "未知参数",
        "actual": telemetry.parameter_text(number, actual), "actual_at": row.get("actual_at"), "how": row.get("how", ""),
        "wanted": telemetry.parameter_text(number, wanted), "wanted_at": row.get("wanted_at"),
        "same": wanted is None or actual == wanted, "known": "actual" in row,
    }  # fmt: skip


def chosen(actor: Actor, *, units: Any, firmware: str, online_only: bool) -> list[int]:
    """Return the keys of the terminals in use of these units (all when none) that a command may be sent to."""
    rows = Terminal.objects.visible_to(actor, "telemetry.command.send").filter(state="active")
    if units:
        where = Q(pk__in=[])
        for unit in units:
            where |= Q(scope_pos__range=(unit.pos, unit.pos_end))
        rows = rows.filter(where)
    if firmware:
        rows = rows.filter(source__firmware=firmware)
    if online_only:
        rows = rows.filter(online())
    return list(rows.order_by("pk").values_list("pk", flat=True))


def answer_text(command: telemetry.Command) -> str:
    """What the terminal answered, for people: parameters by name, everything else as names and values."""
    fields = (command.answer or {}).get("fields") or {}
    parts = []
    for item in fields.get("parameters", []):
        value = telemetry.parameter_text(int(item["id"], 16), item["value"]) or item["hex"]
        parts.append(f"{item['label'] or item['id']}：{value}")
    for name, label in ANSWER_NAMES.items():
        if fields.get(name) not in (None, "", []):
            value = fields[name]
            parts.append(f"{label}：{'、'.join(map(str, value)) if isinstance(value, list) else value}")
    for medium in fields.get("media", []):
        parts.append(
            f"多媒体 {medium['media_id']}：{medium['type_label']}，通道 {medium['channel']}，{medium['event_label']}"
        )
    return "；".join(parts)


ANSWER_NAMES = {
    "maker": "制造商", "model": "型号", "terminal_id": "终端编号", "iccid": "SIM 卡", "hardware_version": "硬件版本",
    "firmware_version": "固件版本", "kind_label": "类型", "ids": "区域编号", "name": "姓名", "result_label": "结果",
    "media_ids": "多媒体编号", "count": "数量",
}  # fmt: skip


def shape_text(area: TerminalArea) -> str:
    """What an area is, in a line."""
    geometry = area.geometry
    if geometry["type"] == "Circle":
        lon, lat = geometry["center"]
        return f"圆心 {lat:.5f}, {lon:.5f}，半径 {geometry['radius_m']:.0f} 米"
    points = geometry["coordinates"] if geometry["type"] == "LineString" else geometry["coordinates"][0][:-1]
    return f"{len(points)} 个点"
