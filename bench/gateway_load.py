"""Terminals for the gateway's benches: one process, plain non-blocking sockets, frames built beforehand.

A round is one segment of every terminal, sent in turn over the round's time. What came back is read when a terminal
has its turn again; 200 sampled terminals are read at once, and give the latencies. Prints one JSON line at each of the
marks ``in`` (all are let in), ``warm`` and ``done``; ``got`` is positions acknowledged with result 0.

Modes: ``single``: every report is its own frame and its own write. ``grouped``: a terminal writes several reports of
its own frames in one segment, each acknowledged by itself. ``batch``: one 0x0704 with several reports, one answer.
"""

from __future__ import annotations

import argparse
import json
import select
import socket
import struct
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))

from zhiguan.kernel.telemetry.jt808 import encode

CODE = "bench-code"
SAMPLED = 200
SLICE_S = 0.01
DRAIN_S = 20.0
ITEMS = bytes.fromhex("010400000000300111")
"""Additional items of every report: mileage, signal."""
REPORT = 28 + len(ITEMS)


def phone(number: int) -> str:
    """Number of the n-th terminal."""
    return f"1{number:010d}"


class Rounds:
    """Segments of all terminals, round by round, built as columns: 2013 header, 28 bytes, mileage, signal."""

    def __init__(self, count: int, group: int, mode: str) -> None:
        self.count, self.group, self.mode = count, group, mode
        digits = np.frombuffer(b"".join(bytes.fromhex(phone(i).rjust(12, "0")) for i in range(count)), np.uint8)
        self.digits = digits.reshape(count, 6)
        self.noise = np.random.default_rng(7)
        self.place = np.stack([31_000_000 + self.noise.integers(0, 400_000, count),
                               121_200_000 + self.noise.integers(0, 600_000, count)], 1)  # fmt: skip

    def bodies(self, number: int, at: float) -> np.ndarray:
        """Report ``number`` of every terminal at Unix time ``at``, a row each."""
        body = np.zeros((self.count, REPORT), np.uint8)
        body[:, 7] = 3  # status: ACC on, located
        self.place += self.noise.integers(-120, 180, (self.count, 2))
        body[:, 8:16] = self.place.astype(">u4").view(np.uint8).reshape(self.count, 8)
        body[:, 18:20] = self.noise.integers(0, 900, (self.count, 1)).astype(">u2").view(np.uint8)
        clock = time.strftime("%y%m%d%H%M%S", time.gmtime(at + 8 * 3600))
        body[:, 22:28] = np.frombuffer(bytes.fromhex(clock), np.uint8)
        body[:, 28:] = np.frombuffer(ITEMS, np.uint8)
        body[:, 30:34] = np.frombuffer(struct.pack(">I", 100_000 + number), np.uint8)
        return body

    def frames(self, msg_id: int, serial: int, body: np.ndarray) -> np.ndarray:
        """Frames around bodies of one size, not yet escaped, a row each."""
        size = body.shape[1]
        frame = np.empty((self.count, size + 15), np.uint8)
        frame[:, 0] = frame[:, -1] = 0x7E
        frame[:, 1:5] = np.frombuffer(struct.pack(">HH", msg_id, size), np.uint8)
        frame[:, 5:11] = self.digits
        frame[:, 11:13] = np.frombuffer(struct.pack(">H", serial & 0xFFFF), np.uint8)
        frame[:, 13:-2] = body
        frame[:, -2] = np.bitwise_xor.reduce(frame[:, 1:-2], axis=1)
        return frame

    def segments(self, number: int, at: float) -> list[bytes]:
        """What each terminal writes in round ``number``; its reports are one second of device time apart."""
        start = number * self.group
        bodies = [self.bodies(start + i, at + start + i) for i in range(self.group)]
        if self.mode == "batch":
            head = np.tile(np.frombuffer(struct.pack(">HB", self.group, 0), np.uint8), (self.count, 1))
            size = np.tile(np.frombuffer(struct.pack(">H", REPORT), np.uint8), (self.count, 1))
            frame = self.frames(0x0704, number, np.hstack([head] + [p for body in bodies for p in (size, body)]))
            width = frame.shape[1]
        else:
            frame = np.hstack([self.frames(0x0200, start + i, body) for i, body in enumerate(bodies)])
            width = frame.shape[1] // self.group
        inner = np.ones(frame.shape[1], bool)
        inner[0::width] = inner[width - 1 :: width] = False
        odd = ((frame == 0x7D) | ((frame == 0x7E) & inner)).any(axis=1)
        data, size = frame.tobytes(), frame.shape[1]
        pieces = [data[i : i + size] for i in range(0, len(data), size)]
        for i in np.flatnonzero(odd).tolist():
            frames = [pieces[i][at : at + width] for at in range(0, size, width)]
            pieces[i] = b"".join(
                b"\x7e" + f[1:-1].replace(b"\x7d", b"\x7d\x01").replace(b"\x7e", b"\x7d\x02") + b"\x7e" for f in frames
            )
        return pieces


