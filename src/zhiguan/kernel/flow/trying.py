"""A process played without people: for ``zhiguan flow run``, for the test cases of a definition, for the modeller."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from zhiguan.kit.errors import Refusal

from .engine import Process, Run, plain


@dataclass(frozen=True)
class State:
    """Where the process stands after one act."""

    act: str
    open: list[str]
    ended: bool
    result: str
    acts: list[str]
    decisions: dict[str, Any]


def play(process: Process, script: Mapping[str, Any]) -> Iterable[State]:
    """Yield the state after the start and after each act of a script.

    ``script``: ``context`` (what conditions and tables see) and ``acts``, each ``{"step": id, "outcome": code}`` or
    ``{"return_to": id}``. A step that is not open raises a refusal.
    """
    made: list[str] = []
    context = dict(script.get("context") or {})
    done: list[tuple[str, str]] = []

    def perform(node: str, act: str, run: Run) -> None:
        made.append(act)

    run = Run.start(process, context, perform)
    yield _state("start", run, made)
    for act in script.get("acts") or ():
        if "return_to" in act:
            target = act["return_to"]
            undone = process.plan.behind(target) | {target}
            done = [(step, outcome) for step, outcome in done if step not in undone]
            run = Run.replay(process, done, context, perform)
            yield _state(f"return:{target}", run, made)
            continue
        step, outcome = act["step"], act.get("outcome", "agree")
        run.complete(step, outcome)
        done.append((step, outcome))
        # Written and read again at every act, as a case does.
        run = Run.load(process, run.dump(), run.context, perform)
        yield _state(f"{step}:{outcome}", run, made)


def _state(act: str, run: Run, made: list[str]) -> State:
    result = "granted" if "grant" in made and run.ended else "refused" if "refuse" in made and run.ended else ""
    return State(act, list(run.open), run.ended, result, list(made), dict(run.context["decisions"]))


def failures(process: Process, check: Mapping[str, Any]) -> list[str]:
    """Return how a test case differs from what it expects: ``open`` steps, ``result`` and ``decisions`` at its end."""
    try:
        last = list(play(process, check))[-1]
    except Refusal as refusal:
        return [str(refusal)]
    found = []
    expected = check.get("expect") or {}
    if "open" in expected and sorted(expected["open"]) != sorted(last.open):
        found.append(f"预期停在 {'、'.join(expected['open']) or '终点'}，实际停在 {'、'.join(last.open) or '终点'}")
    if "result" in expected and expected["result"] != last.result:
        found.append(f"预期结果 {expected['result'] or '未办结'}，实际 {last.result or '未办结'}")
    for node, value in (expected.get("decisions") or {}).items():
        if plain(last.decisions.get(node)) != value:
            found.append(f"决策“{node}”预期 {value}，实际 {plain(last.decisions.get(node))}")
    return found
