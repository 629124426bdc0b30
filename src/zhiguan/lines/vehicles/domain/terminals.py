"""Verbs on terminals: what the platform asks of one, or of many at once."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.db import transaction

from zhiguan.kernel.events import service as events
from zhiguan.kernel.telemetry import service as telemetry
from zhiguan.kernel.trace import service as trace
from zhiguan.kit.actor import Actor
from zhiguan.kit.errors import Conflict, Invalid, Refusal

from ..models import AreaCarried, Terminal, Vehicle
from . import register

SEND = "telemetry.command.send"
BATCH_VALID = timedelta(hours=24)
"""Many terminals are asked for a day: those that are off come back meanwhile."""


def _send(
    actor: Actor,
    terminal: Terminal,
    kind: str,
    payload: Mapping[str, Any],
    *,
    batch: str = "",
    valid: timedelta | None = None,
) -> telemetry.Command:
    actor.require(SEND, terminal)
    if terminal.state != "active":
        raise Conflict("该终端已拆除，不能下发指令。", code="terminal_removed")
    with transaction.atomic():
        more = {"valid": valid} if valid else {}
        command = telemetry.send(actor, terminal.source, kind, payload, batch=batch, **more)
        trace.record(actor, "vehicles.terminal.command", terminal, after={"kind": kind, "command": command.pk})
    return command


def send_text(actor: Actor, terminal: Terminal, *, text: str, urgent: bool = False, read_aloud: bool = True) -> Any:
    """下发文本: show a text to the driver, and read it aloud."""
    flags = (0b1 if urgent else 0) | 0b100 | (0b1000 if read_aloud else 0)
    return _send(actor, terminal, "text", {"text": text, "flags": flags})


def query_location(actor: Actor, terminal: Terminal) -> Any:
    """查询位置."""
    return _send(actor, terminal, "query_location", {})


def track(actor: Actor, terminal: Terminal, *, interval_s: int, validity_s: int) -> Any:
    """临时跟踪: report more often for a while."""
    return _send(actor, terminal, "track", {"interval_s": interval_s, "validity_s": validity_s})


def query_parameters(actor: Actor, terminal: Terminal) -> Any:
    """读取参数: all parameters of the terminal."""
    return _send(actor, terminal, "query_parameters", {})


def query_attributes(actor: Actor, terminal: Terminal) -> Any:
    """读取属性: maker, model, card and firmware."""
    return _send(actor, terminal, "query_attributes", {})


def query_driver(actor: Actor, terminal: Terminal) -> Any:
    """核对驾驶员: have the terminal tell whose card is in it."""
    return _send(actor, terminal, "query_driver", {})


def set_parameters(actor: Actor, terminal: Terminal, *, values: Mapping[str, Any]) -> Any:
    """设置参数. ``values``: parameter number in hexadecimal -> value."""
    return _send(actor, terminal, "set_parameters", {"values": dict(values)})


def control(actor: Actor, terminal: Terminal, *, command: int, arguments: str = "", reason: str = "") -> Any:
    """终端控制: restart, upgrade, factory reset, silence."""
    if command in (1, 2) and not arguments.strip():
        message = "无线升级和连接指定服务器须填写命令参数。"
        raise Invalid(message, fields={"arguments": message})
    return _send(actor, terminal, "control", {"command": command, "arguments": arguments})


def take_photo(
    actor: Actor, terminal: Terminal, *, channel: int = 1, shots: int = 1, interval_s: int = 0, resolution: int = 2
) -> Any:
    """立即拍照."""
    payload = {"channel": channel, "shots": shots, "interval_s": interval_s, "resolution": resolution}
    return _send(actor, terminal, "camera", payload)


def fetch_media(actor: Actor, terminal: Terminal, **values: Any) -> Any:
    """调取影像: have the terminal send what it has stored. Times are aware datetimes or None."""
    payload = {key: value for key, value in values.items() if value is not None}
    for name in ("start", "end"):
        if name in payload:
            payload[name] = payload[name].isoformat()
    return _send(actor, terminal, "media_fetch", payload)


def pass_through(actor: Actor, terminal: Terminal, *, type: int, data: str) -> Any:
    """数据透传: bytes for a device behind the terminal."""
    return _send(actor, terminal, "passthrough", {"type": type, "data": data})


@transaction.atomic
def move_terminal(actor: Actor, terminal: Terminal, *, vehicle: Vehicle, reason: str) -> Terminal:
    """换车: take the device out of its vehicle and put it into another; it keeps the areas it carries."""
    actor.require("vehicles.terminal.manage", terminal)
    register.remove_terminal(actor, terminal, reason=reason)
    values = {"maker": terminal.maker, "model": terminal.model}
    moved = register.install_terminal(actor, vehicle=vehicle, number=terminal.number, **values)
    AreaCarried.objects.filter(terminal=terminal).update(terminal=moved, unit=moved.unit, scope_pos=moved.scope_pos)
    return moved


def resend_command(actor: Actor, command: telemetry.Command) -> telemetry.Command:
    """重发指令: the same again."""
    return _again(actor, command, telemetry.resend)


def withdraw_command(actor: Actor, command: telemetry.Command) -> telemetry.Command:
    """撤回指令: it is not sent any more."""
    return _again(actor, command, telemetry.withdraw)


def _again(actor: Actor, command: telemetry.Command, act: Any) -> telemetry.Command:
    actor.require(SEND, command.source)
    terminal = Terminal.objects.filter(source=command.source_id).order_by("-pk").first()
    with transaction.atomic():
        done = act(actor, command)
        if terminal is not None:
            after = {"kind": command.kind, "command": done.pk, "state": done.state}
            trace.record(actor, "vehicles.terminal.command", terminal, after=after)
    return done


@transaction.atomic
def command_many(actor: Actor, *, terminals: list[int], kind: str, payload: Mapping[str, Any], title: str) -> Any:
    """批量下发: the same command to many terminals, by a job that tells its progress. Returns the job.

    What no terminal could take is refused at once, not a thousand times later.
    """
    actor.require(SEND)
    if not terminals:
        message = "没有符合条件的在用终端。"
        raise Invalid(message, code="no_terminals", fields={"unit": message})
    telemetry.checked_payload(kind, payload)
    args = {"terminals": terminals, "kind": kind, "payload": dict(payload), "batch": uuid.uuid4().hex}
    job = events.enqueue(actor, "vehicles.terminal.command", args, title)
    trace.record(actor, "vehicles.terminal.command_many", after={"kind": kind, "count": len(terminals), "job": job.pk})
    return job


def command_each(
    actor: Actor, report: Any, *, terminals: list[int], kind: str, payload: Mapping[str, Any], batch: str
) -> dict[str, Any]:
    """The job of :func:`command_many`: every terminal in a transaction of its own; one sent to is not sent to again."""
    sent = refused = 0
    for number, key in enumerate(terminals):
        if number % 20 == 0:
            report(100 * number / len(terminals), f"已处理 {number}/{len(terminals)} 台")
        with transaction.atomic():
            terminal = Terminal.objects.select_related("source").filter(pk=key).first()
            if terminal is None:
                refused += 1
                continue
            if telemetry.Command.objects.filter(source=terminal.source_id, batch=batch).exists():
                sent += 1
                continue
            try:
                with transaction.atomic():
                    _send(actor, terminal, kind, payload, batch=batch, valid=BATCH_VALID)
                sent += 1
            except Refusal as error:
                refused += 1
                report.log(f"终端 {terminal.number}：{error.message}")
    message = f"已向 {sent} 台终端下发，{refused} 台未下发"
    return {"message": message, "sent": sent, "refused": refused, "batch": batch}
