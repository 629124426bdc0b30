"""Recorded frames of other projects, outside the repository; tests that need them skip when they are absent."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[6]
FOLDER = Path(os.environ.get("ZHIGUAN_SHARED") or ROOT.parent / "shared") / "data" / "jt808"


def records(name: str) -> list[dict[str, Any]]:
    """Records of one JSON Lines file of the jt808 folder."""
    path = FOLDER / name
    if not path.exists():
        pytest.skip(f"sample data not there: {path} (set ZHIGUAN_SHARED to the folder that holds data/)")
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line]
