"""The import contracts hold, and each of them breaks when it is broken: tried on a copy of the tree."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from .laws import ROOT

LINT = Path(sys.executable).with_name("lint-imports")


def broken(folder: Path) -> set[str]:
    """Return the names of the contracts that do not hold in the tree under ``folder``."""
    done = subprocess.run(
        [str(LINT), "--no-cache"], cwd=folder, env={**os.environ, "PYTHONPATH": str(folder / "src"), "COLUMNS": "200"},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    found = set(re.findall(r"^(.+?) BROKEN", done.stdout, re.MULTILINE))
    assert "Contracts:" in done.stdout and bool(found) == bool(done.returncode), done.stdout[-2000:] + done.stderr
    return found


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package's modules, with a second line beside the first."""
    folder = tmp_path_factory.mktemp("contracts")
    only_python = shutil.ignore_patterns("node_modules", "static", "templates", "data", "__pycache__")
    shutil.copytree(ROOT / "src" / "zhiguan", folder / "src" / "zhiguan", ignore=only_python)
    shutil.copy(ROOT / "pyproject.toml", folder)
    other = folder / "src" / "zhiguan" / "lines" / "umbrellas"
    other.mkdir()
    for name in ("__init__", "manifest", "models", "queries", "domain"):
        (other / f"{name}.py").touch()
    return folder


def test_the_contracts_hold() -> None:
    assert broken(ROOT) == set(), "run lint-imports: it names the imports"


@pytest.mark.parametrize(
    ("file", "line", "contract"),
    [
        ("kit/errors.py", "from zhiguan.kernel.orgs import tree", "Storeys: arrows go down only"),
        ("kernel/metrics/declare.py", "from zhiguan.lines.vehicles import codes", "Storeys: arrows go down only"),
        ("kernel/shelf/__init__.py", "", "Kernel order"),
        ("kernel/trace/queries.py", "from zhiguan.kernel.ledger import service", "Kernel order"),
        ("lines/umbrellas/domain.py", "from zhiguan.lines.vehicles import codes", "Lines are strangers"),
        ("lines/umbrellas/helpers.py", "", "Rooms of a line"),
        ("lines/umbrellas/models.py", "from . import domain", "Rooms of a line"),
        ("lines/umbrellas/queries.py", "from zhiguan.kernel.orgs.models import Unit", "Kernel tables are private"),
        ("lines/umbrellas/manifest.py", "from django.db import models", "Declarations are data"),
    ],
)
def test_a_broken_contract_is_seen(copy: Path, file: str, line: str, contract: str) -> None:
    path = copy / "src" / "zhiguan" / file
    before = path.read_text() if path.exists() else None
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"{before or ''}\n{line}\n")
    try:
        assert contract in broken(copy)
    finally:
        if before is None:
            path.unlink()
            if not any(path.parent.iterdir()):
                path.parent.rmdir()
        else:
            path.write_text(before)
