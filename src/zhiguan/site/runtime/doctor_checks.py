"""The doctor's examinations. Each returns findings and touches nothing."""

from __future__ import annotations

import json
import os
import shutil
import stat
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any, LiteralString

import psutil
import psycopg

from zhiguan.site.runtime.children import accepts, answers_http
from zhiguan.site.runtime.doctor import GREEN, RED, YELLOW, Check
from zhiguan.site.runtime.supervisor import running_pid, state_path

__all__ = ["examinations"]

MIN_POSTGRES = 150000  # version 15: what the security settings rely on
CERTIFICATE_DAYS = 60
FREE_RED_GB, FREE_YELLOW_GB = 2, 10
QUEUE_YELLOW, QUEUE_RED = 1_000, 20_000
QUEUE_LATE_SECONDS = 600
CLOCK_YELLOW_SECONDS, CLOCK_RED_SECONDS = 2, 30
CONNECTIONS_YELLOW = 0.8
HOT_ROWS_YELLOW = 20_000_000
HOT_DAYS = 3
DIRTY_LATE_SECONDS = 3600
LOOPBACK = {"127.0.0.1", "::1", "localhost"}


def examinations(var: Path) -> list[tuple[str, Callable[[], list[Check]]]]:
    """Title and examination, in the order of the report."""
    return [
        ("版本", versions),
        ("进程", lambda: processes(var)),
        ("磁盘", lambda: disk(var)),
        ("密钥文件", lambda: private_files(var)),
        ("配置", lambda: configuration(var)),
        ("数据库", database),
        ("数据库结构", migrations),
        ("数据权限位置", positions),
        ("任务队列", queue),
        ("遥测数据", telemetry),
    ]


def versions() -> list[Check]:
    """Python, PostgreSQL's client library, our own version and main parts."""
    parts = ", ".join(f"{name} {metadata.version(name)}" for name in ("zhiguan", "django", "psycopg", "granian"))
    python = ".".join(map(str, sys.version_info[:3]))
    return [Check("版本", GREEN, f"Python {python}, {parts}")]


def _state(var: Path) -> dict[str, Any]:
    path = state_path(var)
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def processes(var: Path) -> list[Check]:
    """The supervisor, each child, and whether the servers answer."""
    pid = running_pid(var)
    if pid is None:
        return [Check("进程", RED, "智管没有运行", "请执行 zhiguan up(或 make up)启动。")]
    state = _state(var)
    found = [Check("总控进程", GREEN, f"进程 {pid}")]
    for child in state.get("children", []):
        alive = child["pid"] is not None and psutil.pid_exists(child["pid"])
        log = var / "log" / f"{child['name']}.log"
        if not alive:
            found.append(Check(child["title"], RED, "没有运行", f"总控会自动重启;请查看日志 {log}。"))
        elif child["restarts"]:
            found.append(Check(child["title"], YELLOW, f"进程 {child['pid']},已意外重启 {child['restarts']} 次",
                               f"请查看日志 {log} 中退出的原因。"))  # fmt: skip
        else:
            found.append(Check(child["title"], GREEN, f"进程 {child['pid']}"))
    return found + _answers(var, state)


def _answers(var: Path, state: dict[str, Any]) -> list[Check]:
    """Whether the servers that should run answer, on the loopback address or the one they listen on."""
    names = {child["name"] for child in state.get("children", [])}
    probes: dict[str, tuple[str, str, Callable[[str, int], bool]]] = {
        "web": ("网页响应", "bind", lambda host, port: answers_http(host, port, "/healthz")),
        "live": ("实时推送响应", "bind", lambda host, port: answers_http(host, port, "/healthz")),
        "gateway": ("网关响应", "gateway_bind", accepts),
    }
    found = []
    for name, (title, bind, answers) in probes.items():
        if name not in names:
            continue
        port = state["ports"][name]
        if any(answers(host, port) for host in dict.fromkeys(("127.0.0.1", state[bind]))):
            found.append(Check(title, GREEN, f"端口 {port} 正常响应"))
        else:
            found.append(Check(title, RED, f"端口 {port} 没有正常响应", f"请查看日志 {var / 'log' / name}.log。"))
    return found


