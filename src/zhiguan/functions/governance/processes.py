"""A process definition for reading: its steps, tables and test cases in words, and how two versions differ."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

from zhiguan.kernel.decisions import dmn, hardened
from zhiguan.kernel.flow import engine, plan, terms
from zhiguan.kernel.flow import queries as flow
from zhiguan.kernel.flow.declare import Field, ServiceItem, Table
from zhiguan.kernel.flow.service import Definition, Group
from zhiguan.kernel.orgs.codes import Grade
from zhiguan.kernel.reference import service as reference
from zhiguan.kit import registry
from zhiguan.kit.manifest import Permission, RoleTemplate

ATTRIBUTES = {
    "name": "名称", "stage": "环节类型", "who": "办理人", "mode": "办理方式", "days": "时限", "outcomes": "办理结果",
    "edit": "可填写", "hide": "不显示", "never_same": "不得同一人", "ops": "可用操作", "opinion": "办理意见", "bulk": "批量办理",
    "help": "办理说明",
}  # fmt: skip
HEADED = ("name", "stage", "help")
"""What stands over a step and not in the list of what it says."""
POLICIES = {
    "UNIQUE": "唯一命中", "ANY": "任一命中（结果须相同）", "PRIORITY": "按结果优先级", "FIRST": "取第一条命中的规则",
    "RULE ORDER": "全部命中，按规则顺序", "OUTPUT ORDER": "全部命中，按结果顺序", "COLLECT": "全部命中，汇总",
}  # fmt: skip
AGGREGATIONS = {"": "", "SUM": "求和", "MIN": "最小", "MAX": "最大", "COUNT": "计数"}
RESULTS = {"": "未办结", "granted": "准予", "refused": "不予批准"}


def item_of(code: str) -> ServiceItem | None:
    """The item a definition is of; None when the line no longer declares it."""
    return next((item for item in flow.items() if item.code == code), None)


def process_of(row: Definition) -> engine.Process:
    """The definition's process, also of a draft, which nobody has signed yet."""
    return engine.compiled(row.bpmn, row.tables)


# --- names ------------------------------------------------------------------------------------------------------------


def parts(item: ServiceItem | None) -> dict[str, str]:
    """Names of the form's fields, tables and materials by their codes."""
    if item is None:
        return {}
    found = {part.name: part.label for section in item.sections for part in section.parts}
    return found | {material.code: material.name for material in item.materials}


def named_words() -> dict[str, dict[str, str]]:
    """What the words of ``zg:who`` may name: for each kind code → name."""
    current = registry.current()
    return {
        "permission": {each.code: each.name for each in current.all(Permission)},
        "role": {each.code: each.name for each in current.all(RoleTemplate)},
        "rank": dict(Grade.choices),
        "group": dict(Group.objects.filter(active=True, duty=False).values_list("code", "name")),
        "duty": dict(Group.objects.filter(active=True, duty=True).values_list("code", "name")),
    }


def who_in_words(text: str, known: Mapping[str, Mapping[str, str]], *, present: bool = False) -> str:
    """Return who may do a step, with names for codes: 主管部门中有“公务用车事项受理审查”权限的人员. ``present`` leaves out
    groups that are not registered, while there is somebody else."""
    try:
        alternatives = terms.parse(text)
    except ValueError:
        return text
    if present:
        kept = [each for each in alternatives if all(term.what in known.get(term.kind, (term.what,)) for term in each)]
        alternatives = kept or alternatives
    return "；没有时由".join("、".join(_term(term, known) for term in each) for each in alternatives)


def _term(term: terms.Term, known: Mapping[str, Mapping[str, str]]) -> str:
    place = terms.WHERE[term.where]
    within = f"{place}中" if place else ""
    name = known.get(term.kind, {}).get(term.what, f"{term.what}（未登记）" if term.kind in known else term.what)
    if term.kind == "permission":
        return f"{within}有“{name}”权限的人员"
    if term.kind == "role":
        return f"{within}任“{name}”的人员"
    if term.kind == "post":
        return f"{place}的“{name}”"
    if term.kind == "rank":
        return f"{place}{name}以上人员"
    if term.kind == "chief":
        return f"{place}{f'往上 {term.what} 级' if term.what else ''}负责人"
    return {
        "applicant": "申请人", "handler": f"步骤“{name}”的办理人", "field": f"表单“{name}”中的人员", "person": f"人员 {name}",
        "group": f"工作组“{name}”", "duty": f"“{name}”当日值班人员",
    }[term.kind]  # fmt: skip


