"""Bytes on disk under their SHA-256 digest. A file is either there whole or not at all, power cuts included."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

CHUNK = 2**18


class TooLarge(Exception):
    """More bytes came than may be."""


@dataclass(frozen=True)
class Arrived:
    """Bytes in a temporary file, not in the store yet."""

    path: Path
    digest: str
    size: int

    def discard(self) -> None:
        with suppress(FileNotFoundError):
            self.path.unlink()


def root() -> Path:
    """Return the store's folder."""
    return Path(settings.MEDIA_ROOT) / "store"


def place(digest: str) -> Path:
    """Return where the content of that digest lies."""
    return root() / digest[:2] / digest[2:4] / digest


def receive(chunks: Iterable[bytes], limit: int) -> Arrived:
    """Write the chunks to a temporary file beside the store, on disk for certain; raises :class:`TooLarge`."""
    folder = Path(settings.MEDIA_ROOT) / "arriving"
    folder.mkdir(parents=True, exist_ok=True, mode=0o750)
    handle, name = tempfile.mkstemp(dir=folder)
    path, digest, size = Path(name), hashlib.sha256(), 0
    try:
        with os.fdopen(handle, "wb") as file:
            for chunk in chunks:
                size += len(chunk)
                if size > limit:
                    raise TooLarge
                digest.update(chunk)
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return Arrived(path, digest.hexdigest(), size)


def keep(arrived: Arrived) -> bool:
    """Move what arrived into the store; False when the same content was there already."""
    target = place(arrived.digest)
    if target.exists() and target.stat().st_size == arrived.size:
        arrived.discard()
        return False
    made = not target.parent.exists()
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o750)
    arrived.path.chmod(0o440)
    arrived.path.replace(target)
    _sync(target.parent)
    if made:
        _sync(target.parent.parent)
        _sync(target.parent.parent.parent)
    return True


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def intact(digest: str) -> bool:
    """Tell whether the content of that digest is in the store, unchanged."""
    found = hashlib.sha256()
    try:
        with place(digest).open("rb") as file:
            while chunk := file.read(CHUNK):
                found.update(chunk)
    except FileNotFoundError:
        return False
    return found.hexdigest() == digest


def drop(digest: str) -> None:
    """Remove a content. The caller has made certain that nothing refers to it."""
    path = place(digest)
    with suppress(FileNotFoundError):
        path.unlink()
        _sync(path.parent)


def contents() -> Iterator[str]:
    """Yield the digests in the store."""
    if root().exists():
        for path in root().glob("??/??/*"):
            if len(path.name) == 64:
                yield path.name


def stale_arrivals(older_than_seconds: float, now: float) -> list[Path]:
    """Return temporary files that an interrupted upload left behind."""
    folder = Path(settings.MEDIA_ROOT) / "arriving"
    return [path for path in folder.glob("*") if now - path.stat().st_mtime > older_than_seconds]