def disk(var: Path) -> list[Check]:
    """Free space where the data lives."""
    place = var if var.exists() else var.parent
    usage = shutil.disk_usage(place)
    free_gb = usage.free / 2**30
    says = f"{place} 剩余 {free_gb:.1f} GB(共 {usage.total / 2**30:.0f} GB)"
    todo = "请清理磁盘或扩容;可先删除旧备份和 var/log 下的历史日志。"
    if free_gb < FREE_RED_GB:
        return [Check("磁盘", RED, says, todo)]
    return [Check("磁盘", YELLOW, says, todo) if free_gb < FREE_YELLOW_GB else Check("磁盘", GREEN, says)]


def private_files(var: Path) -> list[Check]:
    """Files with passwords are readable by their owner alone."""
    found = []
    for name in ("secrets.json", "run/database.json", "keys/documents.pem"):
        path = var / name
        if not path.exists():
            continue
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode & 0o077:
            found.append(Check(f"密钥文件 {name}", RED, f"{path} 的权限是 {mode:o},其他用户可以读取",
                               f"请执行 chmod 600 {path};如可能已泄露,请更换其中的口令。"))  # fmt: skip
        else:
            found.append(Check(f"密钥文件 {name}", GREEN, f"{path} 仅所有者可读写"))
    return found or [Check("密钥文件", YELLOW, "尚未生成", "首次执行 zhiguan up 时自动生成。")]


def configuration(var: Path) -> list[Check]:
    """Settings that are dangerous outside a development machine."""
    from zhiguan.site.runtime.framework import set_up

    set_up()
    from django.conf import settings

    found = [
        Check("调试模式", RED, "DEBUG 已打开,出错页面会泄露内部信息", "请去掉环境变量 ZHIGUAN_DEBUG 后重启。")
        if settings.DEBUG
        else Check("调试模式", GREEN, "已关闭")
    ]
    bind = _state(var).get("bind", "127.0.0.1")
    if bind in LOOPBACK:
        found.append(Check("监听地址", GREEN, f"{bind}(仅本机)"))
    elif not settings.BEHIND_TLS:
        found.append(Check("监听地址", RED, f"{bind} 对外开放,但没有启用加密传输",
                           "请在前面部署 HTTPS 代理,设置 ZHIGUAN_TLS=1 后重启。"))  # fmt: skip
    else:
        found.append(Check("监听地址", YELLOW, f"{bind} 对外开放", "请确认只有 HTTPS 代理能直接访问此端口。"))
    if "*" in settings.ALLOWED_HOSTS:
        found.append(Check("允许的主机名", RED, "接受任意主机名", "请把 ZHIGUAN_HOSTS 设为实际使用的域名。"))
    else:
        found.append(Check("允许的主机名", GREEN, ", ".join(settings.ALLOWED_HOSTS)))
    found += [*_optional(settings), _certificate(var, settings)]
    if not (os.environ.get("ZHIGUAN_SECRET_KEY") or (var / "secrets.json").exists()):
        found.append(Check("签名密钥", RED, "没有保存的签名密钥,每次重启所有人都要重新登录",
                           "请执行 zhiguan up 自动生成,或设置 ZHIGUAN_SECRET_KEY。"))  # fmt: skip
    return found


def _optional(settings: Any) -> list[Check]:
    """Settings that open or leave out a protection."""
    from django.utils.module_loading import import_string

    found = []
    name = settings.ZHIGUAN_FILE_SCAN
    try:
        scan = import_string(name) if name else None
    except ImportError as error:
        found.append(Check("病毒扫描", RED, f"ZHIGUAN_FILE_SCAN 指定的 {name} 不能载入({error}),所有上传都会被拒绝",
                           "请改正该设置,或去掉它。"))  # fmt: skip
    else:
        found.append(
            Check("病毒扫描", GREEN, f"由 {name} 扫描") if scan is not None
            else Check("病毒扫描", YELLOW, "没有配置,上传的文件不经病毒扫描", "正式使用前请设置 ZHIGUAN_FILE_SCAN。")
        )  # fmt: skip
    if settings.ZHIGUAN_WEBHOOK_LOOPBACK:
        found.append(Check("事件推送", RED, "ZHIGUAN_WEBHOOK_LOOPBACK 已打开,推送可以发往任何地址,包括本机内部服务",
                           "该设置仅供测试,请去掉后重启。"))  # fmt: skip
    return found


