"""The supervisor with real child processes: restarts, stopping in order and in time, no orphans, clear refusals."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from zhiguan.site import cli
from zhiguan.site.runtime import postgres
from zhiguan.site.runtime.supervisor import CannotStart, local_names, running_pid, services

pytestmark = pytest.mark.faults

RUNNER = """
import sys
from pathlib import Path
from zhiguan.site import cli
from zhiguan.site.runtime import supervisor as s
from zhiguan.site.runtime.children import Service
from zhiguan.site.runtime.database import open_database
import signal

var = Path(sys.argv[1])
child = sys.argv[2]
python = lambda *words: (sys.executable, child, str(var), *words)
class Running(s.Supervisor):
    def check_ports(self): pass
    def prepare(self): self.database = open_database(var)
services = [Service("slow", "慢", python("slow"), 2), Service("quick", "快", python("quick"), 1)]
if "failing" in sys.argv: services.insert(0, Service("failing", "坏", ("false",), 1))
if "stubborn" in sys.argv: services.append(Service("stubborn", "倔", python("stubborn"), 2))
sys.exit(Running(cli.parser().parse_args(["up"]), var, services).run())
"""

CHILD = """
import os, signal, subprocess, sys, time
from pathlib import Path
var, name = Path(sys.argv[1]), sys.argv[2]
ended = var / "ended"
def leave(*_):
    with ended.open("a") as out: out.write(name + "\\n")
    sys.exit(0)
