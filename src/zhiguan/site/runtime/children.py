"""One child process of the supervisor: started in its own session, its output kept, restarted when it dies."""

from __future__ import annotations

import ctypes
import http.client
import logging
import os
import signal
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from logging.handlers import RotatingFileHandler
from pathlib import Path

__all__ = ["Child", "Service", "accepts", "answers_http"]

LOG_BYTES, LOG_FILES = 10 * 2**20, 5
BACK_OFF_SECONDS = (1, 2, 4, 8, 15, 30)
STEADY_SECONDS = 60  # a child that lived this long starts its back-off anew
TAIL_LINES = 20
PR_SET_PDEATHSIG = 1


def accepts(host: str, port: int) -> bool:
    """True when something accepts connections there."""
    try:
        socket.create_connection((host, port), timeout=1).close()
    except OSError:
        return False
    return True


def answers_http(host: str, port: int, path: str) -> bool:
    """True when GET `path` gives 200."""
    connection = http.client.HTTPConnection(host, port, timeout=2)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


@dataclass(frozen=True)
class Service:
    """What to run. `ready` tells whether it serves (None: nothing to ask); stages stop in ascending order."""

    name: str
    title: str
    command: tuple[str, ...]
    stop_stage: int
    ready: Callable[[], bool] | None = None


def _die_with_parent() -> None:
    """Asked of the kernel for each child: SIGTERM when the supervisor is gone, even by kill -9 (Linux only)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


class Child:
    """A service's process. Must be started from the main thread: the kernel ties children to the thread."""

    def __init__(self, service: Service, log_dir: Path) -> None:
        self.service = service
        self.process: subprocess.Popen[bytes] | None = None
        self.restarts = 0
        self.failures = 0
        self.started_at = 0.0
        self.restart_at: float | None = None
        self.tail: deque[str] = deque(maxlen=TAIL_LINES)
        self._rest = b""
        self._log = logging.Logger(f"child.{service.name}")
        self.log_path = log_dir / f"{service.name}.log"
        self._handler = RotatingFileHandler(
            self.log_path, maxBytes=LOG_BYTES, backupCount=LOG_FILES - 1, encoding="utf-8"
        )
        self._handler.setFormatter(logging.Formatter(f"%(asctime)s [{service.name}] %(message)s"))
        self._log.addHandler(self._handler)

    @property
    def pid(self) -> int | None:
        """Its process number while it runs."""
        return self.process.pid if self.process is not None and self.process.poll() is None else None

    def start(self) -> None:
        """Start the process; its output comes through `output`."""
        self.restart_at = None
        self.started_at = time.monotonic()
        self.process = subprocess.Popen(
            self.service.command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C at the terminal must reach the supervisor alone, which stops in order
            preexec_fn=_die_with_parent,  # noqa: PLW1509 - the supervisor has one thread
            env=os.environ | {"PYTHONUNBUFFERED": "1"},
        )
        os.set_blocking(self.output, False)

    @property
    def output(self) -> int:
        """File number of the process's output."""
        assert self.process is not None and self.process.stdout is not None
        return self.process.stdout.fileno()

    def pump(self) -> list[str]:
        """Move what the process has said into its log; return the new lines."""
        if self.process is None or self.process.stdout is None or self.process.stdout.closed:
            return []
        data = b""
        try:
            while block := os.read(self.output, 65536):
                data += block
                if len(data) > 2**20:
                    break  # a flood of output must not keep us from the other children
        except BlockingIOError:
            pass
        *whole, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > 2**16:
            whole, self._rest = [*whole, self._rest], b""
        lines = [line.decode("utf-8", "replace").rstrip("\r") for line in whole]
        for line in lines:
            self._log.info("%s", line)
            self.tail.append(line)
        return lines

    def died(self) -> int | None:
        """The exit status when the process has just ended (reported once), and when to restart is decided."""
        if self.process is None or self.restart_at is not None or (status := self.process.poll()) is None:
            return None
        self.pump()
        if self.process.stdout is not None:
            self.process.stdout.close()
        self.kill_group()  # grandchildren of a dead parent would hold its port
        self.failures = 0 if time.monotonic() - self.started_at > STEADY_SECONDS else self.failures + 1
        wait = BACK_OFF_SECONDS[min(self.failures, len(BACK_OFF_SECONDS)) - 1] if self.failures else 0
        self.restart_at = time.monotonic() + wait
        return status

    def due(self) -> bool:
        """True when it is dead and its back-off is over."""
        return self.restart_at is not None and time.monotonic() >= self.restart_at

    def ask_to_stop(self) -> None:
        """Send SIGTERM to the process; it ends its own children."""
        self.restart_at = None
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()

    def kill_group(self) -> None:
        """Kill whatever is left of its session."""
        if self.process is not None:
            try:
                os.killpg(self.process.pid, signal.SIGKILL)
            except ProcessLookupError:
                return

    def close(self) -> None:
        """Keep the last words and let go of the log."""
        self.pump()
        if self._rest:
            self._log.info("%s", self._rest.decode("utf-8", "replace"))
        if self.process is not None and self.process.stdout is not None:
            self.process.stdout.close()
        self._handler.close()
