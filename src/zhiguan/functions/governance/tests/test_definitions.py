"""Process definitions on pages: looked at, edited, tested, published by a second person."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from types import SimpleNamespace
from typing import Any

import pytest
from django.urls import reverse

from zhiguan.functions.governance import decision_grids, process_checks, processes
from zhiguan.functions.governance.pages import definition_tables as tables
from zhiguan.functions.governance.pages import definitions as pages
from zhiguan.kernel.decisions import dmn
from zhiguan.kernel.flow.codes import DEFINITION_VIEW, EDIT, REVIEW
from zhiguan.kernel.flow.service import Definition, definitions
from zhiguan.kernel.identity.models import Account
from zhiguan.kernel.orgs.models import Unit
from zhiguan.kernel.reference import service as reference
from zhiguan.kit.actor import Scope, system
from zhiguan.kit.errors import Refusal
from zhiguan.kit.pages.conformance import (
    Case,
    DetailPageConformance,
    FormPageConformance,
    ListPageConformance,
    Visitor,
    html,
)

ITEM = "vehicles.vehicle_quota"
CHECK = {
    "name": "不予受理", "context": {"increase": 0, "special": False},
    "acts": [{"step": "lead"}, {"step": "acceptance", "outcome": "refuse"}],
    "expect": {"open": [], "result": "refused"},
}  # fmt: skip


@pytest.fixture
def world(as_system: Any, make_actor: Any) -> SimpleNamespace:
    """Shipped definitions of a city; one who draws, one who reviews, one who does both."""
    city = Unit.objects.create(code="310000", name="测试市", kind="city", pos=0, pos_end=99, valid_from=date(2020, 1, 1))
    other = Unit.objects.create(code="310000001", name="市甲局", kind="organ", parent=city, pos=10, pos_end=19,
                                valid_from=date(2020, 1, 1))  # fmt: skip
    reference.sync()
    definitions.sync(system("tests"))

    def somebody(name: str, *codes: str) -> Any:
        account = Account.objects.create(username=name, unit=city, must_change_password=False)
        return make_actor(dict.fromkeys((DEFINITION_VIEW, *codes), "unit"), unit=city, account=account.pk, name=name)

    return SimpleNamespace(
        city=city, other=other, designer=somebody("designer", EDIT), reviewer=somebody("reviewer", REVIEW),
        both=somebody("both", EDIT, REVIEW), shipped=Definition.objects.get(item=ITEM),
    )  # fmt: skip


@pytest.fixture
def draft(world: SimpleNamespace) -> Definition:
    with world.designer.acting():
        return definitions.create(world.designer, world.shipped, note="缩短时限")


@pytest.fixture
def case(world: SimpleNamespace) -> Case:
    def make(unit: Any = world.city) -> Definition:
        made = definitions.create(world.both, world.shipped, note=f"修改说明 {Definition.objects.count()}")
        Definition.objects.filter(pk=made.pk).update(unit=unit, scope_pos=unit.pos, checks=[CHECK])
        made.refresh_from_db()
        return made

    return Case(actor=world.both, make=make, make_elsewhere=lambda: make(world.other), text=lambda row: row.note,
                english=("FEEL",))  # fmt: skip


class TestDefinitions(ListPageConformance):
    page = pages.DEFINITIONS


class TestDefinition(DetailPageConformance):
    page = pages.DEFINITION


class _Tables(FormPageConformance):
    """Forms about a draft's tables."""

    sent: dict[str, Any]

    @pytest.fixture
    def case(self, case: Case) -> Case:
        return replace(case, values=lambda row: self.sent)


class TestNewTable(_Tables):
    page = tables.ADD
    sent = {"code": "visit", "title": "是否须查勘", "policy": "FIRST", "inputs": ["increase"], "output": "needed",
            "label": "须查勘", "type": "boolean", "value": "否"}  # fmt: skip


class TestRenameTable(_Tables):
    page = tables.RENAME
    sent = {"table": "route", "code": "way", "title": "审查方式"}


