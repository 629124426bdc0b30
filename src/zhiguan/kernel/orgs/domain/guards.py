"""What every verb of orgs asks first: a sensible date, a lock, an open unit, a free code; and the recorder's shape."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any, Protocol

from django.db import IntegrityError, transaction
from django.utils import timezone

from zhiguan.kit.actor import Actor
from zhiguan.kit.errors import Conflict, Invalid

from ..models import Unit


class Recorder(Protocol):
    """What notes an act in the trace; the signature of ``trace.service.record``."""

    def __call__(
        self, actor: Actor, code: str, subject: Any = None, *, before: Any = None, after: Any = None, reason: str = ""
    ) -> Any: ...


def effective(on: date | None, not_before: date | None = None, what: str = "") -> date:
    """Return the day an act takes effect, today unless given; ``Invalid`` for the future and before ``not_before``.

    ``what`` names, in Chinese, what happened on ``not_before``.
    """
    today = timezone.localdate()
    day = on or today
    if day > today:
        raise Invalid("生效日期不能晚于今天。", code="date_in_future", fields={"on": "生效日期不能晚于今天。"})
    if not_before is not None and day < not_before:
        message = f"生效日期不能早于{what}（{not_before:%Y-%m-%d}）。"
        raise Invalid(message, code="date_too_early", fields={"on": message})
    return day


def locked(unit: Unit) -> Unit:
    """Return the unit as it is now, held against other verbs to the transaction's end; rows may still be added."""
    return Unit.objects.select_for_update(no_key=True).get(pk=unit.pk)


def require_open(unit: Unit) -> None:
    """Raise ``Conflict`` when the unit has been closed."""
    if unit.valid_to is not None:
        raise Conflict(f"“{unit.name}”已于 {unit.valid_to:%Y-%m-%d} 撤销，不能再办理该事项。", code="unit_closed")


@contextmanager
def unique(message: str) -> Iterator[None]:
    """Turn a violated constraint of the database into a ``Conflict`` and keep the transaction usable."""
    try:
        with transaction.atomic():
            yield
    except IntegrityError as error:
        raise Conflict(message, code="constraint") from error
