"""What refuses a vehicle: a standard that is a rule, an establishment that is full. The clause is in the message."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import connection

from zhiguan.kernel.orgs.service import Unit
from zhiguan.kit.errors import Conflict, Invalid

from ..codes import Body, Energy
from ..queries.standards import Check, QuotaState, check_quota, check_standard, check_vehicle

__all__ = [
    "Check",
    "QuotaState",
    "check_quota",
    "check_standard",
    "check_vehicle",
    "lock_quota",
    "require_quota",
    "require_standard",
]

QUOTA_LOCK = 4_021
"""First key of the advisory locks under which places in an establishment are given away."""


def lock_quota(kind: str) -> None:
    """Hold the establishments of a kind until the transaction ends, so that one place is not given away twice."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", [QUOTA_LOCK, kind])


def require_standard(values: Mapping[str, Any]) -> None:
    """Refuse a vehicle beyond a limit that is a rule, unless ``over_standard_note`` says how it came about.

    What is on the road has to be on the books; the note makes the excess visible instead of hiding the vehicle.
    """
    if str(values.get("over_standard_note") or "").strip():
        return
    checks = check_standard(
        kind=values["kind"], body=values.get("body") or Body.SEDAN, energy=values.get("energy") or Energy.PETROL,
        price_yuan=values.get("price_yuan"), displacement_l=values.get("displacement_l"),
        special_need=bool(values.get("special_need")), on=values.get("bought_on"),
    )  # fmt: skip
    over = [check for check in checks if check.ok is False and check.refuses]
    if over:
        fields = {check.field: f"{check.text}。确已配备的，请填写“超标准情况说明”。" for check in over}
        raise Invalid("；".join(check.text for check in over), code="over_standard", fields=fields)


def require_quota(unit: Unit, kind: str, **how: Any) -> QuotaState:
    """Refuse one more vehicle where there is no establishment left for it."""
    state = check_quota(unit, kind, **how)
    if state.room is None or state.room < 1:
        raise Conflict(f"超出编制：{state.text}。", code="over_quota", fields={"kind": state.text})
    return state
