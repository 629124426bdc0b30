"""Fixtures: every test runs on a real PostgreSQL, connected as the application role with row-level security on.

One embedded server is shared by all runs; a template database is made once per state of the schema and cloned for
each test process, and for each test that needs real commits (``committed_db``).
"""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest
from psycopg import sql

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "zhiguan.site.settings")
os.environ.setdefault("DATABASE_URL", "postgresql://zhiguan_app@/unset")
PACKAGE = Path(__file__).resolve().parent.parent
SHARED = Path(os.environ.get("ZHIGUAN_SHARED", PACKAGE.parents[2] / "shared"))

MEMORY, ROOM = Path("/dev/shm"), 6 * 2**30  # noqa: S108 - a folder of our own in it
TEMPLATES = 8
"""Templates that are kept: checkouts and branches that are tested by turns share a server."""


def _schema_digest(*, extra: bool = True) -> str:
    """Return a digest of everything the template database is made from; without lines from outside when not ``extra``."""
    from django.apps import apps
    from django.conf import settings

    digest = hashlib.sha256()
    for config in sorted(apps.get_app_configs(), key=lambda each: each.name):
        if not extra and config.name in settings.EXTRA_LINES:
            continue
        digest.update(config.name.encode())
        if PACKAGE not in Path(config.path).parents and config.name not in settings.EXTRA_LINES:
            continue
        files = [*Path(config.path).glob("*.py"), *Path(config.path, "migrations").glob("*.py")]
        files += [*Path(config.path, "models").glob("*.py")]
        for path in sorted(files):
            if path.parent.name == "migrations" or path.stem in ("models", "declare", "owner", "codes", "base"):
                digest.update(path.read_bytes())
    digest.update((PACKAGE / "kit/rowscope/declare.py").read_bytes())
    return digest.hexdigest()[:12]


def memory() -> Path | None:
    """A folder of ours in memory for what tests write, where there is room for it; None where there is not.

    A clone of the template is a thousand and a half small files: 0.04 s in memory, 0.6 to 1.2 s on a disk.
    """
    folder = MEMORY / f"zhiguan-test-{os.getuid()}"
    if not folder.exists():
        if not MEMORY.is_dir() or _spare() < ROOM:
            return None
        folder.mkdir(mode=0o711, exist_ok=True)
    return folder if folder.stat().st_uid == os.getuid() else None


def _spare() -> int:
    """Bytes that may be kept in memory: of the machine, of the folder and of the container we are in."""
    spare = [shutil.disk_usage(MEMORY).free, psutil.virtual_memory().available]
    limit, used = (Path("/sys/fs/cgroup", name) for name in ("memory.max", "memory.current"))
    if limit.exists() and (most := limit.read_text().strip()).isdigit():
        spare.append(int(most) - int(used.read_text()))
    return min(spare)


def _place() -> Path:
    """Where the server of the tests keeps its data: one for each data folder of a product."""
    from zhiguan.site.runtime.paths import var_dir

    beside, folder = var_dir() / "test-pg", memory()
    return beside if folder is None else folder / f"pg-{hashlib.sha256(os.fsencode(beside)).hexdigest()[:12]}"


@pytest.fixture(scope="session")
def cluster() -> Any:
    """The embedded server of the tests (``zhiguan.site.runtime.postgres.Cluster``), not durable, left running."""
    from zhiguan.site.runtime.postgres import ensure_cluster

    return ensure_cluster(_place(), durable=False)


def _sweep(cluster: Any) -> None:
    """Drop databases of test processes that are gone, and templates but the latest."""
    from zhiguan.site.runtime.postgres import drop_database

    with psycopg.connect(cluster.url("postgres", "postgres"), autocommit=True) as connection:
        found = connection.execute("SELECT datname FROM pg_database WHERE datname LIKE 'zgt%' ORDER BY oid DESC")
        names = [row[0] for row in found]
    for name in names:
        owner = name.rsplit("_", 1)[-1]
        if name.startswith("zgtx_") and owner.isdigit() and not Path(f"/proc/{owner}").exists():
            drop_database(cluster, name)
    for name in [name for name in names if name.startswith("zgt_")][TEMPLATES:]:
        drop_database(cluster, name)


