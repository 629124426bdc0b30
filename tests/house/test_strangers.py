"""Lines do not know each other, also where an import graph cannot see it: keys, names of models, addresses, files."""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import SimpleNamespace

from django.apps import apps

from zhiguan.kit import registry
from zhiguan.kit.pages import Page

from .calls import module_name
from .laws import ROOT, SOURCE, area_of, called, judge, lines, literals, ours, python_files, short, tracked, tree_of


def kernel_rank() -> dict[str, int]:
    """Return the height of each kernel part, from the contract in pyproject.toml; parts side by side share one."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    layers = next(contract["layers"] for contract in contracts if contract["name"] == "Kernel order")
    names = [layer.replace("(", "").replace(")", "").replace("|", ":").split(":") for layer in layers]
    return {name.strip(): -number for number, layer in enumerate(names) for name in layer}


def storey(module: str) -> int:
    return {"kit": 0, "kernel": 1, "functions": 2, "lines": 3, "site": 4}[module.split(".")[1]]


def crossing_keys(models: Iterable[type]) -> dict[str, str]:
    """Return the relations that go sideways or up."""
    faults, rank = {}, kernel_rank()
    for model in models:
        for field in model._meta.get_fields():
            target = field.related_model if field.concrete and field.is_relation else None
            if target is None or not target.__module__.startswith("zhiguan."):
                continue
            here, there = area_of(model.__module__), area_of(target.__module__)
            up = storey(target.__module__) > storey(model.__module__)
            sideways = here != there and storey(target.__module__) == storey(model.__module__)
            if storey(model.__module__) == 1 and sideways:
                sideways = rank[there] >= rank[here]
            if up or sideways:
                faults[f"{model._meta.label}.{field.name}"] = f"points at {target._meta.label}"
    return faults


def test_keys_stay_in_the_line_or_go_down() -> None:
    advice = "Keep the other side's public code as text, or move what both need down into the kernel."
    judge("keys-go-down", crossing_keys(ours(apps.get_models(include_auto_created=True))), advice)


def test_a_key_into_another_line_is_seen() -> None:
    vehicle = apps.get_model("vehicles.Vehicle")
    field = SimpleNamespace(name="vehicle", concrete=True, is_relation=True, related_model=vehicle)
    meta = SimpleNamespace(label="energy.Meter", get_fields=lambda: [field])
    meter = SimpleNamespace(__module__="zhiguan.lines.energy.models", _meta=meta)
    assert crossing_keys([meter]) == {"energy.Meter.vehicle": "points at vehicles.Vehicle"}
    part = SimpleNamespace(__module__="zhiguan.kernel.trace.models", _meta=meta)
    assert crossing_keys([part]), "a kernel part that points up into a line"


def foreign_names(area: str, tree: ast.AST, others: Iterable[str]) -> list[str]:
    """Return how a line's module names models or tables of other lines without importing them."""
    faults = []
    for name, call in called(tree):
        if name.split(".")[-1] == "get_model":
            wanted = literals(call)
            if not wanted:
                faults.append(f"line {call.lineno}: get_model of a computed name")
            elif wanted[0].split(".")[0].lower() in others:
                faults.append(f"line {call.lineno}: get_model({wanted[0]!r})")
    tables = {model._meta.db_table for model in ours(apps.get_models()) if model._meta.app_label in others}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            faults += [f"line {node.lineno}: table {table}" for table in sorted(tables) if table in node.value.split()]
    return [f"{area}: {fault}" for fault in faults]


def test_models_of_other_lines_are_not_asked_for_by_name() -> None:
    faults: dict[str, str] = {}
    for code, folder in lines().items():
        others = set(lines()) - {code}
        for path in python_files():
            if folder in path.parents and (found := foreign_names(code, tree_of(path), others)):
                faults[short(path)] = "; ".join(found)
    judge("no-models-by-name", faults, "A line reads its own tables and the kernel's doors, nothing else.")


def test_a_model_asked_for_by_name_is_seen() -> None:
    text = "apps.get_model('vehicles.Vehicle')\nq = 'SELECT plate FROM vehicles_vehicle WHERE id = 1'\nget_model(name)"
    assert len(foreign_names("energy", ast.parse(text), {"vehicles"})) == 3
    assert foreign_names("energy", ast.parse("apps.get_model('energy.Meter')"), {"vehicles"}) == []


def test_addresses_carry_the_code_of_their_owner() -> None:
    faults = {}
    for page in registry.current().all(Page):
        owner = registry.current().owner(page)
        if owner == "zhiguan.site":
            continue  # the site speaks for parts that must not know pages of others
        area = area_of(owner)
        if not page.url_name.startswith(f"{area}."):
            faults[page.url_name] = f"the name of a page of {area} begins with “{area}.”"
        elif not page.path.startswith(f"{area}/"):
            faults[page.url_name] = f"the address {page.path!r} of a page of {area} begins with “{area}/”"
    judge("addresses-carry-the-code", faults, "Two lines can then never claim one address.")


def stray_assets(files: Iterable[Path], folders: Mapping[str, Path]) -> dict[str, str]:
    """Return templates and static files that do not lie under the code of their line or part."""
    faults = {}
    for path in files:
        for code, folder in folders.items():
            for kind in ("templates", "static"):
                base = folder / kind
                if base in path.parents and (base / code) not in path.parents:
                    faults[short(path)] = f"belongs under {kind}/{code}/"
    return faults


def test_templates_and_static_files_carry_the_code_of_their_owner() -> None:
    parts = {path.parent.name: path.parent for path in SOURCE.glob("kernel/*/__init__.py")}
    faults = stray_assets(tracked(), {**parts, **lines(), "kit": SOURCE / "kit"})
    judge("assets-carry-the-code", faults, "Names of templates and static files are shared by the whole site.")


def test_a_stray_template_is_seen() -> None:
    folder = SOURCE / "lines" / "energy"
    assert stray_assets([folder / "templates" / "list.html"], {"energy": folder})
    assert not stray_assets([folder / "templates" / "energy" / "list.html"], {"energy": folder})


def private_imports(module: str, tree: ast.Module) -> list[str]:
    """Return the kernel parts whose tables a module of another part or storey imports."""
    faults = []
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        for name in names:
            parts = name.split(".")
            if parts[:2] == ["zhiguan", "kernel"] and parts[3:4] == ["models"] and area_of(module) != parts[2]:
                faults.append(parts[2])
    return sorted(set(faults))


def test_tables_of_a_kernel_part_are_its_own() -> None:
    faults = {}
    for path in python_files():
        if found := private_imports(module_name(path), tree_of(path)):
            faults[short(path)] = f"imports the models of {', '.join(found)}"
    judge("kernel-tables-are-private", faults, "Take what the part's service or queries offer, decision 0007.")


def test_an_import_of_anothers_tables_is_seen() -> None:
    tree = ast.parse("from zhiguan.kernel.orgs.models import Unit")
    assert private_imports("zhiguan.kernel.trace.service", tree) == ["orgs"]
    assert private_imports("zhiguan.kernel.orgs.queries", tree) == []
    assert private_imports("zhiguan.site.desk", ast.parse("from zhiguan.kernel.orgs import models")) == ["orgs"]
