"""Builds the pages' scripts and styles from a source tree when they are missing or older than their sources."""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from zhiguan.site.runtime.progress import Progress

__all__ = ["FrontendError", "build", "is_stale"]

PACKAGE = Path(__file__).resolve().parents[2]
FRONTEND = PACKAGE / "kit" / "frontend"
MANIFEST = PACKAGE / "kit" / "static" / "kit" / "dist" / ".vite" / "manifest.json"


class FrontendError(RuntimeError):
    """The front end could not be built; the text says what to do, in Chinese."""


def _sources() -> Iterator[Path]:
    for folder, names, files in os.walk(FRONTEND):
        names[:] = [name for name in names if name != "node_modules"]
        yield from (Path(folder, name) for name in files)


def is_stale() -> bool:
    """True when there are sources and the built manifest is missing or older than one of them.

    An installed wheel has no sources: what it was built with is what it serves.
    """
    if not (FRONTEND / "package.json").exists():
        return False
    if not MANIFEST.exists():
        return True
    built = MANIFEST.stat().st_mtime
    return any(path.stat().st_mtime > built for path in _sources())


def _npm(*args: str) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise FrontendError("构建页面需要 Node.js 20 或更高版本(含 npm),请安装后重试。")
    done = subprocess.run(
        [npm, *args], cwd=FRONTEND, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    if done.returncode:
        raise FrontendError(f"npm {' '.join(args)} 没有成功:\n{done.stdout[-3000:].strip()}")


def build(progress: Progress) -> bool:
    """Build when stale; returns whether anything was built. Raises FrontendError."""
    if not is_stale():
        return False
    installed = FRONTEND / "node_modules" / ".package-lock.json"
    if not installed.exists() or installed.stat().st_mtime < (FRONTEND / "package-lock.json").stat().st_mtime:
        with progress.step("安装前端依赖"):
            _npm("ci", "--no-audit", "--no-fund", "--loglevel=error")
    with progress.step("构建前端页面"):
        _npm("run", "--silent", "build")
    if not MANIFEST.exists():
        raise FrontendError(f"前端构建结束,但没有生成 {MANIFEST}。")
    os.utime(MANIFEST)  # a bundler that leaves an unchanged manifest alone must not make us build for ever
    return True


def command(args: argparse.Namespace) -> int:
    """`zhiguan frontend`: build when stale."""
    if not build(Progress()):
        print("前端页面已是最新。")
    return 0