@pytest.fixture(scope="session")
def template_database(cluster: Any, django_db_blocker: Any, django_test_environment: None) -> str:
    """The name of a migrated database of today's schema that holds what we ship (roles, standards), and no more."""
    from django.conf import settings

    from zhiguan.site.management.commands.migrate_all import as_owner, prepare, sync_data
    from zhiguan.site.runtime.paths import var_dir
    from zhiguan.site.runtime.postgres import bootstrap, drop_database
    from zhiguan.site.runtime.secrets import file_lock

    name = f"zgt_{_schema_digest()}"
    with file_lock(var_dir() / "test-pg.lock"):
        _sweep(cluster)
        ready = _is_ready(cluster, name)
        if not ready:
            drop_database(cluster, name)
            if settings.EXTRA_LINES and _is_ready(cluster, base := f"zgt_{_schema_digest(extra=False)}"):
                _copy(cluster, base, name)  # a line from outside comes to what is there
        urls = bootstrap(cluster, name)
        with django_db_blocker.unblock():
            if not ready:
                prepare(urls.owner, "zhiguan_app", verbosity=0)
            from django.db import connection as django_connection

            with as_owner(urls.app):  # what we ship may have changed since the template was made
                sync_data()
            django_connection.close()
        with psycopg.connect(cluster.url("postgres", "postgres"), autocommit=True) as connection:
            connection.execute(sql.SQL("COMMENT ON DATABASE {} IS 'ready'").format(sql.Identifier(name)))
    return name


def _is_ready(cluster: Any, name: str) -> bool:
    """Tell whether the template was made to the end."""
    with psycopg.connect(cluster.url("postgres", "postgres"), autocommit=True) as connection:
        found = connection.execute(
            "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = %s", [name]
        ).fetchone()
    return found is not None and found[0] == "ready"


def _copy(cluster: Any, template: str, name: str) -> None:
    with psycopg.connect(cluster.url("postgres", "postgres"), autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))
        connection.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {} OWNER zhiguan_owner").format(
                sql.Identifier(name), sql.Identifier(template)
            )
        )


def _clone(cluster: Any, template: str, name: str) -> None:
    from zhiguan.site.runtime.paths import var_dir
    from zhiguan.site.runtime.postgres import bootstrap
    from zhiguan.site.runtime.secrets import file_lock

    with file_lock(var_dir() / "test-pg.lock"):
        _copy(cluster, template, name)
        bootstrap(cluster, name)  # database-level grants are not cloned
        with psycopg.connect(cluster.url("postgres", "postgres"), autocommit=True) as connection:
            # A test that waits for itself must fail, not hang.
            connection.execute(sql.SQL("ALTER DATABASE {} SET lock_timeout TO '20s'").format(sql.Identifier(name)))


def _point(urls: Any) -> dict:
    """Point Django's connection at a database; return the settings that were in force."""
    from django.conf import settings
    from django.db import connection

    from zhiguan.site.settings import database

    connection.close()
    before = dict(connection.settings_dict)
    fresh = {
        key: value for key, value in database(urls.app).items() if key in ("NAME", "USER", "PASSWORD", "HOST", "PORT")
    }
    connection.settings_dict.update(fresh)  # in place: connections of other threads are made from the same settings
    settings.DATABASE_OWNER_URL, settings.DATABASE_INGEST_URL = urls.owner, urls.ingest
    settings.DATABASE_APP_ROLE = "zhiguan_app"
    return before


def _urls(cluster: Any, name: str) -> Any:
    from zhiguan.site.runtime.postgres import Urls

    roles = ("zhiguan_owner", "zhiguan_app", "zhiguan_ingest", "postgres")
    return Urls(*(cluster.url(role, name) for role in roles))


