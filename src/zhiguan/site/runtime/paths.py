"""Where the running product keeps its files.

`ZHIGUAN_VAR` names the folder; without it, it is `var/` beside `pyproject.toml` when run from a source tree, else
`var/` in the working directory.
"""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["private_dir", "project_root", "var_dir"]


def project_root() -> Path | None:
    """The source tree's root when the package runs from one, else None (installed from a wheel)."""
    root = Path(__file__).resolve().parents[4]
    return root if (root / "pyproject.toml").is_file() else None


def var_dir() -> Path:
    """The data folder, absolute; not created here."""
    named = os.environ.get("ZHIGUAN_VAR")
    if named:
        return Path(named).expanduser().resolve()
    return (project_root() or Path.cwd()) / "var"


def private_dir(path: Path) -> Path:
    """Make `path` a folder that others cannot read, and return it.

    Leave to pass through is kept when it was given: the database's system account may need it.
    """
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.chmod(path.stat().st_mode & 0o711 | 0o700)
    return path
