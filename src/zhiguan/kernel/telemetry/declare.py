"""Row rules of the telemetry tables that are not models, and names every process must agree on. No Django here."""

from __future__ import annotations

from zhiguan.kit.rowscope.declare import Custom, TableRule

LOCK_INGEST = 0x7A670001
"""Advisory lock: shared by every batch while it commits, exclusive for moving the frontier or detaching a day."""
LOCK_SEAL = 0x7A670002
"""Advisory lock of the one process that seals."""
LOCK_PARTITION = 0x7A670003
"""Advisory lock for making a day's partition."""

CHANNEL_LIVE = "telemetry_live"
"""NOTIFY: comma list of source keys whose latest row changed; below 8,000 bytes each."""
CHANNEL_SOURCE = "telemetry_source"
"""NOTIFY: key of a source whose registration data changed."""
CHANNEL_COMMAND = "telemetry_command"
"""NOTIFY: key of a source for which a downlink waits."""
CHANNEL_SESSION = "telemetry_session"
"""NOTIFY: ``gateway name:source key`` when a terminal was accepted, so that other gateways let go of it."""

LISTED_SOURCES = (
    "(SELECT current_setting('zg.sources', true) = 'all') OR source_id IN (SELECT unnest(string_to_array("
    "NULLIF(NULLIF(current_setting('zg.sources', true), 'all'), ''), ',')::bigint[]))"
)
"""Rows of the sources that the query seam has resolved and listed for this transaction.

Both are sub-selects, so that PostgreSQL reads the list once a query, into one hash table, and not for every row: a fleet's
list is 50 kB long.
"""
VISIBLE_SOURCE = "EXISTS (SELECT 1 FROM telemetry_source visible WHERE visible.id = source_id)"
"""Rows whose source the actor sees: the sub-select is itself under row-level security."""

SYSTEM = "current_setting('zg.system', true) = '1'"
"""Only the system's own jobs."""

_NOBODY = Custom("false", "bookkeeping of the ingest role; pages read it through telemetry's service")

TABLE_RULES = (
    TableRule(
        "telemetry_position",
        Custom(LISTED_SOURCES, "millions of rows: scope is resolved to sources first, then listed in zg.sources"),
        grants=("SELECT",),
    ),
    TableRule(
        "telemetry_raw", Custom(VISIBLE_SOURCE, "messages kept as they came follow their source"), grants=("SELECT",)
    ),
    TableRule("telemetry_segment", Custom("true", "days and row counts only, no positions"), grants=("SELECT",)),
    TableRule("telemetry_frontier", Custom("true", "one moment, no positions"), grants=("SELECT",)),
    TableRule("telemetry_dirty", _NOBODY, grants=("SELECT",)),
)

INGEST_TABLES: dict[str, str] = {
    "telemetry_position": "SELECT, INSERT, UPDATE, DELETE",
    "telemetry_latest": "SELECT, INSERT, UPDATE, DELETE",
    "telemetry_session": "SELECT, INSERT, UPDATE, DELETE",
    "telemetry_connection": "SELECT, INSERT, UPDATE, DELETE",
    "telemetry_raw": "SELECT, INSERT, UPDATE, DELETE",
    "telemetry_dirty": "SELECT, INSERT, UPDATE, DELETE",
    "telemetry_frontier": "SELECT, INSERT, UPDATE, DELETE",
    "telemetry_segment": "SELECT, INSERT, UPDATE, DELETE",
    "telemetry_source": (
        "SELECT, UPDATE (auth_digest, device_id, edition, reported, firmware, first_seen_at, last_seen_at)"
    ),
    "telemetry_command": "SELECT, UPDATE (state, gateway, serial, sent_at, answered_at, result, answer)",
}
"""What the ingest role may do with each table; nothing outside telemetry."""
INGEST_FUNCTIONS = (
    "telemetry_ensure_day(date)",
    "telemetry_days()",
    "telemetry_detached()",
    "telemetry_detach(date)",
    "telemetry_drop_detached(date)",
)
"""Functions of the owner that the ingest role may call."""
