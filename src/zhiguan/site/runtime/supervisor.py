"""`zhiguan up`: everything on one machine, started in order, watched, and stopped in order.

One thread and no asyncio: the kernel ties the children's death signal to the thread that made them, and there is
nothing here to wait for but pipes and the clock.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import FrameType

import psutil

from zhiguan.site.runtime import frontend, postgres
from zhiguan.site.runtime.children import Child, Service, accepts, answers_http
from zhiguan.site.runtime.database import Database, embedded_data_dir, keep_marker, open_database
from zhiguan.site.runtime.paths import private_dir, var_dir
from zhiguan.site.runtime.prepare import outcome_path
from zhiguan.site.runtime.progress import Progress
from zhiguan.site.runtime.secrets import django_secret_key, write_private_json

__all__ = ["running_pid", "services", "state_path", "up"]

STOP_SECONDS = 9.0  # for everything; children get CHILDREN_SECONDS of it, the database the rest
CHILDREN_SECONDS = 5.0
READY_SECONDS = 90
STAGES = (1, 2)
MAX_GATEWAYS = 16


class StopRequested(Exception):
    """SIGINT or SIGTERM arrived while the product was still starting."""


class CannotStart(RuntimeError):
    """The product cannot start; the text says why and what to do, in Chinese."""


def state_path(var: Path) -> Path:
    """The file in which the supervisor tells others (doctor) what it runs."""
    return var / "run" / "up.json"


def running_pid(var: Path) -> int | None:
    """The process number of the supervisor working on `var`, else None."""
    path = var / "run" / "up.lock"
    if not path.exists():
        return None
    with path.open("r+") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            text = handle.read().strip()
            return int(text) if text.isdigit() else 0
    return None


def local_names(bind: str) -> list[str]:
    """Host names under which this machine may be asked for, when it listens on `bind`."""
    names = ["localhost", "127.0.0.1", "[::1]"]
    if bind in {"0.0.0.0", "::"}:  # noqa: S104 - compared, not bound
        names.append(socket.gethostname())
        for addresses in psutil.net_if_addrs().values():
            names += [entry.address for entry in addresses if entry.family == socket.AF_INET]
    elif bind not in names:
        names.append(bind)
    return list(dict.fromkeys(names))


def _zhiguan(*arguments: object) -> tuple[str, ...]:
    return (sys.executable, "-m", "zhiguan.site.cli", *map(str, arguments))


def _reachable(bind: str) -> str:
    """The address by which this machine reaches a server that listens on `bind`."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(bind, bind)  # noqa: S104 - compared, not bound


def gateway_processes() -> int:
    """How many gateway processes share the port (ZHIGUAN_GATEWAY_PROCESSES, 1 to 16). Raises CannotStart otherwise."""
    text = os.environ.get("ZHIGUAN_GATEWAY_PROCESSES", "1")
    if not text.isdigit() or not 1 <= int(text) <= MAX_GATEWAYS:
        raise CannotStart(f"环境变量 ZHIGUAN_GATEWAY_PROCESSES 应为 1 至 {MAX_GATEWAYS} 的整数,现为“{text}”。")
    return int(text)


def services(args: argparse.Namespace) -> list[Service]:
    """What runs, in the order of starting. Stage 1 stops first: what feeds the others."""
    web, gateway = _reachable(args.bind), _reachable(args.gateway_bind)
    found = [
        Service(
            "web",
            "网页与接口",
            _zhiguan("web", "--bind", args.bind, "--port", args.port, "--workers", args.workers),
            stop_stage=2,
            ready=lambda: answers_http(web, args.port, "/healthz"),
        ),
        Service(
            "live",
            "实时推送",
            _zhiguan("live", "--bind", args.bind, "--port", args.live_port),
            stop_stage=2,
            ready=lambda: answers_http(web, args.live_port, "/healthz"),
        ),
        Service("worker", "后台任务", _zhiguan("worker"), stop_stage=2),
    ]
    processes = gateway_processes()
    words = _zhiguan("gateway", "--bind", args.gateway_bind, "--port", args.gateway_port)
    for number in range(1, processes + 1):
        found.append(
            Service(
                "gateway" if number == 1 else f"gateway-{number}",
                "终端接入网关" if processes == 1 else f"终端接入网关({number}/{processes})",
                words if processes == 1 else (*words, "--share-port"),
                stop_stage=1,
                ready=lambda: accepts(gateway, args.gateway_port),
            )
        )
    if args.demo:
        fleet = _zhiguan("simulate", "fleet", "--small", "--port", args.gateway_port)
        found.append(Service("fleet", "演示车队", fleet, stop_stage=1))
    return found


