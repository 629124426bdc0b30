"""``zhiguan dmn``: decisions and checks of a file, without a database.

``eval FILE --decision D``: JSON objects of inputs on standard input, one a line; one JSON object a line out: ``ok``,
``value``, ``hits`` (``table``, ``rule`` from 1, ``id``, ``annotation``, ``outputs``, ``explanation``), ``steps``,
``notes``; wrong input gives ``ok`` false and ``error`` in Chinese, and the next line is read. Dates, times and durations
are ISO 8601 text. ``lint FILE``: one finding a line; the exit code is 1 if there is one.
"""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from decimal import Decimal
from pathlib import Path
from typing import IO

from zhiguan.kit.errors import Invalid

from .jsonform import from_json, outcome_json
from .lint import lint
from .model import Model
from .reading import read

MAX_LINE = 1_000_000


def _model(file: str, imports: list[str], lenient: bool) -> Model | None:
    try:
        return read(Path(file).read_bytes(), [Path(each).read_bytes() for each in imports], lenient=lenient)
    except OSError as error:
        print(f"无法打开 {error.filename}:{error.strerror}", file=sys.stderr)  # noqa: T201 - a command line
    except Invalid as error:
        print(f"{file}:{error.message}", file=sys.stderr)  # noqa: T201
    return None


def _object(text: str) -> dict:
    if len(text) > MAX_LINE:
        raise Invalid("输入行过长")
    try:
        given = json.loads(text, parse_float=Decimal)
    except (ValueError, RecursionError):
        raise Invalid("输入应为 JSON 对象，每行一个") from None
    if not isinstance(given, dict):
        raise Invalid("输入应为 JSON 对象，每行一个")
    return given


def eval_lines(model: Model, decision: str, source: IO[str], target: IO[str], *, strict: bool = True) -> None:
    """Decide each line of ``source`` on ``target``."""
    for line in source:
        if not line.strip():
            continue
        try:
            outcome = model.decide(decision, from_json(model, _object(line)), strict=strict)
            told = {"ok": True, **outcome_json(outcome)}
        except Invalid as error:
            told = {"ok": False, "error": error.message}
        target.write(json.dumps(told, ensure_ascii=False) + "\n")


def evaluate(args: Namespace) -> int:
    """Run ``dmn eval``."""
    model = _model(args.file, args.imports, args.lenient)
    if model is None:
        return 2
    if model.find(args.decision) is None:
        names = "、".join(each.name for each in model.decisions())
        print(f"{args.file}:没有决策“{args.decision}”，有：{names}", file=sys.stderr)  # noqa: T201
        return 2
    eval_lines(model, args.decision, sys.stdin, sys.stdout, strict=not args.lenient)
    return 0


def check(args: Namespace) -> int:
    """Run ``dmn lint``."""
    model = _model(args.file, args.imports, False)
    if model is None:
        return 2
    findings = lint(model)
    for each in findings:
        told = {"table": each.table, "code": each.code, "rules": each.rules, "message": each.message}
        sys.stdout.write(json.dumps(told, ensure_ascii=False) + "\n")
    return 1 if findings else 0
