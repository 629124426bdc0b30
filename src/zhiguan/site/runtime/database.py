"""Which database the product uses, and the commands `zhiguan db …` around the embedded one."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from zhiguan.site.runtime import postgres
from zhiguan.site.runtime.paths import private_dir, var_dir

__all__ = [
    "Database",
    "dump",
    "embedded_data_dir",
    "keep_marker",
    "open_database",
    "psql",
    "restore",
    "start",
    "status",
    "stop",
]

NEEDED = ("DATABASE_URL", "DATABASE_OWNER_URL", "DATABASE_INGEST_URL")


@dataclass(frozen=True)
class Database:
    """The database in use. `cluster` is the embedded server, None when the environment names another."""

    urls: postgres.Urls
    cluster: postgres.Cluster | None


def embedded_data_dir(var: Path) -> Path:
    """Where the embedded server keeps its data."""
    return var / "pg"


def keep_marker(var: Path) -> Path:
    """A file that says: `zhiguan db start` wants the server to outlive `zhiguan up`."""
    return var / "run" / "keep-database"


def open_database(var: Path) -> Database:
    """Start the embedded server, or take the one the environment names; publish the URLs for the other processes.

    Raises PostgresError, also when only some of the three URLs are set: a missing one would silently fall back to
    the embedded server's.
    """
    given = {name: os.environ.get(name, "") for name in NEEDED}
    if any(given.values()):
        missing = [name for name, url in given.items() if not url]
        if missing:
            raise postgres.PostgresError(
                f"使用外部数据库时必须同时设置 {'、'.join(NEEDED)},还缺 {'、'.join(missing)}。"
            )
        return Database(postgres.Urls(given[NEEDED[1]], given[NEEDED[0]], given[NEEDED[2]], ""), None)
    private_dir(var / "run")
    cluster = postgres.ensure_cluster(embedded_data_dir(var), secrets_path=var / "secrets.json")
    urls = postgres.bootstrap(cluster)
    postgres.publish(urls, var)
    return Database(urls, cluster)


def start(args: argparse.Namespace) -> int:
    """`zhiguan db start`: start the embedded server and leave it running."""
    var = var_dir()
    database = open_database(var)
    if database.cluster is None:
        print("已由环境变量指定外部数据库,无需启动内置数据库。")
        return 0
    keep_marker(var).touch(mode=0o600)
    print("内置数据库已启动。" if database.cluster.started else "内置数据库已在运行。")
    return 0


def stop(args: argparse.Namespace) -> int:
    """`zhiguan db stop`: stop the embedded server."""
    from zhiguan.site.runtime.supervisor import running_pid

    var = var_dir()
    if (pid := running_pid(var)) is not None:
        print(f"智管正在运行(进程 {pid}),请先停止它,数据库会随之停止。", file=sys.stderr)
        return 1
    keep_marker(var).unlink(missing_ok=True)
    postgres.stop(embedded_data_dir(var))
    print("内置数据库已停止。")
    return 0


def status(args: argparse.Namespace) -> int:
    """`zhiguan db status`: exit code 0 when the embedded server runs, else 3."""
    data_dir = embedded_data_dir(var_dir())
    running = postgres.is_running(data_dir)
    print(f"内置数据库{'正在运行' if running else '没有运行'}:{data_dir}")
    return 0 if running else 3


def _client_environment(url: str) -> dict[str, str]:
    """The connection as environment variables: on a command line every user of the machine could read it."""
    parts = urlsplit(url)
    query = parse_qs(parts.query)
    named = {
        "PGHOST": query.get("host", [parts.hostname or ""])[0],
        "PGPORT": str(parts.port or query.get("port", ["5432"])[0]),
        "PGUSER": unquote(parts.username or ""),
        "PGPASSWORD": unquote(parts.password or ""),
        "PGDATABASE": unquote(parts.path.lstrip("/")),
    }
    return os.environ | {name: value for name, value in named.items() if value}


def psql(args: argparse.Namespace) -> int:
    """`zhiguan db psql`: an interactive client, as the application role unless told otherwise."""
    url = getattr(open_database(var_dir()).urls, args.role)
    if not url:
        print("外部数据库的超级用户不由本产品管理。", file=sys.stderr)
        return 1
    return subprocess.call([str(postgres.bin_dir() / "psql"), *args.args], env=_client_environment(url))


def dump(args: argparse.Namespace) -> int:
    """`zhiguan db dump FILE`: a consistent copy of the whole database while it works; FILE appears only when whole."""
    urls = open_database(var_dir()).urls
    target = Path(args.file).resolve()
    scratch = target.with_name(f".{target.name}.part")
    os.close(os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))
    code = subprocess.call(
        [str(postgres.bin_dir() / "pg_dump"), "--format=custom", f"--file={scratch}"],
        env=_client_environment(urls.superuser or urls.owner),
    )
    if code:
        scratch.unlink()
        print("备份没有完成。", file=sys.stderr)
        return 1
    with scratch.open("rb") as handle:
        os.fsync(handle.fileno())
    scratch.replace(target)
    print(f"已备份到 {target}({target.stat().st_size / 2**20:.1f} MB)。")
    return 0


def restore(args: argparse.Namespace) -> int:
    """`zhiguan db restore FILE`: replace the database's content with a copy, whole or not at all."""
    from zhiguan.site.runtime.supervisor import running_pid

    var = var_dir()
    if running_pid(var) is not None:
        print("请先停止智管,再恢复备份。", file=sys.stderr)
        return 1
    urls = open_database(var).urls
    code = subprocess.call(
        [str(postgres.bin_dir() / "pg_restore"), "--clean", "--if-exists", "--single-transaction", "--exit-on-error",
         "--dbname", unquote(urlsplit(urls.app).path.lstrip("/")), str(Path(args.file).resolve())],
        env=_client_environment(urls.superuser or urls.owner),
    )  # fmt: skip
    print("已恢复。" if code == 0 else "恢复没有成功,数据库保持原样。", file=sys.stderr if code else sys.stdout)
    return 1 if code else 0
