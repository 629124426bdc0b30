"""Verbs of the ledger: create, change and move, each one transaction with its event, trace entry and outbox message."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypeVar

from django.db import models, transaction
from django.db.models import QuerySet
from django.utils import timezone

from zhiguan.kernel.events import service as events
from zhiguan.kernel.trace import service as trace
from zhiguan.kit.actor import Actor
from zhiguan.kit.errors import Conflict, Invalid, Stale
from zhiguan.kit.returning import take_over, update_returning

from .base import LedgerRecord
from .models import LedgerEvent

R = TypeVar("R", bound=LedgerRecord)


def subject_type(model: type[models.Model] | models.Model) -> str:
    """Return the name under which events and trace know a model: ``vehicles.vehicle``."""
    return model._meta.label_lower


def _record_event(
    record: LedgerRecord, actor: Actor, code: str, name: str, *, before: dict[str, Any], reason: str, case: str
) -> LedgerEvent:
    after = record.snapshot()
    changes = {key: [before.get(key), value] for key, value in after.items() if before.get(key) != value}
    changes.pop("updated_at", None)
    kind = subject_type(record)
    event = LedgerEvent.objects.create(
        area=record.ledger_area,
        scope_pos=record.scope_pos,
        also_pos=record.ledger_also,
        persons=sorted(set(record.ledger_persons)),
        subject_type=kind,
        subject_id=record.pk,
        subject_version=record.version,
        code=code,
        name=name,
        state_before=before.get("state", ""),
        state_after=record.state,
        changes=changes,
        snapshot=after,
        reason=reason,
        case=case,
        actor_id=actor.account_id,
        actor_name=actor.name,
        at=record.updated_at,
    )
    trace.record(actor, f"{kind}.{code}", record, before=before or None, after=after, reason=reason, case=case)
    # Subscribers learn that and how the record changed; what it holds they ask for, under their own scope.
    told = {"version": record.version, "state": record.state, "changed": sorted(changes), "case": case}
    events.publish(f"{kind}.{code}", record, told, scope_pos=record.scope_pos, actor=actor)
    return event


def create(
    model: type[R], actor: Actor, values: Mapping[str, Any], *, name: str = "登记", reason: str = "", case: str = "",
    alone: bool = True,
) -> R:  # fmt: skip
    """登记: add a record in its life cycle's first state (or ``values["state"]``) with its first event.

    ``alone`` here and below: in a transaction, or within the caller's in a savepoint, of its own; False where the caller
    undoes everything when this fails, which spares two statements.
    """
    now = timezone.now()
    with transaction.atomic(savepoint=alone):
        record = model(**{"state": model.lifecycle.start, **values, "created_at": now, "updated_at": now, "version": 1})
        record.save(force_insert=True)
        _record_event(record, actor, "create", name, before={}, reason=reason, case=case)
    return record


def _apply(record: R, conditions: Mapping[str, Any], values: Mapping[str, Any]) -> None:
    """Write ``values`` if the row still has the version it was read with; raises Conflict or Stale otherwise."""
    now = timezone.now()
    same = {"pk": record.pk, "version": record.version, **conditions}
    fresh = update_returning(type(record), same, {**values, "updated_at": now}, count="version")
    if not fresh:
        found = type(record).objects.filter(pk=record.pk).values("version", "state").first()
        if found is None:
            raise Conflict("该记录已不存在，或已不在您的数据权限范围内。", code="gone")
        if found["state"] != record.state:
            state = record.lifecycle.states.get(found["state"], found["state"])
            raise Conflict(f"该记录的状态已变为“{state}”，请刷新后再办理。", code="state_changed")
        raise Stale("该记录已被他人修改，请刷新后再提交。")
    take_over(record, fresh[0])


def _with_scope(record: LedgerRecord, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``values`` with the scope position that follows from a new unit."""
    values = dict(values)
    unit = values.get("unit")
    if unit is not None and unit.pk != record.unit_id:
        values["scope_pos"] = unit.pos
    return values


def change(
    record: R, actor: Actor, values: Mapping[str, Any], *, name: str = "变更", code: str = "change", reason: str = "",
    case: str = "", version: int | None = None, always: bool = False, alone: bool = True,
) -> R:  # fmt: skip
    """变更: set fields without changing the state. ``version`` is the one the form was made from.

    Raises ``Stale`` when somebody changed the record meanwhile; writes nothing when no field differs, unless the act
    itself is to be told (``always``).
    """
    if version is not None and version != record.version:
        raise Stale("您打开表单后，该记录已被他人修改，请刷新后再提交。")
    differing = {key: value for key, value in values.items() if getattr(record, key) != value}
    if not differing and not always:
        return record
    with transaction.atomic(savepoint=alone):
        before = record.snapshot()
        _apply(record, {}, _with_scope(record, differing))
        _record_event(record, actor, code, name, before=before, reason=reason, case=case)
    return record


def move(
    record: R, code: str, actor: Actor, *, reason: str = "", case: str = "", version: int | None = None,
    alone: bool = True, **values: Any,
) -> R:  # fmt: skip
    """Make one move of the record's life cycle, setting ``values`` with it, as one conditional update.

    Raises ``Conflict`` when the state does not allow the move (somebody was faster, or it was done before), ``Stale``
    when ``version`` is older than the record, ``Invalid`` when a required reason is missing. Then nothing changes.
    """
    step = record.lifecycle.move(code)
    if step.needs_reason and not reason.strip():
        raise Invalid(f"{step.name}须填写事由。", fields={"reason": "请填写事由。"})
    if version is not None and version != record.version:
        raise Stale("您打开页面后，该记录已被他人修改，请刷新后再办理。")
    if record.state not in step.sources:
        raise Conflict(f"当前状态为“{record.state_name}”，不能办理“{step.name}”。", code="state_changed")
    with transaction.atomic(savepoint=alone):
        before = record.snapshot()
        _apply(record, {"state": record.state}, {**_with_scope(record, values), "state": step.target})
        _record_event(record, actor, code, step.name, before=before, reason=reason, case=case)
    return record


def history(record: LedgerRecord) -> QuerySet[LedgerEvent]:
    """Return the record's events, oldest first."""
    return LedgerEvent.objects.filter(subject_type=subject_type(record), subject_id=record.pk)


def as_of(model: type[LedgerRecord], pk: int, moment: datetime) -> dict[str, Any] | None:
    """Return the record's columns as they stood at the moment, or None when it was not registered yet."""
    event = (
        LedgerEvent.objects.filter(subject_type=subject_type(model), subject_id=pk, at__lte=moment)
        .order_by("-at", "-id")
        .first()
    )
    return event.snapshot if event else None