class Cars:
    """All connections: what each has written, been answered, and not yet been able to write."""

    def __init__(self, port: int, count: int, weight: int) -> None:
        self.count, self.weight = count, weight
        self.got = 0
        self.refused = 0
        self.waits: list[tuple[float, float]] = []
        self.backlog: dict[int, bytes] = {}
        self.sockets: list[socket.socket] = []
        self.sampled = set(range(0, count, max(1, count // SAMPLED)))
        self.sent: dict[int, dict[int, float]] = {i: {} for i in self.sampled}
        self.epoll = select.epoll()
        self.port = port

    def enter(self) -> float:
        """Connect and authenticate all at once; return the seconds until the last was let in."""
        began = time.perf_counter()
        everything, waiting = select.epoll(), {}
        for i in range(self.count):
            sock = socket.socket()
            sock.setblocking(False)
            sock.connect_ex(("127.0.0.1", self.port))
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.sockets.append(sock)
            everything.register(sock.fileno(), select.EPOLLOUT)
            waiting[sock.fileno()] = i
        while waiting:
            for fd, event in everything.poll(60):
                i = waiting[fd]
                if event & select.EPOLLOUT:
                    body = encode.authenticate(CODE)
                    self.sockets[i].send(encode.encode_frame(0x0102, body, phone=phone(i), serial=0xFFFF))
                    everything.modify(fd, select.EPOLLIN)
                elif event & select.EPOLLIN:
                    answer = self.sockets[i].recv(100)
                    if b"\x01\x02\x00" not in answer[-6:]:
                        raise RuntimeError(f"terminal {i} was not let in: {answer.hex()}")
                    everything.unregister(fd)
                    del waiting[fd]
                else:
                    raise RuntimeError(f"terminal {i}: connection broke")
        for i in self.sampled:
            self.epoll.register(self.sockets[i].fileno(), select.EPOLLIN)
        self.by_fd = {self.sockets[i].fileno(): i for i in self.sampled}
        return time.perf_counter() - began

    def hear(self, i: int) -> None:
        """Read what terminal ``i`` was answered."""
        try:
            data = self.sockets[i].recv(65536)
        except BlockingIOError:
            return
        if not data:
            raise RuntimeError(f"terminal {i} was cut off")
        if i not in self.sampled:
            # answers end in result 0; a refusal would be seen in the count of stored rows and by the sampled ones
            self.got += data.count(b"\x7e") // 2 * self.weight
            return
        now = time.perf_counter()
        sent = self.sent[i]
        for piece in data.split(b"\x7e"):
            if len(piece) < 18:
                continue
            content = piece.replace(b"\x7d\x02", b"\x7e").replace(b"\x7d\x01", b"\x7d")
            began = sent.pop(content[12] << 8 | content[13], None)
            if began is None or content[16] != 0:
                self.refused += 1
                continue
            self.got += self.weight
            self.waits.append((began, now - began))

    def hear_sampled(self, timeout: float = 0) -> None:
        for fd, _ in self.epoll.poll(timeout):
            self.hear(self.by_fd[fd])

    def hear_all(self) -> None:
        for i in range(self.count):
            self.hear(i)

    def send(self, i: int, data: bytes) -> None:
        """Write, as far as the connection takes it; the rest goes with the next turn."""
        if i in self.backlog:
            data = self.backlog.pop(i) + data
        try:
            done = self.sockets[i].send(data)
        except BlockingIOError:
            done = 0
        if done < len(data):
            self.backlog[i] = data[done:]


class Backlog:
    """Terminals that deliver a day each, 8,640 reports in 0x0704 of 15, as fast as the gateway takes them."""

    REPORTS, PER_MESSAGE = 8640, 15

    def __init__(self, port: int, first: int, count: int) -> None:
        self.cars = Cars(port, 0, self.PER_MESSAGE)
        self.cars.count = count
        self.port, self.count, self.first = port, count, first
        self.data: list[bytes] = []
        noon = time.time() - 90_000
        for i in range(count):
            frames = []
            for part in range(0, self.REPORTS, self.PER_MESSAGE):
                bodies = [
                    encode.location(31.1 + i / 1e4, 121.2 + (part + k) / 1e5, datetime.fromtimestamp(
                        noon + 10 * (part + k), UTC), status=3) for k in range(self.PER_MESSAGE)
                ]  # fmt: skip
                frames.append(
                    encode.encode_frame(
                        0x0704,
                        encode.location_batch(bodies, kind=1),
                        phone=phone(first + i),
                        serial=part // 15 & 0xFFFF,
                    )
                )
            self.data.append(b"".join(frames))
        self.done_at = 0.0

    def enter(self) -> None:
        for i in range(self.count):
            sock = socket.create_connection(("127.0.0.1", self.port))
            sock.sendall(encode.encode_frame(0x0102, encode.authenticate(CODE), phone=phone(self.first + i), serial=1))
            if b"\x01\x02\x00" not in sock.recv(100)[-6:]:
                raise RuntimeError("a terminal with a backlog was not let in")
            sock.setblocking(False)
            self.cars.sockets.append(sock)
        self.cars.sampled = set()

    @property
    def all(self) -> int:
        return self.count * self.REPORTS

    def push(self) -> None:
        """Write what the connections take, read what was answered."""
        for i in range(self.count):
            if self.data[i]:
                try:
                    sent = self.cars.sockets[i].send(self.data[i][:65536])
                    self.data[i] = self.data[i][sent:]
                except BlockingIOError:
                    pass
            self.cars.hear(i)
        if not self.done_at and self.cars.got >= self.all:
            self.done_at = time.perf_counter()


def say(mark: str, **more: float) -> None:
    print(json.dumps({"mark": mark, "cpu": time.process_time(), "at": time.perf_counter(), **more}), flush=True)


def drive(options: argparse.Namespace) -> None:
    """Let every terminal in, send rounds at the rate, wait for the last answers."""
    count, group = options.connections, 1 if options.mode == "single" else options.group
    round_s = count * group / options.rate
    rounds = max(2, round((options.warm + options.seconds) / round_s))
    warm_rounds = max(1, round(options.warm / round_s))
    cars = Cars(options.port, count, group if options.mode == "batch" else 1)
    made = Rounds(count, group, options.mode)
    late = Backlog(options.port, count, options.backlog)
    base = time.time() - 7200
    ready = [made.segments(number, base) for number in range(rounds)]
    per_segment = 1 if options.mode == "batch" else group
    say("in", storm_s=cars.enter())
    late.enter()
    slices = max(1, round(round_s / SLICE_S))
    size = -(-count // slices)
    started = time.perf_counter()
    for number, pieces in enumerate(ready):
        if number == warm_rounds:
            cars.hear_all()
            began_at = time.perf_counter()
            say("warm", got=cars.got, sent=number * count * group)
        ready[number] = []
        for part in range(slices):
            wait = started + number * round_s + part * round_s / slices - time.perf_counter()
            while wait > 0:
                cars.hear_sampled(wait)
                wait = started + number * round_s + part * round_s / slices - time.perf_counter()
            cars.hear_sampled()
            if number >= warm_rounds:
                late.push()
            for i in range(part * size, min((part + 1) * size, count)):
                if number:
                    cars.hear(i)
                if i in cars.sampled:
                    now = time.perf_counter()
                    for k in range(per_segment):
                        cars.sent[i][number * per_segment + k & 0xFFFF] = now
                cars.send(i, pieces[i])
    offered = time.perf_counter()
    total = rounds * count * group
    late_got = late.cars.got
    while (cars.got < total or late.cars.got < late.all) and time.perf_counter() - offered < DRAIN_S:
        late.push()
        cars.hear_sampled(0.02)
        for i in list(cars.backlog):
            cars.send(i, b"")
        cars.hear_all()
    waits = sorted(1000 * wait for at, wait in cars.waits if at >= began_at)
    say("done", got=cars.got, sent=total, late_got=late.cars.got, late_sent=late.all, late_per_s=(
            late.all / (late.done_at - began_at) if late.done_at else late_got / (offered - began_at)), refused=cars.refused, sending_s=offered - began_at,
        offered=(rounds - warm_rounds) * count * group, samples=len(waits),
        p50_ms=waits[len(waits) // 2] if waits else 0.0, p99_ms=waits[int(len(waits) * 0.99)] if waits else 0.0,
        max_ms=waits[-1] if waits else 0.0)  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--connections", type=int, default=1000)
    parser.add_argument("--rate", type=float, default=10_000, help="positions/s offered")
    parser.add_argument("--group", type=int, default=6, help="reports a segment or 0x0704")
    parser.add_argument("--mode", choices=("single", "grouped", "batch"), default="grouped")
    parser.add_argument("--backlog", type=int, default=0, help="more terminals that deliver a day each meanwhile")
    parser.add_argument("--seconds", type=float, default=8)
    parser.add_argument("--warm", type=float, default=2)
    options = parser.parse_args()
    from zhiguan.kernel.telemetry.gateway.server import raise_file_limit

    raise_file_limit(options.connections + options.backlog + 256)
    drive(options)
    return 0


if __name__ == "__main__":
    sys.exit(main())