def _certificate(var: Path, settings: Any) -> Check:
    """What issued documents are signed with."""
    from zhiguan.kernel.documents.service import SignatureUnusable, identity

    if not (settings.ZHIGUAN_SIGNATURE_KEY or (var / "keys" / "documents.pem").exists()):
        return Check("文书签名证书", YELLOW, "尚未生成", "首次执行 zhiguan up 时自动生成。")
    try:
        found = identity()
    except SignatureUnusable as error:
        return Check("文书签名证书", RED, error.message, "文书不能制作;处理后等待的文书在一小时内自动补制。")
    left = (found.certificate.not_valid_after_utc - datetime.now(UTC)).days
    if left < CERTIFICATE_DAYS:
        return Check("文书签名证书", RED if left < 0 else YELLOW, f"{found.name} 还有 {left} 天到期", "请更换证书。")
    if found.generated:
        return Check("文书签名证书", YELLOW, f"{found.name} 由本系统生成,外部软件不认识签发者",
                     "对外发文前请设置 ZHIGUAN_SIGNATURE_KEY 和 ZHIGUAN_SIGNATURE_CERT。")  # fmt: skip
    return Check("文书签名证书", GREEN, f"{found.name},还有 {left} 天到期")


def _connect(kind: str = "app") -> psycopg.Connection[Any]:
    from zhiguan.site.settings import database_url

    url = database_url(kind)
    if not url:
        raise psycopg.OperationalError("没有配置数据库地址")
    return psycopg.connect(url, connect_timeout=5, autocommit=True)


def _value(connection: psycopg.Connection[Any], query: LiteralString, *params: object) -> Any:
    row = connection.execute(query, params).fetchone()
    return None if row is None else row[0]


def database() -> list[Check]:
    """Reachable by every role, none of them able to step around row-level security, every table under it."""
    found = []
    try:
        connection = _connect()
    except psycopg.OperationalError as error:
        return [Check("数据库", RED, f"连接不上:{str(error).strip()}",
                      "请执行 zhiguan db start 启动内置数据库,或检查 DATABASE_URL。")]  # fmt: skip
    with connection:
        version = connection.info.server_version
        text = f"PostgreSQL {_value(connection, 'SHOW server_version')}"
        found.append(
            Check("数据库", GREEN, text) if version >= MIN_POSTGRES
            else Check("数据库", RED, f"{text} 过旧", "请升级到 PostgreSQL 15 或更高版本。")
        )  # fmt: skip
        skew = abs(_value(connection, "SELECT extract(epoch FROM clock_timestamp())::float8") - time.time())
        if skew > CLOCK_YELLOW_SECONDS:
            found.append(Check("时钟", RED if skew > CLOCK_RED_SECONDS else YELLOW, f"本机与数据库相差 {skew:.1f} 秒",
                               "请为两台机器启用时间同步(NTP)。"))  # fmt: skip
        else:
            found.append(Check("时钟", GREEN, f"本机与数据库相差 {skew * 1000:.0f} 毫秒"))
        found.append(_sorting(connection))
        limit = int(_value(connection, "SHOW max_connections"))
        used = _value(connection, "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'")
        crowded = used > limit * CONNECTIONS_YELLOW
        todo = "请减少进程数或提高 max_connections。" if crowded else ""
        found.append(Check("数据库连接", YELLOW if crowded else GREEN, f"已用 {used} / {limit}", todo))
        bare = connection.execute(
            "SELECT relname FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace "
            "WHERE n.nspname = 'public' AND relkind IN ('r', 'p') AND NOT relrowsecurity ORDER BY 1"
        ).fetchall()
        tables = _value(connection, "SELECT count(*) FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace "
                        "WHERE n.nspname = 'public' AND relkind IN ('r', 'p')")  # fmt: skip
        if bare:
            names = "、".join(name for (name,) in bare[:10])
            found.append(Check("行级安全", RED, f"{len(bare)} 张表没有启用:{names}", "请执行 zhiguan migrate。"))
        elif not tables:
            found.append(Check("行级安全", RED, "数据库中没有任何表", "请执行 zhiguan migrate。"))
        else:
            found.append(Check("行级安全", GREEN, f"{tables} 张表全部启用"))
    return found + _roles()


