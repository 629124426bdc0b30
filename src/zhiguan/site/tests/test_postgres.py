"""The embedded server on its own: real processes, real kills. Each test has a cluster of its own."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from zhiguan.site.runtime import postgres
from zhiguan.site.runtime.roles import APP, INGEST, OWNER

pytestmark = pytest.mark.faults

SETTINGS = {
    "TimeZone": "UTC",
    "data_checksums": "on",
    "jit": "off",
    "listen_addresses": "",
    "server_encoding": "UTF8",
    "password_encryption": "scram-sha-256",
}


@pytest.fixture
def data_dir(place: Path) -> Iterator[Path]:
    path = place / "pg"
    yield path
    postgres.stop(path)


def postmaster(data_dir: Path) -> psutil.Process:
    return psutil.Process(int((data_dir / "postmaster.pid").read_text().splitlines()[0]))


def test_makes_starts_finds_and_stops(data_dir: Path) -> None:
    cluster = postgres.ensure_cluster(data_dir, durable=False)
    assert cluster.started
    assert postgres.is_running(data_dir)
    urls = postgres.bootstrap(cluster)
    with psycopg.connect(urls.owner) as connection:
        connection.execute("CREATE TABLE kept (word text)")
        connection.execute("INSERT INTO kept VALUES ('留')")
        shown = {name: connection.execute(f"SHOW {name}").fetchone()[0] for name in SETTINGS}
    assert shown == SETTINGS
    assert not postgres.ensure_cluster(data_dir, durable=False).started
    postgres.stop(cluster)
    assert not postgres.is_running(data_dir)
    again = postgres.ensure_cluster(data_dir, durable=False)
    assert again.started
    assert postgres.bootstrap(again) == urls
    with psycopg.connect(urls.owner) as connection:
        assert connection.execute("SELECT word FROM kept").fetchone() == ("留",)


def test_server_is_private_and_unprivileged(data_dir: Path) -> None:
    cluster = postgres.ensure_cluster(data_dir, durable=False)
    process = postmaster(data_dir)
    assert process.uids().effective != 0
    assert [c for c in process.net_connections("inet") if c.status == psutil.CONN_LISTEN] == []
    assert stat.S_IMODE(cluster.socket_dir.stat().st_mode) == 0o700
    assert stat.S_IMODE(cluster.secrets_path.stat().st_mode) == 0o600


def test_roles_cannot_step_around_row_security(data_dir: Path) -> None:
    urls = postgres.bootstrap(postgres.ensure_cluster(data_dir, durable=False))
    with psycopg.connect(urls.superuser) as connection:
        rows = connection.execute(
            "SELECT rolname, rolsuper, rolbypassrls, rolcreatedb, rolcreaterole, rolreplication, rolcanlogin "
            "FROM pg_roles WHERE rolname = ANY(%s) ORDER BY 1",
            [[OWNER, APP, INGEST]],
        ).fetchall()
    assert rows == [(role, False, False, False, False, False, True) for role in sorted((OWNER, APP, INGEST))]
    with psycopg.connect(urls.owner, autocommit=True) as connection:
        connection.execute("CREATE TABLE unruled (n int)")
    forbidden = ["SELECT * FROM unruled", "CREATE TABLE mine (n int)", "SET ROLE zhiguan_owner", "CREATE DATABASE mine"]
    for url, more in ((urls.app, ["CREATE TEMP TABLE mine (n int)"]), (urls.ingest, [])):
        with psycopg.connect(url, autocommit=True) as connection:
            for statement in (*forbidden, *more):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    connection.execute(statement)


def test_wrong_and_missing_passwords_are_refused(data_dir: Path) -> None:
    cluster = postgres.ensure_cluster(data_dir, durable=False)
    postgres.bootstrap(cluster)
    for role in (postgres.SUPERUSER, OWNER, APP, INGEST):
        for password in ("guess", ""):
            with pytest.raises(psycopg.OperationalError, match="password"):
                psycopg.connect(host=str(cluster.socket_dir), user=role, password=password, dbname="zhiguan")


def test_kill_9_loses_nothing_committed(data_dir: Path) -> None:
    cluster = postgres.ensure_cluster(data_dir, durable=True)
    urls = postgres.bootstrap(cluster)
    with psycopg.connect(urls.owner, autocommit=True) as connection:
        connection.execute("CREATE TABLE acknowledged AS SELECT generate_series(1, 1000) AS n")
        postmaster(data_dir).kill()
        again = postgres.ensure_cluster(data_dir, durable=True)
    assert again.started
    with psycopg.connect(urls.owner) as connection:
        assert connection.execute("SELECT count(*) FROM acknowledged").fetchone() == (1000,)


def test_pid_file_naming_a_stranger_does_not_hinder(data_dir: Path) -> None:
    cluster = postgres.ensure_cluster(data_dir, durable=False)
    pid_file = data_dir / "postmaster.pid"
    text = pid_file.read_text()
    postgres.stop(cluster)
    owner = data_dir.stat()
    pid_file.write_text(f"{os.getpid()}\n" + text.split("\n", 1)[1])
    os.chown(pid_file, owner.st_uid, owner.st_gid)
    assert not postgres.is_running(data_dir)
    assert postgres.ensure_cluster(data_dir, durable=False).started


def test_two_processes_starting_at_once_agree(data_dir: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from zhiguan.site.runtime import postgres as p;"
        "c = p.ensure_cluster(Path(sys.argv[1]), durable=False); print(c.started, p.bootstrap(c).app)"
    )
    running = [
        subprocess.Popen([sys.executable, "-c", code, str(data_dir)], stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    said = [process.communicate(timeout=60)[0].split() for process in running]
    assert sorted(started for started, _ in said) == ["False", "True"]
    assert said[0][1] == said[1][1]


def test_lost_secrets_are_replaced_without_losing_data(data_dir: Path) -> None:
    cluster = postgres.ensure_cluster(data_dir, durable=False)
    before = postgres.bootstrap(cluster)
    with psycopg.connect(before.owner) as connection:
        connection.execute("CREATE TABLE kept (n int)")
    cluster.secrets_path.unlink()
    after = postgres.bootstrap(postgres.ensure_cluster(data_dir, durable=False))
    assert after.owner != before.owner
    with psycopg.connect(after.owner) as connection:
        assert connection.execute("SELECT count(*) FROM kept").fetchone() == (0,)
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(before.owner)


def test_long_paths_get_a_short_private_socket(place: Path) -> None:
    data_dir = place / ("很长的目录" * 8) / "pg"
    try:
        cluster = postgres.ensure_cluster(data_dir, durable=False)
        assert cluster.socket_dir != data_dir
        assert stat.S_IMODE(cluster.socket_dir.stat().st_mode) == 0o700
        psycopg.connect(postgres.bootstrap(cluster).app).close()
    finally:
        postgres.stop(data_dir)


def test_refuses_a_folder_with_other_files(data_dir: Path) -> None:
    data_dir.mkdir()
    (data_dir / "letter.txt").write_text("不要覆盖")
    with pytest.raises(postgres.PostgresError, match="不是空目录"):
        postgres.ensure_cluster(data_dir)
    assert [path.name for path in data_dir.iterdir()] == ["letter.txt"]


def test_refuses_data_of_another_major_version(data_dir: Path) -> None:
    data_dir.mkdir()
    (data_dir / "PG_VERSION").write_text("15\n")
    with pytest.raises(postgres.PostgresError, match="PostgreSQL 15"):
        postgres.ensure_cluster(data_dir)


def test_stop_ends_an_open_transaction_in_time(data_dir: Path) -> None:
    cluster = postgres.ensure_cluster(data_dir, durable=False)
    urls = postgres.bootstrap(cluster)
    with psycopg.connect(urls.owner) as connection:
        connection.execute("CREATE TABLE never (n int)")
        began = time.monotonic()
        postgres.stop(cluster)
        assert time.monotonic() - began < postgres.STOP_SECONDS
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")
        connection.close()


def test_published_urls_are_private_and_leave_the_superuser_out(data_dir: Path, place: Path) -> None:
    urls = postgres.bootstrap(postgres.ensure_cluster(data_dir, durable=False))
    path = postgres.publish(urls, place)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert json.loads(path.read_text()) == {"app": urls.app, "owner": urls.owner, "ingest": urls.ingest}


def test_dropping_a_database_ends_its_connections(data_dir: Path) -> None:
    cluster = postgres.ensure_cluster(data_dir, durable=False)
    urls = postgres.bootstrap(cluster, "gone")
    connection = psycopg.connect(urls.app)
    postgres.drop_database(cluster, "gone")
    with pytest.raises(psycopg.OperationalError):
        connection.execute("SELECT 1")
    connection.close()
    with pytest.raises(psycopg.OperationalError, match="does not exist"):
        psycopg.connect(urls.superuser)


def test_interrupted_first_start_leaves_nothing_half_made(data_dir: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from zhiguan.site.runtime import postgres as p;"
        "p.ensure_cluster(Path(sys.argv[1]), durable=False)"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(data_dir)])
    deadline = time.monotonic() + 20
    while not list(data_dir.parent.glob(".pg.new-*/PG_VERSION")) and time.monotonic() < deadline:
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not data_dir.exists()
    assert postgres.ensure_cluster(data_dir, durable=False).started
