"""What is declared is documented, and what the documents name exists."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest

from zhiguan.kernel.metrics.declare import Metric
from zhiguan.kernel.supervision.declare import Rule
from zhiguan.kit import registry
from zhiguan.kit.manifest import Line, Permission, RoleTemplate
from zhiguan.site.testing import SHARED

from .laws import ROOT, SOURCE, judge, lines, ours, python_files, short

DOCS = ROOT / "docs"


def manual(owner: str) -> str:
    """Return what can be read about a part or line: its README and the pages under docs/."""
    own = SOURCE.joinpath(*owner.split(".")[1:], "README.md")
    found = [own.read_text()] if own.exists() else []
    return "\n".join([*found, *(path.read_text() for path in sorted(DOCS.glob("*.md")))])


@pytest.mark.parametrize("kind", [Rule, Metric, Permission, RoleTemplate, Line])
def test_everything_declared_is_documented(kind: type) -> None:
    faults = {}
    for declaration in registry.current().all(kind):
        owner = registry.current().owner(declaration)
        if f"`{declaration.code}`" not in manual(owner):
            faults[declaration.code] = f"add to its README or docs/: | `{declaration.code}` | {declaration.name} |"
    judge(f"{kind.__name__.lower()}s-are-documented", faults, "Users and auditors look it up by its code.")


def test_every_line_has_its_readme() -> None:
    faults = {code: "no README.md" for code, folder in lines().items() if not (folder / "README.md").exists()}
    judge("lines-have-readmes", faults, "One page: what it is, its legal basis, its terms, its rules and metrics.")


def test_every_dependency_has_its_reason() -> None:
    text = (DOCS / "dependencies.md").read_text()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    named = [*project["dependencies"], *(name for extra in project["optional-dependencies"].values() for name in extra)]
    wanted = {re.split(r"[\[<>=~!; ]", name)[0] for name in named}
    package = json.loads((SOURCE / "kit" / "frontend" / "package.json").read_text())
    wanted |= set(package.get("dependencies", {})) | set(package.get("devDependencies", {}))
    described = set(re.findall(r"^\| `([^`]+)` \|", text, re.MULTILINE))
    faults = {name: "no line of reason" for name in wanted - described}
    faults |= {name: "described, but not a dependency" for name in described - wanted}
    judge("dependencies-have-reasons", faults, "docs/dependencies.md: | `name` | what for | why this one |")


def test_decisions_are_numbered_and_whole() -> None:
    faults, numbers = {}, []
    for path in sorted((DOCS / "decisions").glob("*.md")):
        match = re.fullmatch(r"(\d{4})-[a-z0-9-]+\.md", path.name)
        if match is None:
            faults[path.name] = "is named NNNN-words.md"
            continue
        numbers.append(int(match.group(1)))
        text = path.read_text()
        missing = [head for head in ("## Why", "## Decision", "## Consequences") if head not in text]
        if missing or len(text.splitlines()) > 60:
            faults[path.name] = f"lacks {', '.join(missing)}" if missing else "is longer than one page"
    if numbers != list(range(1, len(numbers) + 1)):
        faults["numbers"] = f"have gaps or doubles: {numbers}"
    judge("decisions", faults, "One page each: Why, Decision, Consequences.")


ROW = re.compile(r"^\| ([A-Z]\d+(?:\.\d+)?) \| ([^|]+) \| ([^|]*) \| ([^|]*) \| ([^|]*) \|", re.MULTILINE)


def spec_numbers(text: str) -> set[str]:
    """Return the numbers of the requirements, ranges such as G1–G8 spelled out by their members' own mentions."""
    return set(re.findall(r"\b([PGOBDSQ]\d{1,2}|L\d{1,2}(?:\.\d+)?)\b", text))


def test_every_requirement_is_mapped() -> None:
    path = SHARED / "SPEC.md"
    if not path.exists():
        pytest.skip("SPEC.md 不在本机（可用 ZHIGUAN_SHARED 指定目录）")
    mapped = {row[0] for row in ROW.findall((DOCS / "requirements.md").read_text())}
    numbers = spec_numbers(path.read_text().split("## P.")[1])
    assert len(numbers) > 80, "the numbers of SPEC.md were not read"
    faults = {number: "not in docs/requirements.md" for number in numbers - mapped}
    faults |= {number: "not in SPEC.md" for number in mapped - numbers}
    judge("requirements-are-mapped", faults, "One row each; “not yet” is an honest answer.")


