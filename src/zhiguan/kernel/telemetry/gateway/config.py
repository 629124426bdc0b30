"""Settings of a gateway process, from the environment and the command line."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass, field, fields
from pathlib import Path


def _name() -> str:
    return f"{socket.gethostname()[:40]}-{os.getpid()}"


@dataclass
class Config:
    """Limits and places. Each number can be set as ``ZHIGUAN_GATEWAY_<NAME>``; seconds unless the name says more."""

    bind: str = "127.0.0.1"
    port: int = 8808
    database_url: str = ""
    var: Path = field(default_factory=lambda: Path("var"))
    name: str = field(default_factory=_name)
    reuse_port: bool = False
    """Several gateway processes on one port; the kernel shares the connections out."""

    commit_interval_ms: int = 100
    commit_rows: int = 20_000
    lanes: int = 2
    pending_rows: int = 100_000
    """Rows waiting for the database above which no more is read from terminals."""
    late_rows: int = 5_000
    """Reports sent late (0x0704) that are written at once, beside live ones."""
    late_pending_rows: int = 20_000
    """Late reports that wait, above which no more is read from terminals that send them."""
    max_connections: int = 20_000
    max_per_address: int = 20_000
    """Behind one address there can be a carrier's whole network."""
    max_frames_per_tick: int = 1_000
    """Frames of one terminal in one commit interval; more are read in the next."""
    max_before_accepted: int = 20
    """Frames a terminal may send before it is let in."""
    max_wrong: int = 5
    """Refused authentications or registrations, or spoilt frames in a row, before the connection is closed."""
    accept_timeout: int = 30
    idle_timeout: int = 600
    frame_timeout: int = 60
    """Time for one frame to arrive whole."""
    write_buffer_bytes: int = 262_144
    """Answers a terminal may leave unread."""
    past_days: int = 400
    ahead_s: int = 86_400
    """Device times outside of these bounds about now are kept aside."""
    session_every: int = 60
    resend_after: int = 5
    """Missing packages of a message are asked for (0x8003) after so long without a new one."""
    stop_timeout: int = 15

    @classmethod
    def from_environment(cls, **given: object) -> Config:
        """Defaults, then the environment, then ``given``. Raises ValueError for a number that is none."""
        values: dict[str, object] = {}
        for item in fields(cls):
            text = os.environ.get(f"ZHIGUAN_GATEWAY_{item.name.upper()}")
            if text is not None and item.type in ("int", "bool"):
                values[item.name] = text == "1" if item.type == "bool" else int(text)
        values.update(given)
        return cls(**values)  # type: ignore[arg-type]
