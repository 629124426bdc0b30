"""Operations in pairs, and in any order: what is true of a case stays true after each of them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from zhiguan.kernel.flow import limits, service
from zhiguan.kernel.flow.cards import raise_due
from zhiguan.kernel.flow.models import Case, Definition, Delegation, Effect, Seat, Step
from zhiguan.kernel.notices.models import Notice
from zhiguan.kernel.orgs.models import Person
from zhiguan.kit.errors import Conflict, Denied, Invalid, NotFound

from . import sample
from .conftest import open_nodes, publish
from .machine import Acts, check, let_the_bureau_apply, told

pytestmark = pytest.mark.django_db


def people(office, *names):
    return [office.people[name] for name in names]


def seats(case, node, *states):
    rows = Seat.objects.filter(case=case, step__node=node, step__state="open")
    return {seat.person.name: seat.state for seat in rows if not states or seat.state in states}


def step(case, node="review"):
    return Step.objects.get(case=case, node=node, state="open")


def back(office, case, who, node, reason="再看"):
    target = Step.objects.filter(case=case, node=node, state="done").latest("round")
    return office.does(who, service.return_, case, to=target, reason=reason)


def test_return_during_countersign_undoes_the_votes_given(office, case_at):
    case = case_at("review", "all")
    case = office.agrees("赵审查", case)
    case = back(office, case, "钱审查", "accept")
    check(case)
    case = office.agrees("王受理", case)
    assert set(seats(case, "review").values()) == {"working"} and len(seats(case, "review")) == 3
    for name in ("赵审查", "钱审查", "孙审查"):
        case = office.agrees(name, case)
    assert open_nodes(case) == ["decision"]
    check(case)


def test_return_from_a_countersign_in_turn_begins_with_the_first_again(office, case_at):
    case = case_at("review", "turn")
    case = office.agrees("赵审查", case)
    case = back(office, case, "钱审查", "accept")
    case = office.agrees("王受理", case)
    assert seats(case, "review") == {"赵审查": "working", "钱审查": "waiting", "孙审查": "waiting"}
    check(case)


def test_withdraw_during_claim(office, case_at):
    case = case_at("review", "one")
    case = office.does("赵审查", service.claim, case)
    seat = office.seat("赵审查", case)
    case = office.acts("张申请", service.withdraw, case)
    check(case)
    for verb, values in ((service.claim, {}), (service.release, {}), (service.decide, {"outcome": "agree"})):
        with pytest.raises(Conflict), office.actor("赵审查").acting():
            verb(office.actor("赵审查"), case, seat=seat, **values)
    assert case.state == "withdrawn" and sample.DONE == []


def test_reassign_after_return(office, case_at):
    case = case_at("decision", "one")
    case = back(office, case, "吴决定", "review")
    case = office.acts("郑管理", service.reassign, case, step=step(case), people=people(office, "褚专家"), reason="换人")
    assert seats(case, "review", "working", "offered") == {"褚专家": "working"}
    case = office.agrees("褚专家", case)
    assert open_nodes(case) == ["decision"]
    check(case)


def test_transfer_then_return_comes_to_the_one_it_was_transferred_to(office, case_at):
    case = case_at("review", "one")
    case = office.does("赵审查", service.transfer, case, person=office.people["褚专家"], reason="出差")
    case = office.agrees("褚专家", case)
    case = back(office, case, "吴决定", "review")
    assert seats(case, "review") == {"褚专家": "working"}
    check(case)


def test_add_sign_then_reduce_then_return(office, case_at):
    case = case_at("review", "one")
    case = office.does("赵审查", service.add_sign_before, case, people=people(office, "褚专家", "周核查"))
    case = office.does("赵审查", service.reduce_sign, case, other=office.seat("褚专家", case), reason="不必")
    assert seats(case, "review", "waiting", "working") == {"赵审查": "waiting", "周核查": "working"}
    case = office.does("赵审查", service.reduce_sign, case, other=office.seat("周核查", case), reason="不必")
    assert seats(case, "review", "waiting", "working") == {"赵审查": "working"}
    case = back(office, case, "赵审查", "accept")
    assert open_nodes(case) == ["accept"]
    check(case)


def test_it_is_the_turn_of_who_waits_only_after_all_who_sign_before(office, case_at):
    case = case_at("review", "one")
    case = office.does("赵审查", service.add_sign_before, case, people=people(office, "褚专家", "周核查"))
    before = told("赵审查", office, case)
    case = office.agrees("褚专家", case)
    assert seats(case, "review", "waiting", "working") == {"赵审查": "waiting", "周核查": "working"}
    assert told("赵审查", office, case) == before
    case = office.agrees("周核查", case)
    assert seats(case, "review", "working") == {"赵审查": "working"} and told("赵审查", office, case) == before + 1
    check(case)


def test_who_signs_before_may_have_others_sign_after_themselves(office, case_at):
    case = case_at("review", "one")
    case = office.does("赵审查", service.add_sign_before, case, people=people(office, "褚专家"))
    case = office.does("褚专家", service.add_sign_after, case, people=people(office, "周核查"))
    case = office.agrees("褚专家", case)
    assert seats(case, "review", "waiting", "working") == {"赵审查": "waiting", "周核查": "working"}
    case = office.agrees("周核查", case)
    assert seats(case, "review", "working") == {"赵审查": "working"}
    check(case)


def test_reducing_who_delegated_takes_the_whole_chain_away(office, case_at):
    case = case_at("review", "one")
    case = office.does("赵审查", service.delegate, case, person=office.people["褚专家"])
    case = office.does("褚专家", service.delegate, case, person=office.people["周核查"])
    case = office.does("周核查", service.add_sign_before, case, people=people(office, "吴决定"))
    case = office.does("赵审查", service.reduce_sign, case, other=office.seat("褚专家", case), reason="自己办")
    assert seats(case, "review", "waiting", "working") == {"赵审查": "working"}
    check(case)


def test_a_countersigner_reduced_takes_those_after_them_along(office, case_at):
    case = case_at("review", "all")
    case = office.does("孙审查", service.add_sign_after, case, people=people(office, "褚专家"))
    case = office.agrees("赵审查", case)
    case = office.does("钱审查", service.reduce_sign, case, other=office.seat("孙审查", case), reason="休假")
    assert seats(case, "review", "waiting", "working") == {"钱审查": "working"}
    case = office.agrees("钱审查", case)
    assert open_nodes(case) == ["decision"]
    check(case)


def test_reduce_in_turn_gives_the_turn_on(office, case_at):
    case = case_at("review", "turn")
    case = office.does("钱审查", service.reduce_sign, case, other=office.seat("赵审查", case), reason="休假")
    assert seats(case, "review", "waiting", "working") == {"钱审查": "working", "孙审查": "waiting"}
    check(case)


def test_delegate_then_withdraw(office, case_at):
    case = case_at("review", "one")
    case = office.does("赵审查", service.delegate, case, person=office.people["褚专家"])
    seat = office.seat("褚专家", case)
    case = office.acts("张申请", service.withdraw, case)
    with pytest.raises(Conflict), office.actor("褚专家").acting():
        service.decide(office.actor("褚专家"), case, seat=seat, outcome="agree")
    check(case)


def test_correct_during_countersign_then_resubmit(office, case_at):
    case = case_at("review", "all")
    case = office.agrees("赵审查", case)
    case = office.does("钱审查", service.correct, case, items=[{"path": "reason", "text": "写明"}])
    check(case)
    before = told("孙审查", office, case)
    case = office.acts("张申请", service.resubmit, case, values={"reason": "写明了"})
    assert seats(case, "review") == {"赵审查": "done", "钱审查": "working", "孙审查": "working"}
    assert told("孙审查", office, case) == before + 1
    for name in ("钱审查", "孙审查"):
        case = office.agrees(name, case)
    assert open_nodes(case) == ["decision"]
    check(case)


def test_correct_then_withdraw(office, case_at):
    case = case_at("review", "one")
    case = office.does("赵审查", service.correct, case, items=[{"path": "*", "text": "全部重写"}])
    case = office.acts("张申请", service.withdraw, case)
    assert [what for _, what, _ in case.clock] == ["start", "stop", "close"]
    check(case)


def test_suspend_with_added_signs_then_resume(office, case_at):
    case = case_at("review", "one")
    case = office.does("赵审查", service.add_sign_before, case, people=people(office, "褚专家"))
    case = office.does("褚专家", service.suspend, case, ground="专家评审", reason="等")
    check(case)
    with pytest.raises(Conflict):
        office.agrees("褚专家", case)
    case = office.acts("赵审查", service.resume, case)
    assert seats(case, "review", "waiting", "working") == {"赵审查": "waiting", "褚专家": "working"}
    case = office.agrees("褚专家", case)
    case = office.agrees("赵审查", case)
    assert open_nodes(case) == ["decision"]
    check(case)


def test_who_is_no_longer_in_the_step_does_not_resume(office, case_at):
    case = case_at("review", "one")
    case = office.does("赵审查", service.transfer, case, person=office.people["褚专家"], reason="出差")
    case = office.does("褚专家", service.suspend, case, ground="专家评审", reason="等")
    with pytest.raises(Denied):
        office.acts("赵审查", service.resume, case)
    case = office.acts("褚专家", service.resume, case)
    check(case)


def test_send_back_in_a_parallel_part(office, case_at):
    case = case_at("review", "one", parallel=True)
    case = office.agrees("周核查", case)
    case = office.does("赵审查", service.send_back, case, reason="重写")
    assert open_nodes(case) == [] and case.state == "returned"
    check(case)
    case = office.acts("张申请", service.resubmit, case, values={"reason": "重写了"})
    for name in ("李领导", "王受理"):
        case = office.agrees(name, case)
    assert open_nodes(case) == ["review", "visit"]
    assert [what for _, what, _ in case.clock] == ["start", "stop", "resume", "return"]
    check(case)


def test_return_before_the_split_ends_both_branches(office, case_at):
    case = case_at("review", "one", parallel=True)
    case = office.agrees("周核查", case)
    case = back(office, case, "赵审查", "accept")
    assert open_nodes(case) == ["accept"]
    case = office.agrees("王受理", case)
    assert open_nodes(case) == ["review", "visit"]
    check(case)


def test_migrate_after_return(office, case_at):
    case = case_at("decision", "one")
    case = back(office, case, "吴决定", "accept")
    publish(sample.bpmn("all", parallel=True), number=9)
    case = office.acts("郑管理", service.migrate, case, definition=Definition.objects.get(number=9), reason="新版")
    assert open_nodes(case) == ["accept"]
    case = office.agrees("王受理", case)
    assert open_nodes(case) == ["review", "visit"] and step(case).mode == "all"
    check(case)


def test_migrate_while_something_is_signed(office, case_at):
    case = case_at("review", "all")
    case = office.agrees("赵审查", case)
    publish(sample.bpmn("all", parallel=True), number=9)
    case = office.acts("郑管理", service.migrate, case, definition=Definition.objects.get(number=9), reason="新版")
    assert open_nodes(case) == ["review", "visit"] and seats(case, "review")["赵审查"] == "done"
    check(case)


def test_delegation_expiring_between_claim_and_decide(office, case_at):
    today = timezone.localdate()
    with office.actor("赵审查").acting():
        row = service.authorise(office.actor("赵审查"), delegate=office.people["褚专家"], valid_from=today, valid_to=today,
                                reason="出差")  # fmt: skip
    case = case_at("review", "one")
    deputy, seat = office.actor("褚专家"), office.seat("赵审查", case)
    with deputy.acting():
        case = service.claim(deputy, case, seat=seat)
    Delegation.objects.filter(pk=row.pk).update(valid_from=today - timedelta(2), valid_to=today - timedelta(1))
    with pytest.raises(Denied, match="已到期"), deputy.acting():
        service.decide(deputy, case, seat=seat, outcome="agree")
    check(case)
    case = office.agrees("赵审查", case)
    assert open_nodes(case) == ["decision"]


def test_delegation_revoked_then_decide(office, case_at):
    today = timezone.localdate()
    with office.actor("吴决定").acting():
        row = service.authorise(office.actor("吴决定"), delegate=office.people["褚专家"], valid_from=today, valid_to=today,
                                reason="出差")  # fmt: skip
    case = case_at("decision")
    with office.actor("吴决定").acting():
        service.revoke(office.actor("吴决定"), row)
    with pytest.raises(Denied), office.actor("褚专家").acting():
        service.decide(office.actor("褚专家"), case, seat=office.seat("吴决定", case), outcome="agree")
    check(case)


def test_claim_after_reassign(office, case_at):
    case = case_at("review", "one")
    old = office.seat("钱审查", case)
    case = office.acts("郑管理", service.reassign, case, step=step(case), people=people(office, "褚专家", "孙审查"), reason="换人")
    with pytest.raises(Conflict), office.actor("钱审查").acting():
        service.claim(office.actor("钱审查"), case, seat=old)
    case = office.does("孙审查", service.claim, case)
    assert seats(case, "review", "working", "offered") == {"孙审查": "working"}
    check(case)


def test_reassign_when_a_signature_was_still_to_follow(office, case_at):
    """Whoever is put in decides; the one who had signed already does not decide for them."""
    case = case_at("review", "one")
    case = office.does("赵审查", service.add_sign_after, case, people=people(office, "褚专家"))
    case = office.agrees("赵审查", case)
    case = office.acts("郑管理", service.reassign, case, step=step(case), people=people(office, "钱审查"), reason="换人")
    case = office.does("钱审查", service.decide, case, outcome="refuse", opinion="不妥")
    assert case.outcomes["review"] == "refuse"
    check(case)


def test_nobody_votes_twice_in_a_countersign(office, case_at):
    case = case_at("review", "all")
    case = office.agrees("赵审查", case)
    for verb, values in (
        (service.transfer, {"person": office.people["赵审查"], "reason": "出差"}),
        (service.add_sign_after, {"people": people(office, "赵审查")}),
    ):
        with pytest.raises(Conflict, match="签署过"):
            office.does("钱审查", verb, case, **values)
    with pytest.raises(Conflict, match="签署过"):
        office.acts("郑管理", service.reassign, case, step=step(case), people=people(office, "赵审查"), reason="换人")
    check(case)


def test_reassign_one_stuck_step_of_two(office, case_at):
    from zhiguan.kernel.identity.models import Grant

    Grant.objects.filter(role__code__in=("t.review", "t.visit")).delete()
    case = case_at("review", "one", parallel=True)
    assert case.stuck
    case = office.acts("郑管理", service.reassign, case, step=step(case), people=people(office, "褚专家"), reason="无人")
    assert case.stuck
    case = office.acts("郑管理", service.reassign, case, step=step(case, "visit"), people=people(office, "钱审查"), reason="无人")
    assert not case.stuck
    check(case)


def test_return_to_somebody_who_moved_away_asks_who_is_there_now(office, case_at):
    case = case_at("decision", "one")
    Person.objects.filter(name="赵审查").update(unit=office.units["乙"])
    from zhiguan.kernel.identity.models import Grant

    Grant.objects.filter(account=office.accounts["赵审查"]).delete()
    case = back(office, case, "吴决定", "review")
    assert set(seats(case, "review")) == {"钱审查", "孙审查"}
    check(case)


def test_who_decided_by_signing_last_does_not_also_decide_what_may_not_be_the_same_person(office, case_at):
    from zhiguan.kernel.identity.models import Grant, Role

    Grant.objects.create(account=office.accounts["褚专家"], role=Role.objects.get(code="t.decide"), scope="city",
                         unit=office.city, state="active")  # fmt: skip
    case = case_at("accept")
    case = office.does("王受理", service.add_sign_after, case, people=people(office, "褚专家"))
    for name in ("王受理", "褚专家", "赵审查", "钱审查", "孙审查"):
        case = office.agrees(name, case)
    assert set(seats(case, "decision")) == {"吴决定"}
    check(case)


def test_there_is_no_way_back_behind_a_document(office, case_at):
    case = case_at("decision")
    Case.objects.filter(pk=case.pk).update(document_no="沪管〔2026〕1号")
    for who, verb, values in (
        ("吴决定", service.send_back, {"reason": "x"}),
        ("吴决定", service.return_, {"to": Step.objects.get(case=case, node="accept"), "reason": "x"}),
    ):
        with pytest.raises(Conflict, match="已经生效"):
            office.does(who, verb, case, **values)
    for who, verb in (("郑管理", service.terminate), ("张申请", service.withdraw)):
        with pytest.raises(Conflict, match="已经生效"):
            office.acts(who, verb, case, reason="x")


def test_a_version_with_another_place_for_the_effect_does_not_repeat_it(office, case_at):
    case = case_at("decision")
    Effect.objects.create(case=case, act="earlier", text="已登记", links=[])
    case = office.agrees("吴决定", case)
    assert case.state == "granted" and sample.DONE == [] and case.effects.count() == 1


def test_copy_and_comment_during_countersign_change_nothing(office, case_at):
    case = case_at("review", "all")
    case = office.agrees("赵审查", case)
    case = office.acts("钱审查", service.copy_to, case, people=people(office, "褚专家", "孙审查"))
    case = office.acts("褚专家", service.comment, case, text="知道了")
    assert seats(case, "review", "working", "done") == {"赵审查": "done", "钱审查": "working", "孙审查": "working"}
    with pytest.raises((Conflict, Denied, Invalid, NotFound)), office.actor("褚专家").acting():
        seat = Seat.objects.get(case=case, person=office.people["褚专家"])
        service.decide(office.actor("褚专家"), case, seat=seat, outcome="agree")
    check(case)


def test_suspend_then_withdraw(office, case_at):
    case = case_at("review", "one")
    case = office.does("赵审查", service.suspend, case, ground="专家评审", reason="等")
    case = office.acts("张申请", service.withdraw, case)
    assert [what for _, what, _ in case.clock] == ["start", "stop", "close"]
    with pytest.raises(Conflict):
        office.acts("郑管理", service.resume, case)
    check(case)


def test_urge_then_send_back_then_urge(office, case_at):
    case = case_at("review", "one")
    case = office.does("赵审查", service.claim, case)
    case = office.acts("张申请", service.urge, case)
    urged = Notice.objects.filter(kind="flow.case.urge", subject=f"flow.case/{case.pk}")
    assert [notice.account for notice in urged] == [office.accounts["赵审查"]]  # whose turn it is, nobody else
    case = office.does("赵审查", service.send_back, case, reason="重写")
    Case.objects.filter(pk=case.pk).update(urged_at=None)
    with pytest.raises(Conflict, match="不需要催办"):
        office.acts("张申请", service.urge, case)
    check(case)


def test_a_copy_to_somebody_who_knows_the_case_is_told_of_too(office, case_at):
    case = case_at("review", "one")
    version = case.version
    case = office.acts("赵审查", service.copy_to, case, people=people(office, "李领导"))
    assert case.version == version + 1 and Seat.objects.filter(case=case, kind="copy").count() == 1
    check(case)


def test_transfer_during_a_delegation_ends_what_the_deputy_may(office, case_at):
    today = timezone.localdate()
    with office.actor("赵审查").acting():
        service.authorise(office.actor("赵审查"), delegate=office.people["褚专家"], valid_from=today, valid_to=today, reason="出差")
    case = case_at("review", "one")
    seat, deputy = office.seat("赵审查", case), office.actor("褚专家")
    case = office.does("赵审查", service.transfer, case, person=office.people["周核查"], reason="出差")
    with pytest.raises(Conflict), deputy.acting():
        service.decide(deputy, case, seat=seat, outcome="agree")
    with pytest.raises(Denied), deputy.acting():
        service.decide(deputy, case, seat=office.seat("周核查", case), outcome="agree")
    case = office.agrees("周核查", case)
    assert open_nodes(case) == ["decision"]
    check(case)


def test_transferred_to_another_organ_mid_case_then_reassigned_then_back(office, case_at):
    case = case_at("review", "one")
    case = office.does("赵审查", service.claim, case)
    old = office.seat("赵审查", case)
    Person.objects.filter(name="赵审查").update(unit=office.units["乙"])
    for verb, values in ((service.decide, {"outcome": "agree"}), (service.release, {}), (service.return_, {
        "to": Step.objects.get(case=case, node="accept"), "reason": "x"})):  # fmt: skip
        with pytest.raises(Denied, match="已调离"):
            office.does("赵审查", verb, case, **values)
    check(case)
    case = office.acts("郑管理", service.reassign, case, step=step(case), people=people(office, "钱审查"), reason="原办理人调离")
    Person.objects.filter(name="赵审查").update(unit=office.units["局"])
    with pytest.raises(Conflict), office.actor("赵审查").acting():
        service.decide(office.actor("赵审查"), case, seat=old, outcome="agree")
    case = office.agrees("钱审查", case)
    assert open_nodes(case) == ["decision"]
    check(case)


def test_accepted_while_the_calendar_lacks_the_year(office, case_at):
    """The case goes on; no due date is guessed, no card raised, and it is looked at again."""
    from zhiguan.kernel.calendar import models

    models.Day.objects.all().delete()
    models.Year.objects.all().delete()
    models.Stamp.objects.all().delete()
    case = case_at("review", "one")
    assert case.accepted_at is not None and limits.in_words(case, case.accepted_at)[0] == "节假日未录入"
    assert case.look_at is not None and raise_due(timezone.now() + timedelta(days=90)) == 0
    case.refresh_from_db()
    for name in ("赵审查", "吴决定"):
        case = office.agrees(name, case)
    assert case.state == "granted" and case.look_at is None and not case.cards.exists()


def test_any_order_of_operations(office):
    let_the_bureau_apply(office)
    Acts.office, Acts.accepted = office, {}
    for _ in range(5):  # drawn at random: four runs of nothing but refusals happen, and are followed by more
        run_state_machine_as_test(
            Acts, settings=settings(max_examples=4, stateful_step_count=15, deadline=None, phases=(Phase.generate,),
                                    suppress_health_check=list(HealthCheck)),
        )  # fmt: skip
        if len(Acts.accepted) >= 4:
            break
    assert Acts.accepted.get("submit") and len(Acts.accepted) >= 4, Acts.accepted
