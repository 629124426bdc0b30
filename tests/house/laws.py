"""What every house law needs: the tree's files and packages, and the judgement over faults and exemptions.

A fault is named by its subject. An exemption is a pair ("law-name subject", reason): a line's stands in its manifest,
those of kernel, kit and site in ``exemptions.py`` beside this file. An exemption without its fault is stale and fails.
"""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from pathlib import Path
from typing import Any

import zhiguan
from zhiguan.kit import registry
from zhiguan.kit.manifest import Declared, Line

from .exemptions import EXEMPTIONS

SOURCE = Path(zhiguan.__file__).parent
ROOT = SOURCE.parents[1]
STOREYS = ("kit", "kernel", "functions", "lines", "site")


def exemptions() -> dict[str, str]:
    """Return reason by "law-name subject", of all manifests and of the house."""
    pairs = [*EXEMPTIONS]
    for line in registry.current().all(Line):
        pairs += line.exemptions
    return dict(pairs)


def judge(law: str, faults: Mapping[str, str], advice: str) -> None:
    """Fail with every fault (subject → what is wrong) that is not exempted, and with every exemption that is stale."""
    judged.add(law)
    excused = {name.removeprefix(f"{law} ") for name in exemptions() if name.startswith(f"{law} ")}
    broken = [f"  {subject}: {faults[subject]}" for subject in sorted(set(faults) - excused)]
    stale = [f"  {subject}: exempted, but nothing is wrong with it: delete the exemption" for subject in
             sorted(excused - set(faults))]  # fmt: skip
    assert not broken and not stale, f"House law “{law}”. {advice}\n" + "\n".join(broken + stale)


judged: set[str] = set()


@cache
def tracked() -> tuple[Path, ...]:
    """Return the files of the project, committed or about to be, without what git ignores."""
    answer = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT, capture_output=True, check=True, text=True,
    )  # fmt: skip
    return tuple(path for name in answer.stdout.split("\0") if name and (path := ROOT / name).is_file())


@cache
def python_files(tests: bool = False) -> tuple[Path, ...]:
    """Return the package's modules without migrations; with the tests only when asked."""
    found = [path for path in tracked() if path.suffix == ".py" and SOURCE in path.parents]
    return tuple(
        path for path in found if "migrations" not in path.parts and (tests or not {"tests", "testing.py"} & set(path.parts))
    )  # fmt: skip


@cache
def tree_of(path: Path) -> ast.Module:
    """Return the syntax tree of a module."""
    return ast.parse(path.read_text(), str(path))


def short(path: Path) -> str:
    """Return the path as it is written in messages: from the root of the project."""
    return str(path.relative_to(ROOT))


@cache
def lines() -> dict[str, Path]:
    """Return the lines of the source tree: code → folder."""
    return {path.parent.name: path.parent for path in sorted(SOURCE.glob("lines/*/manifest.py"))}


def area_of(package: str) -> str:
    """Return the code of the part or line a package or module name belongs to: ``zhiguan.kernel.orgs.x`` → orgs."""
    parts = package.split(".")
    return parts[2] if len(parts) > 2 and parts[1] in ("kernel", "functions", "lines") else parts[1]


def ours(models: Iterable[type]) -> list[type]:
    """Return the models of the project's own apps."""
    return [model for model in models if model.__module__.startswith("zhiguan.")]


def chinese(text: Any) -> bool:
    """Tell whether there is a Chinese character in the text."""
    return any("\u3400" <= character <= "\u9fff" for character in str(text))


def nested(value: Any, path: str = "") -> Iterable[tuple[str, Any, str]]:
    """Yield (attribute, value, path) of a declaration and of everything declared inside it."""
    if is_dataclass(value) and not isinstance(value, type):
        for field in fields(value):
            inner = getattr(value, field.name)
            yield field.name, inner, f"{path}.{field.name}"
            if not isinstance(inner, str):
                yield from nested(inner, f"{path}.{field.name}")
    elif isinstance(value, (tuple, list)):
        for number, item in enumerate(value):
            yield from nested(item, f"{path}[{getattr(item, 'code', None) or getattr(item, 'name', None) or number}]")


def declarations() -> list[Declared]:
    """Return everything the lines and parts declare."""
    return registry.current().all(Declared)


def called(node: ast.AST) -> Iterable[tuple[str, ast.Call]]:
    """Yield (dotted name, call) of every call inside ``node`` whose callee is a plain dotted name."""
    for inner in ast.walk(node):
        if isinstance(inner, ast.Call):
            yield dotted(inner.func), inner


def dotted(node: ast.AST) -> str:
    """Return ``a.b.c`` for a name or attribute; of anything else under the attribute, ``….c``."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return "…"


def literals(call: ast.Call) -> list[str]:
    """Return the text literals among the positional arguments of a call."""
    return [item.value for item in call.args if isinstance(item, ast.Constant) and isinstance(item.value, str)]
