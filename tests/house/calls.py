"""Who calls whom inside one part or line, as far as names can tell: enough to see that a verb asks and leaves a trace."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from .laws import SOURCE, called, dotted, literals, python_files, tree_of

TRACES = {"ledger.create", "ledger.move", "ledger.change", "trace.record"}
ASKS = {"require", "can", "Denied"}
WRITES = {"create", "bulk_create", "update", "bulk_update", "delete", "save", "get_or_create", "update_or_create"}


@dataclass
class Function:
    """One function at module level: what it calls, by dotted name, with the text literals handed over."""

    module: str
    name: str
    first: str
    calls: list[tuple[str, list[str]]] = field(default_factory=list)
    writes: bool = False
    types: frozenset[str] = frozenset()
    """Names in the annotations of its arguments and of what it returns."""

    @property
    def public(self) -> bool:
        return not self.name.startswith("_")


@dataclass
class Package:
    """The functions of a package by (module, name) and, per module, what its imports stand for."""

    functions: dict[tuple[str, str], Function] = field(default_factory=dict)
    imports: dict[str, dict[str, tuple[str, str]]] = field(default_factory=dict)

    def resolve(self, module: str, name: str) -> Function | None:
        """Return the package's own function that ``name`` means in ``module``."""
        head, _, rest = name.partition(".")
        if not rest and (module, head) in self.functions:
            return self.functions[module, head]
        if head in self.imports.get(module, {}):
            source, original = self.imports[module][head]
            return self.functions.get((source, original)) if not rest else self.functions.get((f"{source}.{original}", rest))
        return None

    def reached(self, start: Function) -> list[Function]:
        """Return the function and all of the package's own that it leads to."""
        found, waiting = {(start.module, start.name): start}, [start]
        while waiting:
            function = waiting.pop()
            for name, _ in function.calls:
                step = self.resolve(function.module, name)
                if step is not None and (step.module, step.name) not in found:
                    found[step.module, step.name] = step
                    waiting.append(step)
        return list(found.values())

    def traced(self, start: Function) -> bool:
        """Tell whether the function leads to an entry in the log."""
        return any(name in TRACES for function in self.reached(start) for name, _ in function.calls)

    def asked(self, start: Function) -> bool:
        """Tell whether the function leads to a question about the actor's permission or standing."""
        return any(name.split(".")[-1] in ASKS for function in self.reached(start) for name, _ in function.calls)


def module_name(path: Path) -> str:
    parts = path.relative_to(SOURCE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def read(package: Package, module: str, tree: ast.Module, is_package: bool = False) -> None:
    """Add a module's functions and imports."""
    names = package.imports.setdefault(module, {})
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            base = module.split(".")
            if node.level:
                base = base[: len(base) - node.level + (1 if is_package else 0)]
            source = ".".join([*base, *([node.module] if node.module else [])]) if node.level else node.module or ""
            for alias in node.names:
                names[alias.asname or alias.name] = (source, alias.name)
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            first = node.args.args[0].arg if node.args.args else ""
            notes = [node.returns, *(argument.annotation for argument in node.args.args)]
            types = {inner.id for note in notes if note is not None for inner in ast.walk(note) if isinstance(inner, ast.Name)}
            function = Function(module, node.name, first, types=frozenset(types))
            for name, call in called(node):
                function.calls.append((name, literals(call)))
                function.writes |= name.split(".")[-1] in WRITES and _of_rows(call)
            package.functions[module, node.name] = function


def _of_rows(call: ast.Call) -> bool:
    """Tell whether the method is one of rows: ``Model.objects.….update()``, ``row.save()``."""
    node, names = call.func, []
    while isinstance(node, (ast.Attribute, ast.Call)):
        if isinstance(node, ast.Attribute):
            names.append(node.attr)
            node = node.value
        else:
            node = node.func
    return "objects" in names or names[0] == "save" or dotted(call.func).endswith((".bulk_create", ".bulk_update"))


@cache
def package_at(folder: Path) -> Package:
    """Return the calls of a part's or line's modules."""
    package = Package()
    for path in python_files():
        if folder in path.parents:
            read(package, module_name(path), tree_of(path), path.name == "__init__.py")
    return package
