"""A database of a benchmark's own, as an installation has it: migrated, with what the product ships."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Ground:
    """The database: URLs of its roles, and where the server's data is."""

    app: str
    owner: str
    ingest: str
    superuser: str
    data_dir: Path


@contextmanager
def fresh(folder: Path, name: str, *, durable: bool) -> Iterator[Ground]:
    """Make the database in the server of ``folder``, set Django up on it, and take it away at the end."""
    import django

    from zhiguan.site.runtime.postgres import bootstrap, drop_database, ensure_cluster, stop

    cluster = ensure_cluster(folder, durable=durable)
    try:
        drop_database(cluster, name)
        urls = bootstrap(cluster, name)
        os.environ |= {"DATABASE_URL": urls.app, "DATABASE_OWNER_URL": urls.owner, "DATABASE_INGEST_URL": urls.ingest}
        django.setup()
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
