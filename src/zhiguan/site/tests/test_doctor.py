"""The doctor must turn red when something is wrong: each test breaks one thing of a real installation."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from zhiguan.site.runtime import postgres
from zhiguan.site.testing import copy_to

Findings = dict[str, dict[str, Any]]


def zhiguan(var: Path, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("DATABASE_", "ZHIGUAN_"))}
    return subprocess.run(
        [sys.executable, "-m", "zhiguan.site.cli", *words],
        capture_output=True, text=True, timeout=120, env=kept | {"ZHIGUAN_VAR": str(var)} | more,
    )  # fmt: skip


def examine(var: Path, *options: str, **more: str) -> tuple[int, Findings]:
    done = zhiguan(var, "doctor", "--json", *options, **more)
    found = json.loads(done.stdout)
    assert all(each["todo"] for each in found if each["status"] != "green"), "每个问题都应说明处理办法"
    return done.returncode, {each["name"]: each for each in found}


@pytest.fixture(scope="module")
def var(server_place: Path, cluster: Any, template_database: str) -> Iterator[Path]:
    path = server_place / "var"
    path.mkdir()
    try:
        done = zhiguan(path, "db", "start")
        assert done.returncode == 0, done.stderr
        server = postgres.ensure_cluster(path / "pg")
        with psycopg.connect(postgres.bootstrap(server).superuser) as probe:
            name = probe.info.dbname
        copy_to(server, name, cluster.url("postgres", template_database))
        done = zhiguan(path, "migrate", "-v", "0")
        assert done.returncode == 0, done.stderr
        yield path
    finally:
        postgres.stop(path / "pg")


@pytest.fixture
def urls(var: Path) -> postgres.Urls:
    return postgres.bootstrap(postgres.ensure_cluster(var / "pg"))


def test_a_sound_installation_lacks_only_its_processes(var: Path) -> None:
    code, found = examine(var)
    assert code == 1
    assert [name for name, each in found.items() if each["status"] == "red"] == ["进程"]
    assert "zhiguan up" in found["进程"]["todo"]
    for name in ("版本", "磁盘", "时钟", "数据库", "行级安全", "数据库结构", "任务队列", "遥测封存", "调试模式",
                 "排序规则", "数据权限位置"):  # fmt: skip
        assert found[name]["status"] == "green", found[name]


def test_a_table_without_row_security_is_named(var: Path, urls: postgres.Urls) -> None:
    with psycopg.connect(urls.owner, autocommit=True) as connection:
        connection.execute("CREATE TABLE forgotten (n int)")
        try:
            _, found = examine(var)
        finally:
            connection.execute("DROP TABLE forgotten")
    assert found["行级安全"]["status"] == "red"
    assert "forgotten" in found["行级安全"]["says"]


def test_an_application_that_connects_as_superuser_or_owner(var: Path, urls: postgres.Urls) -> None:
    _, found = examine(var, DATABASE_URL=urls.superuser)
    assert found["数据库应用账号"]["status"] == "red"
    assert "超级用户" in found["数据库应用账号"]["says"]
    _, found = examine(var, DATABASE_URL=urls.owner)
    assert "是数据库属主" in found["数据库应用账号"]["says"]


def test_a_pending_migration(var: Path, urls: postgres.Urls) -> None:
    with psycopg.connect(urls.owner, autocommit=True) as connection:
        row = connection.execute("SELECT id, app, name FROM django_migrations WHERE app = 'sessions'").fetchone()
        assert row is not None
        connection.execute("UPDATE django_migrations SET app = 'elsewhere' WHERE id = %s", [row[0]])
        try:
            _, found = examine(var)
        finally:
            connection.execute("UPDATE django_migrations SET app = %s WHERE id = %s", [row[1], row[0]])
    assert found["数据库结构"]["status"] == "red"
    assert "sessions" in found["数据库结构"]["says"]


def test_passwords_others_can_read(var: Path) -> None:
    secrets = var / "secrets.json"
    secrets.chmod(0o644)
    try:
        _, found = examine(var)
    finally:
        secrets.chmod(0o600)
    assert found["密钥文件 secrets.json"]["status"] == "red"
    assert "644" in found["密钥文件 secrets.json"]["says"]
    assert found["密钥文件 run/database.json"]["status"] == "green"


def test_debug_and_any_host(var: Path) -> None:
    _, found = examine(var, ZHIGUAN_DEBUG="1", ZHIGUAN_HOSTS="*")
    assert found["调试模式"]["status"] == "red"
    assert found["允许的主机名"]["status"] == "red"


def test_a_database_that_does_not_sort_by_code_point(var: Path, urls: postgres.Urls) -> None:
    other = urls.superuser.replace("/zhiguan?", "/zhiguan_sorted?")
    assert other != urls.superuser
    with psycopg.connect(urls.superuser, autocommit=True) as connection:
        languages = connection.execute(
            "SELECT collcollate FROM pg_collation WHERE collprovider = 'c' AND collencoding = pg_char_to_encoding('UTF8') "
            "AND collcollate !~ '^(C|POSIX)' LIMIT 1"
        ).fetchall()  # none on a machine without locales; another encoding there is always
        for options in ("ENCODING 'LATIN1' LOCALE 'C'", *(f"ENCODING 'UTF8' LOCALE '{name}'" for (name,) in languages)):
            connection.execute(f"CREATE DATABASE zhiguan_sorted TEMPLATE template0 LOCALE_PROVIDER libc {options}")
            try:
                _, found = examine(var, DATABASE_URL=other)
            finally:
                connection.execute("DROP DATABASE zhiguan_sorted WITH (FORCE)")
            assert found["排序规则"]["status"] == "red", options
            assert "zhiguan db restore" in found["排序规则"]["todo"]


PUT_OUT_OF_PLACE = """
from datetime import date
from django.db import transaction
from zhiguan.kernel.orgs.models import Person, Unit
from zhiguan.kit.actor import system
with system("tests").transaction():
    unit = Unit.objects.create(code="T", name="测试市", kind="city", pos=5, pos_end=9, valid_from=date(2020, 1, 1))
    person = Person.objects.create(code="T1", name="王工", unit=unit)
    Person.objects.filter(pk=person.pk).update(scope_pos=4)