def test_what_requirements_and_threats_name_exists() -> None:
    faults = {}
    for name in ("requirements.md", "threats.md", "rooms.md", "add-a-line.md"):
        for file, test in re.findall(r"`((?:src|tests|docs|bench|scripts)/[\w./-]+)(?:::(\w+))?`", (DOCS / name).read_text()):
            path = ROOT / file
            if "lines/keys" in file:
                continue  # the line that the reader is about to add
            if not path.exists():
                faults[f"{name} {file}"] = "does not exist"
            elif test and not re.search(rf"^\s*(?:def|class) {test}\b", path.read_text(), re.MULTILINE):
                faults[f"{name} {file}::{test}"] = "no such test"
    judge("documents-name-what-exists", faults, "Correct the table, or write the test it promises.")


def test_what_is_met_has_a_test() -> None:
    rows = ROW.findall((DOCS / "requirements.md").read_text())
    faults = {}
    for number, _, state, where, proof in rows:
        if state.strip() not in ("met", "partly", "not yet"):
            faults[number] = f"state {state.strip()!r} is none of met, partly, not yet"
        elif state.strip() != "not yet" and ("`" not in where or "`" not in proof):
            faults[number] = "claims something without naming code and test"
        elif state.strip() == "not yet" and "`" in where + proof:
            faults[number] = "names code or tests, but says not yet"
    judge("claims-are-proved", faults, "docs/requirements.md: a claim names its code and its test.")


def glossary(text: str) -> set[str]:
    return {name for cell in re.findall(r"\|([^|\n]*)\|\s*$", text, re.MULTILINE) for name in re.findall(r"`(\w+)`", cell)}


def test_models_are_named_by_the_glossary() -> None:
    from django.apps import apps

    path = SHARED / "GLOSSARY.md"
    if not path.exists():
        pytest.skip("GLOSSARY.md 不在本机（可用 ZHIGUAN_SHARED 指定目录）")
    added = glossary((DOCS / "glossary-additions.md").read_text())
    known = glossary(path.read_text())
    known |= {name[:1].upper() + name[1:] for name in known if "_" not in name}
    names = {model.__name__: model._meta.verbose_name for model in ours(apps.get_models())}
    faults = {
        name: f"add to docs/glossary-additions.md: | {chinese_name} | … | `{name}` |"
        for name, chinese_name in names.items() if name not in known | added
    }  # fmt: skip
    faults |= {name: "in docs/glossary-additions.md, but no model" for name in added - set(names)}
    judge("models-are-in-the-glossary", faults, "One Chinese term, one English term, one identifier.")


def test_links_between_documents_lead_somewhere() -> None:
    faults = {}
    for path in [*DOCS.rglob("*.md"), *ROOT.glob("*.md")]:
        for target in re.findall(r"\]\((?!https?:|#|mailto:)([^)#\s]+)", path.read_text()):
            if not (path.parent / target).exists() and not Path(target).is_absolute():
                faults[f"{short(path)} {target}"] = "leads nowhere"
    judge("links-lead-somewhere", faults, "Correct the link.")


def test_every_setting_is_wired_and_documented() -> None:
    documented = set(re.findall(r"`(ZHIGUAN_[A-Z_]+\*?)`", (DOCS / "operations.md").read_text()))
    read: dict[str, str] = {}
    used: dict[str, str] = {}
    settings = (SOURCE / "site" / "settings.py").read_text()
    for path in python_files():
        text = path.read_text()
        for name in re.findall(r"environ(?:\.get\(|\.setdefault\(|\[)\s*f?\"(ZHIGUAN_[A-Z_]+)", text):
            read[f"{name}*" if name.endswith("_") else name] = short(path)
        for name in re.findall(r"settings\.(ZHIGUAN_[A-Z_]+)|getattr\(settings, \"(ZHIGUAN_[A-Z_]+)\"", text):
            used["".join(name)] = short(path)
    assert len(read) > 30 and len(used) > 8
    families = tuple(name.removesuffix("*") for name in documented & set(read) if name.endswith("*")) or ("-",)
    faults = {
        name: f"read by {path}, not in docs/operations.md" for name, path in read.items()
        if name not in documented and not name.startswith(families)
    }  # fmt: skip
    faults |= {
        name: "in docs/operations.md, but nothing reads it" for name in documented - set(read)
        if not name.startswith(families)
    }  # fmt: skip
    faults |= {
        name: f"asked by {path}, but settings.py does not take it from the environment" for name, path in used.items()
        if not re.search(rf"^{name} = .*environ", settings, re.MULTILINE)
    }  # fmt: skip
    judge("settings-are-documented", faults, "Read it from the environment in settings.py and give it a row in docs/operations.md.")
