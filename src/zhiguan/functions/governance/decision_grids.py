"""Decision tables as grids for editing in the browser, and back into the DMN file: ids and everything the grid does not
show (type definitions, values of columns, requirements) stay as they were."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from lxml import etree

from zhiguan.kernel.decisions import dmn, feel, hardened
from zhiguan.kit.errors import Invalid

POLICIES = ("UNIQUE", "FIRST", "ANY", "PRIORITY", "RULE ORDER", "OUTPUT ORDER", "COLLECT")
AGGREGATIONS = ("", "SUM", "MIN", "MAX", "COUNT")
TYPES = ("", "string", "number", "boolean", "date", "dateTime", "time")
MOST = {"inputs": 30, "outputs": 30, "rules": 1000}
LONGEST = 2000
"""Characters of one cell."""


def _root(data: str) -> Any:
    hardened.check(data.encode())
    return etree.fromstring(data.encode(), etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False))


def _space(root: Any) -> str:
    return etree.QName(root).namespace or ""


def _text(node: Any, name: str) -> str:
    """The text of ``<name><text>``, or of ``name`` itself where it holds its text directly."""
    found = node.find(f"{{{_space(node)}}}{name}") if name else node
    if found is None:
        return ""
    inner = found.find(f"{{{_space(node)}}}text")
    return ((found if inner is None else inner).text or "").strip()


def read(data: str) -> list[dict[str, Any]]:
    """Return the decision tables of a file as grids, in the order of the file."""
    root = _root(data)
    space = f"{{{_space(root)}}}"
    found = []
    for decision in root.iter(f"{space}decision"):
        table = decision.find(f"{space}decisionTable")
        if table is None:
            continue
        inputs = [
            {"id": each.get("id", ""), "label": each.get("label", ""), "text": _text(each.find(f"{space}inputExpression"), ""),
             "type": (each.find(f"{space}inputExpression").get("typeRef") or "")}
            for each in table.findall(f"{space}input") if each.find(f"{space}inputExpression") is not None
        ]  # fmt: skip
        outputs = [
            {"id": each.get("id", ""), "name": each.get("name", ""), "label": each.get("label", ""),
             "type": each.get("typeRef") or ""}
            for each in table.findall(f"{space}output")
        ]  # fmt: skip
        rules = [
            {"id": rule.get("id", ""), "cells": [_text(each, "") or "-" for each in rule.findall(f"{space}inputEntry")],
             "outputs": [_text(each, "") for each in rule.findall(f"{space}outputEntry")], "note": _note(rule, space)}
            for rule in table.findall(f"{space}rule")
        ]  # fmt: skip
        found.append({
            "id": decision.get("id", ""), "name": decision.get("name", ""), "policy": table.get("hitPolicy") or "UNIQUE",
            "aggregation": table.get("aggregation") or "", "inputs": inputs, "outputs": outputs, "rules": rules,
        })  # fmt: skip
    return found


def _note(rule: Any, space: str) -> str:
    description = rule.find(f"{space}description")
    return ((description.text or "") if description is not None else _text(rule, "annotationEntry")).strip()


# --- what was sent ----------------------------------------------------------------------------------------------------


def _word(value: Any, what: str) -> str:
    if not isinstance(value, str) or len(value) > LONGEST or "\0" in value:
        raise Invalid(f"{what}的内容格式不正确或过长。", code="grid")
    return value.strip()


def clean(sent: Any) -> list[dict[str, Any]]:
    """Return grids as the browser sends them, their shape checked. Raises Invalid."""
    if not isinstance(sent, list):
        raise Invalid("决策表的内容格式不正确。", code="grid")
    grids = []
    for each in sent:
        if not isinstance(each, Mapping):
            raise Invalid("决策表的内容格式不正确。", code="grid")
        lists = {}
        for name, most in MOST.items():
            rows = each.get(name)
            if not isinstance(rows, list) or len(rows) > most or not all(isinstance(row, Mapping) for row in rows):
                raise Invalid(f"决策表的行列格式不正确，或超过 {most} 个。", code="grid")
            lists[name] = rows
        grid: dict[str, Any] = {"id": _word(each.get("id"), "决策"), "policy": _word(each.get("policy"), "命中方式"),
                                "aggregation": _word(each.get("aggregation", ""), "汇总方式")}  # fmt: skip
        if grid["policy"] not in POLICIES or grid["aggregation"] not in AGGREGATIONS:
            raise Invalid("命中方式不在可选范围内。", code="grid")
        if grid["policy"] != "COLLECT":
            grid["aggregation"] = ""
        grid["inputs"] = [
            {key: _word(row.get(key, ""), "输入列") for key in ("id", "label", "text", "type")}
            for row in lists["inputs"]
        ]
        grid["outputs"] = [
            {key: _word(row.get(key, ""), "输出列") for key in ("id", "name", "label", "type")}
            for row in lists["outputs"]
        ]
        grid["rules"] = [_rule(row, len(grid["inputs"]), len(grid["outputs"])) for row in lists["rules"]]
        grids.append(grid)
    return grids


def _rule(row: Mapping[str, Any], inputs: int, outputs: int) -> dict[str, Any]:
    cells, results = row.get("cells"), row.get("outputs")
    if not isinstance(cells, list) or not isinstance(results, list) or (len(cells), len(results)) != (inputs, outputs):
        raise Invalid("规则的列数与表头不一致。", code="grid")
    return {"id": _word(row.get("id", ""), "规则"), "cells": [_word(cell, "条件") or "-" for cell in cells],
            "outputs": [_word(cell, "结果") for cell in results], "note": _word(row.get("note", ""), "说明")}  # fmt: skip


def names_in(data: str) -> frozenset[str]:
    """Names of more than one word that expressions of the file may hold."""
    return frozenset(
        node.get("name", "") for node in _root(data).iter() if isinstance(node.tag, str) and node.get("name")
    )


def faults(grids: Iterable[Mapping[str, Any]], names: Iterable[str]) -> list[dict[str, Any]]:
    """Return what FEEL cannot read, each with its place: decision, rule (from 0, None in the head), column, text."""
    known = frozenset(names)
    found: list[dict[str, Any]] = []

    def ask(text: str, *, cell: bool, **place: Any) -> None:
        try:
            feel.check(text, known, cell=cell)
        except feel.FeelError as error:
            found.append({**place, "text": str(error)})

    for grid in grids:
        at = grid["id"]
        if not grid["outputs"]:
            found.append({"decision": at, "rule": None, "column": None, "text": "至少要有一个输出列"})
        if len(grid["outputs"]) > 1 and len({each["name"] for each in grid["outputs"]} - {""}) < len(grid["outputs"]):
            found.append({"decision": at, "rule": None, "column": None, "text": "有多个输出列时，每列都要有不同的代码"})
        for place, column in enumerate(grid["inputs"]):
            if not column["text"]:
                found.append({"decision": at, "rule": None, "column": place, "text": "输入列须写明取值的名称"})
            else:
                ask(column["text"], cell=False, decision=at, rule=None, column=place)
        for number, rule in enumerate(grid["rules"]):
            for place, cell in enumerate(rule["cells"]):
                if cell != "-":
                    ask(cell, cell=True, decision=at, rule=number, column=place)
            for place, cell in enumerate(rule["outputs"]):
                column = len(grid["inputs"]) + place
                if not cell:
                    found.append({"decision": at, "rule": number, "column": column, "text": "结果不能为空"})
                else:
                    ask(cell, cell=False, decision=at, rule=number, column=column)
    return found


# --- writing ----------------------------------------------------------------------------------------------------------


class _Writer:
    def __init__(self, root: Any):
        self.root, self.space = root, f"{{{_space(root)}}}"
        self.ids = {node.get("id") for node in root.iter() if isinstance(node.tag, str) and node.get("id")}

    def made(self, parent: Any, tag: str, /, **attributes: str) -> Any:
        return etree.SubElement(
            parent, f"{self.space}{tag}", {key: value for key, value in attributes.items() if value}
        )

    def new_id(self, start: str) -> str:
        start = re.sub(r"[^\w.-]", "_", start, flags=re.ASCII)
        start = start if re.match(r"[A-Za-z_]", start) else f"n_{start}"
        number = 1
        while f"{start}{number}" in self.ids:
            number += 1
        self.ids.add(f"{start}{number}")
        return f"{start}{number}"

    def text(self, node: Any, value: str) -> None:
        inner = node.find(f"{self.space}text")
        if inner is None:
            inner = self.made(node, "text")
        inner.text = value

    def table(self, decision: Any, grid: Mapping[str, Any]) -> None:
        table = decision.find(f"{self.space}decisionTable")
        table.set("hitPolicy", grid["policy"])
        table.attrib.pop("aggregation", None)
        if grid["aggregation"]:
            table.set("aggregation", grid["aggregation"])
        start = decision.get("id") or "t"
        olds = {name: table.findall(f"{self.space}{name}") for name in ("input", "output", "rule")}
        heads = {name: [each.get("id") for each in olds[name]] for name in ("input", "output")}
        places = {
            "input": [
                heads["input"].index(each["id"]) if each["id"] in heads["input"] else None for each in grid["inputs"]
            ],
            "output": [
                heads["output"].index(each["id"]) if each["id"] in heads["output"] else None for each in grid["outputs"]
            ],
        }
        kept = [each for each in table if isinstance(each.tag, str) and etree.QName(each).localname not in olds]
        nodes = [
            self.head(table, olds["input"], each, place, f"{start}_i")
            for each, place in zip(grid["inputs"], places["input"], strict=True)
        ]
        nodes += [
            self.result(table, olds["output"], each, place, f"{start}_o")
            for each, place in zip(grid["outputs"], places["output"], strict=True)
        ]
        nodes += [each for each in kept if etree.QName(each).localname == "annotation"]
        by_id = {each.get("id"): each for each in olds["rule"] if each.get("id")}
        nodes += [self.rule(table, by_id.pop(each["id"], None), each, places, f"{start}_u") for each in grid["rules"]]
        for each in list(table):
            table.remove(each)
        table.extend([*(each for each in kept if etree.QName(each).localname != "annotation"), *nodes])

    def head(self, table: Any, olds: list[Any], given: Mapping[str, str], place: int | None, start: str) -> Any:
        node = olds[place] if place is not None else self.made(table, "input", id=self.new_id(start))
        _set(node, "label", given["label"])
        expression = node.find(f"{self.space}inputExpression")
        if expression is None:
            expression = self.made(node, "inputExpression")
        _set(expression, "typeRef", given["type"])
        self.text(expression, given["text"])
        return node

    def result(self, table: Any, olds: list[Any], given: Mapping[str, str], place: int | None, start: str) -> Any:
        node = olds[place] if place is not None else self.made(table, "output", id=self.new_id(start))
        for attribute, key in (("name", "name"), ("label", "label"), ("typeRef", "type")):
            _set(node, attribute, given[key])
        return node

    def rule(
        self, table: Any, old: Any, given: Mapping[str, Any], places: Mapping[str, list[int | None]], start: str
    ) -> Any:
        node = old if old is not None else self.made(table, "rule", id=self.new_id(start))
        entries = {name: node.findall(f"{self.space}{name}Entry") for name in ("input", "output")}
        notes = node.findall(f"{self.space}annotationEntry")
        description = node.find(f"{self.space}description")
        if description is None and notes and (given["note"] or _text(notes[0], "")):
            self.text(notes[0], given["note"])
        elif description is not None or given["note"]:
            description = description if description is not None else self.made(node, "description")
            description.text = given["note"]
        made = []
        for kind, cells in (("input", given["cells"]), ("output", given["outputs"])):
            for cell, place in zip(cells, places[kind], strict=True):
                known = place is not None and place < len(entries[kind])
                entry = (
                    entries[kind][place]
                    if known
                    else self.made(node, f"{kind}Entry", id=self.new_id(f"{node.get('id') or start}_c"))
                )
                self.text(entry, cell)
                made.append(entry)
        for each in list(node):
            node.remove(each)
        node.extend([*([description] if description is not None and description.text else []), *made, *notes])
        return node


def _set(node: Any, name: str, value: str) -> None:
    if value:
        node.set(name, value)
    else:
        node.attrib.pop(name, None)


def write(data: str, grids: Iterable[Mapping[str, Any]]) -> str:
    """Return the file with its tables as the grids say. Raises Invalid for decisions the file does not have, and for
    what cannot be read afterwards."""
    root = _root(data)
    writer = _Writer(root)
    decisions = {each.get("id"): each for each in root.iter(f"{writer.space}decision")
                 if each.find(f"{writer.space}decisionTable") is not None}  # fmt: skip
    for grid in grids:
        decision = decisions.get(grid["id"])
        if decision is None:
            raise Invalid("要修改的决策不在该决策表文件中，请刷新后再试。", code="grid")
        writer.table(decision, grid)
    etree.indent(root, "  ")
    _require_what_is_used(root, writer)
    etree.indent(root, "  ")
    text = etree.tostring(root, encoding="unicode")
    dmn.read(text.encode())
    return text


DMN = "https://www.omg.org/spec/DMN/20191111/MODEL/"


def new(code: str, title: str, grid: Mapping[str, Any]) -> str:
    """Return a file of one decision, ``code``, called ``title``, that holds the grid; its inputs are declared as data."""
    names = {"id": f"{code}_file", "name": title, "namespace": f"urn:zhiguan:{code}"}
    root = etree.Element(f"{{{DMN}}}definitions", names, nsmap={None: DMN})
    writer = _Writer(root)
    for column in grid["inputs"]:
        name, key = column["text"], writer.new_id(f"in_{column['text']}_")
        data = writer.made(root, "inputData", id=key, name=name, label=column["label"])
        writer.made(data, "variable", name=name, typeRef=column["type"])
    decision = writer.made(root, "decision", id=code, name=title)
    writer.made(decision, "variable", name=title)
    writer.made(decision, "decisionTable", id=f"{code}_table")
    (cleaned,) = clean([{**grid, "id": code}])
    return write(etree.tostring(root, encoding="unicode"), [cleaned])


def title_of(data: str) -> str:
    return _root(data).get("name", "")


def retitled(data: str, title: str) -> str:
    """Return the file with another name, its decision too where there is one only: nobody else in the file asks for it."""
    root = _root(data)
    root.set("name", title)
    decisions = list(root.iter(f"{{{_space(root)}}}decision"))
    if len(decisions) == 1:
        for node in (decisions[0], decisions[0].find(f"{{{_space(root)}}}variable")):
            if node is not None:
                node.set("name", title)
    text = etree.tostring(root, encoding="unicode")
    dmn.read(text.encode())
    return text


def _require_what_is_used(root: Any, writer: _Writer) -> None:
    """Declare what the tables use now and nobody said they need: input data, and the requirement of it."""
    model = dmn.read(etree.tostring(root))
    if model.open:
        return
    nodes = {node.get("id"): node for node in root.iter() if isinstance(node.tag, str) and node.get("id")}
    known = {each.name: each for each in model.elements.values() if each.kind in ("input", "decision")}
    for element in model.decisions():
        if element.table is None:
            continue
        node = nodes[element.id]
        have = {model.elements[key].name for key in element.needs} | {element.name}
        types = {column.text: column.type.name for column in element.table.columns if column.type is not None}
        for name in sorted(element.uses - have):
            other = known.get(name)
            if other is None:
                made = etree.Element(f"{writer.space}inputData", id=writer.new_id(f"in_{name}_"), name=name)
                writer.made(made, "variable", name=name, typeRef=types.get(name, ""))
                root.insert(0, made)
                known[name] = model.elements[f"{model.namespace}#{made.get('id')}"] = dmn.Element(
                    "input", f"{model.namespace}#{made.get('id')}", made.get("id"), name, model.namespace
                )
                other = known[name]
            need = etree.Element(f"{writer.space}informationRequirement", id=writer.new_id(f"{element.id}_r"))
            kind = "requiredInput" if other.kind == "input" else "requiredDecision"
            writer.made(need, kind, href=f"#{other.id}")
            table = node.find(f"{writer.space}decisionTable")
            node.insert(list(node).index(table), need)