"""


def test_rows_out_of_place_are_counted_and_put_back(var: Path, urls: postgres.Urls) -> None:
    done = zhiguan(var, "manage", "shell", "-c", PUT_OUT_OF_PLACE)
    assert done.returncode == 0, done.stderr
    with psycopg.connect(urls.superuser, autocommit=True) as connection:
        try:
            code, found = examine(var)
            assert code == 1 and found["数据权限位置"]["status"] == "red"
            assert "orgs_person 1 条" in found["数据权限位置"]["says"]
            _, found = examine(var, "--realign")
            assert found["数据权限位置"]["status"] == "green"
            told = connection.execute("SELECT job FROM trace_entry WHERE code = 'site.rows.realign'").fetchall()
            assert told == [("site.doctor",)]
        finally:
            connection.execute("DELETE FROM orgs_person WHERE code = 'T1'")
            connection.execute("DELETE FROM orgs_unit WHERE code = 'T'")


def test_a_scanner_that_is_not_there_and_deliveries_to_anywhere(var: Path) -> None:
    _, found = examine(var, ZHIGUAN_FILE_SCAN="no.such.scanner", ZHIGUAN_WEBHOOK_LOOPBACK="1")
    assert found["病毒扫描"]["status"] == found["事件推送"]["status"] == "red"
    _, found = examine(var, ZHIGUAN_FILE_SCAN="os.path.exists")
    assert found["病毒扫描"]["status"] == "green" and "事件推送" not in found


def test_a_long_queue_of_late_jobs(var: Path, urls: postgres.Urls) -> None:
    with psycopg.connect(urls.superuser, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO procrastinate_jobs (queue_name, task_name, status, scheduled_at) "
            "SELECT 'default', 'nothing', 'todo', now() - interval '1 hour' FROM generate_series(1, 1200)"
        )
        try:
            _, found = examine(var)
        finally:
            connection.execute("DELETE FROM procrastinate_events")
            connection.execute("DELETE FROM procrastinate_jobs")
    assert found["任务队列"]["status"] == "yellow"
    assert "1200 个" in found["任务队列"]["says"]


def test_positions_left_unsealed_and_days_left_unrecomputed(var: Path, urls: postgres.Urls) -> None:
    with psycopg.connect(urls.ingest, autocommit=True) as connection:
        connection.execute("SELECT telemetry_ensure_day(current_date - 30)")
        connection.execute(
            "INSERT INTO telemetry_position (source_id, at, received_at, lat, lon, altitude, speed, direction, alarm, "
            "status, digest, batch) SELECT 1, (current_date - 30) + time '12:00', now(), 0, 0, 0, 0, 0, 0, 0, 0, 0"
        )
        connection.execute(
            "INSERT INTO telemetry_dirty (source_id, day, reason, first_at, last_at, marked_at) "
            "VALUES (1, current_date - 30, 'late', now(), now(), now() - interval '2 hours')"
        )
        try:
            _, found = examine(var)
        finally:
            connection.execute("DELETE FROM telemetry_dirty")
            connection.execute("DELETE FROM telemetry_position")
    assert found["遥测封存"]["status"] == "yellow"
    assert "1 天" in found["遥测封存"]["says"]
    assert found["遥测重算"]["status"] == "yellow"


def test_the_permission_matrix_of_a_new_installation_names_its_roles(var: Path) -> None:
    done = zhiguan(var, "permissions", "export")
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert {"role", "permission", "scope", "account"} <= set(rows[0])
    assert {row["kind"] for row in rows} >= {"系统管理员", "安全管理员", "审计管理员"}


def test_no_database_at_all(tmp_path: Path) -> None:
    done = zhiguan(tmp_path, "doctor")
    assert done.returncode == 1
    assert "✘ 异常  数据库:连接不上" in done.stdout
    assert "zhiguan db start" in done.stdout
