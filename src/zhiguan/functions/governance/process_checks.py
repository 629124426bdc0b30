"""Test cases of a definition: what they may name, how they are cleaned, run and told in words."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from zhiguan.kernel.decisions import feel
from zhiguan.kernel.decisions.dmn.jsonform import to_json
from zhiguan.kernel.flow import engine, plan, trying
from zhiguan.kernel.flow.service import Definition
from zhiguan.kit.errors import Invalid, Refusal

from . import processes

MOST, LONGEST = 100, 300
GIVEN = ("outcomes", "decisions")
"""Names the engine itself fills in."""
KINDS = {"text": "文字", "number": "数字", "boolean": "是否", "empty": "空值", "feel": "列表或其他（FEEL）"}
FROM_FIELD = {"integer": "number", "decimal": "number", "money": "number", "boolean": "boolean", "table": "feel",
              "unit": "number", "person": "number"}  # fmt: skip


def names(row: Definition, process: engine.Process) -> list[dict[str, str]]:
    """What conditions and tables ask for: code, name and kind of value; the form's own fields among them by their labels."""
    fields = {each["code"]: each for each in processes.fields_of(processes.item_of(row.item))}
    asked: dict[str, str] = {}
    labels = {name: label for text in row.tables.values() for name, label in processes.data_names(text).items()}
    labels |= {column.text: column.label for model in process.tables.values() for each in model.tables for column in each.columns}
    labels |= {code: about["name"] for code, about in fields.items()}
    for table, decision in process.plan.decisions.values():
        model = process.tables[table]
        types = {
            each.name: each.type.name
            for each in model.elements.values()
            if each.kind == "input" and each.type is not None
        }
        for name in model.inputs_of(decision):
            asked[name] = {"number": "number", "boolean": "boolean", "string": "text"}.get(types.get(name, ""), "feel")
    root, _ = plan.read(row.bpmn.encode())
    for condition in root.iter(f"{{{plan.BPMN}}}conditionExpression"):
        for name in feel.check((condition.text or "").strip()):
            asked.setdefault(name, FROM_FIELD.get(fields.get(name, {}).get("kind", ""), "text"))
    return [
        {"code": name, "name": labels.get(name, ""), "kind": kind}
        for name, kind in asked.items() if name not in GIVEN
    ]  # fmt: skip


def value_from(kind: str, text: str, what: str) -> Any:
    """Return a value as JSON from how it was typed. Raises Invalid."""
    if kind == "empty":
        return None
    if kind == "boolean":
        return text in ("true", "1", "是")
    if kind == "number":
        try:
            number = Decimal(text.strip())
        except InvalidOperation:
            raise Invalid(f"“{what}”须填写数字。") from None
        if not number.is_finite() or abs(number) > Decimal(10) ** 15:
            raise Invalid(f"“{what}”的数字过大。")
        return int(number) if number == number.to_integral_value() else float(number)
    if kind == "feel":
        try:
            return to_json(feel.evaluate(text, {}, strict=True))
        except feel.FeelError as error:
            raise Invalid(f"“{what}”的写法有误：{error}") from error
    return text


def kind_of(value: Any) -> str:
    if value is None:
        return "empty"
    if isinstance(value, bool):
        return "boolean"
    return "number" if isinstance(value, int | float) else "text" if isinstance(value, str) else "feel"


def text_of(value: Any) -> str:
    """A value as it is typed again: JSON's lists and objects are FEEL too."""
    import json

    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def for_form(checks: list[Any]) -> list[dict[str, Any]]:
    """The stored test cases as the form edits them."""
    found = []
    for check in checks:
        expect = check.get("expect") or {}
        found.append({
            "name": check.get("name", ""),
            "context": [{"code": code, "kind": kind_of(value), "text": text_of(value)}
                        for code, value in (check.get("context") or {}).items()],
            "acts": [dict(act) for act in check.get("acts") or ()],
            "open": expect.get("open"), "result": expect.get("result"), "decisions": expect.get("decisions") or {},
        })  # fmt: skip
    return found