class TestRemoveTable(_Tables):
    page = tables.REMOVE
    sent = {"table": "spare"}

    @pytest.fixture(autouse=True)
    def spare(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Drafts are made with a table that no step decides by."""
        made = definitions.create

        def create(actor: Any, source: Definition, *, note: str) -> Definition:
            row = made(actor, source, note=note)
            grid = {"policy": "FIRST", "inputs": [{"id": "", "label": "净增", "text": "increase", "type": "number"}], "rules": [],
                    "outputs": [{"id": "", "name": "result", "label": "结果", "type": "string"}]}  # fmt: skip
            return definitions.add_table(actor, row, code="spare", text=decision_grids.new("spare", "备用", grid))

        monkeypatch.setattr(definitions, "create", create)


def post(actor: Any, row: Definition, page: str, *more: str, **data: str) -> tuple[int, dict[str, Any]]:
    answer = Visitor(actor).post(reverse(f"governance.definition.{page}", args=[row.pk, *more]), data)
    try:
        return answer.status_code, json.loads(html(answer))
    except ValueError:
        return answer.status_code, {}


def version(row: Definition) -> str:
    row.refresh_from_db()
    return str(row.version)


# --- the process ------------------------------------------------------------------------------------------------------


def test_a_changed_step_is_kept_with_everything_else(world, draft):
    changed = draft.bpmn.replace('zg:days="7"', 'zg:days="9"')
    status, answer = post(world.designer, draft, "save", act="save", bpmn=changed, version=version(draft))
    assert (status, answer["faults"]) == (200, [])
    draft.refresh_from_db()
    assert draft.bpmn == changed and answer["version"] == draft.version
    [change] = [each for each in processes.differences(world.shipped, draft) if each["what"] == "步骤“编制审查” 时限"]
    assert (change["before"], change["after"]) == ("7 个工作日", "9 个工作日")
    page = html(Visitor(world.designer).get(reverse("governance.definition.detail", args=[draft.pk]), {"tab": "版本差异"}))
    assert "步骤“编制审查” 时限" in page


def test_every_fault_is_told_at_its_element_and_nothing_is_kept(world, draft):
    broken = (
        draft.bpmn.replace('zg:stage="review"', 'zg:stage="nonsense"')
        .replace('outcomes.decision = "agree"', "outcomes.decision = (")
        .replace('zg:decision="route:route"', 'zg:decision="route"')
    )
    status, answer = post(world.designer, draft, "save", act="save", bpmn=broken, version=version(draft))
    assert status == 422
    assert {each["at"] for each in answer["faults"]} == {"review", "f13", "route"}
    before = draft.bpmn
    draft.refresh_from_db()
    assert draft.bpmn == before
    status, answer = post(world.designer, draft, "save", act="check", bpmn=broken)
    assert status == 200 and len(answer["faults"]) == 3


def test_a_table_that_is_not_there_and_a_permission_nobody_has(world, draft):
    text = draft.bpmn.replace("route:route", "elsewhere:route")
    _, answer = post(world.designer, draft, "save", act="check", bpmn=text)
    assert [each["at"] for each in answer["faults"]] == ["route"]
    text = draft.bpmn.replace("permission:vehicles.case.decide@bureau", "permission:vehicles.case.nobody@bureau")
    _, answer = post(world.designer, draft, "save", act="check", bpmn=text)
    assert answer["faults"] == [] and "decision" in [each["at"] for each in answer["doubts"]]


@pytest.mark.parametrize("text", [
    "", "<a/>", "<definitions", "<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", "<?xml-stylesheet href='x'?><a/>", "<a>" * 5000,
    '<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL"><process id="p"><scriptTask id="s"/></process>'
    "</definitions>",
])  # fmt: skip
def test_hostile_and_broken_files_are_refused(world, draft, text):
    status, answer = post(world.designer, draft, "save", act="save", bpmn=text, version=version(draft))
    assert status == 422 and answer["faults"]
    before = draft.digest
    draft.refresh_from_db()
    assert draft.digest == before


def test_the_stale_the_unsigned_for_and_the_published_are_refused(world, draft):
    old = version(draft)
    changed = draft.bpmn.replace('zg:days="7"', 'zg:days="8"')
    assert post(world.designer, draft, "save", act="save", bpmn=changed, version=old)[0] == 200
    assert post(world.designer, draft, "save", act="save", bpmn=draft.bpmn, version=old)[0] == 412
    assert post(world.designer, draft, "save", act="save", bpmn=draft.bpmn, version="x")[0] == 422
    for page in ("save", "checks_save"):
        assert post(world.reviewer, draft, page, act="save", bpmn=draft.bpmn, checks="[]", version=version(draft))[0] == 403
        assert post(world.designer, world.shipped, page, act="save", bpmn=draft.bpmn, checks="[]", version="1")[0] == 409
    for page in ("edit", "checks"):
        assert Visitor(world.reviewer).get(reverse(f"governance.definition.{page}", args=[draft.pk])).status_code == 403
        assert Visitor(world.designer).get(reverse(f"governance.definition.{page}", args=[draft.pk])).status_code == 200
    elsewhere = replace(world.designer, permissions={EDIT: Scope(((10, 19),)), DEFINITION_VIEW: world.designer.scope(EDIT)})
    assert Visitor(elsewhere).get(reverse("governance.definition.edit", args=[draft.pk])).status_code == 404


def test_a_condition_is_read_as_it_is_typed(world, draft):
    url = reverse("governance.definition.condition", args=[draft.pk])

    def ask(text: str) -> dict[str, Any]:
        return json.loads(html(Visitor(world.designer).get(url, {"text": text})))

    assert ask('outcomes.lead = "agree"') == {"fault": "", "unknown": []}
    assert ask("nothing > 1")["unknown"] == ["nothing"]
    assert ask("1 +")["fault"]


# --- tables -----------------------------------------------------------------------------------------------------------


def test_a_table_is_edited_and_keeps_its_ids(world, draft):
    name = next(iter(draft.tables))
    grids = decision_grids.read(draft.tables[name])
    grid = grids[0]
    ids = [rule["id"] for rule in grid["rules"]]
    grid["rules"] = [grid["rules"][-1], *grid["rules"][:-1]]
    new = {"id": "", "cells": ["-"] * len(grid["inputs"]), "outputs": list(grid["rules"][0]["outputs"]), "note": "新规则"}
    grid["rules"].insert(0, new)
    grid["inputs"].append({"id": "", "label": "车辆数", "text": "cars_wanted", "type": "number"})
    for rule in grid["rules"]:
        rule["cells"].append("> 3" if rule["note"] == "新规则" else "-")
    status, answer = post(world.designer, draft, "table_save", name, act="save", grids=json.dumps(grids), version=version(draft))
    assert (status, answer["faults"]) == (200, [])
    draft.refresh_from_db()
    kept = decision_grids.read(draft.tables[name])[0]
    assert [rule["id"] for rule in kept["rules"][1:]] == [ids[-1], *ids[:-1]] and kept["rules"][0]["note"] == "新规则"
    assert "cars_wanted" in dmn.read(draft.tables[name].encode()).inputs_of(grid["id"])
    assert any("新规则" in each["after"] for each in processes.differences(world.shipped, draft))


def test_a_cell_that_cannot_be_read_is_told_by_its_place(world, draft):
    name = next(iter(draft.tables))
    grids = decision_grids.read(draft.tables[name])
    grids[0]["rules"][1]["cells"][0] = "> ((("
    status, answer = post(world.designer, draft, "table_save", name, act="save", grids=json.dumps(grids), version=version(draft))
    assert status == 422
    assert [(each["rule"], each["column"]) for each in answer["faults"]] == [(1, 0)]


def test_a_table_is_tried_as_it_stands_in_the_browser(world, draft):
    name = next(iter(draft.tables))
    grids = decision_grids.read(draft.tables[name])
    given = {"decision": grids[0]["id"], "values": {"increase": "3", "special": "false"}}
    status, answer = post(world.designer, draft, "table_save", name, act="try", grids=json.dumps(grids), given=json.dumps(given))
    assert status == 200 and answer["tried"]["hits"] and answer["tried"]["because"]
    given["values"]["increase"] = "many"
    assert post(world.designer, draft, "table_save", name, act="try", grids=json.dumps(grids), given=json.dumps(given))[0] == 422


@pytest.mark.parametrize("sent", [
    "", "{", "{}", "[1]", '[{"id": 1}]', "[" * 3000,
    '[{"id":"route","policy":"EVIL","inputs":[],"outputs":[],"rules":[]}]',
])  # fmt: skip
def test_what_is_no_grid_is_refused(world, draft, sent):
    name = next(iter(draft.tables))
    assert post(world.designer, draft, "table_save", name, act="save", grids=sent, version=version(draft))[0] == 422


def table_values(**more: Any) -> dict[str, Any]:
    return {"code": "visit", "title": "是否须查勘", "policy": "FIRST", "inputs": ["increase", "reason_kind"],
            "output": "needed", "label": "须查勘", "type": "boolean", "value": "否", **more}  # fmt: skip


def act(actor: Any, row: Definition, which: str, **values: Any) -> Any:
    return Visitor(actor).post(reverse(f"governance.definition.{which}", args=[row.pk]), values)


def test_a_new_table_is_made_bound_and_decides(world, draft):
    answer = act(world.designer, draft, "add_table", **table_values())
    assert answer["Location"] == reverse("governance.definition.table", args=[draft.pk, "visit"])
    draft.refresh_from_db()
    [grid] = decision_grids.read(draft.tables["visit"])
    assert [(column["label"], column["text"], column["type"]) for column in grid["inputs"]] == [
        ("编制净增", "increase", "number"), ("申请类型", "reason_kind", "string"),
    ]  # fmt: skip
    assert (grid["policy"], grid["outputs"][0]["label"], grid["rules"][0]["outputs"]) == ("FIRST", "须查勘", ["false"])
    model = dmn.read(draft.tables["visit"].encode())
    assert sorted(model.inputs_of("visit")) == ["increase", "reason_kind"] and dmn.lint(model) == []
    assert "是否须查勘" in html(Visitor(world.designer).get(answer["Location"]))
    grid["rules"].insert(0, {"id": "", "cells": ["> 5", "-"], "outputs": ["true"], "note": "净增较多"})
    sent = {"act": "save", "grids": json.dumps([grid]), "version": version(draft)}
    status, told = post(world.designer, draft, "table_save", "visit", **sent)
    assert status == 200 and told["faults"] == [], told
    draft.refresh_from_db()
    assert dmn.read(draft.tables["visit"].encode()).decide("visit", {"increase": 6, "reason_kind": "new"}).value is True
    edit = reverse("governance.definition.edit", args=[draft.pk])
    offered = html(Visitor(world.designer).get(edit))  # the modeller offers it to steps, with its name
    assert f'"visit": [["visit", {json.dumps("是否须查勘")}]]' in offered or "是否须查勘" in offered
    # A step of the process can decide by it, and its result is what conditions see.
    bound = draft.bpmn.replace("route:route", "visit:visit").replace("decisions.route", "decisions.visit")
    status, told = post(world.designer, draft, "save", act="save", bpmn=bound, version=version(draft))
    assert (status, told["faults"]) == (200, [])
    draft.refresh_from_db()
    assert list(processes.process_of(draft).plan.decisions.values()) == [("visit", "visit")]


@pytest.mark.parametrize(("values", "field"), [
    ({"code": "route"}, "code"), ({"code": "Visit-1"}, "code"), ({"title": "<b>"}, "title"), ({"inputs": []}, "inputs"),
    ({"inputs": ["nowhere"]}, "inputs"), ({"type": "number", "value": "很多"}, "value"), ({"policy": "LUCKY"}, "policy"),
    ({"output": "结果"}, "output"),
])  # fmt: skip
def test_a_table_that_cannot_be_is_refused_at_its_field(world, draft, values, field):
    before = draft.tables
    answer = act(world.designer, draft, "add_table", **table_values(**values))
    assert answer.status_code == 422 and f'id="id_{field}' in html(answer)
    draft.refresh_from_db()
    assert draft.tables == before


def test_a_table_is_renamed_with_the_steps_that_use_it_and_goes_when_none_does(world, draft):
    answer = act(world.designer, draft, "rename_table", table="route", code="way", title="审查方式")
    assert answer.status_code == 302, html(answer)
    draft.refresh_from_db()
    assert list(draft.tables) == ["way"] and 'name="审查方式"' in draft.tables["way"]
    process = processes.process_of(draft)
    assert [table for table, _ in process.plan.decisions.values()] == ["way"]
    assert process_checks.run(process, process_checks.clean(
        [{"name": "不予受理", "context": [{"code": "increase", "kind": "number", "text": "0"}], "acts": CHECK["acts"], "open": [],
          "result": "refused", "decisions": {}}], process.plan))[0]["passed"]  # fmt: skip
    refused = act(world.designer, draft, "remove_table", table="way")
    assert refused.status_code == 409 and "请先在流程中改用" in html(refused)
    act(world.designer, draft, "add_table", **table_values())
    assert act(world.designer, draft, "remove_table", table="visit").status_code == 302
    draft.refresh_from_db()
    assert list(draft.tables) == ["way"]


def test_tables_of_what_is_published_stay(world):
    for code, values in (("add_table", table_values()), ("rename_table", {"table": "route", "code": "a", "title": "甲"}),
                         ("remove_table", {"table": "route"})):  # fmt: skip
        assert act(world.designer, world.shipped, code, **values).status_code == 404
    with pytest.raises(Refusal):
        definitions.add_table(world.reviewer, world.shipped, code="visit", text="")
    with pytest.raises(Refusal):
        definitions.add_table(world.designer, world.shipped, code="visit", text="")


# --- test cases, review -----------------------------------------------------------------------------------------------


FORM = [{
    "name": "不予受理",
    "context": [{"code": "increase", "kind": "number", "text": "0"}, {"code": "special", "kind": "boolean", "text": "false"}],
    "acts": [{"step": "lead", "outcome": "agree"}, {"step": "acceptance", "outcome": "refuse"}], "open": [], "result": "refused",
}]  # fmt: skip


def test_test_cases_are_written_run_and_needed(world, draft):
    with world.designer.acting(), pytest.raises(Refusal, match="至少编写一个测试用例"):
        definitions.propose(world.designer, draft)
    wrong = json.loads(json.dumps(FORM))
    wrong[0]["result"] = "granted"
    status, answer = post(world.designer, draft, "checks_save", act="save", checks=json.dumps(wrong), version=version(draft))
    assert status == 200 and answer["results"][0]["wrong"] == ["预期结果 准予，实际 不予批准"]
    draft.refresh_from_db()
    with world.designer.acting(), pytest.raises(Refusal, match="测试用例未通过"):
        definitions.propose(world.designer, draft)
    status, answer = post(world.designer, draft, "checks_save", act="save", checks=json.dumps(FORM), version=version(draft))
    assert status == 200 and answer["results"][0]["passed"]
    draft.refresh_from_db()
    kept = process_checks.for_form(draft.checks)[0]["context"]
    assert sorted(kept, key=lambda each: each["code"]) == FORM[0]["context"]


@pytest.mark.parametrize(("path", "value"), [
    ("acts", [{"step": "nowhere", "outcome": "agree"}]), ("acts", [{"step": "lead", "outcome": "maybe"}]),
    ("acts", 3), ("result", "lost"), ("name", " "),
    ("context", [{"code": "outcomes", "kind": "text", "text": ""}]),
    ("context", [{"code": "a", "kind": "number", "text": "NaN"}]),
])  # fmt: skip
def test_a_test_case_that_means_nothing_is_refused(world, draft, path, value):
    bad = json.loads(json.dumps(FORM))
    bad[0][path] = value
    assert post(world.designer, draft, "checks_save", act="save", checks=json.dumps(bad), version=version(draft))[0] == 422


def test_drawn_by_one_published_by_another_and_rolled_back(world, draft):
    assert post(world.both, draft, "checks_save", act="save", checks=json.dumps(FORM), version=version(draft))[0] == 200

    def act(actor: Any, row: Definition, code: str, **data: str) -> Any:
        row.refresh_from_db()
        data |= {"_version": str(row.version)}
        return Visitor(actor).post(reverse(f"governance.definition.{code}", args=[row.pk]), data).status_code

    assert act(world.reviewer, draft, "propose") == 403
    assert act(world.both, draft, "propose") == 302
    assert act(world.both, draft, "publish") in (403, 409)
    assert act(world.reviewer, draft, "publish") == 302
    draft.refresh_from_db()
    world.shipped.refresh_from_db()
    assert (draft.state, world.shipped.state, draft.reviewer_id) == ("published", "retired", world.reviewer.account_id)
    definitions.verify(draft)
    assert act(world.reviewer, world.shipped, "restore", reason="新版本有误") == 302
    draft.refresh_from_db()
    assert draft.state == "retired" and Definition.objects.get(item=ITEM, state="published") == world.shipped
