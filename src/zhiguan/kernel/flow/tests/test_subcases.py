"""Sub-cases: waited for, told of, ended with the case that opened them; together with every act that could pass them by."""

from __future__ import annotations

from typing import Any

import pytest

from zhiguan.kernel.flow import service
from zhiguan.kernel.flow.models import Case, Definition, Seat, Step
from zhiguan.kernel.ledger.models import LedgerEvent
from zhiguan.kernel.notices.models import Notice
from zhiguan.kernel.trace.models import Entry
from zhiguan.kit.errors import Conflict

from . import sample
from .conftest import open_nodes, publish
from .machine import check, let_the_bureau_apply, told

pytestmark = pytest.mark.django_db


@pytest.fixture
def opens(office: Any) -> Any:
    """Let somebody open a sub-case on their seat, claimed before; submitted unless it is to stay a draft."""
    let_the_bureau_apply(office)

    def make(who: str, case: Any, *, draft: bool = False) -> Any:
        if office.seat(who, case).state == "offered":
            office.does(who, service.claim, case)
        child = office.does(who, service.open_subcase, case, item=sample.ITEM, values={"reason": "委托", "amount": "1"})
        return child if draft else office.acts(who, service.submit, child)

    return make


def granted(office: Any, child: Any) -> Any:
    """Bring a sub-case to its end: whoever's turn it is agrees."""
    while child.state == "running":
        seat = Seat.objects.filter(case=child, step__state="open", state__in=("offered", "working")).earliest("pk")
        child = office.agrees(seat.person.name, child)
    return child


def waits(office: Any, case: Any, *names: str) -> None:
    """Nobody can take the case any further."""
    for name in names:
        with pytest.raises(Conflict, match="子办件"):
            office.agrees(name, case)
    case.refresh_from_db()
    check(case)


def test_its_end_frees_the_case_and_tells_whose_turn_it_is(office, case_at, opens):
    case = case_at("review", "one", parallel=True)
    child = opens("赵审查", case)
    waits(office, case, "赵审查", "周核查")
    before = {name: told(name, office, case) for name in ("赵审查", "周核查")}
    child = granted(office, child)
    assert child.state == "granted" and [code for code, _ in sample.DONE] == [child.code]
    assert {name: told(name, office, case) - count for name, count in before.items()} == {"赵审查": 1, "周核查": 1}
    case.refresh_from_db()
    for name in ("赵审查", "周核查", "吴决定"):
        case = office.agrees(name, case)
    assert case.state == "granted"
    office.acts("赵审查", service.receive, child)  # tells nobody again
    assert told("赵审查", office, case) == before["赵审查"] + 1
    check(case)


def test_both_histories_tell_of_it(office, case_at, opens):
    case = case_at("review", "one")
    child = opens("赵审查", case)
    event = LedgerEvent.objects.get(subject_type="flow.case", subject_id=case.pk, code="open_subcase")
    assert child.code in event.reason and event.actor_name == "赵审查"
    assert Entry.objects.filter(code="flow.case.open_subcase", case=case.code).count() == 1
    assert child.parent_id == case.pk
    case.refresh_from_db()
    check(case)


def test_one_of_two_is_not_enough(office, case_at, opens):
    case = case_at("review", "one")
    first, second = opens("赵审查", case), opens("赵审查", case)
    before = told("赵审查", office, case)
    office.acts("赵审查", service.withdraw, first)
    assert told("赵审查", office, case) == before
    waits(office, case, "赵审查")
    office.acts("赵审查", service.withdraw, second)
    assert told("赵审查", office, case) == before + 1
    assert open_nodes(office.agrees("赵审查", case)) == ["decision"]


def test_withdrawing_takes_along_what_was_opened_below(office, case_at, opens):
    case = case_at("review", "one")
    child = opens("赵审查", case)
    for name in ("李领导", "王受理"):
        child = office.agrees(name, child)
    below, draft = opens("钱审查", child), opens("钱审查", child, draft=True)
    seat = office.seat("李领导", below)
    case = office.acts("张申请", service.withdraw, case)
    rows = {key: Case.objects.get(pk=key) for key in (child.pk, below.pk, draft.pk)}
    assert [rows[each.pk].state for each in (child, below, draft)] == ["terminated", "terminated", "withdrawn"]
    assert case.code in LedgerEvent.objects.get(subject_id=child.pk, code="terminate").reason
    assert Notice.objects.filter(subject=f"flow.case/{child.pk}", kind="flow.case.end").count() == 1
    with pytest.raises(Conflict), office.actor("李领导").acting():
        service.decide(office.actor("李领导"), below, seat=seat, outcome="agree")
    for each in (case, *rows.values()):
        check(each)


def test_terminating_the_case_leaves_what_has_taken_effect(office, case_at, opens):
    case = case_at("review", "one")
    child, other = opens("赵审查", case), opens("赵审查", case)
    Case.objects.filter(pk=child.pk).update(document_no="沪管〔2026〕1号")
    office.acts("郑管理", service.terminate, case, reason="机构撤销")
    states = dict(Case.objects.filter(parent=case).values_list("pk", "state"))
    assert states == {child.pk: "running", other.pk: "terminated"}


@pytest.mark.parametrize("mode", ["one", "all"])
def test_nothing_is_returned_over_it(office, case_at, opens, mode):
    case = case_at("review", mode)
    opens("赵审查", case)
    target = Step.objects.get(case=case, node="accept")
    for verb, values in ((service.return_, {"to": target, "reason": "再看"}), (service.send_back, {"reason": "重写"})):
        with pytest.raises(Conflict, match="子办件"):
            office.does("赵审查", verb, case, **values)
    assert open_nodes(case) == ["review"]


