"""Fixtures for every test of the tree (``zhiguan.site.testing``), and how a run is shared out to its workers."""

from __future__ import annotations

import gc
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest

from zhiguan.site.testing import *  # noqa: F403
from zhiguan.site.testing import memory

gc.disable()  # until all is loaded, pytest_collection_finish
JOURNEYS = "tests/journeys/"
FIRST = (JOURNEYS, "tests/", "src/zhiguan/site/")
"""Long files come first: at the end there is nothing left to do beside them."""


def pytest_configure(config: pytest.Config) -> None:
    """Temporary files of a run are in memory, where there is room; workers inherit the place, the end takes it away."""
    place = memory()
    if place is None or hasattr(config, "workerinput"):
        return
    for left in place.glob("tmp-*"):
        if not Path("/proc", left.name.removeprefix("tmp-")).exists():
            shutil.rmtree(left, ignore_errors=True)
    folder = place / f"tmp-{os.getpid()}"
    folder.mkdir(mode=0o711)
    os.environ["TMPDIR"] = tempfile.tempdir = str(folder)
    config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    def turn(item: pytest.Item) -> int:
        return next((number for number, place in enumerate(FIRST) if item.nodeid.startswith(place)), len(FIRST))

    items.sort(key=turn)


def pytest_collection_finish() -> None:
    """What is loaded by now stays: the collector need not go through it again and again."""
    gc.collect()
    gc.freeze()
    gc.enable()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Hand out whole files, so that what a module prepares is prepared once, and the journeys as one: one product.

    Of xdist's own ways none does this: ``loadgroup`` groups nothing with pytest 9.2 (pytest-xdist #1386).
    """
    from xdist.scheduler import LoadFileScheduling

    class Files(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return JOURNEYS if nodeid.startswith(JOURNEYS) else super()._split_scope(nodeid)

    config.option.loadscopereorder = False
    return Files(config, log)
