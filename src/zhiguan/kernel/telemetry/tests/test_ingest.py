"""Batches: deduplicated, late rows marked, latest only newer, nothing lost when a row or the time is odd."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import numpy as np
import psycopg
import pytest

from zhiguan.kernel.telemetry import store
from zhiguan.kernel.telemetry.columns import OUT_SQL, Block, cut, digests, from_copy
from zhiguan.kernel.telemetry.ingest import Raw
from zhiguan.kernel.telemetry.store import Dirty

from .conftest import ago, micros, row


def count(fleet, where: str = "true") -> int:
    return fleet.sql(f"SELECT count(*) FROM telemetry_position WHERE {where}")[0][0]


def test_repeated_batch_is_stored_once(fleet):
    at = ago(minutes=5)
    batch = [row(fleet.ids[0], at + timedelta(seconds=i), lat=31 + i / 1000) for i in range(50)]
    assert fleet.write(batch, batch, [*batch, row(fleet.ids[1], at)]) == [50, 0, 1]
    assert count(fleet) == 51


def test_receipt_time_does_not_make_a_report_new_but_content_does(fleet):
    at = ago(minutes=5)
    first = row(fleet.ids[0], at, received=ago(minutes=4))
    again = row(fleet.ids[0], at, received=ago(minutes=1))
    other = row(fleet.ids[0], at, speed=301)
    assert fleet.write([first], [again], [other]) == [1, 0, 1]


def test_items_are_part_of_the_content(fleet):
    at = ago(minutes=5)
    plain, with_items = Block.of([row(fleet.ids[0], at)]), Block.of([row(fleet.ids[0], at)], [b"\x30\x01\x10"])
    other = Block.of([row(fleet.ids[0], at)], [b"\x30\x01\x11"])
    assert fleet.write(plain, with_items, other, with_items) == [1, 1, 1, 0]


def test_digest_is_pinned():
    """Stored keys depend on it; a change would let every late duplicate in."""
    block = Block.of([(1, 0, 0, 31_000_000, 121_000_000, 5, 300, 90, 0, 3, 1234)] * 2, [None, b"\x30\x01\x10"])
    assert digests(block.rows, block.extras).tolist() == [-1356213236, 2083565855]


def test_every_value_survives_the_way_in_and_out(fleet):
    at = ago(minutes=5)
    rows = [
        (
            fleet.ids[0],
            micros(at),
            micros(at) + 123456,
            -90_000_001,
            2**31 - 1,
            -5,
            65535,
            359,
            2**32 - 1,
            2**32 - 1,
            -1,
        ),
        (fleet.ids[0], micros(at) + 1, micros(at), 0, -(2**31), 65535, 0, 0, 0, 0, 429_496_729_500),
    ]
    block = Block.of(rows, [b"", b"\x01" * 300])
    fleet.write(block)
    with psycopg.connect(fleet.urls.ingest) as connection:
        copy = f"COPY (SELECT {OUT_SQL} FROM telemetry_position ORDER BY at) TO STDOUT (FORMAT BINARY)"
        with connection.cursor().copy(copy) as out:
            data = b"".join(out)
        back, sizes = from_copy(data)
        joined = connection.execute(
            "SELECT string_agg(extra, ''::bytea ORDER BY at) FROM telemetry_position"
        ).fetchone()
    np.testing.assert_array_equal(back, block.rows)
    assert cut(joined[0], sizes) == [b"", b"\x01" * 300]
    assert fleet.sql("SELECT mileage_m FROM telemetry_position ORDER BY at") == [(None,), (429_496_729_500,)]


def test_latest_only_moves_forward_and_keeps_the_last_fix(fleet):
    at = ago(minutes=5)
    fleet.write([row(fleet.ids[0], at, lat=31.5)])
    fleet.write([row(fleet.ids[0], at - timedelta(minutes=1), lat=30.0)])
    assert fleet.sql("SELECT at, lat FROM telemetry_latest") == [(at, 31_500_000)]
    later = at + timedelta(minutes=1)
    fleet.write([row(fleet.ids[0], later, lat=0, lon=0, status=1, speed=7)])
    assert fleet.sql("SELECT at, fix_at, lat, speed FROM telemetry_latest") == [(later, at, 31_500_000, 7)]


def test_out_of_order_within_a_batch(fleet):
    at = ago(minutes=5)
    batch = [
        row(fleet.ids[i % 3], at + timedelta(seconds=s), lat=31 + s / 1000) for i, s in enumerate([9, 2, 7, 1, 8, 3])
    ]
    fleet.write(batch)
    assert fleet.sql("SELECT source_id, at FROM telemetry_latest ORDER BY 1") == [
        (fleet.ids[0], at + timedelta(seconds=9)),
        (fleet.ids[1], at + timedelta(seconds=8)),
        (fleet.ids[2], at + timedelta(seconds=7)),
    ]


def test_a_clock_running_ahead_does_not_freeze_the_latest_position(fleet):
    fleet.write([row(fleet.ids[0], ago(hours=-5))])
    fleet.write([row(fleet.ids[0], ago(seconds=3))])
    assert count(fleet) == 2
    assert fleet.sql("SELECT at < now() FROM telemetry_latest") == [(True,)]


def test_old_day_gets_its_partition_on_demand(fleet):
    fleet.write([row(fleet.ids[0], ago(days=200))])
    assert count(fleet) == 1


def test_an_unknown_source_does_not_hold_up_the_others(fleet):
    at = ago(minutes=5)
    assert fleet.write([row(10**9, at), row(fleet.ids[0], at)]) == [2]
    assert fleet.sql("SELECT source_id FROM telemetry_latest") == [(fleet.ids[0],)]


def test_a_row_the_database_refuses_is_kept_and_the_others_written(fleet):
    """A year far ahead has no partition and cannot get one."""
    good = [row(fleet.ids[0], ago(minutes=5) + timedelta(seconds=i)) for i in range(7)]
    bad = row(fleet.ids[1], ago(days=-9000))
    assert fleet.write([*good[:3], bad, *good[3:]]) == [7]
    assert fleet.sql("SELECT source_id, reason FROM telemetry_raw") == [(fleet.ids[1], "refused")]


def test_raw_messages_once(fleet):
    raw = Raw(fleet.ids[0], micros(ago()), "time", b"\x01\x02", 0x0200, 7, once=b"same")
    fleet.write([], raws=[raw, raw])
    fleet.write([], raws=[raw, Raw(None, micros(ago()), "unknown", b"", 0x0F0F, 1)])
    assert fleet.sql("SELECT reason, body FROM telemetry_raw ORDER BY 1") == [("time", b"\x01\x02"), ("unknown", b"")]


def test_frontier_marks_new_days_and_late_rows_mark_theirs(fleet):
    url, at = fleet.urls.ingest, ago(minutes=30)
    fleet.write([row(fleet.ids[0], at), row(fleet.ids[1], at + timedelta(minutes=20))])
    assert store.take_dirty(10, url=url) == []
    assert store.advance(at + timedelta(minutes=10), url=url) == 1
    (taken,) = store.take_dirty(10, url=url)
    assert (taken.source_id, taken.reason, taken.first_at, taken.last_at) == (fleet.ids[0], "new", at, at)
    assert store.take_dirty(10, url=url) == []
    late = at - timedelta(seconds=30)
    fleet.write([row(fleet.ids[0], late), row(fleet.ids[2], at + timedelta(minutes=11))])
    assert store.done_dirty([taken], url=url) == 0, "marked again while it was being computed"
    again = store.take_dirty(10, url=url)
    assert [(d.source_id, d.reason, d.first_at) for d in again] == [(fleet.ids[0], "late", late)]
    assert store.done_dirty(again, url=url) == 1
    assert store.advance(at + timedelta(minutes=25), url=url) == 2
    assert {d.source_id for d in store.take_dirty(10, url=url)} == {fleet.ids[1], fleet.ids[2]}


def test_frontier_killed_between_its_two_steps_marks_at_the_next_run(fleet):
    at = ago(minutes=30)
    fleet.write([row(fleet.ids[0], at)])
    fleet.sql("UPDATE telemetry_frontier SET computed_to = %s", at + timedelta(minutes=1))
    assert store.advance(at, url=fleet.urls.ingest) == 1


def test_duplicates_of_computed_days_do_not_make_them_dirty_for_long(fleet):
    store.mark_dirty([(fleet.ids[0], ago().date())], url=fleet.urls.ingest)
    (item,) = store.take_dirty(1, url=fleet.urls.ingest)
    assert isinstance(item, Dirty)
    assert store.done_dirty([item], url=fleet.urls.ingest) == 1


def test_marking_days_and_giving_them_back_do_not_stop_each_other(fleet):
    """Both take many rows; they lay in another order than they are marked in, and are given back in a third."""
    url, last = fleet.urls.ingest, ago().date()
    pairs = [(fleet.ids[0], last - timedelta(days=number)) for number in range(300)]
    for pair in pairs:
        store.mark_dirty([pair], url=url)
    taken = store.take_dirty(300, url=url)
    store.mark_dirty(pairs, url=url)
    with ThreadPoolExecutor(2) as pool:
        marking = pool.submit(lambda: [store.mark_dirty(pairs, url=url) for _ in range(10)])
        giving = pool.submit(lambda: [store.done_dirty(taken, url=url) for _ in range(60)])
        marking.result()
        assert sum(giving.result()) == 0, "marked again while they were being computed"
    assert len(store.take_dirty(400, url=url)) == 300


def test_latest_is_repaired_after_a_kill(fleet):
    at = ago(minutes=5)
    fleet.write([row(fleet.ids[0], at), row(fleet.ids[1], at)])
    fleet.sql("DELETE FROM telemetry_latest WHERE source_id = %s", fleet.ids[0])
    fleet.sql("UPDATE telemetry_latest SET at = at - interval '1 h', fix_at = fix_at - interval '1 h', lat = 0")
    assert store.repair_latest(fleet.urls.ingest) == 2
    assert fleet.sql("SELECT DISTINCT at, fix_at, lat FROM telemetry_latest") == [(at, at, 31_200_000)]


def test_partitions_ahead(fleet):
    assert store.ensure_partitions(url=fleet.urls.ingest) == []
    days = [day for (day,) in fleet.sql("SELECT telemetry_days()")]
    assert len(days) == 9


def test_the_ingest_role_reaches_nothing_else(fleet):
    for statement in ("SELECT * FROM identity_account", "DROP TABLE telemetry_raw",
                      "UPDATE telemetry_source SET unit_id = 1", "SELECT * FROM orgs_person"):  # fmt: skip
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            fleet.sql(statement)
