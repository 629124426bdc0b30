"""The picture of a process for the browser: its file (with a drawing made for it when it has none) and what to mark."""

from __future__ import annotations

from typing import Any

from zhiguan.kernel.flow import layout, plan
from zhiguan.kernel.flow.service import Case, Definition

from . import processes


def config(definition: Definition, case: Case | None = None) -> dict[str, Any]:
    """Return what the island ``bpmn-view`` is drawn from: the file, done and open steps."""
    wide, narrow = (layout.with_drawing(definition.bpmn, across) for across in (layout.WIDE, layout.NARROW))
    found: dict[str, Any] = {"xml": wide, "narrow": narrow if narrow != wide else "", "done": [], "open": [], "undone": []}
    if case is not None:
        for step in case.steps.all():
            key = {"done": "done", "open": "open", "undone": "undone"}.get(step.state)
            if key:
                found[key].append(step.node)
        found["done"] = [node for node in found["done"] if node not in found["open"]]
    return found


def steps(definition: Definition | None) -> list[dict[str, Any]]:
    """Return the steps of a process in the order of its file, for people who would rather read: who, how long, how."""
    if definition is None:
        return []
    known = processes.named_words()
    _, read = plan.read(definition.bpmn.encode())
    return [
        {"name": step.name, "stage": plan.STAGES[step.stage], "help": step.help,
         "who": processes.who_in_words(step.who, known, present=True), "days": processes.days_in_words(step.days),
         "mode": plan.MODES[step.mode] if step.mode != "one" else ""}
        for step in read.steps.values()
    ]  # fmt: skip
