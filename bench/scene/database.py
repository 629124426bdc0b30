"""A database of a benchmark's own, as an installation has it: migrated, with what the product ships."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql


@dataclass(frozen=True)
class Ground:
    """The database: URLs of its roles, and where the server's data is."""

    app: str
    owner: str
    ingest: str
    superuser: str
    data_dir: Path


@contextmanager
def standing(cluster: Any, name: str, mark: str) -> Iterator[tuple[Any, bool]]:
    """The database of ``name``, for one that is costly to fill; Django points at it as the application role.

    Yields its URLs and whether it stands as ``mark`` says; otherwise it was made anew, and bears the mark once the block,
    which fills it, has come to its end. Without a mark it is always made anew.
    """
    from django.db import connection

    from zhiguan.site.management.commands.migrate_all import prepare, sync_data
    from zhiguan.site.runtime.postgres import bootstrap, drop_database
    from zhiguan.site.settings import database

    with psycopg.connect(cluster.url("postgres", "postgres"), autocommit=True) as server:
        found = server.execute(
            "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = %s", [name]
        ).fetchone()
        ready = bool(mark) and found is not None and found[0] == mark
        if not ready:
            drop_database(cluster, name)
        urls = bootstrap(cluster, name)
        prepare(urls.owner, "zhiguan_app", verbosity=0)
        settings = database(urls.app)
        connection.settings_dict |= {key: settings[key] for key in ("NAME", "USER", "PASSWORD", "HOST", "PORT")}
        sync_data()
        yield urls, ready
        if mark and not ready:
            server.execute(sql.SQL("COMMENT ON DATABASE {} IS {}").format(sql.Identifier(name), sql.Literal(mark)))


@contextmanager
def fresh(folder: Path, name: str, *, durable: bool) -> Iterator[Ground]:
    """Make the database in the server of ``folder``, set Django up on it, and take it away at the end."""
    from zhiguan.kit.starting import set_up
    from zhiguan.site.runtime.postgres import bootstrap, drop_database, ensure_cluster, stop

    cluster = ensure_cluster(folder, durable=durable)
    try:
        drop_database(cluster, name)
        urls = bootstrap(cluster, name)
        os.environ |= {"DATABASE_URL": urls.app, "DATABASE_OWNER_URL": urls.owner, "DATABASE_INGEST_URL": urls.ingest}
        set_up()
        from django.conf import settings
        from django.db import connection

        from zhiguan.site.management.commands.migrate_all import prepare, sync_calendar, sync_data

        prepare(urls.owner, "zhiguan_app", verbosity=0)
        settings.DATABASE_INGEST_URL = urls.ingest
        connection.close()
        sync_data()
        sync_calendar()
        yield Ground(urls.app, urls.owner, urls.ingest, urls.superuser, cluster.data_dir)
        connection.close()
    finally:
        drop_database(cluster, name)
        if cluster.started:
            stop(cluster)
