"""Where uploaded workbooks wait between the dry run and the apply: files with a state beside them, gone after a day."""

from __future__ import annotations

import json
import os
import re
import time
import uuid
from pathlib import Path
from typing import Any, Protocol

from django.conf import settings

KEEP_SECONDS = 24 * 3600
TOKEN = re.compile(r"[0-9a-f]{32}")


class Uploads(Protocol):
    """A store of uploads by token. ``state`` is a JSON object; unknown tokens raise ``KeyError``."""

    def add(self, content: bytes, state: dict[str, Any]) -> str: ...

    def content(self, token: str) -> bytes: ...

    def state(self, token: str) -> dict[str, Any]: ...

    def update(self, token: str, **changes: Any) -> dict[str, Any]: ...


class DiskUploads:
    """Uploads under ``MEDIA_ROOT/imports``, readable by this account of the operating system alone."""

    def __init__(self, root: Path | None = None):
        self._root = root

    @property
    def root(self) -> Path:
        root = self._root or Path(settings.MEDIA_ROOT) / "imports"
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        return root

    def _path(self, token: str, ending: str) -> Path:
        if not TOKEN.fullmatch(token):
            raise KeyError(token)
        return self.root / f"{token}.{ending}"

    def add(self, content: bytes, state: dict[str, Any]) -> str:
        self.sweep()
        token = uuid.uuid4().hex
        path = self._path(token, "bin")
        path.touch(mode=0o600)
        path.write_bytes(content)
        self._write(token, state)
        return token

    def content(self, token: str) -> bytes:
        try:
            return self._path(token, "bin").read_bytes()
        except FileNotFoundError:
            raise KeyError(token) from None

    def state(self, token: str) -> dict[str, Any]:
        try:
            return json.loads(self._path(token, "json").read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise KeyError(token) from None

    def update(self, token: str, **changes: Any) -> dict[str, Any]:
        state = {**self.state(token), **changes}
        self._write(token, state)
        return state

    def _write(self, token: str, state: dict[str, Any]) -> None:
        path = self._path(token, "json")
        fresh = path.with_suffix(f".{os.getpid()}.tmp")
        fresh.touch(mode=0o600)
        fresh.write_text(json.dumps(state, ensure_ascii=False), encoding="utf-8")
        fresh.replace(path)

    def sweep(self) -> None:
        """Delete what is older than a day."""
        oldest = time.time() - KEEP_SECONDS
        for path in self.root.iterdir():
            try:
                if path.stat().st_mtime < oldest:
                    path.unlink()
            except FileNotFoundError:
                continue