SORTING = (
    "SELECT pg_encoding_to_char(encoding), CASE datlocprovider WHEN 'c' THEN datcollate "
    "ELSE coalesce(to_jsonb(d) ->> 'datlocale', to_jsonb(d) ->> 'daticulocale', '') END "
    "FROM pg_database d WHERE datname = current_database()"
)
"""Through JSON, because the columns' names differ from version to version."""


def _sorting(connection: psycopg.Connection[Any]) -> Check:
    """Searching by the beginning of a text and pages in order rely on sorting by code point."""
    encoding, name = connection.execute(SORTING).fetchone() or ("", "")
    if encoding == "UTF8" and _value(connection, "SELECT 'Z' < 'a' AND 'z' < 'é' AND '一' < '龥' AND '龥' < '𠮷'"):
        return Check("排序规则", GREEN, f"{encoding},{name}(按码位)")
    return Check(
        "排序规则", RED, f"{encoding},{name},不是按码位排序的 UTF8:按开头搜索会漏查,列表顺序因机器而异",
        "请用 zhiguan db dump 备份,按 docs/operations.md 新建数据库(TEMPLATE template0,LOCALE 'C.UTF-8';"
        "PostgreSQL 17 起可用 LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8'),再用 zhiguan db restore 恢复。",
    )  # fmt: skip


def _roles() -> list[Check]:
    found = []
    for kind, title in (("app", "应用"), ("owner", "属主"), ("ingest", "采集")):
        try:
            with _connect(kind) as connection:
                row = connection.execute(
                    "SELECT rolname, rolsuper, rolbypassrls, pg_get_userbyid(datdba) = rolname "
                    "FROM pg_roles, pg_database WHERE rolname = current_user AND datname = current_database()"
                ).fetchone()
        except psycopg.OperationalError as error:
            found.append(Check(f"数据库{title}账号", RED, f"连接不上:{str(error).strip()}", "请检查对应的数据库地址。"))
            continue
        assert row is not None
        name, superuser, bypass, owner = row
        wrong = {"是超级用户": superuser, "可绕过行级安全": bypass, "是数据库属主": owner and kind != "owner"}
        faults = [text for text, holds in wrong.items() if holds]
        found.append(
            Check(f"数据库{title}账号", RED, f"{name} {'、'.join(faults)}", "请改用没有这些权限的数据库账号。")
            if faults else Check(f"数据库{title}账号", GREEN, f"{name} 权限受限")
        )  # fmt: skip
    return found


def migrations() -> list[Check]:
    """Every migration of the code has been applied."""
    from zhiguan.site.runtime.framework import set_up

    set_up()
    from django.db import connection
    from django.db.migrations.executor import MigrationExecutor

    executor = MigrationExecutor(connection)
    pending = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if pending:
        names = "、".join(f"{migration.app_label}.{migration.name}" for migration, _ in pending[:5])
        return [Check("数据库结构", RED, f"有 {len(pending)} 个更新没有执行:{names}", "请执行 zhiguan migrate。")]
    return [Check("数据库结构", GREEN, "已是最新")]


def positions() -> list[Check]:
    """Rows carry the position of their unit: row-level security shows them by it."""
    from zhiguan.site.runtime.framework import set_up

    set_up()
    from zhiguan.kernel.orgs.service import misplaced
    from zhiguan.kit.actor import system

    with system("site.doctor").transaction():
        wrong = misplaced()
    if not wrong:
        return [Check("数据权限位置", GREEN, "各表记录与所属机构的位置一致")]
    named = "、".join(f"{table} {count} 条" for table, count in sorted(wrong.items())[:5])
    return [Check("数据权限位置", RED, f"{sum(wrong.values())} 条记录与所属机构的位置不符,该看的人看不到:{named}",
                  "请执行 zhiguan doctor --realign 归位(只改正位置,留痕),再重新体检。")]  # fmt: skip