def days_in_words(days: str) -> str:
    """A step's limit: a number of working days, or the fact that says it."""
    if not days:
        return "不单独计时"
    if days.replace(".", "", 1).isdigit():
        return f"{days} 个工作日"
    try:
        fact = reference.fact(days)
    except reference.UnknownFact:
        return f"依据 {days}（尚未录入）"
    return f"{fact.value} 个工作日（依据“{fact.name}”）"


# --- steps ------------------------------------------------------------------------------------------------------------


def step_facts(step: plan.StepPlan, process: plan.Plan, item: ServiceItem | None, known: Any) -> dict[str, str]:
    """Everything a step says, in words by the names of :data:`ATTRIBUTES`."""
    labels = parts(item)
    words = known | {"handler": process.names, "field": labels}
    mode = plan.MODES[step.mode] + (f"（{step.ratio:.0%}）" if step.mode == "ratio" else "")

    def listed(codes: Iterable[str], names: Mapping[str, str]) -> str:
        return "、".join(names.get(code, code) for code in codes)

    return {
        "name": step.name, "stage": plan.STAGES[step.stage], "who": who_in_words(step.who, words), "mode": mode,
        "days": days_in_words(step.days), "outcomes": "、".join(step.outcomes.values()), "edit": listed(step.edit, labels),
        "hide": listed(step.hide, labels), "never_same": listed(step.never_same, process.names),
        "ops": "" if step.ops is None else "、".join(step.ops), "opinion": "须填写" if step.opinion else "不同意时须填写",
        "bulk": "可以批量办理" if step.bulk else "", "help": step.help,
    }  # fmt: skip


def steps(row: Definition) -> list[dict[str, Any]]:
    """The steps of a definition in the order of its file; for each what follows it."""
    process = process_of(row).plan
    item, known = item_of(row.item), named_words()
    return [
        {"id": step.id, "facts": [(ATTRIBUTES[name], text) for name, text in facts.items() if text and name not in HEADED],
         "name": step.name, "stage": facts["stage"], "help": step.help}
        for step in process.steps.values() for facts in [step_facts(step, process, item, known)]
    ]  # fmt: skip


def acts(row: Definition) -> list[dict[str, str]]:
    """What the system does on the way, by itself."""
    whole = process_of(row)
    process = whole.plan
    found = [{"name": process.names[node], "text": plan.ACTS[act]} for node, act in process.acts.items()]
    return found + [
        {"name": process.names[node], "text": f"按决策表“{whole.tables[table].name or table}”决定"}
        for node, (table, _) in process.decisions.items()
    ]


# --- tables -----------------------------------------------------------------------------------------------------------


def titles(process: engine.Process, table: str) -> dict[str, str]:
    """What people call the decisions of a file: by the step of the process that asks for them; otherwise by their name."""
    model = process.tables[table]
    found = {each.id: each.name for each in model.decisions()}
    for node, (file, wanted) in process.plan.decisions.items():
        element = model.find(wanted) if file == table else None
        if element is not None:
            found[element.id] = process.plan.names[node]
    return found


def told(finding: dmn.Finding, model: dmn.Model, names: Mapping[str, str]) -> str:
    """A doubt about a table, with the name people know the decision by."""
    text = finding.message
    for each in model.decisions():
        text = text.replace(f"决策“{each.name}”", f"“{names[each.id]}”")
    return text


def choices_of(item: ServiceItem | None) -> dict[str, dict[str, str]]:
    """For the form's fields with fixed choices: code → what the applicant sees."""
    return {field.name: dict(field.choices) for field in item.fields() if field.choices} if item is not None else {}


def data_names(text: str) -> dict[str, str]:
    """What the input data of a DMN file are called (their ``label``), by the names that expressions know them by."""
    found = (each.attrib for each in hardened.parse(text.encode()).iter() if each.tag.endswith("inputData"))
    return {each["name"]: each["label"] for each in found if "name" in each and "label" in each}


