"""The gateway process: listens, keeps one session a terminal, sweeps, sends downlinks, tells its state, stops."""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import logging
import os
import resource
import signal
import sys
import time
from collections import Counter
from collections.abc import Coroutine, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import uvloop

from ..declare import CHANNEL_COMMAND, CHANNEL_SESSION, CHANNEL_SOURCE
from ..downlinks import message_of
from ..ingest import Writer
from .config import Config
from .control import Control, Known, SessionRow, listen
from .intake import Intake
from .session import Session

log = logging.getLogger(__name__)

SWEEP_S = 1.0
SESSION_FLUSH_S = 2.0
STATUS_S = 2.0
COMMAND_POLL_S = 5.0


class Gateway:
    """All sessions of this process and what they share. :meth:`serve` runs until :meth:`stop`."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.counts: Counter[str] = Counter()
        self.writer = Writer(config.database_url, lanes=config.lanes + 1)
        self.intake = Intake(self.writer, config, self.counts)
        self.control = Control(config.database_url, config.name)
        self.sessions: set[Session] = set()
        self.live: dict[int, Session] = {}
        self.with_parts: set[Session] = set()
        self.by_address: Counter[str] = Counter()
        self.port = config.port
        self.started_at = datetime.now(UTC)
        self._gone: list[SessionRow] = []
        self._announce: list[int] = []
        self._tasks: set[asyncio.Task] = set()
        self._stopping = asyncio.Event()
        self._command_wanted = asyncio.Event()
        self._rate = (time.monotonic(), 0, 0.0)

    # --- life

    async def serve(self, ready: asyncio.Event | None = None) -> None:
        """Listen until stopped, then write and answer what has come in."""
        loop = asyncio.get_running_loop()
        self.control.start()
        server = await loop.create_server(
            lambda: Session(self), self.config.bind, self.config.port, backlog=4096,
            reuse_port=self.config.reuse_port or None,
        )  # fmt: skip
        self.port = server.sockets[0].getsockname()[1]
        pump = asyncio.create_task(self.intake.run())
        others = [
            asyncio.create_task(work)
            for work in (
                self._every(SWEEP_S, self._sweep),
                self._every(SESSION_FLUSH_S, self._flush_sessions),
                self._every(STATUS_S, self._tell_status),
                self._commands(),
                self._begin(),
                listen(self.config.database_url, self._heard, self._missed),
            )
        ]
        gc.collect()
        gc.freeze()
        log.info("gateway %s: listening on %s:%d", self.config.name, self.config.bind, self.port)
        if ready is not None:
            ready.set()
        try:
            await self._stopping.wait()
        finally:
            server.close()
            for session in list(self.sessions):
                session.pause()
            await self.intake.stop()
            try:
                async with asyncio.timeout(self.config.stop_timeout):
                    await pump
                    for session in list(self.sessions):
                        session.close("gateway_stopped")
                    await asyncio.sleep(0.05)
                    try:
                        await self._flush_sessions(final=True)
                    finally:
                        await self.writer.close()
            except psycopg.Error as error:
                log.error("gateway: the last state of sessions was not stored: %s", error)
            except TimeoutError:
                log.error("gateway: stopped with unanswered messages, the database did not answer")
            for task in (*others, *self._tasks, pump):
                task.cancel()
            await asyncio.gather(*others, *self._tasks, pump, return_exceptions=True)
            await self.control.close()
            self._write_status(stopped=True)

    def stop(self) -> None:
        self._stopping.set()

    def spawn(self, work: Coroutine[Any, Any, Any]) -> None:
        """Run something beside; what it raises is logged."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self.counts["errors"] += 1
            log.error("gateway: unexpected", exc_info=task.exception())

    async def _every(self, seconds: float, work: Any) -> None:
        while True:
            await asyncio.sleep(seconds)
            try:
                await work()
            except Exception:
                self.counts["errors"] += 1
                log.exception("gateway: unexpected")

    async def _begin(self) -> None:
        """Once the database answers: end what an earlier process left open, bring latest positions up to date."""
        from ..store import repair_latest

        await self.control.close_stale_sessions(self.started_at - timedelta(seconds=3 * self.config.session_every))
        try:
            await asyncio.get_running_loop().run_in_executor(None, repair_latest, self.config.database_url)
        except Exception as error:
            log.warning("gateway: latest positions were not checked: %s", error)

    # --- sessions

    def opened(self, session: Session) -> None:
        """A connection came; too many are turned away."""
        self.sessions.add(session)
        self.by_address[session.address] += 1
        if len(self.sessions) > self.config.max_connections:
            self.counts["turned_away"] += 1
            session.abort("too_many_connections")
        elif self.by_address[session.address] > self.config.max_per_address:
            self.counts["turned_away"] += 1
            session.abort("too_many_from_address")

    def closed(self, session: Session) -> None:
        self.sessions.discard(session)
        self.with_parts.discard(session)
        self.by_address[session.address] -= 1
        if not self.by_address[session.address]:
            del self.by_address[session.address]
        self.counts[f"closed_{session.close_reason or 'by_terminal'}"] += 1
        if session.source_id and self.live.get(session.source_id) is session:
            del self.live[session.source_id]
            self._gone.append(session.row(time.time()))

    def accepted(self, session: Session, known: Known) -> None:
        """Let a terminal in; an older connection of it ends, here and at other gateways."""
        older = self.live.get(known.id)
        self.live[known.id] = session
        if older is not None and older is not session:
            self.counts["replaced"] += 1
            older.close("replaced")
        if session.source is None:
            session.source, session.source_id = known, known.id
            session.connected_at = datetime.now(UTC)
            self.counts["accepted"] += 1
        session.changed = True
        self._announce.append(known.id)
        self._command_wanted.set()

    async def _sweep(self) -> None:
        now = time.time()
        config = self.config
        for session in list(self.sessions):
            if not session.source_id and not session.waiting and now - session.started > config.accept_timeout:
                session.close("not_accepted_in_time")
            elif now - session.seen > config.idle_timeout:
                session.close("idle")
            elif session.stalled(now):
                session.abort("slow")
            elif session.unread() > config.write_buffer_bytes:
                session.abort("answers_unread")
        for session in list(self.with_parts):
            if not session.request_missing(now):
                self.with_parts.discard(session)

    async def _flush_sessions(self, final: bool = False) -> None:
        now = time.time()
        rows, self._gone = self._gone, []
        rows += [
            session.row(now)
            for session in self.live.values()
            if final or session.changed or now - session.last_row > self.config.session_every
        ]
        if rows:
            # closing rows come first: of one source only the last one counts
            await self.control.write_sessions(list({row.source_id: row for row in rows}.values()))
        announce, self._announce = self._announce, []
        if announce and self.config.reuse_port:
            await self.control.announce(announce)

    # --- what the database tells

    def _heard(self, channel: str, payload: str) -> None:
        if channel == CHANNEL_SOURCE and payload.isdigit():
            self.control.forget(int(payload))
            if int(payload) in self.live:
                self.spawn(self._check(int(payload)))
        elif channel == CHANNEL_COMMAND:
            self._command_wanted.set()
        elif channel == CHANNEL_SESSION:
            name, _, source = payload.rpartition(":")
            session = self.live.get(int(source)) if source.isdigit() else None
            if name != self.config.name and session is not None:
                session.close("replaced")

    async def _missed(self) -> None:
        self.control.forget_all()
        self._command_wanted.set()

    async def _check(self, source_id: int) -> None:
        """End the session of a source that was shut out or got another number."""
        session = self.live.get(source_id)
        if session is not None:
            known = await self.control.source(session.phone, fresh=True)
            if known is None or known.id != source_id or not known.active:
                session.close("shut_out")

    async def _commands(self) -> None:
        while True:
            try:
                await asyncio.wait_for(self._command_wanted.wait(), COMMAND_POLL_S)
            except TimeoutError:
                await self.control.expire_commands()
            self._command_wanted.clear()
            try:
                await self._send_commands()
            except Exception:
                self.counts["errors"] += 1
                log.exception("gateway: a downlink was not sent")

    async def _send_commands(self) -> None:
        for key, source, kind, payload in await self.control.waiting_commands(self.live.__contains__):
            session = self.live.get(source)
            if session is None:
                continue
            try:
                msg_id, body = message_of(kind, payload, session.version_flag)
                serial = session.command(key, msg_id, body)
            except (ValueError, KeyError, TypeError, UnicodeError) as error:
                await self.control.command_answered(key, 2, {"error": str(error)[:200]})
                continue
            self.counts["commands"] += 1
            await self.control.command_sent(key, serial)

    # --- state for doctor and pages

    def status(self) -> dict[str, Any]:
        """Figures of this process."""
        then, positions, _ = self._rate
        now = time.monotonic()
        rate = (self.counts["positions"] - positions) / max(now - then, 1e-9)
        self._rate = (now, self.counts["positions"], rate)
        waits = sorted(self.intake.ack_ms) or [0.0]
        self.intake.ack_ms = []
        return {
            "name": self.config.name,
            "pid": os.getpid(),
            "bind": self.config.bind,
            "port": self.port,
            "started_at": self.started_at.isoformat(),
            "at": datetime.now(UTC).isoformat(),
            "connections": len(self.sessions),
            "terminals": len(self.live),
            "positions_per_s": round(rate, 1),
            "acknowledge_p50_ms": round(waits[len(waits) // 2], 1),
            "acknowledge_max_ms": round(waits[-1], 1),
            "waiting_rows": self.intake.waiting,
            "memory_bytes": _memory(),
            "database": {
                "connected": self.writer.totals.connected,
                "batches": self.writer.totals.batches,
                "rows": self.writer.totals.rows,
                "duplicates": self.writer.totals.duplicates,
                "retries": self.writer.totals.retries,
                "refused": self.writer.totals.refused,
                "last_error": self.writer.totals.last_error,
            },
            "counts": dict(sorted(self.counts.items())),
        }

    async def _tell_status(self) -> None:
        self._write_status()

    def _write_status(self, *, stopped: bool = False) -> None:
        folder = self.config.var / "run"
        name = "gateway.json" if not self.config.reuse_port else f"gateway-{self.port}-{os.getpid()}.json"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            scratch = folder / f".{name}.{os.getpid()}"
            scratch.write_text(json.dumps(self.status() | {"stopped": stopped}, ensure_ascii=False), encoding="utf-8")
            scratch.replace(folder / name)
        except OSError as error:
            log.warning("gateway: status not written: %s", error)


def clear_status_of_the_dead(folder: Path) -> None:
    """Remove the state files of processes on shared ports that are no more."""
    for path in folder.glob("gateway-*-*.json"):
        pid = path.stem.rpartition("-")[2]
        if pid.isdigit() and not Path("/proc", pid).exists():
            path.unlink(missing_ok=True)


def _memory() -> int:
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()
    except (OSError, ValueError, IndexError):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def raise_file_limit(wanted: int) -> None:
    """Allow as many open connections as configured, as far as the system lets us."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    target = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft < target:
        resource.setrlimit(resource.RLIMIT_NOFILE, (target, hard))


async def _run(config: Config) -> None:
    gateway = Gateway(config)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, gateway.stop)
    await gateway.serve()


def main(words: Sequence[str] | None = None) -> int:
    """``zhiguan gateway``: serve until SIGTERM. Needs the ingest role's URL in DATABASE_INGEST_URL or ``var/run``."""
    parser = argparse.ArgumentParser(prog="zhiguan gateway", description="终端接入网关(JT/T 808)")
    parser.add_argument("--bind", default=None, help="监听地址(默认仅本机)")
    parser.add_argument("--port", type=int, default=None, help="监听端口(默认 8808)")
    parser.add_argument("--share-port", action="store_true", help="与其他网关进程共用一个端口")
    args = parser.parse_args(sys.argv[1:] if words is None else words)
    given = {key: value for key, value in (("bind", args.bind), ("port", args.port)) if value is not None}
    if args.share_port:
        given["reuse_port"] = True
    var = Path(os.environ.get("ZHIGUAN_VAR", "var"))
    url = os.environ.get("DATABASE_INGEST_URL", "")
    if not url:
        try:
            url = json.loads((var / "run" / "database.json").read_text(encoding="utf-8"))["ingest"]
        except (OSError, ValueError, KeyError):
            print("没有采集账号的数据库连接:请先启动数据库,或设置 DATABASE_INGEST_URL。", file=sys.stderr)  # noqa: T201
            return 1
    logging.basicConfig(
        level=os.environ.get("ZHIGUAN_LOG_LEVEL", "INFO"), format="%(asctime)s %(levelname)s %(name)s %(message)s"
    )
    config = Config.from_environment(database_url=url, var=var, **given)
    if Path("/proc/self").exists():
        clear_status_of_the_dead(var / "run")
    raise_file_limit(config.max_connections + 256)
    try:
        uvloop.run(_run(config))
    except OSError as error:
        print(f"无法监听 {config.bind}:{config.port}:{error.strerror}", file=sys.stderr)  # noqa: T201
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