class Supervisor:
    """The running product. `run` returns the exit code."""

    def __init__(self, args: argparse.Namespace, var: Path, wanted: list[Service] | None = None) -> None:
        self.args = args
        self.var = var
        self.services = services(args) if wanted is None else wanted
        self.progress = Progress()
        self.database: Database | None = None
        self.children: list[Child] = []
        self.stopping = 0
        self.preparing = True
        self.helper: subprocess.Popen[bytes] | None = None
        self.selector = selectors.DefaultSelector()
        self.wake_read, self.wake_write = os.pipe()
        os.set_blocking(self.wake_write, False)
        os.set_blocking(self.wake_read, False)

    # --- signals ---

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self.stopping += 1
        if self.preparing:
            self.preparing = False
            raise StopRequested

    # --- starting ---

    def check_ports(self) -> None:
        """Raise CannotStart when a port we need is taken."""
        wanted = (
            (self.args.bind, self.args.port, "--port", "网页"),
            (self.args.bind, self.args.live_port, "--live-port", "实时推送"),
            (self.args.gateway_bind, self.args.gateway_port, "--gateway-port", "终端接入网关"),
        )
        for host, port, flag, title in wanted:
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            with socket.socket(family, socket.SOCK_STREAM) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind((host, port))
                except OSError as error:
                    raise CannotStart(
                        f"{title}要用的端口 {host}:{port} 不能使用({error.strerror})。请停止占用它的程序,"
                        f"或用 {flag} 换一个端口。"
                    ) from error

    def prepare(self) -> None:
        """Database, front end, migrations, static files, demo city."""
        with self.progress.step("启动数据库" if not os.environ.get("DATABASE_URL") else "连接外部数据库"):
            self.database = open_database(self.var)
        frontend.build(self.progress)
        arguments = ["--began", str(self.progress.began), *(["--demo"] if self.args.demo else [])]
        self.helper = subprocess.Popen(
            [sys.executable, "-m", "zhiguan.site.runtime.prepare", *arguments], start_new_session=True
        )
        if self.helper.wait():
            raise CannotStart("准备数据库内容没有成功,原因见上。")
        self.helper = None
        if not json.loads(outcome_path(self.var).read_text(encoding="utf-8"))["demo"]:
            self.services = [service for service in self.services if service.name != "fleet"]

    def start_children(self) -> None:
        """Start every service, then wait until each serves. Raises CannotStart with its last words otherwise."""
        log_dir = private_dir(self.var / "log")
        for service in self.services:
            child = Child(service, log_dir)
            self.children.append(child)
            child.start()
        self.write_state()
        deadline = time.monotonic() + READY_SECONDS
        for child in self.children:
            with self.progress.step(f"等待{child.service.title}就绪"):
                while not (child.service.ready is None or child.service.ready()):
                    self.pump()
                    status = child.process.poll() if child.process else None
                    if status is not None or time.monotonic() > deadline:
                        reason = f"已退出(状态 {status})" if status is not None else "没有在规定时间内就绪"
                        child.pump()
                        words = "\n".join(f"    {line}" for line in child.tail)
                        raise CannotStart(f"{child.service.title}{reason},日志 {child.log_path}:\n{words}")
                    time.sleep(0.1)

    # --- running ---

    def write_state(self) -> None:
        """Tell doctor what runs."""
        write_private_json(
            state_path(self.var),
            {
                "pid": os.getpid(),
                "bind": self.args.bind,
                "ports": {
                    "web": self.args.port,
                    "live": self.args.live_port,
                    "gateway": self.args.gateway_port,
                },
                "gateway_bind": self.args.gateway_bind,
                "children": [
                    {"name": child.service.name, "title": child.service.title, "pid": child.pid,
                     "restarts": child.restarts}
                    for child in self.children
                ],
            },
        )  # fmt: skip

    def pump(self) -> None:
        """Keep every child's output flowing."""
        for child in self.children:
            lines = child.pump()
            if self.args.verbose:
                for line in lines:
                    print(f"[{child.service.name}] {line}", flush=True)

    def watch(self) -> None:
        """Until asked to stop: keep logs, restart what died, keep the embedded database up."""
        watched: dict[Child, int] = {}
        self.selector.register(self.wake_read, selectors.EVENT_READ)
        while not self.stopping:
            for child in self.children:
                if child.pid is not None and child.process is not None and watched.get(child) != child.process.pid:
                    self.selector.register(child.output, selectors.EVENT_READ, child)
                    watched[child] = child.process.pid
            for key, _ in self.selector.select(timeout=1):
                if key.data is None:
                    try:
                        os.read(self.wake_read, 512)
                    except BlockingIOError:
                        continue
            self.pump()
            for child in self.children:
                self.tend(child)
            self.tend_database()

    def tend(self, child: Child) -> None:
        """Notice a death, say so, and restart when its back-off is over."""
        if child.process is not None and child.process.poll() is not None and child.restart_at is None:
            if child.output in self.selector.get_map():  # not when it died before it was watched
                self.selector.unregister(child.output)
            status = child.died()
            wait = (child.restart_at or 0) - time.monotonic()
            self.progress.warn(
                f"{child.service.title}意外退出(状态 {status}),{max(0.0, wait):.0f} 秒后重启;日志 {child.log_path}"
            )
            self.write_state()
        if child.due() and not self.stopping:
            child.restarts += 1
            child.start()
            self.progress.say(f"已重启{child.service.title}(第 {child.restarts} 次)")
            self.write_state()

    def tend_database(self) -> None:
        """Start the embedded server again when it is gone."""
        if self.database is None or self.database.cluster is None:
            return
        if not postgres.is_running(self.database.cluster.data_dir):
            self.progress.warn("数据库意外停止,正在重新启动")
            try:
                self.database = open_database(self.var)
            except postgres.PostgresError as error:
                self.progress.warn(f"数据库没有启动成功,稍后再试:{error}")
                return
            self.progress.say("数据库已恢复")

    # --- stopping ---

    def stop(self) -> None:
        """Stop the children stage by stage, then the database; a second Ctrl-C stops waiting."""
        self.preparing = False
        if self.helper is not None and self.helper.poll() is None:
            os.killpg(self.helper.pid, signal.SIGTERM)
            try:
                self.helper.wait(5)
            except subprocess.TimeoutExpired:
                os.killpg(self.helper.pid, signal.SIGKILL)
                self.helper.wait()
        asked_before = self.stopping
        began = time.monotonic()
        deadline = began + CHILDREN_SECONDS
        for stage in STAGES:
            members = [child for child in self.children if child.service.stop_stage == stage]
            for child in members:
                child.ask_to_stop()
            left = max(0.5, deadline - time.monotonic()) / (len(STAGES) + 1 - stage)
            patience = time.monotonic() + left
            while any(child.pid is not None for child in members) and time.monotonic() < patience:
                self.pump()
                if self.stopping > asked_before:
                    break
                time.sleep(0.05)
            for child in members:
                if child.pid is not None:
                    self.progress.warn(f"{child.service.title}没有及时停止,已强制结束")
                child.kill_group()
                if child.process is not None:
                    child.process.wait()
                child.close()
        if not os.environ.get("DATABASE_URL") and not keep_marker(self.var).exists():
            postgres.stop(embedded_data_dir(self.var), patience=max(2.0, began + STOP_SECONDS - time.monotonic()))
        state_path(self.var).unlink(missing_ok=True)

    def announce(self) -> None:
        """Say where the product is."""
        host, command = _reachable(self.args.bind), Path(sys.executable).with_name("zhiguan")
        if command.is_relative_to(Path.cwd()):
            command = command.relative_to(Path.cwd())
        self.progress.say("智管已就绪")
        print(f"\n    访问地址  http://{host}:{self.args.port}/\n    运行日志  {self.var / 'log'}")
        print(f"    运行体检  {command} doctor\n    停止      Ctrl-C\n", flush=True)

    def run(self) -> int:
        """Start, watch, stop."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._on_signal)
        signal.set_wakeup_fd(self.wake_write, warn_on_full_buffer=False)
        code = 0
        try:
            self.check_ports()
            self.prepare()
            self.start_children()
            self.preparing = False
            self.announce()
            self.watch()
        except StopRequested:
            code = 130
        except (CannotStart, postgres.PostgresError, frontend.FrontendError) as error:
            self.progress.warn(str(error))
            code = 1
        finally:
            self.preparing = False
            with self.progress.step("停止"):
                self.stop()
        return code


def up(args: argparse.Namespace) -> int:
    """`zhiguan up`: run the whole product in the foreground."""
    var = private_dir(var_dir())
    private_dir(var / "run")
    with (var / "run" / "up.lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            state = state_path(var)
            port = json.loads(state.read_text(encoding="utf-8"))["ports"]["web"] if state.exists() else None
            where = f",地址 http://127.0.0.1:{port}/" if port else ""
            print(f"智管已在运行(进程 {running_pid(var)}{where})。请使用它,或先停止它再启动。", file=sys.stderr)
            return 1
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        os.environ["ZHIGUAN_VAR"] = str(var)
        os.environ.setdefault("ZHIGUAN_HOSTS", ",".join(local_names(args.bind)))
        os.environ.setdefault("ZHIGUAN_URL", f"http://127.0.0.1:{args.port}")
        os.environ["ZHIGUAN_LIVE_PORT"] = str(args.live_port)
        os.environ["ZHIGUAN_GATEWAY_PORT"] = str(args.gateway_port)
        os.environ.setdefault("ZHIGUAN_GATEWAY_STOP_TIMEOUT", "2")  # within CHILDREN_SECONDS
        django_secret_key(var)
        try:
            supervisor = Supervisor(args, var)
        except CannotStart as error:
            print(error, file=sys.stderr)
            return 1
        return supervisor.run()