def _cell(text: str, names: Mapping[str, str], data: Mapping[str, str]) -> tuple[str, bool]:
    """Return a cell for reading, and whether it is plain words: 任意, 是, texts without their quotes, choices and data by
    name."""
    if text in ("-", "true", "false"):
        return {"-": "任意", "true": "是", "false": "否"}[text], True
    if re.fullmatch(r'("[^"\\]*")(\s*,\s*"[^"\\]*")*', text):
        return "、".join(names.get(word, word) for word in re.findall(r'"([^"]*)"', text)), True
    words = re.sub(r"[A-Za-z_]\w*", lambda found: data.get(found[0], found[0]), text)
    if re.fullmatch(r"[<>]=? [^A-Za-z\"]+", words):
        return words.replace(">=", "≥").replace("<=", "≤"), True
    return text, False


def tables(row: Definition) -> list[dict[str, Any]]:
    """The decision tables with their doubts, as they are shown for reading."""
    process, choices = process_of(row), choices_of(item_of(row.item))
    found = []
    for name, model in process.tables.items():
        names, data = titles(process, name), data_names(row.tables[name])
        shown = [
            {"name": names[each.id], "policy": POLICIES.get(each.table.policy, each.table.policy), "table": each.table,
             "aggregation": AGGREGATIONS.get(each.table.aggregation, ""),
             "rows": [
                 {"place": rule.place, "note": rule.annotation,
                  "cells": [_cell(cell, choices.get(column.text, {}), data)
                            for column, cell in zip(each.table.columns, rule.cells, strict=True)],
                  "outputs": [_cell(text, {}, data) for text in rule.texts]}
                 for rule in each.table.rules
             ]}
            for each in model.decisions() if each.table is not None
        ]  # fmt: skip
        found.append({
            "name": name, "title": model.name or name, "tables": shown,
            "findings": [told(each, model, names) for each in dmn.lint(model)],
            "others": [each.name for each in model.decisions() if each.table is None],
        })  # fmt: skip
    return found


# --- differences ------------------------------------------------------------------------------------------------------


def before(row: Definition) -> Definition | None:
    """The version a definition is compared with: the last one before it that was in force, of the same item."""
    rows = Definition.objects.filter(item=row.item, number__lt=row.number, state__in=("published", "retired"))
    return rows.order_by("-number").first()


def differences(old: Definition, new: Definition) -> list[dict[str, str]]:
    """Return what was added, removed and changed between two versions: kind, what, before, after."""
    first, second = process_of(old), process_of(new)
    item, known = item_of(new.item), named_words()
    found: list[dict[str, str]] = []
    said = partial(_steps_of, item=item, known=known)
    for a, b, what in (
        (said(first.plan), said(second.plan), "步骤"),
        (_flows_of(old, first.plan), _flows_of(new, second.plan), "连线"),
        (_acts_of(first.plan), _acts_of(second.plan), "系统动作"),
        (_rules_of(first), _rules_of(second), "决策表"),
    ):
        found += _compare(a, b, what)
    return found


Told = dict[str, tuple[str, dict[str, str]]]
"""For each thing of one kind its name and what it says, by attribute."""


def _compare(old: Told, new: Told, what: str) -> list[dict[str, str]]:
    found = []
    for key, (name, facts) in new.items():
        if key not in old:
            found.append({"kind": "新增", "what": f"{what}“{name}”", "before": "", "after": _all(facts)})
            continue
        earlier = old[key][1]
        for attribute in dict.fromkeys([*earlier, *facts]):
            a, b = earlier.get(attribute, ""), facts.get(attribute, "")
            if a != b:
                found.append({"kind": "修改", "what": f"{what}“{name}” {attribute}", "before": a, "after": b})
    for key, (name, facts) in old.items():
        if key not in new:
            found.append({"kind": "删除", "what": f"{what}“{name}”", "before": _all(facts), "after": ""})
    return found


def _all(facts: Mapping[str, str]) -> str:
    return "；".join(f"{name}：{text}" for name, text in facts.items() if text)


