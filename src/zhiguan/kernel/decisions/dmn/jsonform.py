"""Inputs and values of decisions as JSON has them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from ..feel import Function, Range, Type, YearsMonths, write
from ..feel.errors import Run
from ..feel.temporal import read_date, read_duration, read_moment, read_time
from .model import Model, Outcome

READ = {
    "date": read_date, "time": read_time, "date and time": read_moment, "days and time duration": read_duration,
    "years and months duration": read_duration,
}  # fmt: skip


def _typed(value: Any, wanted: Type | None) -> Any:
    """Return ``value`` with text read as the date, time or duration that is wanted; text that is none stays."""
    if wanted is None:
        return value
    if isinstance(value, str) and wanted.name in READ:
        read = READ[wanted.name](value)
        return value if read is None else read
    if isinstance(value, list) and wanted.name == "list":
        return [_typed(each, wanted.item) for each in value]
    if isinstance(value, Mapping) and wanted.entries:
        return {name: _typed(each, wanted.entries.get(name)) for name, each in value.items()}
    return value


def from_json(model: Model, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``inputs`` with the dates and durations that the model's types ask for; in a file without input data those
    that the columns of its tables ask for."""
    types = {each.name: each.type for each in model.elements.values() if each.kind == "input"}
    if model.open:
        types = {column.text: column.type for table in model.tables for column in table.columns}
    return {name: _typed(value, types.get(name)) for name, value in inputs.items()}


def to_json(value: Any) -> Any:
    """Return a value of FEEL as JSON has it: dates, durations and ranges as text, functions as null."""
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() and value.adjusted() < 300 else float(value)
    if isinstance(value, list):
        return [to_json(each) for each in value]
    if isinstance(value, dict):
        return {name: to_json(each) for name, each in value.items()}
    if isinstance(value, date | datetime | time | timedelta | YearsMonths | Range):
        return write(Run(), value)
    return None if isinstance(value, Function) else str(value)


def outcome_json(outcome: Outcome) -> dict[str, Any]:
    """Return an outcome as the command line and the trace have it."""
    return {
        "value": to_json(outcome.value),
        "hits": [
            {
                "table": hit.table, "rule": hit.rule, "id": hit.rule_id, "annotation": hit.annotation,
                "outputs": to_json(hit.outputs), "explanation": hit.explanation,
            }
            for hit in outcome.hits
        ],
        "steps": [{"decision": step.decision, "value": to_json(step.value)} for step in outcome.steps],
        "notes": list(outcome.notes),
    }  # fmt: skip
