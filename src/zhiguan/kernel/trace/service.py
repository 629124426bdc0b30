"""Verbs of the log: record an act, record a read, make a checkpoint. There is none to change or remove."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Mapping, Sequence
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.models import Model
from django.utils import timezone

from zhiguan.kit.actor import Actor

from . import proof
from .canonical import clean, describe, snapshot
from .checkpoints import checkpoint, seal
from .declare import Subject
from .models import Entry, stamp

__all__ = ["checkpoint", "record", "record_read", "seal"]

CODE = re.compile(r"[a-z][a-z0-9_]*(\.[a-z0-9_]+){2,4}", re.ASCII)


def algorithm() -> str:
    """Return the digest algorithm of new entries and checkpoints: setting ZHIGUAN_TRACE_DIGEST, sha256 or sm3."""
    return getattr(settings, "ZHIGUAN_TRACE_DIGEST", "sha256")


def record(
    actor: Actor,
    code: str,
    subject: Model | Subject | None = None,
    *,
    before: Mapping[str, Any] | Model | None = None,
    after: Mapping[str, Any] | Model | None = None,
    reason: str = "",
    case: str = "",
) -> Entry:
    """Append one act to the log, in the transaction of the act itself.

    ``code`` is area.subject.act, else ``ValueError``; its Chinese name comes from a :class:`TraceCode`, a permission or
    a life cycle, but a code nobody named is recorded all the same: the log comes before its captions.
    ``subject``, ``case`` and ``code`` enter the log as references; names, address, ``reason``, ``before`` and ``after``
    only as salted digests, readable beside it. The entry gets its place in the chain (``seq``) when the transaction
    commits, or shortly after under load (:func:`seal`). If the transaction is rolled back, neither act nor entry
    happened. Outside a transaction: RuntimeError.
    """
    return _append(actor, Entry.Kind.ACT, code, subject, before=before, after=after, reason=reason, case=case)


def record_read(
    actor: Actor,
    what: str,
    subject: Model | Subject | None,
    fields: Sequence[str],
    *,
    reason: str = "",
    case: str = "",
) -> Entry:
    """Append a read of sensitive data: ``what`` is the declared code, ``fields`` the names of the fields shown.

    One call per answer given, not per row: a list names the query as its :class:`Subject`. To be called before the
    data leave, in the transaction that reads them, so that no answer goes out unrecorded.
    """
    return _append(actor, Entry.Kind.READ, what, subject, fields=fields, reason=reason, case=case)


def _append(
    actor: Actor,
    kind: str,
    code: str,
    subject: Model | Subject | None,
    *,
    before: Mapping[str, Any] | Model | None = None,
    after: Mapping[str, Any] | Model | None = None,
    fields: Sequence[str] = (),
    reason: str = "",
    case: str = "",
) -> Entry:
    if not connection.in_atomic_block:
        raise RuntimeError(f"{code}: an act is recorded in its own transaction, and none is open")
    if not CODE.fullmatch(code):
        raise ValueError(f"{code!r} is not a trace code: area.subject.act in lower case")
    about = describe(subject)
    if about.scope_pos is not None:
        position = about.scope_pos
    else:
        position = actor.unit_pos or 0
    method = algorithm()
    detail_salt, snapshot_salt = secrets.token_bytes(32), secrets.token_bytes(32)
    old, new = snapshot(before), snapshot(after)
    detail = {
        "actor_name": clean(actor.name),
        "unit_name": clean(actor.unit_name),
        "address": clean(actor.address),
        "subject_label": about.label,
        "reason": clean(reason),
    }

    def committed(salt: bytes, name: str, value: str | None) -> bytes | None:
        return proof.salted(method, salt, name, value.encode()) if value else None

    entry = Entry(
        algorithm=method,
        at=timezone.now(),
        kind=str(kind),
        code=code,
        via=clean(actor.via),
        job=clean(actor.name) if actor.system else "",
        account_id=actor.account_id,
        person_id=actor.person_id,
        roles=[clean(role) for role, _ in actor.roles],
        scope_pos=position,
        actor_pos=actor.unit_pos,
        subject_type=about.type,
        subject_id=about.id,
        case=clean(case),
        fields=[clean(name) for name in fields],
        request_id=clean(actor.request_id),
        actor_digest=proof.salted(
            method, detail_salt, "actor", proof.pack((detail["actor_name"], detail["unit_name"]))
        ),
        address_digest=committed(detail_salt, "address", detail["address"]),
        subject_digest=committed(detail_salt, "subject", detail["subject_label"]),
        reason_digest=committed(detail_salt, "reason", detail["reason"]),
        before_digest=committed(snapshot_salt, "before", old),
        after_digest=committed(snapshot_salt, "after", new),
    )
    entry.digest = proof.entry_digest(entry.content)
    scope = {"scope_pos": position, "person_id": actor.person_id}
    kept = None
    if old is not None or new is not None:
        kept = {"scope_pos": position, "area": code.split(".", 1)[0], "before": old, "after": new}
        kept["salt"] = _bytea(snapshot_salt)
    columns = {field.attname: getattr(entry, field.attname) for field in Entry._meta.concrete_fields}
    columns |= {name: _bytea(value) for name, value in columns.items() if isinstance(value, bytes)}
    columns["at"] = stamp(entry.at)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT trace_append(%s::jsonb, %s::jsonb, %s::jsonb)",
            [
                json.dumps(columns, ensure_ascii=False),
                json.dumps({**detail, **scope, "salt": _bytea(detail_salt)}, ensure_ascii=False),
                None if kept is None else json.dumps(kept, ensure_ascii=False),
            ],
        )
        entry.pk = cursor.fetchone()[0]
    entry._state.adding = False
    entry._state.db = connection.alias
    return entry


def _bytea(value: bytes) -> str:
    return "\\x" + value.hex()
