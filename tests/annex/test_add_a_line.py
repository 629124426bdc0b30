"""docs/add-a-line.md is followed word for word: its line is built outside the tree, migrated, tested and visited."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TUTORIAL = ROOT / "docs" / "add-a-line.md"
BLOCK = re.compile(r"^```\w+ file=(\S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)

VISIT = '''
"""Sign in with a browser's client: with the line's role the list opens, without it is refused."""

from datetime import date

import pytest
from django.test import Client
from django.utils import timezone

from zhiguan.kernel.identity.service import Account, Grant, Role
from zhiguan.kernel.orgs.service import Unit
from zhiguan.kit.actor import system

from .. import domain


@pytest.fixture
def clients(as_system):
    organ = Unit.objects.create(code="310000", name="测试市", kind="city", pos=0, pos_end=99, valid_from=date(2020, 1, 1))
    found = []
    for name in ("keeper", "visitor"):
        account = Account.objects.create(username=name, unit=organ, must_change_password=False)
        if name == "keeper":
            role = Role.objects.get(code="keys.keeper")
            Grant.objects.create(
                account=account, role=role, scope="city", state="active", reason="测试", decided_at=timezone.now()
            )
        client = Client()
        client.force_login(account)
        found.append(client)
    domain.register(system("tests"), unit=organ, room="301 室", label="钥匙-001")
    return found


def test_the_list_opens_with_the_role_and_not_without(clients):
    keeper, visitor = clients
    answer = keeper.get("/keys/key/")
    assert answer.status_code == 200
    assert "钥匙-001" in answer.content.decode() and "备用钥匙" in answer.content.decode()
    assert visitor.get("/keys/key/").status_code == 403
    assert Client().get("/keys/key/").status_code == 302


def test_it_is_in_the_menu_of_those_who_may(clients):
    keeper, visitor = clients
    assert "/keys/key/" in keeper.get("/").content.decode()
    assert "/keys/key/" not in visitor.get("/").content.decode()


def test_its_rows_are_answered_to_programs(clients):
    keeper, visitor = clients
    paths = [path for path in keeper.get("/api/openapi.json").json()["paths"] if path.rstrip("/").endswith("/keys/key")]
    assert len(paths) == 1
    assert "钥匙-001" in keeper.get(paths[0]).content.decode()
    assert visitor.get(paths[0]).status_code == 403
'''


def fingerprint() -> dict[str, tuple[int, int]]:
    """Return size and time of every file git knows or would add."""
    names = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT, capture_output=True, check=True, text=True
    ).stdout.split("\0")
    found = {name: (ROOT / name).stat() for name in names if name and (ROOT / name).is_file()}
    return {name: (stat.st_size, stat.st_mtime_ns) for name, stat in found.items()}


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that a reader has after following the tutorial."""
    folder = tmp_path_factory.mktemp("annex") / "keys"
    folder.mkdir()
    (folder / "__init__.py").touch()
    blocks = BLOCK.findall(TUTORIAL.read_text())
    assert len(blocks) > 8, "the tutorial's blocks were not found"
    for name, text in blocks:
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    (folder.parent / "conftest.py").write_text("from zhiguan.site.testing import *\n")
    (folder / "migrations").mkdir()
    (folder / "migrations" / "__init__.py").touch()
    return folder


def run(folder: Path, *arguments: str, **extra: str) -> str:
    """Run Python with the line on its path; return what it said, fail when it failed."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "DATABASE", "COV"))}
    env = {
        **kept, "PYTHONPATH": str(folder.parent), "ZHIGUAN_EXTRA_LINES": folder.name,
        "DJANGO_SETTINGS_MODULE": "zhiguan.site.settings", **extra,
    }  # fmt: skip
    done = subprocess.run([sys.executable, *arguments], cwd=ROOT, env=env, capture_output=True, text=True, timeout=400)
    said = done.stdout + done.stderr
    assert done.returncode == 0, said[-6000:]
    return said


def test_the_tutorial_makes_a_working_line_and_touches_nothing_else(line: Path) -> None:
    before = fingerprint()
    run(line, "-m", "django", "makemigrations", "keys", DATABASE_URL="")
    assert (line / "migrations" / "0001_initial.py").exists()
    run(line, "-m", "django", "makemigrations", "keys", "--check", "--dry-run", DATABASE_URL="")
    (line / "tests" / "test_visit.py").write_text(VISIT)
    said = run(
        line, "-m", "pytest", "-p", "no:cacheprovider", "--rootdir", str(line.parent),
        "-c", str(ROOT / "pyproject.toml"), str(line / "tests"),
    )  # fmt: skip
    assert re.search(r"\d{2} passed", said), said[-2000:]
    changed = {name for name, stat in fingerprint().items() if before.get(name) != stat}
    mine = {name for name in changed if "keys" in Path(name).parts}
    assert mine == set(), "the line left files in the tree"
    mentions = subprocess.run(
        ["git", "grep", "-l", "--untracked", "-F", "keys.key"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout.split()
    assert set(mentions) <= {"docs/add-a-line.md", "tests/annex/test_add_a_line.py"}, "the tree knows the line"


def test_the_tutorial_line_obeys_the_laws_of_its_kind(line: Path) -> None:
    """The rooms contract is exhaustive: every file of the tutorial is a room that DESIGN lists."""
    from zhiguan.kit.registry import ROOMS

    names = {path.stem for path in line.iterdir() if path.suffix == ".py"} - {"__init__"}
    assert names <= {*ROOMS, "apps"}
