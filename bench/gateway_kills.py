"""Kill -9 of the gateway, of the worker's jobs and of the database, at random moments, under traffic.

Terminals send reports one after the other and send again, over new connections, whatever was not acknowledged. At the
end every acknowledged report must be stored exactly once, and so must everything else that was sent. The worker here is
a process that does the telemetry jobs without a pause: partitions, the frontier, dirty days, tidying, and the sealing of
an old day that terminals also send late reports for.

    python bench/gateway_kills.py [--kills 50] [--every 1.0] [--terminals 60] [--what gateway,worker,database]
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
import psycopg
from gateway import FOLDER, database, figure, fill
from gateway_load import CODE, phone

PORT = 18809
LATE_DAYS = 3
"""Every fourth report is of a day so long ago, the day that the worker seals meanwhile."""
WORKER = """
import time
from datetime import UTC, datetime, timedelta
from zhiguan.kit.starting import set_up
set_up()
from zhiguan.kernel.telemetry import seal, store

while True:
    try:
        store.ensure_partitions()
        store.advance(datetime.now(UTC) - timedelta(seconds=30))
        store.done_dirty(store.take_dirty(50))
        store.trim_raw()
        seal.seal_closed_days()
        print("round", flush=True)
    except Exception as error:
        print(type(error).__name__, flush=True)
        time.sleep(0.1)
"""


class Fleet(threading.Thread):
    """Terminals in one thread over plain sockets: what was sent and not acknowledged is sent again."""

    def __init__(self, count: int, port: int, pace_s: float) -> None:
        super().__init__(daemon=True)
        self.count, self.port, self.pace_s = count, port, pace_s
        self.done: list[set[int]] = [set() for _ in range(count)]
        self.made = [0] * count
        self.stopping = False
        self.reconnects = 0
        self.start_at = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=3)

    def moment(self, number: int) -> datetime:
        """Device time of a report: every one its own, so that stored rows can be told apart."""
        at = self.start_at + timedelta(seconds=number)
        return at - timedelta(days=LATE_DAYS) if number % 4 == 3 else at

    def run(self) -> None:
        import asyncio

        asyncio.run(self.whole())

    async def whole(self) -> None:
        import asyncio

        await asyncio.gather(*(self.car(i) for i in range(self.count)))

    async def car(self, i: int) -> None:
        """One terminal's life: connect, authenticate, send what is not acknowledged and then new reports."""
        import asyncio

        from zhiguan.kernel.telemetry.jt808 import Splitter, decode_frame, encode

        number, serial = phone(i), 0
        while not (self.stopping and len(self.done[i]) == self.made[i]):
            writer = None
            try:
                reader, writer = await asyncio.wait_for(asyncio.open_connection("127.0.0.1", self.port), 5)
                sent: dict[int, int] = {}
                splitter = Splitter()
                writer.write(
                    encode.encode_frame(0x0102, encode.authenticate(CODE), phone=number, serial=serial & 0xFFFF)
                )
                serial += 1
                let_in = asyncio.Event()

                async def hear(
                    reader: Any = reader, sent: Any = sent, splitter: Any = splitter, ok: Any = let_in
                ) -> None:
                    while data := await reader.read(65536):
                        for frame in splitter.feed(data):
                            got = decode_frame(frame)
                            fields = got.fields or {}
                            if got.frame.header.msg_id != 0x8001 or fields["result"] != 0:
                                continue
                            if fields["reply_id"] in ("0102", 0x0102):
                                ok.set()
                            elif fields["reply_serial"] in sent:
                                self.done[i].add(sent.pop(fields["reply_serial"]))

                hearing = asyncio.create_task(hear())
                try:
                    await asyncio.wait_for(let_in.wait(), 8)
                    todo = [n for n in range(self.made[i]) if n not in self.done[i]]
                    idle_since = time.monotonic()
                    while not hearing.done():
                        if not todo and not self.stopping:
                            todo = [self.made[i]]
                            self.made[i] += 1
                        if todo:
                            n = todo.pop(0)
                            body = encode.location(31.2 + n / 1e5, 121.5 + i / 1e4, self.moment(n), status=3)
                            sent[serial & 0xFFFF] = n
                            writer.write(encode.encode_frame(0x0200, body, phone=number, serial=serial & 0xFFFF))
                            serial += 1
                            idle_since = time.monotonic()
                        elif len(self.done[i]) == self.made[i] or time.monotonic() - idle_since > 10:
                            break
                        await asyncio.sleep(self.pace_s)
                finally:
                    hearing.cancel()
                    await asyncio.gather(hearing, return_exceptions=True)
            except (OSError, TimeoutError):
                await asyncio.sleep(0.1)
            finally:
                self.reconnects += 1
                if writer is not None:
                    writer.close()


