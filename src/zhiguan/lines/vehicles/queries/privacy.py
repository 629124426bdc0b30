"""隐私保护 outside duty hours: which vehicles are shown as moved or not moved only, when, and to whom all the same.

A vehicle with a registered holder (固定使用人) in force is protected outside the office hours of its organ, where no order
covers the time, the device gives no alarm, and the reader has no lift (解除隐私保护) for that vehicle and day. The general
fact ``vehicles.detection.privacy_off_duty`` switches it, for all or for one organ. Fails closed: a year that the calendar
does not have counts as off duty.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from django.db.models import (
    BooleanField,
    Case,
    Exists,
    F,
    FloatField,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Sum,
    TimeField,
    Value,
    When,
)
from django.db.models.functions import ExtractIsoWeekDay, ExtractYear, TruncDate, TruncTime
from django.utils import timezone
from numpy.typing import NDArray

from zhiguan.kernel.calendar import service as calendar
from zhiguan.kernel.calendar.declare import HoursNotSet, Snapshot, YearNotLoaded
from zhiguan.kernel.reference import service as reference
from zhiguan.kernel.trace import service as trace
from zhiguan.kit.actor import Actor, system

from ..models import DispatchOrder, PrivacyLift, Vehicle, VehicleHolder

VIEW, LIFT, DECIDE = "vehicles.privacy.view", "vehicles.privacy.lift", "vehicles.privacy.decide"
READ = "vehicles.privacy.read"
FACTS, SWITCH = "vehicles.detection", "privacy_off_duty"
COVERED = ("dispatched", "started", "ended")
MARGIN = timedelta(minutes=30)
"""Positions so long before and after an order's time belong to it, as when trips are matched."""
SHANGHAI = ZoneInfo("Asia/Shanghai")
MOVING, STILL = "kept_moving", "kept_still"
"""States of the live map in place of a position."""

IN_FORCE = Q(state="active") | Q(valid_to__isnull=False)
"""Holders that count: an ended one still protects the days on which it was in force."""

Span = tuple[float, float]


@dataclass(frozen=True)
class Guard:
    """Calendar and switch as of now, read once for each answer."""

    calendar: Snapshot
    limits: reference.Thresholds | None

    def on(self, pos: int) -> bool:
        """Tell whether vehicles of the unit at ``pos`` are protected at all."""
        return self.limits is None or bool(self.limits.value(SWITCH, pos))

    def duty(self, seconds: NDArray[np.float64], pos: int) -> NDArray[np.bool_]:
        """Return for each moment (Unix seconds) whether it lies within the organ's office hours, midday included."""
        whole = np.asarray(seconds).astype(np.int64)
        if not whole.size:
            return np.zeros(0, bool)
        try:
            return self.calendar.within_many(whole, pos, with_break=True)
        except (YearNotLoaded, HoursNotSet):
            return np.zeros(whole.shape, bool)


def guard() -> Guard:
    """Read calendar and switch. Without the fact every holder's vehicle is protected."""
    found = reference.thresholds(FACTS, on=timezone.localdate())
    known = f"{FACTS}.{SWITCH}" in found.facts
    return Guard(calendar.snapshot(), found if known else None)


def kept_on(vehicle: Vehicle, first: date, last: date) -> bool:
    """Tell whether anything of the vehicle is kept off duty on one of the days, so that there is something to lift."""
    return bool(held([vehicle.pk], first, last)) and guard().on(vehicle.scope_pos)


def _in_force(first: date, last: date) -> QuerySet[VehicleHolder]:
    """Holders in force on one of the days, as far as the reader may see them."""
    return VehicleHolder.objects.filter(IN_FORCE, valid_from__lte=last).exclude(valid_to__lte=first)


def _holders(vehicles: Collection[int] | None, first: date, last: date) -> list[tuple[int, int, date, date | None]]:
    """Return (vehicle, its position, from, to) of every holder in force on one of the days, whoever is asking."""
    with system("vehicles.privacy").transaction():
        rows = _in_force(first, last)
        if vehicles is not None:
            rows = rows.filter(vehicle__in=list(vehicles))
        return list(rows.order_by().values_list("vehicle_id", "vehicle__scope_pos", "valid_from", "valid_to"))


def held(vehicles: Collection[int], first: date, last: date) -> set[int]:
    """Return which of the vehicles have a holder in force on one of the days."""
    return {vehicle for vehicle, *_ in _holders(vehicles, first, last)} if vehicles else set()


