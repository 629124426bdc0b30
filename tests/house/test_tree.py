"""The tree itself: no drawers, no secrets, no machine's own paths or addresses, sizes that a reader can hold."""

from __future__ import annotations

import json
import re
from pathlib import Path

from .laws import ROOT, SOURCE, judge, python_files, short, tracked

DRAWERS = {"utils", "util", "helpers", "helper", "common", "misc", "tools"}
WIDTH = 130
"""Editors are set to 120; some characters more are left where wrapping a sentence would hurt its reading."""
FILE_LINES = 600
ROOM_LINES = 7_000
AREA_LINES = {"kit": 9_000, "site": 7_000, "kernel": 10_000, "functions": 6_000, "lines": 30_000}
"""Lines of Python without tests and migrations; for kernel, functions and lines: of one part. A room is a package
inside a part. Decision 0011; raising one takes another."""
TEXT = {".py", ".md", ".toml", ".yaml", ".yml", ".json", ".html", ".ts", ".css", ".mjs", ".sh", ".cfg", ".ini", ""}


def texts() -> list[tuple[Path, str]]:
    found = []
    for path in tracked():
        if path.suffix in TEXT and path.stat().st_size < 2_000_000:
            found.append((path, path.read_text(errors="replace")))
    return found


def test_there_are_no_drawers() -> None:
    faults = {
        short(path): "a name that says nothing attracts everything"
        for path in tracked() if path.stem in DRAWERS or DRAWERS & set(path.relative_to(ROOT).parts[:-1])
    }  # fmt: skip
    judge("no-drawers", faults, "Name the module after what it does.")


SECRETS = (
    re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----"),
    re.compile(r"""(?i)\b(password|passwd|secret|token|api_?key)\b["']?\s*[:=]\s*["'][^"'{}<>\s$]{6,}["']"""),
)
MACHINES = re.compile(r"/(home|Users)/[a-z][\w.-]+/|/root/\w|[A-Z]:\\\\?Users\\")
REGISTRIES = re.compile("|".join(re.escape(host) for host in (
    "pypi" + ".org", "pythonhosted" + ".org", "registry.npmjs" + ".org", "npmmirror" + ".com", "registry.yarnpkg" + ".com",
)))  # fmt: skip


def leaks(text: str, is_test: bool) -> list[str]:
    """Return what a text gives away."""
    found = []
    if not is_test or "PRIVATE KEY" in text:
        found += [match.group(0)[:40] for pattern in SECRETS[: 1 if is_test else 2] for match in pattern.finditer(text)]
    found += [match.group(0) for match in MACHINES.finditer(text)]
    return found + [match.group(0) for match in REGISTRIES.finditer(text)]


def test_nothing_secret_or_local_is_committed() -> None:
    faults = {}
    for path, text in texts():
        if found := leaks(text, "tests" in path.parts):
            faults[short(path)] = ", ".join(found[:3])
    judge("nothing-secret-or-local", faults, "Secrets are generated at first start; paths and hosts come from settings.")


def test_leaks_are_seen() -> None:
    assert leaks('PASSWORD = "letmein1"', False) and not leaks('password = "letmein1"', True)
    assert leaks("open('/home/" + "wang/x')", True) and leaks("https://pypi" + ".org/simple", True)
    assert not leaks('password = os.environ["DB_PASSWORD"]', False)


def test_the_lock_file_records_no_addresses() -> None:
    path = SOURCE / "kit" / "frontend" / "package-lock.json"
    packages = json.loads(path.read_text())["packages"]
    faults = {name: "has “resolved”" for name, entry in packages.items() if "resolved" in entry}
    judge("lock-without-addresses", faults, "Install with omit-lockfile-registry-resolved, as .npmrc says.")


def test_lines_fit_the_page() -> None:
    faults = {}
    for path in python_files(tests=True):
        wide = [number for number, line in enumerate(path.read_text().splitlines(), 1) if len(line) > WIDTH]
        if wide:
            faults[short(path)] = f"lines {', '.join(map(str, wide[:5]))}"
    judge("lines-fit", faults, f"At most {WIDTH} characters.")


def sizes(counts: dict[tuple[str, ...], int]) -> dict[str, int]:
    """Return the lines of every part and of every room in it, from those of files by their path within the package."""
    found: dict[str, int] = {}
    for parts, count in counts.items():
        if len(parts) < 2:
            continue
        deep = 1 if parts[0] in ("kit", "site") or len(parts) < 3 else 2
        areas = ["/".join(parts[:deep])] + (["/".join(parts[: deep + 1])] if len(parts) > deep + 1 else [])
        for area in areas:
            found[area] = found.get(area, 0) + count
    return found


def limit(area: str) -> int:
    """Return how many lines a part or a room may have."""
    names = area.split("/")
    room = len(names) > (1 if names[0] in ("kit", "site") else 2)
    return ROOM_LINES if room else AREA_LINES[names[0]]


def test_sizes() -> None:
    """Prints the table of sizes (pytest -s) and fails above the limits."""
    counts = {path: len(path.read_text().splitlines()) for path in python_files()}
    faults = {
        short(path): f"{count} lines, at most {FILE_LINES}" for path, count in counts.items() if count > FILE_LINES
    }
    for area, count in sorted(sizes({path.relative_to(SOURCE).parts: n for path, n in counts.items()}).items()):
        print(f"{count:6} {area}")
        if count > limit(area):
            faults[area] = f"{count} lines, at most {limit(area)}"
    judge("sizes", faults, "Split by what the parts do. Raising a limit takes a decision record.")


def test_rooms_are_counted_in_their_part() -> None:
    counts = {
        ("lines", "x", "domain", "a.py"): 5, ("lines", "x", "codes.py"): 2, ("kit", "pages", "b.py"): 3, ("kit", "c.py"): 1,
    }  # fmt: skip
    assert sizes(counts) == {"lines/x": 7, "lines/x/domain": 5, "kit": 4, "kit/pages": 3}
    assert limit("lines/x/domain") == limit("kit/pages") == ROOM_LINES < limit("lines/x")