signal.signal(signal.SIGTERM, signal.SIG_IGN if name == "stubborn" else leave)
grandchild = subprocess.Popen(["sleep", "600"])
(var / f"{name}.pids").write_text(f"{os.getpid()} {grandchild.pid}")
print(name, "你好", flush=True)
while True: time.sleep(0.05)
"""


class Run:
    """A supervisor at work in its own process."""

    def __init__(self, var: Path, *extra: str) -> None:
        self.var = var
        var.mkdir(exist_ok=True)
        (var / "child.py").write_text(CHILD)
        self.process = subprocess.Popen(
            [sys.executable, "-c", RUNNER, str(var), str(var / "child.py"), *extra],
            stdout=(var / "said").open("wb"),
            stderr=subprocess.STDOUT,
            env={key: value for key, value in os.environ.items() if not key.startswith("DATABASE_")},
        )

    def said(self) -> str:
        return (self.var / "said").read_text()

    def state(self) -> dict:
        path = self.var / "run" / "up.json"
        return json.loads(path.read_text()) if path.exists() else {}

    def pids(self, name: str) -> list[int]:
        path = self.var / f"{name}.pids"
        return [int(word) for word in path.read_text().split()] if path.exists() else []


def wait(condition: Callable[[], object], seconds: float = 60, explain: Callable[[], str] = str) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, explain()
        time.sleep(0.05)


def alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.fixture
def run(place: Path) -> Iterator[Callable[..., Run]]:
    made: list[Run] = []

    def start(*extra: str) -> Run:
        made.append(Run(place / "var", *extra))
        running = made[-1]
        wait(lambda: "已就绪" in running.said() and running.pids("quick"), 90, running.said)
        return running

    yield start
    for each in made:
        each.process.kill()
        each.process.wait()
        for name in ("quick", "slow", "stubborn"):
            for pid in each.pids(name):
                if alive(pid):
                    os.kill(pid, signal.SIGKILL)
    postgres.stop(place / "var" / "pg")


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_stops_everything_in_order_and_in_time(run: Callable[..., Run], how: signal.Signals) -> None:
    running = run("stubborn")
    wait(lambda: running.pids("stubborn") and running.pids("slow"))
    everyone = [pid for name in ("quick", "slow", "stubborn") for pid in running.pids(name)]
    assert all(alive(pid) for pid in everyone)
    began = time.monotonic()
    running.process.send_signal(how)
    assert running.process.wait(15) == 0
    assert time.monotonic() - began < 10
    assert [pid for pid in everyone if alive(pid)] == []
    assert (running.var / "ended").read_text().split() == ["quick", "slow"]
    assert "倔没有及时停止,已强制结束" in running.said()
    assert not postgres.is_running(running.var / "pg")
    assert running.state() == {}


def test_a_dead_child_is_restarted_and_it_shows(run: Callable[..., Run]) -> None:
    running = run()
    first, grandchild = running.pids("quick")
    os.kill(first, signal.SIGKILL)
    wait(lambda: running.pids("quick")[:1] != [first])
    wait(lambda: not alive(grandchild))
    wait(lambda: any(child["restarts"] == 1 and child["pid"] for child in running.state()["children"]))
    assert "快意外退出(状态 -9)" in running.said()
    assert "已重启快(第 1 次)" in running.said()


def test_a_child_that_dies_at_once_does_not_take_the_others_with_it(run: Callable[..., Run]) -> None:
    running = run("failing")
    wait(lambda: "已重启坏(第 1 次)" in running.said(), 30, running.said)
    assert "坏意外退出(状态 1)" in running.said()
    assert running.process.poll() is None and alive(running.pids("quick")[0])


def test_output_goes_to_a_log_with_its_name(run: Callable[..., Run]) -> None:
    running = run()
    log = running.var / "log" / "quick.log"
    wait(lambda: "[quick] quick 你好" in log.read_text())
    assert "quick 你好" not in running.said()


def test_nothing_outlives_a_killed_supervisor_but_the_database(run: Callable[..., Run]) -> None:
    running = run()
    wait(lambda: running.pids("slow"))
    children = [running.pids(name)[0] for name in ("quick", "slow")]
    running.process.kill()
    wait(lambda: not any(alive(pid) for pid in children))
    assert postgres.is_running(running.var / "pg")


def test_a_killed_database_comes_back(run: Callable[..., Run]) -> None:
    running = run()
    data_dir = running.var / "pg"
    first = int((data_dir / "postmaster.pid").read_text().splitlines()[0])
    os.kill(first, signal.SIGKILL)
    wait(lambda: "数据库已恢复" in running.said())
    assert postgres.is_running(data_dir)


def zhiguan(var: Path, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("DATABASE_")}
    return subprocess.run(
        [sys.executable, "-m", "zhiguan.site.cli", *words],
        capture_output=True, text=True, timeout=60, env=environment | {"ZHIGUAN_VAR": str(var)} | more,
    )  # fmt: skip


def test_a_second_up_is_refused(place: Path) -> None:
    (place / "run").mkdir()
    with (place / "run" / "up.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lock.write("4711")
        lock.flush()
        done = zhiguan(place, "up")
        assert running_pid(place) == 4711
    assert done.returncode == 1
    assert "已在运行(进程 4711)" in done.stderr
    assert not (place / "pg").exists()
    assert running_pid(place) is None


def test_a_busy_port_is_named_before_anything_starts(place: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = zhiguan(place, "up", "--port", str(port))
    assert done.returncode == 1
    assert f"127.0.0.1:{port} 不能使用" in done.stderr
    assert "--port" in done.stderr
    assert not (place / "pg").exists()


def test_an_external_database_needs_all_three_urls(place: Path) -> None:
    done = zhiguan(place, "db", "start", DATABASE_URL="postgresql://someone@/somewhere")
    assert done.returncode == 1
    assert "还缺 DATABASE_OWNER_URL、DATABASE_INGEST_URL" in done.stderr


def test_listening_to_the_world_lists_this_machines_names() -> None:
    assert local_names("127.0.0.1") == ["localhost", "127.0.0.1", "[::1]"]
    assert socket.gethostname() in local_names("0.0.0.0")
    assert "10.1.2.3" in local_names("10.1.2.3")


def test_several_gateways_share_the_port(monkeypatch):
    args = cli.parser().parse_args(["up", "--no-demo", "--gateway-port", "18899"])
    (one,) = [service for service in services(args) if service.name.startswith("gateway")]
    assert "--share-port" not in one.command
    monkeypatch.setenv("ZHIGUAN_GATEWAY_PROCESSES", "3")
    three = [service for service in services(args) if service.name.startswith("gateway")]
    assert [service.name for service in three] == ["gateway", "gateway-2", "gateway-3"]
    assert {service.command[-3:] for service in three} == {("--port", "18899", "--share-port")}
    monkeypatch.setenv("ZHIGUAN_GATEWAY_PROCESSES", "many")
    with pytest.raises(CannotStart, match="ZHIGUAN_GATEWAY_PROCESSES"):
        services(args)