def holders_on(vehicle: int, first: date, last: date) -> set[int]:
    """Return the persons who hold the vehicle on one of the days, whoever is asking."""
    with system("vehicles.privacy").transaction():
        rows = _in_force(first, last).filter(vehicle=vehicle)
        return set(rows.order_by().values_list("person_id", flat=True))


def _orders(vehicles: Collection[int], start: datetime, end: datetime) -> dict[int, list[Span]]:
    """Return the times that orders in force cover, by vehicle, whoever is asking."""
    with system("vehicles.privacy").transaction():
        rows = DispatchOrder.objects.filter(
            state__in=COVERED, vehicle__in=list(vehicles), planned_from__lt=end + timedelta(days=2),
            planned_to__gt=start - timedelta(days=2),
        ).values_list("vehicle_id", "planned_from", "planned_to", "started_at", "ended_at", "state")  # fmt: skip
        found = list(rows)
    spans: dict[int, list[Span]] = {}
    now = timezone.now()
    for vehicle, planned_from, planned_to, started, ended, state in found:
        first, last = min(planned_from, started or planned_from), max(planned_to, ended or planned_to)
        until = max(last, now) if state == "started" else last
        spans.setdefault(vehicle, []).append(((first - MARGIN).timestamp(), (until + MARGIN).timestamp()))
    return spans


def in_force(actor: Actor) -> QuerySet[PrivacyLift]:
    """Return the actor's own lifts in force at this moment: agreed to, not over, and within what they may ask for."""
    if actor.account_id is None or not actor.can(LIFT):
        return PrivacyLift.objects.none()
    rows = PrivacyLift.objects.filter(account_id=actor.account_id, state="approved", expires_at__gt=timezone.now())
    return rows.filter(actor.scope(LIFT).q("vehicle__scope_pos"))


def lifts(actor: Actor, first: date, last: date | None = None) -> dict[int, PrivacyLift]:
    """Return the actor's own lifts in force now that cover all days of ``[first, last]``, by vehicle."""
    rows = in_force(actor).filter(day_from__lte=first, day_to__gte=last or first)
    return {row.vehicle_id: row for row in rows.select_related("vehicle__unit").order_by("pk")}


def kept_now(vehicles: Collection[int] | None, now: datetime) -> set[int]:
    """Return which of the vehicles (None: of all) are shown as moved or not moved only at this moment.

    Alarms and lifts are not considered: the former are the position's, the latter the reader's.
    """
    today = now.astimezone(SHANGHAI).date()
    found = {vehicle: pos for vehicle, pos, _, _ in _holders(vehicles, today, today)}
    if not found:
        return set()
    known = guard()
    off: dict[int, bool] = {}
    for pos in set(found.values()):
        off[pos] = known.on(pos) and not bool(known.duty(np.array([now.timestamp()]), pos)[0])
    kept = {vehicle for vehicle, pos in found.items() if off[pos]}
    if kept:
        moment = now.timestamp()
        covered = _orders(kept, now, now)
        kept -= {vehicle for vehicle, spans in covered.items() if any(a <= moment < b for a, b in spans)}
    return kept


