"""Verbs of downlinks: send, send again, take back; what stands where."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from zhiguan.kernel.trace import service as trace
from zhiguan.kit.actor import Actor
from zhiguan.kit.errors import Conflict, Invalid

from . import downlinks
from .codes import COMMAND_SEND, CommandState
from .jt808.tables import ACK_RESULTS
from .models import Command, Source

VALID = timedelta(hours=1)


def send(
    actor: Actor,
    source: Source,
    kind: str,
    payload: Mapping[str, Any],
    *,
    valid: timedelta = VALID,
    batch: str = "",
    origin: Command | None = None,
) -> Command:
    """下发指令: ask something of a terminal. It goes out when the terminal is connected, within ``valid``.

    ``kind`` and the fields of ``payload`` are declared in ``downlinks``. Raises ``Invalid`` that names each field which
    is wrong. The answer is found on the command later. Commands of one ``batch`` are counted together.
    """
    actor.require(COMMAND_SEND.code, source)
    clean = checked_payload(kind, payload)
    known = downlinks.DOWNLINKS[kind]
    if source.edition is not None and source.edition < known.since:
        message = f"{known.name}需要 {known.since} 版协议，该终端为 {source.edition} 版。"
        raise Invalid(message, code="edition", fields={"kind": message})
    if not source.active:
        raise Conflict("该终端已停用，不能下发指令。", code="source_inactive")
    with transaction.atomic():
        command = Command.objects.create(
            source=source, kind=kind, payload=clean, created_by_id=actor.account_id, sender=actor.name[:80],
            expires_at=timezone.now() + valid, batch=batch, origin=origin,
        )  # fmt: skip
        after = {"kind": kind, "what": downlinks.describe(kind, clean)[:200], "command": command.pk}
        trace.record(actor, "telemetry.command.send", source, after=after)
    return command


def resend(actor: Actor, command: Command) -> Command:
    """重发指令: the same again, as a new command. Only what has ended without success is sent again."""
    actor.require(COMMAND_SEND.code, command.source)
    if command.state not in (CommandState.REFUSED, CommandState.EXPIRED, CommandState.WITHDRAWN):
        raise Conflict("只有未执行、已过期或已撤回的指令可以重发。", code="command_open")
    return send(actor, command.source, command.kind, command.payload, origin=command)


@transaction.atomic
def withdraw(actor: Actor, command: Command) -> Command:
    """撤回指令: it is not sent any more. What has gone out cannot be taken back."""
    actor.require(COMMAND_SEND.code, command.source)
    if not Command.objects.filter(pk=command.pk, state=CommandState.WAITING).update(state=CommandState.WITHDRAWN):
        raise Conflict("指令已经下发或已结束，不能撤回。", code="command_gone")
    trace.record(actor, "telemetry.command.withdraw", command.source, after={"command": command.pk})
    command.refresh_from_db()
    return command


def outcome(command: Command) -> str:
    """How a command stands, in words: its state, and for a refusal the terminal's reason."""
    text, reason = CommandState(command.state).label, reason_of(command)
    return f"{text}：{reason}" if reason else text


def reason_of(command: Command) -> str:
    """Why a terminal did not do what it was asked; empty when it did, or has not been heard."""
    if command.state != CommandState.REFUSED:
        return ""
    answer = command.answer or {}
    told = answer.get("error") or (answer.get("fields") or {}).get("result_label")
    return told or ACK_RESULTS.get(command.result if command.result is not None else -1, "未说明原因")


def checked_payload(kind: str, payload: Mapping[str, Any]) -> dict[str, Any]:
    """Return a payload clean, before any terminal is asked. Raises ``Invalid`` that names each wrong field."""
    try:
        return downlinks.check(kind, payload)
    except downlinks.Refused as error:
        raise Invalid(f"指令无法下发：{error}", code="payload", fields=error.fields) from error