def _steps_of(process: plan.Plan, *, item: ServiceItem | None, known: Any) -> Told:
    return {
        step.id: (step.name, {ATTRIBUTES[name]: text for name, text in step_facts(step, process, item, known).items()})
        for step in process.steps.values()
    }


def _flows_of(row: Definition, process: plan.Plan) -> Told:
    root, _ = plan.read(row.bpmn.encode())
    found: Told = {}
    for flow_node in root.iter(f"{{{plan.BPMN}}}sequenceFlow"):
        source, target = flow_node.get("sourceRef"), flow_node.get("targetRef")
        condition = flow_node.find(f"{{{plan.BPMN}}}conditionExpression")
        name = f"{process.names.get(source, source)} → {process.names.get(target, target)}"
        text = "" if condition is None else " ".join((condition.text or "").split())
        found[f"{source} {target}"] = (name, {"名称": flow_node.get("name") or "", "条件": text})
    return found


def _acts_of(process: plan.Plan) -> Told:
    told: Told = {node: (process.names[node], {"动作": plan.ACTS[act]}) for node, act in process.acts.items()}
    for node, (table, decision) in process.decisions.items():
        told[node] = (process.names[node], {"决策表": table, "决策": decision})
    return told


def _rules_of(process: engine.Process) -> Told:
    found: Told = {}
    for name, model in process.tables.items():
        names = titles(process, name)
        for decision in model.decisions():
            table = decision.table
            if table is None:
                continue
            title = names[decision.id]
            key = f"{name}:{decision.id}"
            heads = "、".join([column.label for column in table.columns] + [result.label for result in table.results])
            found[key] = (
                f"{name} {decision.name}",
                {"命中方式": POLICIES.get(table.policy, table.policy), "列": heads},
            )
            for rule in table.rules:
                conditions = "，".join(
                    f"{column.label} {cell}"
                    for column, cell in zip(table.columns, rule.cells, strict=True)
                    if cell != "-"
                )
                results = "，".join(
                    f"{result.label} {text}" for result, text in zip(table.results, rule.texts, strict=True)
                )
                about = {"条件": conditions or "任何情形", "结果": results, "说明": rule.annotation}
                found[f"{key}:{rule.id or rule.place}"] = (f"{title} 规则 {rule.place}", about)
    return found


# --- what a definition may name ---------------------------------------------------------------------------------------


def doubts(row_item: str, process: plan.Plan) -> list[plan.Fault]:
    """What runs but is likely meant otherwise: fields the form lacks, permissions, roles and facts nobody declares."""
    item, known = item_of(row_item), named_words()
    labels = parts(item)
    people = {field.name for field in item.fields() if field.kind == "person"} if item is not None else set()
    found: list[plan.Fault] = []
    for step in process.steps.values():
        unknown = [code for code in (*step.edit, *step.hide) if code not in labels]
        found += [plan.Fault(f"{step.name}：申请表中没有“{code}”", step.id) for code in unknown]
        alternatives = terms.parse(step.who)
        for term, last in ((each, at is alternatives[-1]) for at in alternatives for each in at):
            names = {**known, "handler": process.steps, "field": people}.get(term.kind)
            if names is not None and term.what not in names:
                then = "可能无人可办" if last else "将由下一规则的人员办理"
                found.append(plan.Fault(f"{step.name}：没有{terms.KINDS[term.kind]}“{term.what}”，{then}", step.id))
        if step.days and not step.days.replace(".", "", 1).isdigit():
            try:
                reference.fact(step.days)
            except reference.UnknownFact:
                found.append(plan.Fault(f"{step.name}：时限所依据的“{step.days}”尚未录入", step.id))
    ended = set(process.acts.values()) & {"grant", "effect"}
    if not ended:
        found.append(plan.Fault("流程中没有“办结生效”的系统动作，办件不会产生结果"))
    return found


def fields_of(item: ServiceItem | None) -> list[dict[str, Any]]:
    """The parts of the form for the modeller's lists: code, name, whether it is a person."""
    if item is None:
        return []
    found = []
    for section in item.sections:
        for part in section.parts:
            kind = "table" if isinstance(part, Table) else part.kind
            editable = not (isinstance(part, Field) and part.kind == "computed")
            found.append({"code": part.name, "name": part.label, "kind": kind, "editable": editable})
    return found
