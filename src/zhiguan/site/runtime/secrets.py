"""Generated secrets of this installation, in one file that only its owner can read.

Shape: ``{"django_secret_key": str, "postgres": {cluster name: {role: password}}}``. Nothing has a default value: what
is missing is generated once, under a file lock, so that two processes starting together agree.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

__all__ = ["django_secret_key", "file_lock", "role_password", "stored_role_password", "write_private_json"]


@contextmanager
def file_lock(path: Path) -> Iterator[None]:
    """Hold an exclusive lock on `path` (created when missing) between processes; waits without limit."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def write_private_json(path: Path, value: Any) -> None:
    """Replace `path` with `value` as JSON, mode 0600, whole or not at all even when power fails."""
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    handle = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as out:
        json.dump(value, out, ensure_ascii=False, indent=1)
        out.flush()
        os.fsync(out.fileno())
    scratch.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _read(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def _get_or_make(path: Path, keys: tuple[str, ...], make: Callable[[], str]) -> str:
    with file_lock(path.with_name(f".{path.name}.lock")):
        whole = _read(path)
        node = whole
        for key in keys[:-1]:
            node = node.setdefault(key, {})
        if keys[-1] not in node:
            node[keys[-1]] = make()
            write_private_json(path, whole)
        return node[keys[-1]]


def django_secret_key(var: Path) -> str:
    """The installation's signing key, generated at first use."""
    return _get_or_make(var / "secrets.json", ("django_secret_key",), lambda: secrets.token_urlsafe(64))


def role_password(path: Path, cluster: str, role: str) -> str:
    """The password of a database role, generated at first use. `path` is the secrets file."""
    return _get_or_make(path, ("postgres", cluster, role), lambda: secrets.token_urlsafe(32))


def stored_role_password(path: Path, cluster: str, role: str) -> str | None:
    """The password of a database role when one was generated before, else None."""
    return _read(path).get("postgres", {}).get(cluster, {}).get(role)
