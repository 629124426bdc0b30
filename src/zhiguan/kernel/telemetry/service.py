"""Verbs of telemetry: let a device in, move it, shut it out, ask something of it; and read where things are."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from django.db import IntegrityError, connection, transaction

from zhiguan.kernel.orgs.service import Unit
from zhiguan.kernel.trace import service as trace
from zhiguan.kit.actor import Actor
from zhiguan.kit.errors import Conflict

from .analytics import PASSING
from .codes import COMMAND_COLOURS, CommandState
from .commands import checked_payload, outcome, reason_of, resend, send, withdraw
from .declare import CHANNEL_SOURCE
from .downlinks import CHOICES as COMMAND_KINDS
from .downlinks import MOST_TURNS, MOST_VERTICES, describe
from .engine import Engine, latest, reading, through
from .jt808.multimedia import data_of as media_data
from .jt808.parameters import PARAMETERS
from .jt808.parameters import shown as parameter_text
from .jt808.tables import MEDIA_EVENTS, MEDIA_TYPES, RESOLUTIONS
from .models import Command, Connection, Session, Source
from .raws import Kept, consume, kept_of
from .reports import reports_of
from .signals import Signal, signals

METRES_PER_DEGREE = 111_000.0
"""Not more than a degree of latitude has anywhere."""

__all__ = [
    "COMMAND_COLOURS",
    "COMMAND_KINDS",
    "MEDIA_EVENTS",
    "MEDIA_TYPES",
    "MOST_TURNS",
    "MOST_VERTICES",
    "PARAMETERS",
    "RESOLUTIONS",
    "Command",
    "CommandState",
    "Connection",
    "Engine",
    "Kept",
    "Session",
    "Signal",
    "Source",
    "checked_payload",
    "consume",
    "describe",
    "gateways",
    "kept_of",
    "latest",
    "media_data",
    "near",
    "normalised",
    "outcome",
    "parameter_text",
    "positions_of",
    "provision",
    "reason_of",
    "rebind",
    "reports_of",
    "resend",
    "send",
    "set_active",
    "signals",
    "through",
    "withdraw",
]  # fmt: skip


def normalised(number: str) -> str:
    """Return a terminal's number as it is compared: without leading zeros (frames pad it to 12 or 20 digits)."""
    return number.strip().lstrip("0")


def _tell(source_id: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_notify(%s, %s)", [CHANNEL_SOURCE, str(source_id)])


@transaction.atomic
def provision(
    actor: Actor, *, number: str, key: str, unit: Unit, device_id: str = "", protocol: str = "jt808"
) -> Source:
    """登记数据终端: let the device with this number in. Raises ``Conflict`` when the number is registered already."""
    actor.require("telemetry.source.manage", unit)
    try:
        with transaction.atomic():
            source = Source.objects.create(
                protocol=protocol, number=normalised(number), key=key, device_id=device_id, unit=unit
            )
    except IntegrityError as error:
        raise Conflict("该终端号码已登记。", code="number_taken", fields={"number": "该终端号码已登记。"}) from error
    trace.record(actor, "telemetry.source.provision", source, after={"number": source.number, "key": key})
    _tell(source.pk)
    return source


@transaction.atomic
def rebind(actor: Actor, source: Source, *, key: str, unit: Unit) -> Source:
    """变更归属: the device now belongs to what ``key`` names. Its authentication code is forgotten, so that it must
    register again."""
    actor.require("telemetry.source.manage", source)
    actor.require("telemetry.source.manage", unit)
    Source.objects.filter(pk=source.pk).update(key=key, unit=unit, scope_pos=unit.pos, auth_digest="", device_id="")
    trace.record(actor, "telemetry.source.rebind", source, before={"key": source.key}, after={"key": key})
    source.refresh_from_db()
    _tell(source.pk)
    return source


@transaction.atomic
def set_active(actor: Actor, source: Source, *, active: bool) -> Source:
    """启用、停用: let the device in or shut it out; its history stays."""
    actor.require("telemetry.source.manage", source)
    if Source.objects.filter(pk=source.pk).exclude(active=active).update(active=active):
        code = "telemetry.source.activate" if active else "telemetry.source.deactivate"
        trace.record(actor, code, source, before={"active": not active}, after={"active": active})
        _tell(source.pk)
    source.refresh_from_db()
    return source


def positions_of(sources: Sequence[int], start: datetime, end: datetime) -> dict[str, npt.NDArray]:
    """Return the located positions of the sources in ``[start, end)`` as columns, by source and device time.

    ``source_id``; ``time_s`` Unix seconds of device time; ``lat``, ``lon`` degrees WGS84; ``speed_kmh``; ``alarm`` and
    ``status`` words. Hot and sealed rows alike. The caller has resolved which sources its actor may see.
    """
    names = ("source_id", "epoch_s", "lat", "lon", "speed_kmh", "alarm", "status")
    text = f"SELECT {', '.join(names)} FROM positions WHERE located ORDER BY source_id, device_at"  # noqa: S608
    table = reading().sql(text, sources, start, end)
    columns = {name: table.column(name).to_numpy(zero_copy_only=False) for name in names}
    columns["time_s"] = columns.pop("epoch_s").astype(np.float64)
    return columns


def near(
    sources: Sequence[int], start: datetime, end: datetime, *, lat: float, lon: float, within_m: float
) -> dict[str, npt.NDArray]:
    """Return the positions of the sources in ``[start, end)`` within ``within_m`` of a place (degrees WGS84).

    Columns by source and device time: ``source_id``; ``time_s`` Unix seconds of device time; ``lat``, ``lon``;
    ``speed_kmh``; ``alarm`` word; ``metres`` to the place. The caller has resolved which sources its actor may see.
    """
    high = 1.01 * within_m / METRES_PER_DEGREE
    wide = high / max(0.01, math.cos(math.radians(lat)))
    box = (lat - high, lon - wide, lat + high, lon + wide)
    values = {"lat": lat, "lon": lon, "within_m": within_m}
    table = reading().sql(PASSING.sql, sources, start, end, values=values, box=box)
    columns = {name: table.column(name).to_numpy(zero_copy_only=False) for name in table.column_names}
    columns["time_s"] = columns.pop("epoch_s").astype(np.float64)
    return columns


def gateways(var: Path) -> list[dict[str, Any]]:
    """State of the gateway processes as they last told it (see ``gateway.server.Gateway.status``), newest first."""
    found = []
    for path in (var / "run").glob("gateway*.json"):
        try:
            found.append(json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError):
            continue
    return sorted(found, key=lambda state: state.get("at", ""), reverse=True)