class Victims:
    """The processes to be killed, each started again at once."""

    def __init__(self, urls: Any, cluster: Any, var: Path) -> None:
        self.cluster, self.folder = cluster, var / FOLDER
        self.env = {**os.environ, "DATABASE_INGEST_URL": urls.ingest, "DATABASE_URL": urls.app,
                    "DATABASE_OWNER_URL": urls.owner, "ZHIGUAN_VAR": str(self.folder),
                    "ZHIGUAN_LOG_LEVEL": "CRITICAL"}  # fmt: skip
        self.said = (self.folder / "worker.out").open("w")
        self.gateway, self.worker = self.start_gateway(), self.start_worker()

    def start_gateway(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-m", "zhiguan.kernel.telemetry.gateway.server", "--port", str(PORT)], env=self.env
        )

    def start_worker(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen([sys.executable, "-c", WORKER], env=self.env, stdout=self.said)

    def kill(self, what: str) -> None:
        from zhiguan.site.runtime.postgres import ensure_cluster

        if what == "database":
            number = int((self.cluster.data_dir / "postmaster.pid").read_text().split("\n", 1)[0])
            psutil.Process(number).kill()
            ensure_cluster(self.cluster.data_dir, durable=True)
            return
        victim = self.gateway if what == "gateway" else self.worker
        victim.kill()
        victim.wait()
        if what == "gateway":
            self.gateway = self.start_gateway()
        else:
            self.worker = self.start_worker()

    def end(self) -> int:
        self.worker.kill()
        self.worker.wait()
        self.gateway.send_signal(signal.SIGTERM)
        self.said.close()
        return self.gateway.wait(30)


def stored(urls: Any, folder: Path) -> list[tuple[int, int]]:
    """(terminal, device time in Unix seconds) of every stored position, hot or sealed, as often as it is stored."""
    asked = """
import json, sys
from zhiguan.kit.starting import set_up
set_up()
from datetime import UTC, datetime, timedelta
from zhiguan.kernel.telemetry.service import Engine
from zhiguan.kit.actor import system
end = datetime.now(UTC) + timedelta(days=1)
table = Engine().positions(system("bench"), end - timedelta(days=30), end, ["source_id", "epoch_s"])
json.dump([table.column(0).to_pylist(), [round(t) for t in table.column(1).to_pylist()]], sys.stdout)
"""
    env = {**os.environ, "DATABASE_INGEST_URL": urls.ingest, "DATABASE_URL": urls.app, "DATABASE_OWNER_URL": urls.owner,
           "ZHIGUAN_VAR": str(folder)}  # fmt: skip
    told = subprocess.run([sys.executable, "-c", asked], env=env, capture_output=True, text=True, check=True)
    with psycopg.connect(urls.ingest) as connection:
        numbers = dict(connection.execute("SELECT id, number FROM telemetry_source").fetchall())
    sources, moments = json.loads(told.stdout)
    return [(int(numbers[source][1:]), at) for source, at in zip(sources, moments, strict=True)]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=50, help="of each")
    parser.add_argument("--every", type=float, default=1.0, help="seconds between kills, on average")
    parser.add_argument("--terminals", type=int, default=60)
    parser.add_argument("--pace", type=float, default=0.1, help="seconds between two reports of a terminal")
    parser.add_argument("--what", default="gateway,worker,database")
    parser.add_argument("--seed", type=int, default=4)
    parser.add_argument("--var", type=Path, default=None)
    options = parser.parse_args()
    from zhiguan.site.runtime.paths import var_dir

    var = options.var or var_dir()
    noise = random.Random(options.seed)
    todo = [what for what in options.what.split(",") for _ in range(options.kills)]
    noise.shuffle(todo)
    with database(var) as (urls, cluster):
        fill(urls, options.terminals)
        victims = Victims(urls, cluster, var)
        fleet = Fleet(options.terminals, PORT, options.pace)
        fleet.start()
        deadline = time.monotonic() + 60
        while sum(map(len, fleet.done)) < options.terminals and time.monotonic() < deadline:
            time.sleep(0.1)
        began, kills = time.monotonic(), dict.fromkeys(options.what.split(","), 0)
        acknowledged_at: list[int] = []
        for what in todo:
            time.sleep(noise.uniform(0.2, 1.8) * options.every)
            victims.kill(what)
            kills[what] += 1
            acknowledged_at.append(sum(map(len, fleet.done)))
        took = time.monotonic() - began
        fleet.stopping = True
        fleet.join(120)
        code = victims.end()
        rows = stored(urls, victims.folder)
        counted: dict[tuple[int, int], int] = {}
        for row in rows:
            counted[row] = counted.get(row, 0) + 1
        acknowledged = {(i, round(fleet.moment(n).timestamp())) for i, done in enumerate(fleet.done) for n in done}
        rounds = (victims.folder / "worker.out").read_text().count("round")
    missing = sum(row not in counted for row in acknowledged)
    doubled = sum(count - 1 for count in counted.values())
    for what, count in kills.items():
        figure(f"kills.{what}", count, "kill -9 under traffic")
    figure("kills.seconds", took, "s")
    figure("kills.acknowledged", len(acknowledged), "positions")
    figure("kills.unacknowledged", sum(fleet.made) - len(acknowledged), "positions after the last kill and 2 minutes")
    figure("kills.reconnects", fleet.reconnects, "connections")
    figure("kills.progress", sum(b > a for a, b in itertools.pairwise(acknowledged_at)),
           "intervals between kills in which something was acknowledged")  # fmt: skip
    figure("kills.worker_rounds", rounds, "whole rounds of the worker")
    figure("kills.missing", missing, "acknowledged positions not stored")
    figure("kills.doubled", doubled, "positions stored more than once")
    figure("kills.gateway_status", code, "exit status at the end")
    return int(bool(missing or doubled or code or len(acknowledged) != sum(fleet.made)))


if __name__ == "__main__":
    sys.exit(main())
