"""What terminals send of their own accord, entered on the books once: driver cards, media; and how well they hear."""

from __future__ import annotations

import logging
import re
from collections import defaultdict
from collections.abc import Iterable
from datetime import date, datetime, timedelta

from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from zhiguan.kernel.files import service as files
from zhiguan.kernel.telemetry import service as telemetry
from zhiguan.kernel.trace import service as trace
from zhiguan.kit.actor import Actor, system
from zhiguan.kit.errors import Refusal

from ..models import Driver, DriverSignIn, Terminal, TerminalHealth, TerminalMedia
from ..models.terminals import CardMatch

log = logging.getLogger("zhiguan.vehicles")

ACTOR = system("vehicles.uplinks")
READER = "vehicles.uplinks"
DRIVER_CARD, MEDIA = 0x0702, 0x0801
CARD_IN = 1
CLOCK_OFF = timedelta(days=1)
"""A terminal's time this far from the arrival is no time; the arrival counts."""
HEALTH_FIELDS = (
    "unit", "scope_pos", "network", "satellites", "signal_at", "behind", "newest", "checked_at",
)  # fmt: skip
ENDINGS = {(0, 0): "jpg", (0, 1): "tif", (1, 2): "mp3", (1, 3): "wav", (2, 4): "wmv"}


def read_messages() -> int:
    """Enter what terminals have sent since the last time; return how many messages that were."""
    with ACTOR.acting():
        return telemetry.consume(READER, (DRIVER_CARD, MEDIA), _enter)


def _enter(message: telemetry.Kept) -> None:
    terminal = Terminal.objects.filter(source=message.source_id).exists()
    if not terminal:
        return
    if message.msg_id == DRIVER_CARD:
        enter_card(ACTOR, message)
    else:
        enter_medium(ACTOR, message)


def fitting_at(source: int, moment: datetime) -> tuple[Terminal, bool]:
    """The terminal row of the device at that moment, and whether the device was in its vehicle then.

    A device is on the books once for each vehicle it has been in. Raises ``Terminal.DoesNotExist`` for one that is not.
    """
    rows = Terminal.objects.filter(source=source).select_related("unit", "vehicle")
    then = rows.filter(Q(installed_at__isnull=True) | Q(installed_at__lte=moment)).filter(
        Q(removed_at__isnull=True) | Q(removed_at__gt=moment)
    )
    found = then.order_by("-pk").first()
    if found is not None:
        return found, True
    return rows.latest("pk"), False


def _moment(text: str | None, received_at: datetime) -> datetime:
    if text is None:
        return received_at
    moment = datetime.fromisoformat(text)
    return moment if abs(moment - received_at) < CLOCK_OFF else received_at


def enter_card(actor: Actor, message: telemetry.Kept) -> DriverSignIn:
    """刷卡登记: a driver's card went in or out."""
    actor.require("vehicles.driver.manage")
    fields = message.fields()
    at = _moment(fields.get("time_utc"), message.received_at)
    terminal, fitted = fitting_at(message.source_id, at)
    card_no, holder = str(fields.get("licence") or "")[:40], str(fields.get("name") or "")[:80]
    on = fields.get("state", CARD_IN) == CARD_IN
    if not on and not card_no:
        # a card that leaves tells nothing: it is the one that went in last
        last = DriverSignIn.objects.filter(terminal=terminal, at__lte=at).order_by("-at", "-pk").first()
        if last is not None and last.on:
            driver, how, card_no, holder = last.driver, last.matched_by, last.card_no, last.holder_name
        else:
            driver, how = None, ""
    else:
        driver, how = driver_of(terminal, [card_no, str(fields.get("id_number") or "")], holder)
    entry = DriverSignIn.objects.create(
        vehicle=terminal.vehicle if fitted else None, terminal=terminal, unit=terminal.unit, driver=driver, matched_by=how,
        at=at, received_at=message.received_at, on=on, result=fields.get("read_result"), holder_name=holder,
        card_no=card_no, authority=str(fields.get("authority") or "")[:200], valid_until=_day(fields.get("valid_until")),
        raw_id=message.id,
    )  # fmt: skip
    after = {"on": on, "driver": driver.pk if driver else None, "at": at.isoformat()}
    trace.record(actor, "vehicles.terminal.card", terminal, after=after)
    return entry


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None