@dataclass(frozen=True)
class Day:
    """One vehicle's day: ``off`` says for any moments whether they are kept from the reader."""

    guard: Guard
    pos: int
    protected: bool
    covered: tuple[Span, ...]
    shown: tuple[Span, ...] = ()
    """Spans shown all the same: those of a finding that the reader came from."""

    def off(self, seconds: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Return for each moment whether it is outside duty: neither office hours nor an order."""
        seconds = np.asarray(seconds, np.float64)
        if not self.protected:
            return np.zeros(seconds.shape, bool)
        hidden = ~self.guard.duty(seconds, self.pos)
        for start, end in (*self.covered, *self.shown):
            hidden &= ~((seconds >= start) & (seconds <= end))
        return hidden

    def off_span(self, start: float, end: float) -> bool:
        """Tell whether any part of the span, looked at every minute, is outside duty."""
        return bool(self.off(np.append(np.arange(start, end, 60.0), end)).any())


def day_of(vehicle: Vehicle, day: date, actor: Actor, shown: Iterable[Span] = ()) -> tuple[Day, PrivacyLift | None]:
    """Return what is kept of a vehicle's day from the actor, and the lift that lets them see all of it."""
    start = datetime.combine(day, time.min, SHANGHAI)
    end = start + timedelta(days=1)
    known = guard()
    protected = bool(_holders([vehicle.pk], day, day)) and known.on(vehicle.scope_pos)
    lift = lifts(actor, day).get(vehicle.pk) if protected else None
    covered = _orders([vehicle.pk], start, end).get(vehicle.pk, []) if protected else []
    return Day(known, vehicle.scope_pos, protected and lift is None, tuple(covered), tuple(shown)), lift


def read_under(actor: Actor, lift: PrivacyLift, vehicle: Vehicle, fields: list[str]) -> None:
    """Note in the log that positions off duty leave under a lift, before they leave."""
    trace.record_read(actor, READ, vehicle, fields, reason=lift.reason)


def read_for_finding(actor: Actor, vehicle: Vehicle, number: str) -> None:
    """Note in the log that positions off duty leave as evidence of a finding."""
    trace.record_read(actor, READ, vehicle, ["finding"], reason=f"查看问题线索 {number}")


# --- stored rows (trips, media): the same in SQL, so that lists, exports and the API are narrowed alike


def _days_of(known: Snapshot, day: Any) -> Q:
    """Return the condition that the annotated day ``zg_day`` is a working day of a loaded year."""
    holidays = [each for each, mark in known.marks.items() if mark.kind == "holiday"]
    swaps = [each for each, mark in known.marks.items() if mark.kind == "swap"]
    week = Q(zg_weekday__lte=5) & ~Q(zg_day__in=holidays)
    return Q(zg_year__in=sorted(known.years)) & (week | Q(zg_day__in=swaps))


def _policy(known: Snapshot, which: str) -> Case:
    """Return the opening or closing time that holds for the row: of the nearest unit above, the latest policy."""

    def width(policy: Any) -> tuple[int, int]:
        wide = 2**63 if policy.lo is None or policy.hi is None else policy.hi - policy.lo
        return wide, -policy.valid_from.toordinal()

    whens = []
    for policy in sorted(known.hours, key=width):
        holds = Q(zg_day__gte=policy.valid_from)
        if policy.valid_to is not None:
            holds &= Q(zg_day__lt=policy.valid_to)
        if policy.lo is not None:
            holds &= Q(scope_pos__range=(policy.lo, policy.hi))
        whens.append(When(holds, then=Value(getattr(policy, which), output_field=TimeField())))
    return Case(*whens, default=None, output_field=TimeField())


def _switched(known: Guard) -> Q | Case:
    """Return the condition that the row's organ has protection switched on."""
    if known.limits is None:
        return Q(pk__isnull=False)
    own = known.limits.own.get(f"{FACTS}.{SWITCH}", ())
    whens = [When(scope_pos__range=(lo, hi), then=Value(bool(value))) for lo, hi, value in reversed(own)]
    general = Value(bool(known.limits.fact(SWITCH).value))
    return Case(*whens, default=general, output_field=BooleanField()) if whens else Q(
        pk__isnull=not general.value
    )


def _shown(
    rows: QuerySet, actor: Actor, start: str, end: str, ordered: Q | None, lifted: bool
) -> tuple[QuerySet, Q]:
    """Return the rows with what the condition reads, and the condition that a row is not kept from the actor."""
    known = guard()
    local_day = TruncDate(start, tzinfo=SHANGHAI)
    holder = VehicleHolder.objects.filter(
        IN_FORCE, Q(valid_to__isnull=True) | Q(valid_to__gt=OuterRef("zg_day")), vehicle=OuterRef("vehicle_id"),
        valid_from__lte=OuterRef("zg_day"),
    )  # fmt: skip
    rows = rows.alias(
        zg_day=local_day, zg_weekday=ExtractIsoWeekDay(start, tzinfo=SHANGHAI), zg_year=ExtractYear(start, tzinfo=SHANGHAI),
        zg_until=TruncDate(end, tzinfo=SHANGHAI), zg_begins=TruncTime(start, tzinfo=SHANGHAI),
        zg_ends=TruncTime(end, tzinfo=SHANGHAI),
    )  # fmt: skip
    rows = rows.alias(zg_opens=_policy(known.calendar, "opens_at"), zg_closes=_policy(known.calendar, "closes_at"))
    duty = _days_of(known.calendar, local_day) & Q(
        zg_until=F("zg_day"), zg_begins__gte=F("zg_opens"), zg_ends__lte=F("zg_closes")
    )
    shown = duty | ~Exists(holder)
    switched = _switched(known)
    shown |= ~switched if isinstance(switched, Q) else ~Q(zg_on=True)
    if isinstance(switched, Case):
        rows = rows.alias(zg_on=switched)
    if ordered is not None:
        shown |= ordered
    if lifted:
        mine = in_force(actor).filter(
            vehicle=OuterRef("vehicle_id"), day_from__lte=OuterRef("zg_day"), day_to__gte=OuterRef("zg_day")
        )
        shown |= Exists(mine)
    return rows, shown


def without_kept(
    rows: QuerySet, actor: Actor, start: str = "start_at", end: str = "end_at", *, ordered: Q | None = None,
    lifted: bool = False,
) -> QuerySet:  # fmt: skip
    """Leave out the rows (with ``vehicle`` and ``scope_pos``) that reach outside duty and are kept from the actor.

    ``start`` and ``end`` name their moments; ``ordered`` is the condition that a row belongs to an order. ``lifted``:
    what the actor's lifts open is shown, too; whoever asks for that notes the look in the log (:func:`read_under`).
    """
    if actor.system:
        return rows
    rows, shown = _shown(rows, actor, start, end, ordered, lifted)
    return rows.filter(shown)


def marked_kept(rows: QuerySet, actor: Actor, *, ordered: Q) -> QuerySet:
    """Return all trips, each with ``kept``: whether it is kept from the actor. No lift opens lists: they are exported.

    Of kept ones a page shows the day and, once for each vehicle and day (``kept_m``, at the first of them), the metres
    of all of them together. ``open_m`` (metres, empty where kept) and ``sort_m`` are what may be searched and sorted by.
    """
    if actor.system:
        return rows.annotate(kept=Value(False), kept_m=Value(None, output_field=FloatField())).alias(
            open_m=F("distance_m"), sort_m=F("distance_m")
        )
    rows, shown = _shown(rows, actor, "start_at", "end_at", ordered, False)
    same = rows.model.objects.filter(vehicle=OuterRef("vehicle_id"), day=OuterRef("day"))
    same, seen = _shown(same, actor, "start_at", "end_at", ordered, False)
    same = same.exclude(seen)
    kept = Case(When(shown, then=Value(False)), default=Value(True), output_field=BooleanField())
    rows = rows.annotate(kept=kept)
    first = Subquery(same.order_by("-start_at", "-pk").values("pk")[:1])
    sums = same.order_by().values("vehicle", "day").annotate(metres=Sum("distance_m"))
    together = Subquery(sums.values("metres"), output_field=FloatField())
    return rows.annotate(
        kept_m=Case(When(Q(kept=True) & Q(pk=first), then=together), default=None, output_field=FloatField())
    ).alias(
        open_m=Case(When(kept=False, then=F("distance_m")), default=None, output_field=FloatField()),
        # Below all others, by vehicle: keys, by which equal ones would stand, follow the time of day.
        sort_m=Case(When(kept=False, then=F("distance_m")), default=F("vehicle_id") * -1.0, output_field=FloatField()),
    )


def lift_rows(actor: Actor) -> QuerySet[PrivacyLift]:
    """Return the applications and lifts that the actor's permission reaches."""
    return PrivacyLift.objects.filter(actor.scope(VIEW).q())


def to_decide(actor: Actor) -> QuerySet[PrivacyLift]:
    """Return the applications that wait for somebody like the actor, their own left out."""
    rows = PrivacyLift.objects.filter(actor.scope(DECIDE).q(), state="applied")
    return rows.exclude(account_id=actor.account_id) if actor.account_id is not None else rows


def over() -> QuerySet[PrivacyLift]:
    """Return the lifts that were in force once and are over by now."""
    return PrivacyLift.objects.filter(state__in=("approved", "ended"), expires_at__lte=timezone.now())


def whose(lift: PrivacyLift) -> str:
    """Return the names of those who hold the vehicle on the lift's days, as far as the reader may see holders."""
    rows = _in_force(lift.day_from, lift.day_to).filter(vehicle=lift.vehicle_id).order_by("person__name")
    return "、".join(rows.values_list("person__name", flat=True).distinct())


def looked_at(actor: Actor) -> QuerySet[PrivacyLift]:
    """Return the lifts, over by now, that were about vehicles the actor held on those days."""
    return over().filter(person_ids__contains=[actor.person_id]) if actor.person_id is not None else over().none()


def moved_in(seconds: NDArray[np.float64], speed: NDArray[np.float64], hidden: NDArray[np.bool_]) -> list[Mapping[str, Any]]:
    """Return the runs of hidden points as spans that say whether the vehicle moved in them (from 3 km/h on)."""
    found: list[Mapping[str, Any]] = []
    rows = np.flatnonzero(hidden)
    for run in np.split(rows, np.flatnonzero(np.diff(rows) > 1) + 1) if rows.size else ():
        found.append(
            {"start": int(seconds[run[0]]), "end": int(seconds[run[-1]]), "moved": bool((speed[run] >= 3.0).any())}
        )
    return found