@pytest.fixture(scope="session")
def django_db_setup(
    request: pytest.FixtureRequest, cluster: Any, template_database: str, django_db_blocker: Any
) -> Iterator[None]:
    """Replaces pytest-django's: a clone of the template per test process, reached as the application role."""
    from zhiguan.site.runtime.postgres import drop_database

    worker = getattr(request.config, "workerinput", {}).get("workerid", "main")
    name = f"zgtx_{worker}_{os.getpid()}"
    _clone(cluster, template_database, name)
    with django_db_blocker.unblock():
        _point(_urls(cluster, name))
    yield
    with django_db_blocker.unblock():
        from django.db import connections

        connections.close_all()
    drop_database(cluster, name)


@pytest.fixture
def owner_db(db: None) -> Iterator[psycopg.Connection]:
    """An autocommit connection as the owner to this process's test database; undo what you change."""
    from django.conf import settings

    with psycopg.connect(settings.DATABASE_OWNER_URL, autocommit=True) as connection:
        yield connection


_numbers = iter(range(10**6))


@pytest.fixture
def committed_db(cluster: Any, template_database: str, django_db_setup: None, django_db_blocker: Any) -> Iterator[Any]:
    """A database of the test's own where commits are real; yields its ``Urls`` (owner, app, ingest, superuser)."""
    from django.conf import settings
    from django.db import connection, connections

    from zhiguan.site.runtime.postgres import drop_database

    name = f"zgtx_c{next(_numbers)}_{os.getpid()}"
    _clone(cluster, template_database, name)
    kept = (settings.DATABASE_OWNER_URL, settings.DATABASE_INGEST_URL)
    with django_db_blocker.unblock():
        urls = _urls(cluster, name)
        before = _point(urls)
        yield urls
        connections.close_all()
        connection.settings_dict.update(before)
        settings.DATABASE_OWNER_URL, settings.DATABASE_INGEST_URL = kept
    drop_database(cluster, name)


@pytest.fixture
def own_server(cluster: Any, template_database: str, django_db_setup: None, django_db_blocker: Any) -> Iterator[Any]:
    """A durable server of the test's own with today's schema, Django pointed at it: one that the test may stop or kill."""
    from django.conf import settings
    from django.db import connection, connections

    from zhiguan.site.runtime import postgres

    place = Path(tempfile.mkdtemp(prefix="zhiguan-test-"))  # not below pytest's closed folders
    server = postgres.ensure_cluster(place / "pg")
    urls = postgres.bootstrap(server)
    with psycopg.connect(urls.superuser) as probe:
        name = probe.info.dbname
    copy_to(server, name, cluster.url("postgres", template_database))
    kept = (settings.DATABASE_OWNER_URL, settings.DATABASE_INGEST_URL)
    with django_db_blocker.unblock():
        before = _point(urls)
        yield server
        connections.close_all()
        connection.settings_dict.update(before)
        settings.DATABASE_OWNER_URL, settings.DATABASE_INGEST_URL = kept
    postgres.stop(server, patience=3)
    shutil.rmtree(place)


FILL = """
from zhiguan.site.runtime.framework import set_up
set_up()
from django.core.management import call_command
from zhiguan.site.management.commands.migrate_all import sync_calendar
sync_calendar()
call_command("demo_city", size="small")
"""


@dataclass(frozen=True)
class DemoCity:
    """An installation with the small demo city, filled once a run; ``said`` is what the command printed."""

    name: str
    var: Path
    secret: str = field(repr=False)
    said: str = field(repr=False)

    def env(self, urls: Any, var: Path) -> dict[str, str]:
        """The environment of a process over a copy at these URLs; its files are copied to ``var``."""
        if var != self.var:
            shutil.copytree(self.var, var, dirs_exist_ok=True)
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("ZHIGUAN_", "DATABASE_"))}
        return kept | {
            "DATABASE_URL": urls.app, "DATABASE_OWNER_URL": urls.owner, "DATABASE_INGEST_URL": urls.ingest,
            "ZHIGUAN_VAR": str(var), "ZHIGUAN_SECRET_KEY": self.secret, "PYTHONUNBUFFERED": "1",
        }  # fmt: skip