def driver_of(terminal: Terminal, numbers: Iterable[str], name: str) -> tuple[Driver | None, str]:
    """The driver whose licence has one of the numbers; failing that, the only one of that name in the unit."""
    known = [number for number in numbers if len(number) >= 6]
    if known:
        found = list(Driver.objects.filter(licence_no__in=known)[:2])
        if len(found) == 1:
            return found[0], CardMatch.LICENCE
    if name:
        same = list(Driver.objects.filter(person__name=name, unit=terminal.unit_id, state="active")[:2])
        if len(same) == 1:
            return same[0], CardMatch.NAME
    return None, ""


def enter_medium(actor: Actor, message: telemetry.Kept) -> TerminalMedia | None:
    """影像登记: a picture, sound or film came; it is kept as a file when its bytes are what they should be."""
    actor.require("vehicles.terminal.manage")
    fields = message.fields()
    data = telemetry.media_data(message.body)
    if fields.get("channel") is None:
        log.warning("message %s is no medium", message.id)
        return None
    place = fields.get("location") or {}
    at = _moment(place.get("time_utc"), message.received_at)
    terminal, fitted = fitting_at(message.source_id, at)
    kind, form = int(fields["type"]), int(fields["format"])
    local = timezone.localtime(at)
    name = f"{terminal.number}-{local:%Y%m%d%H%M%S}-{fields['media_id']}.{ENDINGS.get((kind, form), 'jpg')}"
    medium = TerminalMedia(
        vehicle=terminal.vehicle if fitted else None, terminal=terminal, unit=terminal.unit, media_id=fields["media_id"],
        at=at, received_at=message.received_at, kind=kind, format=form, event=fields["event"],
        channel=fields["channel"], size=len(data), raw_id=message.id,
    )  # fmt: skip
    if place and place["status"] & 2 and abs(place["lat"]) <= 90 and abs(place["lon"]) <= 180:
        medium.lat, medium.lon = place["lat"], place["lon"]
    file = None
    try:
        with transaction.atomic():
            file = files.store(actor, "vehicles", data, name, unit=terminal.unit, permission="vehicles.trip.view")
    except Refusal as error:
        medium.refusal = error.message[:200]
    medium.file = file
    medium.save()
    if file is not None:
        files.attach(actor, file, medium, role="medium", permission="vehicles.trip.view")
    after = {"media_id": medium.media_id, "bytes": medium.size, "refusal": medium.refusal}
    trace.record(actor, "vehicles.terminal.medium", terminal, after=after)
    return medium


# --- health


def check_health() -> int:
    """Note how well terminals hear whose reports are newer than what is known, and whose firmware is behind."""
    now = timezone.now()
    with ACTOR.transaction():
        rows = Terminal.objects.filter(state="active").select_related("source", "health", "unit")
        newest = _newest_firmware(rows.values_list("maker", "model", "source__firmware"))
        due = rows.filter(
            Q(health__isnull=True)
            | Q(source__latest__at__gt=F("health__signal_at"))
            | Q(health__signal_at__isnull=True, source__latest__isnull=False)
            | Q(health__checked_at__lt=now - timedelta(hours=1))
        )
        found = list(due[:20_000])
        signals = telemetry.signals([terminal.source_id for terminal in found])
        noted = []
        for terminal in found:
            top, firmware = newest.get((terminal.maker, terminal.model), ""), terminal.source.firmware
            signal, known = signals.get(terminal.source_id), getattr(terminal, "health", None)
            heard = (None, None, None) if known is None else (known.network, known.satellites, known.signal_at)
            if signal is not None:
                heard = (signal.network, signal.satellites, signal.at)
            noted.append(TerminalHealth(
                terminal=terminal, unit=terminal.unit, scope_pos=terminal.scope_pos, checked_at=now, newest=top,
                behind=bool(firmware) and version_key(firmware) < version_key(top), network=heard[0], satellites=heard[1],
                signal_at=heard[2],
            ))  # fmt: skip
        # All in a few statements: at two a terminal a fleet of thousands took longer than the time between two checks.
        TerminalHealth.objects.bulk_create(
            noted, batch_size=2_000, update_conflicts=True, unique_fields=["terminal"], update_fields=HEALTH_FIELDS
        )
    return len(found)


def version_key(text: str) -> tuple[tuple[int, ...], str]:
    """A firmware version in an order: its numbers first, then its letters."""
    return tuple(int(number) for number in re.findall(r"\d{1,9}", text)), text


def _newest_firmware(rows: Iterable[tuple[str, str, str]]) -> dict[tuple[str, str], str]:
    known: dict[tuple[str, str], str] = defaultdict(str)
    for maker, model, firmware in rows:
        if (maker or model) and firmware and version_key(firmware) > version_key(known[maker, model]):
            known[maker, model] = firmware
    return known
