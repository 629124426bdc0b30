"""Verbs of telemetry: register a device so that the gateway lets it in, move it, shut it out."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import numpy as np
import numpy.typing as npt
from django.db import IntegrityError, connection, transaction

from zhiguan.kernel.orgs.models import Unit
from zhiguan.kernel.trace import service as trace
from zhiguan.kit.actor import Actor
from zhiguan.kit.errors import Conflict

from .declare import CHANNEL_SOURCE
from .models import Source


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
    Source.objects.filter(pk=source.pk).update(key=key, unit=unit, scope_pos=unit.pos)
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


COLUMNS = ("source_id", "time_s", "lat", "lon", "speed_kmh", "alarm", "status")


def positions_of(sources: Sequence[int], start: datetime, end: datetime) -> dict[str, npt.NDArray]:
    """Return the located positions of the sources in ``[start, end)`` as columns, unordered.

    ``source_id``; ``time_s`` Unix seconds of device time; ``lat``, ``lon`` degrees WGS84; ``speed_kmh``; ``alarm`` and
    ``status`` words. The caller has resolved which sources its actor may see; row-level security shows these and no
    others.
    """
    if not sources:
        return {name: np.array([], dtype=np.int64 if name == "source_id" else np.float64) for name in COLUMNS}
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT set_config('zg.sources', %s, true)", [",".join(map(str, sources))])
        cursor.execute(
            "SELECT source_id, extract(epoch FROM at)::float8, lat / 1e6, lon / 1e6, speed / 10.0::float8, alarm, status "
            "FROM telemetry_position WHERE source_id = ANY(%s) AND at >= %s AND at < %s AND status & 2 = 2",
            [list(sources), start, end],
        )
        rows = cursor.fetchall()
        cursor.execute("SELECT set_config('zg.sources', '', true)")
    table = np.array(rows, dtype=np.float64).reshape(-1, len(COLUMNS))
    columns = {name: table[:, index] for index, name in enumerate(COLUMNS)}
    columns["source_id"] = columns["source_id"].astype(np.int64)
    return columns
