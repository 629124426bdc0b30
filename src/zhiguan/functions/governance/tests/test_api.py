"""Cases for programs: made, filled in, handed in, corrected and decided with nothing but JSON; refusals name the member."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from django.test import Client

from zhiguan.kernel.flow.models import Case, Seat, Submission
from zhiguan.kernel.flow.tests.conftest import ROLES, open_nodes
from zhiguan.kernel.flow.tests.office import PDF
from zhiguan.kernel.identity import service as identity
from zhiguan.kit.actor import system

pytestmark = pytest.mark.django_db

BASE = "/api/v1/governance/case"
HELD = sorted({permission for held in ROLES.values() for permission in held})
PROOF = {"material": "proof", "file": {"name": "证明.pdf", "content": base64.b64encode(PDF).decode()}}
VALUES = {"reason": "修车", "amount": "100", "rows": [{"name": "轮胎", "count": 2, "price": "30"}]}


@pytest.fixture
def calls(office) -> Any:
    """``calls("张申请")(method, path, body, **headers)``: a program with a key of that person."""
    kept: dict[str, Any] = {}

    def of(name: str) -> Any:
        if name not in kept:
            kept[name] = identity.issue_key(system("tests"), office.accounts[name], name="测试", permissions=HELD, days=1)[1]

        def call(method: str, path: str, body: Any = None, **headers: str) -> Any:
            more = {} if body is None else {"data": json.dumps(body), "content_type": "application/json"}
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            return getattr(Client(), method)(BASE + path, headers={"Authorization": f"Bearer {kept[name]}", **named}, **more)

        return call

    return of


def errors(answer: Any, status: int = 422) -> dict[str, str]:
    assert answer.status_code == status, answer.content.decode()
    assert answer["Content-Type"] == "application/problem+json"
    return {each["path"]: each["message"] for each in answer.json().get("errors", ())}


def good(answer: Any, status: int = 200) -> dict[str, Any]:
    assert answer.status_code == status, answer.content.decode()
    return answer.json()


def test_one_request_applies_and_twice_is_once(calls):
    call = calls("张申请")
    body = {"item": "vehicles.sample", "values": {**VALUES, "amount": "20000"}, "files": [PROOF], "submit": True}
    first = call("post", "", body, Idempotency_Key="one")
    made = good(first, 201)
    assert made["state"] == "running" and made["values"]["rows"][0]["sum"] == "60.00" and made["title"] == "申请修车"
    assert [(each["material"], each["faults"], each["pages"]) for each in made["files"]] == [("proof", [], 1)]
    again = call("post", "", body, Idempotency_Key="one")
    assert again.content == first.content and Case.objects.count() == 1
    assert first["Location"] == f"{BASE}/{made['id']}"


def test_what_is_wrong_is_named_and_nothing_is_left(calls):
    call = calls("张申请")

    def wrong(**more: Any) -> dict[str, str]:
        return errors(call("post", "", {"item": "vehicles.sample", **more}))

    assert wrong(values={"amount": "很多"}) == {"values.amount": "金额须为数字。"}
    assert wrong(values={"wings": 2, "total": "1", "rows": [{"name": "甲", "wing": 1}]}) == {
        "values.wings": "没有该项。", "values.total": "合计由系统计算，不能填写。", "values.rows.1.wing": "没有该项。",
    }  # fmt: skip
    found = wrong(values={"amount": "20000", "urgent": True, "rows": [{"name": "甲"}]}, submit=True)
    assert set(found) == {"values.why_urgent", "values.rows.1.count", "proof"}
    assert found["values.rows.1.count"] == "明细第 1 行：请填写数量。" and found["values.why_urgent"] == "请填写加急理由。"
    assert wrong(files=[{"material": "proof", "file": {"name": "a.pdf", "content": "%%"}}]) == {
        "files.0.file.content": "应为 Base64 文字。"
    }
    assert wrong(values=[]) == {"values": "应为 JSON 对象。"} and "files.0.file" in wrong(files=[{"material": "proof"}])
    assert wrong(values={"reason": {"a": 1}, "rows": {"a": 1}, "due_on": [[]], "subject": "张三"}).keys() == {
        "values.reason", "values.rows", "values.due_on", "values.subject",
    }  # fmt: skip
    assert errors(call("post", "", {"item": "no.such"})) == {"item": "没有这个事项。"}
    assert errors(calls("李领导")("post", "", {"item": "vehicles.sample"}), 403) == {}
    assert Case.objects.count() == 0


def test_a_draft_is_filled_in_bit_by_bit(calls, office):
    call = calls("张申请")
    made = good(call("post", "", {"item": "vehicles.sample"}), 201)
    assert made["state"] == "draft" and made["values"]["reason"] == "市甲局申请"
    assert {"save", "submit", "add-file", "remove-file", "discard"} <= set(made["acts"])
    asked = {part["code"]: part for part in made["form"]["parts"]}
    assert asked["amount"] == {"code": "amount", "label": "金额", "kind": "money", "required": True, "unit": "", "choices": {},
                               "help": "", "editable": True}  # fmt: skip
    assert [column["code"] for column in asked["rows"]["columns"]] == ["name", "count", "price"] and "total" not in asked
    one = f"/{made['id']}"
    saved = good(call("post", f"{one}/save", {"values": VALUES}))
    assert saved["values"]["total"] == "60.00" and saved["version"] > made["version"]
    errors(call("post", f"{one}/save", {"values": VALUES}, If_Match='"1"'), 412)
    kept = good(call("post", f"{one}/add-file", PROOF))["files"]
    assert len(kept) == 1 and good(call("post", f"{one}/remove-file", {"file": kept[0]["id"]}))["files"] == []
    errors(call("post", f"{one}/remove-file", {"file": kept[0]["id"]}), 409)
    errors(calls("李领导")("post", f"{one}/save", {"values": VALUES}), 404)
    assert good(call("post", f"{one}/submit", {"values": {"reason": "换胎"}}))["title"] == "申请换胎"
    errors(call("post", f"{one}/submit", {}), 409)
    errors(call("post", f"{one}/save", {"values": VALUES}), 409)
    assert Submission.objects.filter(case=made["id"]).count() == 1


def test_a_correction_lists_its_items_and_is_answered(calls, office, case_at):
    case = case_at("review", "one")
    reviewer, applicant, one = calls("赵审查"), calls("张申请"), f"/{case.pk}"
    assert errors(reviewer("post", f"{one}/correct", {"items": []})) and errors(reviewer("post", f"{one}/correct", {}))
    found = errors(reviewer("post", f"{one}/correct", {"items": [{"path": "reason", "text": "写明"}, {"path": "reason"}]}))
    assert found == {"items.1.text": "缺少该项。"}
    assert "items" in errors(reviewer("post", f"{one}/correct", {"items": [{"path": "wings", "text": "写明"}]}))
    asked = [{"path": "reason", "text": "写明"}, {"path": "proof", "text": "补交"}]
    good(reviewer("post", f"{one}/correct", {"items": asked}))
    seen = good(applicant("get", one))
    assert seen["correction"] == asked and "resubmit" in seen["acts"]
    assert [part["code"] for part in seen["form"]["parts"] if part["editable"]] == ["reason"]
    errors(applicant("post", f"{one}/save", {"values": {"amount": "1"}}), 403)
    good(applicant("post", f"{one}/add-file", PROOF))
    done = good(applicant("post", f"{one}/resubmit", {"values": {"reason": "写明了"}}))
    assert done["state"] == "running" and done["values"]["reason"] == "写明了"
    assert done["correction"] is None and done["form"] is None


def test_a_step_is_handled_returned_and_passed_on(calls, office, case_at):
    case = case_at("review", "one")
    reviewer, one = calls("赵审查"), f"/{case.pk}"
    part = good(reviewer("get", one))["part"]
    assert part["step"] == "review" and part["editable"] == ["note"] and part["outcomes"]["agree"] == "同意"
    assert part["return_to"] == {"lead": "审核", "accept": "受理"} and "correct" in part["operations"]
    assert good(calls("张申请")("get", one))["part"] is None
    errors(reviewer("post", f"{one}/return", {"to": "decision", "reason": "重核"}))
    good(reviewer("post", f"{one}/return", {"to": "accept", "reason": "重核"}))
    assert open_nodes(case) == ["accept"]
    good(calls("王受理")("post", f"{one}/decide", {"outcome": "agree"}))
    errors(reviewer("post", f"{one}/decide", {"outcome": "maybe"}))
    assert errors(reviewer("post", f"{one}/decide", {"outcome": "agree", "values": {"wings": 1}})) == {
        "values.wings": "没有该项。"
    }
    errors(reviewer("post", f"{one}/decide", {"outcome": "agree", "values": {"amount": "1"}}), 403)
    good(reviewer("post", f"{one}/add-sign-before", {"people": ["P5"], "reason": "请核"}))
    assert Seat.objects.filter(case=case, kind="before", state="working").count() == 1
    errors(reviewer("post", f"{one}/add-sign-before", {"people": ["没有这个人"]}))
    good(calls("钱审查")("post", f"{one}/decide", {"outcome": "agree", "opinion": "可"}))
    errors(reviewer("post", f"{one}/transfer", {"person": "没有这个人", "reason": "出差"}))
    good(reviewer("post", f"{one}/transfer", {"person": "孙审查", "reason": "出差"}))
    done = good(calls("孙审查")("post", f"{one}/decide", {"outcome": "agree", "values": {"note": "核过"}}, Idempotency_Key="d"))
    assert done["values"]["note"] == "核过" and open_nodes(case) == ["decision"]


def test_a_subcase_is_answered_with_itself(calls, office, case_at):
    case = case_at("review", "one")
    one = f"/{case.pk}"
    good(calls("赵审查")("post", f"{one}/claim", {}))
    assert errors(calls("赵审查")("post", f"{one}/open-subcase", {"item": "no.such"})).keys() == {"item"}
    answer = calls("赵审查")("post", f"{one}/open-subcase", {"item": "vehicles.sample"}, Idempotency_Key="sub")
    made = good(answer, 201)
    assert made["id"] != case.pk and made["state"] == "draft" and answer["Location"] == f"{BASE}/{made['id']}"
    assert Case.objects.get(pk=made["id"]).parent_id == case.pk and "submit" in made["acts"]
    again = calls("赵审查")("post", f"{one}/open-subcase", {"item": "vehicles.sample"}, Idempotency_Key="sub")
    assert again.content == answer.content and case.children.count() == 1