def clean(sent: Any, process: plan.Plan) -> list[dict[str, Any]]:
    """Return the test cases of a form as they are stored. Raises Invalid naming the case."""
    if not isinstance(sent, list) or len(sent) > MOST:
        raise Invalid(f"测试用例的格式不正确，或超过 {MOST} 个。", code="checks")
    found = []
    for number, each in enumerate(sent, 1):
        try:
            found.append(_one(each, process))
        except Invalid as refusal:
            raise Invalid(f"测试用例 {number}：{refusal.message}", code="checks") from refusal
        except (AttributeError, KeyError, TypeError) as error:
            raise Invalid(f"测试用例 {number} 的格式不正确。", code="checks") from error
    return found


def _one(each: Mapping[str, Any], process: plan.Plan) -> dict[str, Any]:
    name = str(each["name"]).strip()[:LONGEST]
    if not name:
        raise Invalid("请填写名称。")
    context = {}
    for value in each["context"]:
        code = str(value["code"]).strip()
        if not code:
            continue
        if not code.isidentifier() or code in GIVEN:
            raise Invalid(f"“{code[:40]}”不能作为数据的名称。")
        context[code] = value_from(str(value["kind"]), str(value["text"])[: LONGEST * 10], code)
    acts: list[dict[str, str]] = []
    for act in each["acts"]:
        if "return_to" in act:
            acts.append({"return_to": _step(act["return_to"], process)})
            continue
        step = _step(act["step"], process)
        outcome = str(act.get("outcome", "agree"))
        if outcome not in process.steps[step].outcomes:
            raise Invalid(f"步骤“{process.names[step]}”没有办理结果“{outcome[:40]}”。")
        acts.append({"step": step, "outcome": outcome})
    expect: dict[str, Any] = {}
    if each.get("open") is not None:
        expect["open"] = [_step(step, process) for step in each["open"]]
    if each.get("result") is not None:
        if each["result"] not in processes.RESULTS:
            raise Invalid("预期结果不在可选范围内。")
        expect["result"] = each["result"]
    if each.get("decisions"):
        expect["decisions"] = {str(node): value for node, value in each["decisions"].items()}
    if not expect:
        raise Invalid("请写明预期：停在哪一步，或者办理结果。")
    return {"name": name, "context": context, "acts": acts, "expect": expect}


def _step(code: Any, process: plan.Plan) -> str:
    if code not in process.steps:
        raise Invalid(f"流程中没有步骤“{str(code)[:40]}”。")
    return str(code)


def run(process: engine.Process, checks: list[Any]) -> list[dict[str, Any]]:
    """Play every test case: whether it passed, what differs, and where the process really stood after each act."""
    found = []
    for check in checks:
        trail: list[str] = []
        last = None
        try:
            for state in trying.play(process, check):
                last = state
                trail.append("、".join(process.plan.names.get(node, node) for node in state.open) or "终点")
        except Refusal as refusal:
            trail.append(f"停止：{refusal.message}")
        wrong = [_named(text, process.plan) for text in trying.failures(process, check)]
        found.append({
            "name": check.get("name", ""), "passed": not wrong, "wrong": wrong, "trail": trail,
            "open": list(last.open) if last else None, "result": last.result if last else None,
            "result_text": processes.RESULTS.get(last.result, "") if last else "",
            "decisions": {node: engine.plain(value) for node, value in last.decisions.items()} if last else {},
        })  # fmt: skip
    return found


def _named(text: str, process: plan.Plan) -> str:
    """A failure with names for the codes of steps and results."""
    for code, name in sorted(process.names.items(), key=lambda each: -len(each[0])):
        text = text.replace(f" {code}，", f" {name}，").replace(f"“{code}”", f"“{name}”")
        text = text.replace(f"、{code}，", f"、{name}，")
        if text.endswith((f" {code}", f"、{code}")):
            text = text[: -len(code)] + name
    for code, name in processes.RESULTS.items():
        if code:
            text = text.replace(code, name)
    return text
