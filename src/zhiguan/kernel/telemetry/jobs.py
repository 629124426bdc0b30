"""Periodic work of telemetry: partitions ahead, sealing, tidying."""

from __future__ import annotations

from zhiguan.kit.jobs import Periodic

from . import seal, store
from .lake import Lake


def partitions() -> str:
    """Make the partitions of the coming days."""
    made = store.ensure_partitions()
    return f"新建 {len(made)} 个日分区" if made else ""


def seal_days() -> str:
    """Seal what is over and rewrite sealed days that got late rows."""
    done = seal.seal_closed_days()
    return f"封存 {len(done)} 天，{sum(item.rows for item in done)} 个位置" if done else ""


def tidy() -> str:
    """Remove old versions of sealed files and old kept messages."""
    files = Lake(seal.lake_root()).tidy()
    rows, connections = store.trim_raw(), trim_connections()
    some = files or rows or connections
    return f"清理 {len(files)} 个旧文件、{rows} 条留存报文、{connections} 条连接记录" if some else ""


def trim_connections(keep_days: int = 180) -> int:
    """Remove notes of connections that ended so long ago."""
    with store.connect() as connection:
        return connection.execute(
            "DELETE FROM telemetry_connection WHERE disconnected_at < now() - make_interval(days => %s)", [keep_days]
        ).rowcount


PARTITIONS = Periodic("telemetry.partitions", "准备位置数据分区", "5 */6 * * *", partitions)
SEAL = Periodic("telemetry.seal", "封存位置数据", "20 2 * * *", seal_days)
TIDY = Periodic("telemetry.tidy", "清理旧的位置文件", "40 4 * * *", tidy)
