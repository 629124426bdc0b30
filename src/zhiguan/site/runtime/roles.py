"""The roles of our database and what each may do; the URLs by which the processes reach it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import psycopg
from psycopg import sql

from zhiguan.site.runtime.secrets import role_password, write_private_json

__all__ = ["APP", "INGEST", "OWNER", "SUPERUSER", "Urls", "bootstrap", "drop_database", "publish"]

SUPERUSER = "postgres"
OWNER, APP, INGEST = "zhiguan_owner", "zhiguan_app", "zhiguan_ingest"


class Server(Protocol):
    """A running server of ours, as far as this module needs it."""

    @property
    def data_dir(self) -> Path: ...
    @property
    def secrets_path(self) -> Path: ...
    def url(self, role: str, database: str) -> str:
        """The libpq URL with which `role` reaches `database`."""
        ...


@dataclass(frozen=True)
class Urls:
    """libpq URLs of one database, one for each role. They carry passwords: never print them."""

    owner: str
    app: str
    ingest: str
    superuser: str


def bootstrap(cluster: Server, database: str = "zhiguan") -> Urls:
    """Make the three roles and `database`, owned by the owner role; set what each may do; idempotent.

    None of the three is a superuser, bypasses row-level security, or may make roles or databases. The application and
    ingest roles may connect and use the schema `public` (ingest also temporary tables), nothing more: tables are
    granted one by one elsewhere, so a forgotten one stays shut.
    """
    with psycopg.connect(cluster.url(SUPERUSER, "postgres"), autocommit=True) as connection:
        # Several test processes share one server; roles are shared by all databases and updated by one at a time.
        connection.execute("SELECT pg_advisory_lock(hashtext('zhiguan bootstrap'))")
        for role in (OWNER, APP, INGEST):
            name = sql.Identifier(role)
            if connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role]).fetchone() is None:
                connection.execute(sql.SQL("CREATE ROLE {}").format(name))
            connection.execute(
                sql.SQL(
                    "ALTER ROLE {} LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE NOREPLICATION PASSWORD {}"
                ).format(name, sql.Literal(role_password(cluster.secrets_path, cluster.data_dir.name, role)))
            )
        target = sql.Identifier(database)
        if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [database]).fetchone() is None:
            connection.execute(
                sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE template0").format(target, sql.Identifier(OWNER))
            )
        connection.execute(sql.SQL("ALTER DATABASE {} SET timezone TO 'UTC'").format(target))
        connection.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(target))
        connection.execute(
            sql.SQL("GRANT CONNECT ON DATABASE {} TO {}, {}").format(
                target, sql.Identifier(APP), sql.Identifier(INGEST)
            )
        )
        # COPY is refused into tables under row-level security: what is ingested passes through a temporary table.
        connection.execute(sql.SQL("GRANT TEMPORARY ON DATABASE {} TO {}").format(target, sql.Identifier(INGEST)))
        with psycopg.connect(cluster.url(SUPERUSER, database), autocommit=True) as inside:
            inside.execute("REVOKE ALL ON SCHEMA public FROM PUBLIC")
            inside.execute(
                sql.SQL("GRANT USAGE ON SCHEMA public TO {}, {}").format(sql.Identifier(APP), sql.Identifier(INGEST))
            )
    return Urls(*(cluster.url(role, database) for role in (OWNER, APP, INGEST, SUPERUSER)))


def drop_database(cluster: Server, database: str) -> None:
    """Remove `database` with everything in it, ending its connections. Silent when there is none."""
    with psycopg.connect(cluster.url(SUPERUSER, "postgres"), autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(database)))


def publish(urls: Urls, var: Path) -> Path:
    """Write the application's URLs (never the superuser's) to `var/run/database.json`, mode 0600; returns the path."""
    path = var / "run" / "database.json"
    write_private_json(path, {"app": urls.app, "owner": urls.owner, "ingest": urls.ingest})
    return path