@pytest.fixture(scope="session")
def demo_city(request: pytest.FixtureRequest, cluster: Any, template_database: str) -> DemoCity:
    """The demo city of this run, made by whichever worker needs it first: it takes half a minute."""
    from zhiguan.site.runtime.paths import var_dir
    from zhiguan.site.runtime.secrets import file_lock

    run = os.getppid() if hasattr(request.config, "workerinput") else os.getpid()
    name, folder = f"zgtx_demo_{run}", Path(tempfile.gettempdir(), f"zhiguan-demo-{run}")
    said = folder / "said"
    with file_lock(var_dir() / "test-demo.lock"):
        if not said.exists():
            folder.mkdir(mode=0o711, exist_ok=True)
            secret = secrets.token_urlsafe(50)
            (folder / "secret").write_text(secret)
            (folder / "var").mkdir(exist_ok=True)
            _clone(cluster, template_database, name)
            env = DemoCity(name, folder / "var", secret, "").env(_urls(cluster, name), folder / "var")
            done = subprocess.run([sys.executable, "-c", FILL], env=env, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr[-3000:]
            said.write_text(done.stdout)
    return DemoCity(name, folder / "var", (folder / "secret").read_text(), said.read_text())


def copy_to(server: Any, name: str, url: str) -> None:
    """Make a database of another server what the one at the URL is: a copy is made in a tenth of a migration's time."""
    from zhiguan.site.runtime.postgres import bin_dir

    dump = subprocess.run(
        [bin_dir() / "pg_dump", "--format=custom", f"--dbname={url}"], check=True, capture_output=True
    ).stdout
    subprocess.run(
        [bin_dir() / "pg_restore", "--single-transaction", "--clean", "--if-exists", f"--dbname={server.url('postgres', name)}"],
        check=True, input=dump, capture_output=True,
    )  # fmt: skip


@pytest.fixture
def shared_data() -> Callable[[str], Path]:
    """Return the path of a file under ../shared; the test is skipped where it is absent."""

    def find(name: str) -> Path:
        path = SHARED / name
        if not path.exists():
            pytest.skip(f"{name}: 共享测试数据不在本机（可用 ZHIGUAN_SHARED 指定目录）")
        return path

    return find


@pytest.fixture
def as_system(db: None) -> Iterator[Any]:
    """Do the test's set-up as the system: every row is visible."""
    from zhiguan.kit.actor import system

    with system("tests").acting() as actor:
        yield actor


@pytest.fixture
def make_actor() -> Callable[..., Any]:
    """Make an actor: ``make_actor({"vehicles.vehicle.view": "below"}, unit=organ)``; of an account when one is named.

    A permission's value is unit, below or city, or a ``Scope``; ``person`` and ``account`` are keys.
    """
    from zhiguan.kit.actor import EVERYTHING, Actor, Scope

    def make(
        permissions: dict[str, Any], unit: Any = None, person: int | None = None, name: str = "测试人员",
        account: int | None = None,
    ) -> Actor:  # fmt: skip
        def scope(value: Any) -> Scope:
            if isinstance(value, Scope):
                return value
            if value == "city":
                return EVERYTHING
            if value == "self":
                return Scope((), person)
            return Scope(((unit.pos, unit.pos if value == "unit" else unit.pos_end),), person)

        return Actor(
            name=name, account_id=account, person_id=person, unit_id=unit.pk if unit else None,
            unit_pos=unit.pos if unit else None, unit_name=unit.name if unit else "",
            permissions={code: scope(value) for code, value in permissions.items()},
        )  # fmt: skip

    return make
