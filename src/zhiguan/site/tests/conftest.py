"""Folders for the tests that run a database server of their own."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from zhiguan.site.runtime import postgres


@pytest.fixture(scope="module")
def server_place() -> Iterator[Path]:
    """A folder outside pytest's own: every pytest session closes that to other accounts, and as root the server is one.

    Servers found running in `pg` folders below are stopped at the end.
    """
    place = Path(tempfile.mkdtemp(prefix="zhiguan-test-"))
    yield place
    for data_dir in place.rglob("pg"):
        if (data_dir / "PG_VERSION").exists():
            postgres.stop(data_dir)
    shutil.rmtree(place)


@pytest.fixture
def place(server_place: Path) -> Path:
    """A folder of the test's own below `server_place`."""
    return Path(tempfile.mkdtemp(dir=server_place))
