"""Verbs: every one asks for a permission and leaves a trace; one act has one word."""

from __future__ import annotations

import ast
import inspect
from pathlib import Path
from types import FunctionType
from typing import Any

import pytest
from django.apps import apps

from zhiguan.kernel.ledger.declare import Lifecycle
from zhiguan.kernel.trace.names import codes
from zhiguan.kit import registry
from zhiguan.kit.pages import BulkAction, DetailPage, FormPage, ListPage

from .calls import Function, Package, package_at, read
from .laws import SOURCE, area_of, called, judge, lines, literals, ours, python_files, short, tree_of


def domain_of(package: Package) -> list[Function]:
    return [function for function in package.functions.values() if ".domain" in function.module]


def verbs(package: Package) -> list[Function]:
    """Return a line's verbs: public functions of the domain room whose first argument is the actor."""
    return [function for function in domain_of(package) if function.public and function.first == "actor"]


def name_of(function: Function) -> str:
    return f"{function.module.removeprefix('zhiguan.lines.')}.{function.name}"


def test_every_verb_leaves_a_trace() -> None:
    faults = {}
    for folder in lines().values():
        package = package_at(folder)
        for function in filter(lambda each: each.public, domain_of(package)):
            writes = any(step.writes for step in package.reached(function))
            if not package.traced(function) and (writes or (function in verbs(package) and not _reads(function))):
                faults[name_of(function)] = "writes, but leads to no ledger event and no trace entry"
    judge("verbs-are-traced", faults, "Use ledger.create, move or change, or call trace.record in the same transaction.")


def _reads(function: Function) -> bool:
    return not function.writes and function.name.startswith(("check", "find", "may"))


def test_every_verb_asks_for_a_permission() -> None:
    faults = {}
    for folder in lines().values():
        package = package_at(folder)
        for function in verbs(package):
            if not package.asked(function):
                faults[name_of(function)] = "never asks whether the actor may"
    judge("verbs-ask", faults, "Call actor.require(permission, row) first; a page's permission does not protect a verb.")


def test_a_verb_without_trace_or_question_is_seen() -> None:
    package = Package()
    text = "def seize(actor, car):\n    _write(car)\ndef _write(car):\n    Car.objects.filter(pk=car.pk).update(state='x')\n"
    read(package, "zhiguan.lines.energy.domain", ast.parse(text))
    (verb,) = verbs(package)
    assert any(step.writes for step in package.reached(verb))
    assert not package.traced(verb) and not package.asked(verb)
    honest = "def lay_up(actor, car):\n    actor.require('a.b.c', car)\n    return ledger.move(car, 'lay_up', actor)\n"
    read(package, "zhiguan.lines.energy.domain", ast.parse(honest))
    verb = package.functions["zhiguan.lines.energy.domain", "lay_up"]
    assert package.traced(verb) and package.asked(verb)


def page_verbs() -> list[tuple[str, Any, str]]:
    """Return (name, verb, owning package) of everything a page can do."""
    found = []
    for page in registry.current().all(ListPage):
        found += [(page, action) for action in page.bulk_actions]
    for page in registry.current().all(DetailPage):
        found += [(page, action) for action in page.actions]
    found += [(page, page) for page in registry.current().all(FormPage)]
    return [
        (f"{page.url_name}{'' if action is page else '.' + action.code}{' 批量' if isinstance(action, BulkAction) else ''}",
         action.verb, registry.current().owner(page))
        for page, action in found
    ]  # fmt: skip


def test_what_a_page_does_is_a_verb() -> None:
    faults = {}
    for name, verb, owner in page_verbs():
        if not owner.startswith("zhiguan.lines."):
            continue
        package = package_at(SOURCE / "lines" / area_of(owner))
        if not leads_to_verb(verb, owner, package):
            faults[name] = "is done by code outside the domain room"
    judge("pages-call-verbs", faults, "Pages parse and answer; what is decided and written belongs to a verb in domain.")


def leads_to_verb(verb: FunctionType, owner: str, package: Package) -> bool:
    """Tell whether a page's callable is a verb, or names one of the domain room."""
    if verb.__module__.startswith(f"{owner}.domain"):
        return True
    kept = [cell.cell_contents for cell in verb.__closure__ or ()]
    if any(isinstance(each, FunctionType) and each.__module__.startswith(f"{owner}.domain") for each in kept):
        return True
    own = {function.name for function in verbs(package)}
    return bool(own & set(inspect.unwrap(verb).__code__.co_names))


def test_a_move_has_a_verb_of_its_name() -> None:
    faults = {}
    for cycle in registry.current().all(Lifecycle):
        owner = registry.current().owner(cycle)
        if not owner.startswith("zhiguan.lines."):
            continue
        package = package_at(SOURCE / "lines" / area_of(owner))
        models = {model.__name__ for model in ours(apps.get_models()) if getattr(model, "lifecycle", None) is cycle}
        for move in cycle.moves:
            makers = [
                function for function in verbs(package) if function.types & models and makes(package, function, move.code)
            ]
            if not makers:
                faults[f"{cycle.code}.{move.code}"] = "no verb in domain makes this move"
            elif not any(named(function.name, move.code) for function in makers):
                known = ", ".join(function.name for function in makers)
                faults[f"{cycle.code}.{move.code}"] = f"made by {known}: one act, one word"
    judge("one-act-one-word", faults, "A move, its verb, its trace code, its address and its operation share one word.")


def named(function: str, code: str) -> bool:
    return function == code or function.startswith(f"{code}_")


def makes(package: Package, function: Function, code: str) -> bool:
    return any(code in texts for step in package.reached(function) for _, texts in step.calls)


def test_every_traced_act_has_a_name() -> None:
    faults = {}
    known = codes()
    for path in python_files():
        for name, call in called(tree_of(path)):
            if name.endswith("trace.record") or name == "record":
                for text in literals(call)[:1]:
                    if text.count(".") == 2 and text not in known:
                        faults[text] = f"{short(path)} line {call.lineno}: not declared"
    judge("traced-acts-are-named", faults, "Declare TraceCode(code, 中文名) in the part's codes.py: people read the log.")


@pytest.mark.parametrize("path", ["supervision/handling.py", "calendar/service.py", "reference/service.py"])
def test_verbs_of_the_kernel_leave_a_trace(path: str) -> None:
    file = SOURCE / "kernel" / Path(path)
    package = package_at(file.parent)
    module = ".".join(["zhiguan", "kernel", *Path(path).with_suffix("").parts])
    found = [f for f in package.functions.values() if f.module == module and f.public and f.first == "actor"]
    assert found, "no verbs found: the law looks in the wrong place"
    assert [function.name for function in found if function.writes and not package.traced(function)] == []