def test_who_signs_before_waits_for_it_too(office, case_at, opens):
    case = case_at("review", "all")
    case = office.agrees("赵审查", case)
    case = office.agrees("钱审查", case)
    child = opens("孙审查", case)
    case = office.does("孙审查", service.add_sign_before, case, people=[office.people["褚专家"]])
    waits(office, case, "褚专家")
    office.acts("孙审查", service.withdraw, child)
    case = office.agrees("褚专家", case)
    assert open_nodes(case) == ["review"] and open_nodes(office.agrees("孙审查", case)) == ["decision"]


def test_reducing_a_countersigner_waits_too(office, case_at, opens):
    case = case_at("review", "all")
    case = office.agrees("赵审查", case)
    child = opens("钱审查", case)
    with pytest.raises(Conflict, match="子办件"):
        office.does("钱审查", service.reduce_sign, case, other=office.seat("孙审查", case), reason="休假")
    office.acts("钱审查", service.withdraw, child)
    case = office.does("钱审查", service.reduce_sign, case, other=office.seat("孙审查", case), reason="休假")
    assert open_nodes(office.agrees("钱审查", case)) == ["decision"]


def test_a_draft_is_waited_for_while_its_writer_has_a_part(office, case_at, opens):
    case = case_at("review", "one")
    draft = opens("赵审查", case, draft=True)
    waits(office, case, "赵审查")
    case = office.does("赵审查", service.transfer, case, person=office.people["褚专家"], reason="出差")
    case = office.agrees("褚专家", case)  # nobody but 赵审查 could have discarded it
    assert open_nodes(case) == ["decision"]
    draft = office.acts("赵审查", service.submit, draft)  # submitted after all, it is waited for again
    waits(office, case, "吴决定")
    granted(office, draft)
    assert office.agrees("吴决定", case).state == "granted"


def test_a_draft_ends_with_the_case(office, case_at, opens):
    case = case_at("review", "one")
    draft = opens("赵审查", case, draft=True)
    case = office.does("赵审查", service.transfer, case, person=office.people["褚专家"], reason="出差")
    for name in ("褚专家", "吴决定"):
        case = office.agrees(name, case)
    assert case.state == "granted" and Case.objects.get(pk=draft.pk).state == "withdrawn"
    with pytest.raises(Conflict):
        office.acts("赵审查", service.submit, draft)
    check(case)


def test_people_put_in_wait_for_it(office, case_at, opens):
    case = case_at("review", "one")
    child = opens("赵审查", case)
    step = Step.objects.get(case=case, state="open")
    case = office.acts("郑管理", service.reassign, case, step=step, people=[office.people["褚专家"]], reason="换人")
    waits(office, case, "褚专家")
    office.acts("郑管理", service.terminate, child, reason="不再需要")
    assert open_nodes(office.agrees("褚专家", case)) == ["decision"]


def test_it_ends_while_the_case_stands_still(office, case_at, opens):
    case = case_at("review", "one")
    child = opens("赵审查", case)
    case = office.does("赵审查", service.suspend, case, ground="专家评审", reason="等")
    before = told("赵审查", office, case)
    granted(office, child)
    assert told("赵审查", office, case) == before  # nothing to do yet
    case = office.acts("赵审查", service.resume, case)
    assert told("赵审查", office, case) == before + 1
    assert open_nodes(office.agrees("赵审查", case)) == ["decision"]


def test_a_correction_does_not_free_it(office, case_at, opens):
    case = case_at("review", "one")
    opens("赵审查", case)
    case = office.does("赵审查", service.correct, case, items=[{"path": "reason", "text": "写明"}])
    case = office.acts("张申请", service.resubmit, case, values={"reason": "写明了"})
    waits(office, case, "赵审查")


def test_another_version_does_not_free_it(office, case_at, opens):
    case = case_at("review", "one")
    opens("赵审查", case)
    publish(sample.bpmn("any"), number=9)
    case = office.acts("郑管理", service.migrate, case, definition=Definition.objects.get(number=9), reason="新版")
    waits(office, case, "赵审查")


def test_whoever_only_has_a_copy_or_another_seat_opens_none(office, case_at, opens):
    case = case_at("review", "one")
    office.acts("赵审查", service.copy_to, case, people=[office.people["褚专家"]])
    copy = Seat.objects.get(case=case, person=office.people["褚专家"])
    with pytest.raises(Conflict), office.actor("褚专家").acting():
        service.open_subcase(office.actor("褚专家"), case, seat=copy, item=sample.ITEM)
    with pytest.raises(Conflict):  # not claimed yet
        office.does("钱审查", service.open_subcase, case, item=sample.ITEM)
    assert not Case.objects.filter(parent=case).exists()


def test_who_handles_an_item_opens_it_for_the_organ_of_the_case_within_their_scope(office, case_at):
    """No role of an applicant is asked for at the bureau; another handler accepts it, and the parent is told its outcome."""
    case = case_at("review", "one")
    office.does("赵审查", service.claim, case)
    assert [item.code for item in service.openable(office.actor("赵审查"), case)].count(sample.ITEM.code) == 1
    assert not service.openable(office.actor("褚专家"), case)
    child = office.does("赵审查", service.open_subcase, case, item=sample.ITEM, values={"reason": "委托", "amount": "1"})
    assert (child.unit, child.applicant.name, child.parent) == (case.unit, "赵审查", case)
    child = office.acts("赵审查", service.submit, child)
    assert open_nodes(child) == ["lead"] and office.seat("李领导", child)
    assert granted(office, child).state == "granted"
    assert not Seat.objects.filter(case=child, person=child.applicant, kind="main").exists()
    assert open_nodes(office.agrees("赵审查", case)) == ["decision"]