def queue() -> list[Check]:
    """Jobs waiting, how long the oldest due one has waited, and recent failures."""
    with _connect() as connection:
        if _value(connection, "SELECT to_regclass('procrastinate_jobs')") is None:
            return [Check("任务队列", RED, "队列的表不存在", "请执行 zhiguan migrate。")]
        due, oldest = connection.execute(
            "SELECT count(*), coalesce(extract(epoch FROM now() - min(coalesce(j.scheduled_at, e.at))), 0)::float8 "
            "FROM procrastinate_jobs j LEFT JOIN procrastinate_events e ON e.job_id = j.id AND e.type = 'deferred' "
            "WHERE j.status = 'todo' AND coalesce(j.scheduled_at, now()) <= now()"
        ).fetchone() or (0, 0.0)
        failed = _value(connection, "SELECT count(DISTINCT job_id) FROM procrastinate_events "
                        "WHERE type = 'failed' AND at > now() - interval '1 day'")  # fmt: skip
    says = f"到期待办 {due} 个,最久等待 {oldest:.0f} 秒"
    status = RED if due > QUEUE_RED else YELLOW if due > QUEUE_YELLOW or oldest > QUEUE_LATE_SECONDS else GREEN
    todo = "请确认后台任务进程在运行,必要时用 zhiguan worker 增开进程。" if status != GREEN else ""
    found = [Check("任务队列", status, says, todo)]
    if failed:
        found.append(Check("失败任务", YELLOW, f"最近一天 {failed} 个", "请在“后台任务”页面查看原因并重试。"))
    return found


def telemetry() -> list[Check]:
    """Hot rows, days that should have been sealed, and recomputations that wait."""
    with _connect("ingest") as connection:
        if _value(connection, "SELECT to_regclass('telemetry_position')") is None:
            return [Check("遥测数据", RED, "遥测的表不存在", "请执行 zhiguan migrate。")]
        # Statistics and file sizes instead of counting: the doctor must be quick on any amount of data.
        hot, late = connection.execute(
            "SELECT coalesce(sum(greatest(reltuples, 0)), 0)::bigint, "
            "count(*) FILTER (WHERE pg_relation_size(oid) > 0 AND day < current_date - %s "
            "                 AND day NOT IN (SELECT s.day FROM telemetry_segment s)) "
            "FROM (SELECT c.oid, c.reltuples, to_date(right(c.relname, 8), 'YYYYMMDD') AS day "
            "      FROM pg_inherits JOIN pg_class c ON c.oid = inhrelid "
            "      WHERE inhparent = 'telemetry_position'::regclass) part",
            [HOT_DAYS],
        ).fetchone() or (0, 0)
        waiting, oldest = connection.execute(
            "SELECT count(*), coalesce(extract(epoch FROM now() - min(marked_at)), 0)::float8 FROM telemetry_dirty"
        ).fetchone() or (0, 0.0)
    found = []
    if late or hot > HOT_ROWS_YELLOW:
        found.append(Check("遥测封存", YELLOW, f"热数据约 {hot} 行,{late} 天超过 {HOT_DAYS} 天仍未封存",
                           "请确认后台任务进程在运行,并在“后台任务”页面查看封存任务的结果。"))  # fmt: skip
    else:
        found.append(Check("遥测封存", GREEN, f"热数据约 {hot} 行,没有逾期未封存的日期"))
    slow = oldest > DIRTY_LATE_SECONDS
    found.append(
        Check("遥测重算", YELLOW if slow else GREEN, f"待重算 {waiting} 项,最久等待 {oldest:.0f} 秒",
              "请确认后台任务进程在运行。" if slow else "")
    )  # fmt: skip
    return found
