"""Run by `zhiguan up` once the database answers: migrations, static files, demo city; one Django start for all."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from zhiguan.site.runtime.framework import set_up
from zhiguan.site.runtime.paths import var_dir
from zhiguan.site.runtime.progress import Progress
from zhiguan.site.runtime.secrets import write_private_json

__all__ = ["collect_static", "main", "outcome_path"]


def _static_sources() -> Iterator[Path]:
    from django.contrib.staticfiles.finders import get_finders

    for finder in get_finders():
        for path, storage in finder.list(["CVS", ".*", "*~"]):
            yield Path(storage.path(path))


def collect_static(progress: Progress) -> bool:
    """Gather static files when any is newer than the last gathering, or their number changed; returns whether done."""
    from django.conf import settings
    from django.core.management import call_command

    sources = list(_static_sources())
    newest = max((path.stat().st_mtime_ns for path in sources), default=0)
    mark = f"{len(sources)} {newest}"
    stamp = Path(settings.STATIC_ROOT) / ".gathered"
    if stamp.exists() and stamp.read_text(encoding="ascii") == mark:
        return False
    with progress.step("整理静态文件"):
        call_command("collectstatic", interactive=False, clear=True, verbosity=0)
        stamp.write_text(mark, encoding="ascii")
    return True


def _may_hold_demo_data() -> bool:
    """True for an empty installation and for one that shows the demo city already; real data is never mixed."""
    from zhiguan.kernel.orgs.service import is_demo, root
    from zhiguan.kit.actor import system

    with system("demo").transaction():
        return root() is None or is_demo()


def _make_identity(progress: Progress) -> None:
    """Generate what documents are signed with at the first start; one that cannot be used stops documents, not the start."""
    from zhiguan.kernel.documents.service import SignatureUnusable, identity

    try:
        identity()
    except SignatureUnusable as error:
        progress.warn(error.message)


def outcome_path(var: Path) -> Path:
    """Where the supervisor reads what was found: `{"demo": bool}`, whether this installation shows the demo city."""
    return var / "run" / "prepared.json"


def main() -> int:
    """Prepare; returns the exit code."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--began", type=float)
    parser.add_argument("--demo", action="store_true")
    args = parser.parse_args()
    progress = Progress(args.began)
    os.environ.setdefault("ZHIGUAN_LOG_LEVEL", "WARNING")
    set_up()
    from django.core.management import call_command
    from django.core.management.base import CommandError

    try:
        with progress.step("更新数据库结构"):
            call_command("migrate_all", verbosity=0)
        collect_static(progress)
        _make_identity(progress)
        demo = args.demo and _may_hold_demo_data()
        if demo:
            with progress.step("检查演示数据"):
                call_command("demo_city")
    except CommandError as error:
        progress.warn(str(error))
        return 1
    write_private_json(outcome_path(var_dir()), {"demo": demo})
    return 0


if __name__ == "__main__":
    sys.exit(main())
