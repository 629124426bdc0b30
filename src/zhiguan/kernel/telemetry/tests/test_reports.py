"""Whole days as columns: the same from the hot table and from sealed files, and the same as the query seam gives."""

from __future__ import annotations

import numpy as np

from zhiguan.kernel.telemetry import seal
from zhiguan.kernel.telemetry.columns import POSITION, Block, digests
from zhiguan.kernel.telemetry.engine import Engine
from zhiguan.kernel.telemetry.reports import reports_of

from .conftest import micros
from .test_engine import DAY, END, NOON, START, lake  # noqa: F401

COUNT = 400


def edges(sources: list[int]) -> Block:
    """Reports with every field up to its limits, some without a fix, several of one moment."""
    noise = np.random.default_rng(4)
    rows = np.zeros(len(sources) * COUNT, POSITION)
    size = len(rows)
    rows["source_id"] = np.repeat(sources, COUNT)
    rows["at"] = micros(NOON) + noise.integers(0, 300, size) * 1_000_000 + noise.integers(0, 2, size) * 250_000
    rows["received_at"] = rows["at"] + 1_000_000
    rows["lat"] = noise.integers(-95_000_000, 95_000_001, size)
    rows["lon"] = noise.integers(-180_000_000, 180_000_001, size)
    rows["speed"], rows["direction"] = noise.integers(0, 65_536, size), noise.integers(0, 360, size)
    rows["alarm"], rows["status"] = noise.integers(0, 2**32, size), noise.integers(0, 2**32, size)
    rows["mileage_m"] = np.where(noise.random(size) < 0.2, -1, noise.integers(0, 4 * 10**11, size))
    rows["lat"][:9] = rows["lon"][:9] = 0
    rows["digest"] = digests(rows, [None] * size)
    return Block(rows, [None] * size)


def test_hot_and_sealed_days_give_the_same_columns(fleet, lake, monkeypatch):  # noqa: F811
    from zhiguan.kernel.telemetry import reports

    monkeypatch.setattr(reports, "_AT_ONCE", 2)
    sources = fleet.ids[:3]
    block = edges(sources)
    fleet.write(block)
    hot = reports_of([*sources, fleet.ids[4]], START, END)
    assert len(hot["time_s"]) == len(block) == 3 * COUNT
    assert (np.diff(hot["source_id"]) >= 0).all() and set(hot["source_id"]) == set(sources)
    rows = block.rows[np.lexsort((block.rows["speed"], block.rows["lon"], block.rows["lat"], block.rows["at"],
                                  block.rows["source_id"]))]  # fmt: skip
    assert np.array_equal(hot["alarm"], rows["alarm"]) and np.array_equal(hot["status"], rows["status"])
    assert np.allclose(hot["lat"] * 1e6, rows["lat"]) and np.allclose(hot["speed_kmh"] * 10, rows["speed"])
    assert np.array_equal(np.nan_to_num(hot["mileage_m"], nan=-1), rows["mileage_m"])
    told = Engine().positions(sources, START, END, ("located",)).column("located").to_numpy(zero_copy_only=False)
    assert hot["located"].sum() == told.sum() and 0 < told.sum() < len(told)
    seal.seal_day(DAY, url=fleet.urls.ingest, lake=lake)
    sealed = reports_of(sources, START, END)
    for name, values in hot.items():
        assert np.array_equal(values, sealed[name], equal_nan=values.dtype.kind == "f"), name


def test_nobody_and_nothing(fleet, lake):  # noqa: F811
    assert reports_of([], START, END)["time_s"].size == 0
    assert reports_of(fleet.ids, END, END)["lat"].size == 0
