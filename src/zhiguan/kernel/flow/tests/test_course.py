"""A case's course: every operation alone."""

from __future__ import annotations

import pytest

from zhiguan.kernel.flow import service
from zhiguan.kernel.flow.models import Card, Case, Seat, Step, Submission
from zhiguan.kernel.ledger.models import LedgerEvent
from zhiguan.kernel.orgs.models import Person
from zhiguan.kernel.trace.models import Entry
from zhiguan.kit.errors import Conflict, Denied, Invalid, NotFound

from . import sample
from .conftest import open_nodes, publish

pytestmark = pytest.mark.django_db


def people(office, *names):
    return [office.people[name] for name in names]


def test_the_whole_way(office, draft):
    case = draft()
    assert case.state == "draft" and case.values["total"] == "60.00" and case.title == "申请修车"
    case = office.acts("张申请", service.submit, case)
    assert case.state == "running" and case.stage == "审核" and open_nodes(case) == ["lead"]
    assert case.accepted_at is None and case.clock == []
    case = office.agrees("李领导", case)
    case = office.agrees("王受理", case)
    assert case.accepted_at is not None and [what for _, what, _ in case.clock] == ["start"]
    assert case.policy["limit"] == 20 and case.look_at is not None
    for name in ("赵审查", "钱审查"):
        case = office.agrees(name, case)
        assert open_nodes(case) == ["review"]
    case = office.agrees("孙审查", case)
    assert open_nodes(case) == ["decision"] and sample.DONE == []
    case = office.agrees("吴决定", case)
    assert case.state == "granted" and case.result == "已登记修车" and case.look_at is None
    assert [(case.code, "修车")] == sample.DONE and case.effects.count() == 1
    assert [what for _, what, _ in case.clock] == ["start", "close"]
    codes = list(
        LedgerEvent.objects.filter(subject_type="flow.case", subject_id=case.pk)
        .order_by("id")
        .values_list("code", flat=True)
    )
    assert codes == ["create", "submit", "decide", "decide", "accept", "decide", "decide", "decide", "decide", "grant"]
    assert Entry.objects.filter(code="flow.case.grant").count() == 1
    case = office.acts("张申请", service.receive, case)
    assert case.received_at is not None
    with pytest.raises(Conflict):
        office.acts("张申请", service.receive, case)


def test_refused(office, case_at):
    case = case_at("decision")
    with pytest.raises(Invalid, match="请填写办理意见"):
        office.does("吴决定", service.decide, case, outcome="refuse", opinion=" ")
    case = office.does("吴决定", service.decide, case, outcome="refuse", opinion="依据不足")
    assert case.state == "refused" and case.result == "依据不足" and sample.DONE == []


def test_not_accepted(office, case_at):
    case = case_at("accept")
    case = office.does("王受理", service.decide, case, outcome="refuse", opinion="不属受理范围")
    assert case.state == "refused" and case.accepted_at is None


def test_nobody_else_acts(office, case_at):
    case = case_at("lead")
    seat = office.seat("李领导", case)
    for name, error in (
        ("张申请", Denied),
        ("郑管理", Denied),
        ("冯监督", Denied),
        ("陈外人", NotFound),
        ("王受理", NotFound),
    ):
        with pytest.raises(error), office.actor(name).acting():
            service.decide(office.actor(name), case, seat=seat, outcome="agree")
    assert open_nodes(case) == ["lead"]


def test_twice_is_once(office, case_at):
    case = case_at("lead")
    seat = office.seat("李领导", case)
    actor = office.actor("李领导")
    with actor.acting():
        service.decide(actor, case, seat=seat, outcome="agree")
        with pytest.raises(Conflict):
            service.decide(actor, case, seat=seat, outcome="agree")
    assert Step.objects.filter(case=case, node="accept").count() == 1


def test_claim_and_release(office, case_at):
    case = case_at("review", "one")
    states = dict(Seat.objects.filter(step__node="review").values_list("person__name", "state"))
    assert set(states.values()) == {"offered"} and len(states) == 3
    case = office.does("钱审查", service.claim, case)
    seat = Seat.objects.get(step__node="review", person=office.people["赵审查"])
    assert seat.state == "lapsed"
    with pytest.raises(Conflict), office.actor("赵审查").acting():
        service.claim(office.actor("赵审查"), case, seat=seat)
    case = office.does("钱审查", service.release, case)
    assert set(Seat.objects.filter(step__node="review").values_list("state", flat=True)) == {"offered"}
    case = office.agrees("赵审查", case)
    assert open_nodes(case) == ["decision"]


@pytest.mark.parametrize(
    ("mode", "votes", "ends"),
    [
        ("all", "aaa", "agree"), ("all", "ar", "refuse"), ("any", "a", "agree"),
        ("any", "rra", "agree"), ("any", "rrr", "refuse"),
        ("ratio:0.6", "aa", "agree"), ("ratio:0.6", "rr", "refuse"), ("ratio:0.6", "ara", "agree"), ("turn", "aaa", "agree"),
        ("turn", "ar", "refuse"),
    ],
)  # fmt: skip
def test_countersign(office, case_at, mode, votes, ends):
    case = case_at("review", mode)
    for number, (name, vote) in enumerate(zip(("赵审查", "钱审查", "孙审查"), votes, strict=False)):
        assert open_nodes(case) == ["review"], number
        if mode == "turn":
            waiting = Seat.objects.filter(step__node="review", state="waiting").count()
            assert waiting == 2 - number
        outcome = "agree" if vote == "a" else "refuse"
        case = office.does(name, service.decide, case, outcome=outcome, opinion="意见")
    assert open_nodes(case) == ["decision"]
    assert case.outcomes["review"] == ends and Step.objects.get(case=case, node="review").outcome == ends


def test_in_turn_nobody_is_early(office, case_at):
    case = case_at("review", "turn")
    with pytest.raises(Conflict):
        office.agrees("钱审查", case)


def test_transfer(office, case_at):
    case = case_at("review", "one")
    with pytest.raises(Invalid, match="须填写事由"):
        office.does("赵审查", service.transfer, case, person=office.people["褚专家"], reason="")
    case = office.does("赵审查", service.transfer, case, person=office.people["褚专家"], reason="出差")
    assert office.people["褚专家"].pk in case.persons
    with pytest.raises(Seat.DoesNotExist):
        office.seat("赵审查", case)
    case = office.agrees("褚专家", case)
    assert open_nodes(case) == ["decision"]


def test_nobody_with_an_interest_is_asked(office, case_at):
    case = case_at("review", "one", subject=office.people["赵审查"].pk)
    assert "赵审查" not in [seat.person.name for seat in Seat.objects.filter(step__node="review")]
    with pytest.raises(Invalid, match="利害关系"):
        office.does("钱审查", service.transfer, case, person=office.people["张申请"], reason="出差")


def test_not_the_same_person_twice(office, case_at):
    from zhiguan.kernel.identity.models import Grant, Role

    Grant.objects.create(account=office.accounts["王受理"], role=Role.objects.get(code="t.decide"), scope="city",
                         unit=office.city, state="active")  # fmt: skip
    case_at("decision")
    assert [seat.person.name for seat in Seat.objects.filter(step__node="decision")] == ["吴决定"]


def test_delegate_comes_back(office, case_at):
    case = case_at("review", "one")
    case = office.does("赵审查", service.delegate, case, person=office.people["褚专家"])
    with pytest.raises(Conflict):
        office.agrees("赵审查", case)
    case = office.does("褚专家", service.decide, case, outcome="refuse", opinion="有疑问")
    assert open_nodes(case) == ["review"]
    case = office.agrees("赵审查", case)
    assert case.outcomes["review"] == "agree"


def test_sign_before(office, case_at):
    case = case_at("review", "one")
    case = office.does("赵审查", service.add_sign_before, case, people=people(office, "褚专家", "周核查"))
    case = office.agrees("褚专家", case)
    with pytest.raises(Conflict):
        office.agrees("赵审查", case)
    case = office.agrees("周核查", case)
    assert open_nodes(case) == ["review"]
    case = office.agrees("赵审查", case)
    assert open_nodes(case) == ["decision"]


def test_sign_after(office, case_at):
    case = case_at("review", "one")
    case = office.does("赵审查", service.add_sign_after, case, people=people(office, "褚专家"))
    with pytest.raises(Conflict):
        office.agrees("褚专家", case)
    case = office.agrees("赵审查", case)
    assert open_nodes(case) == ["review"]
    case = office.does("褚专家", service.decide, case, outcome="refuse", opinion="不妥")
    assert case.outcomes["review"] == "refuse"


def test_reduce_sign(office, case_at):
    case = case_at("review", "all")
    case = office.agrees("赵审查", case)
    other = office.seat("孙审查", case)
    case = office.does("钱审查", service.reduce_sign, case, other=other, reason="休假")
    case = office.agrees("钱审查", case)
    assert open_nodes(case) == ["decision"]


def test_the_last_countersigner_stays(office, case_at):
    case = case_at("decision")
    with pytest.raises(Conflict):
        office.does(
            "吴决定", service.reduce_sign, case, other=Seat.objects.filter(step__node="review").first(), reason="x"
        )


def test_return_restores_everything(office, case_at):
    case = case_at("review")
    case = office.does("赵审查", service.decide, case, outcome="agree", opinion="可", values={"note": "审查人写的"})
    assert case.values["note"] == "审查人写的"
    target = Step.objects.get(case=case, node="accept", state="done")
    case = office.does("钱审查", service.return_, case, to=target, reason="受理有误")
    assert open_nodes(case) == ["accept"] and case.values.get("note") is None
    assert [seat.person.name for seat in Seat.objects.filter(case=case, step__state="open")] == ["王受理"]
    assert set(case.steps.filter(node="review").values_list("state", flat=True)) == {"undone"}
    assert case.outcomes == {"lead": "agree"} and case.accepted_at is not None
    case = office.agrees("王受理", case)
    for name in ("赵审查", "钱审查", "孙审查"):
        case = office.agrees(name, case)
    case = office.agrees("吴决定", case)
    assert case.state == "granted" and len(sample.DONE) == 1
    assert [what for _, what, _ in case.clock] == ["start", "return", "close"]


def test_return_keeps_the_other_branch(office, case_at):
    case = case_at("review", "one", parallel=True)
    assert open_nodes(case) == ["review", "visit"]
    case = office.agrees("周核查", case)
    case = office.agrees("赵审查", case)
    assert open_nodes(case) == ["decision"]
    target = Step.objects.get(case=case, node="review")
    case = office.does("吴决定", service.return_, case, to=target, reason="再审")
    assert open_nodes(case) == ["review"]
    assert Step.objects.get(case=case, node="visit").state == "done"
    case = office.agrees("赵审查", case)
    assert open_nodes(case) == ["decision"]


def test_return_to_where_it_has_not_been(office, case_at):
    case = case_at("accept")
    other = Step.objects.get(case=case, node="accept")
    with pytest.raises(Invalid, match="此前办理过"):
        office.does("王受理", service.return_, case, to=other, reason="x")


def test_send_back_and_again(office, case_at):
    case = case_at("lead")
    case = office.does("李领导", service.send_back, case, reason="事由不清")
    assert case.state == "returned" and open_nodes(case) == []
    case = office.acts("张申请", service.resubmit, case, values={"reason": "换轮胎"})
    assert case.state == "running" and open_nodes(case) == ["lead"] and case.values["reason"] == "换轮胎"
    assert Submission.objects.filter(case=case).count() == 2 and case.values["amount"] == "100.00"


def test_correction_stops_the_clock_and_opens_what_it_names(office, case_at):
    case = case_at("review", "one")
    with pytest.raises(Invalid, match="没有指明"):
        office.does("赵审查", service.correct, case, items=[{"path": "nothing", "text": "x"}])
    case = office.does("赵审查", service.correct, case, items=[{"path": "reason", "text": "写明用途"}])
    assert (
        case.state == "correcting" and [what for _, what, _ in case.clock] == ["start", "stop"] and case.look_at is None
    )
    assert service.reading(case, case.updated_at).state == "stopped"
    with pytest.raises(Conflict):
        office.agrees("赵审查", case)
    with pytest.raises(Denied, match="不能修改"):
        office.acts("张申请", service.resubmit, case, values={"amount": "5000"})
    case = office.acts("张申请", service.resubmit, case, values={"reason": "写清楚了"})
    assert case.state == "running" and [what for _, what, _ in case.clock] == ["start", "stop", "resume"]
    assert open_nodes(case) == ["review"] and case.corrections.get().answered_at is not None
    case = office.agrees("赵审查", case)
    assert open_nodes(case) == ["decision"]


def test_before_acceptance_nothing_is_corrected(office, case_at):
    with pytest.raises(Denied, match="不允许"):
        office.does("李领导", service.correct, case_at("lead"), items=[{"path": "reason", "text": "x"}])


def test_suspend_needs_a_legal_ground(office, case_at):
    case = case_at("review", "one")
    with pytest.raises(Invalid, match="挂起事由"):
        office.does("赵审查", service.suspend, case, ground="忙", reason="忙")
    case = office.does("赵审查", service.suspend, case, ground="专家评审", reason="请专家")
    assert case.state == "suspended" and case.clock[-1][1:] == ["stop", "专家评审"]
    case = office.acts("赵审查", service.resume, case)
    assert case.state == "running" and case.clock[-1][1] == "resume"


def test_withdraw(office, case_at):
    case = case_at("review")
    with pytest.raises(Denied):
        office.acts("赵审查", service.withdraw, case)
    case = office.acts("张申请", service.withdraw, case, reason="不需要了")
    assert case.state == "withdrawn" and not Seat.objects.filter(case=case, state__in=("working", "offered")).exists()


def test_terminate_and_reassign_are_the_managers(office, case_at):
    case = case_at("review", "one")
    step = Step.objects.get(case=case, state="open")
    with pytest.raises(Denied):
        office.acts("赵审查", service.terminate, case, reason="x")
    case = office.acts("郑管理", service.reassign, case, step=step, people=people(office, "褚专家"), reason="集中办理")
    assert [seat.person.name for seat in Seat.objects.filter(step=step, state="working")] == ["褚专家"]
    case = office.acts("郑管理", service.terminate, case, reason="机构撤销")
    assert case.state == "terminated"


def test_nobody_to_do_it_stops_and_alerts(office, case_at):
    from zhiguan.kernel.identity.models import Grant
    from zhiguan.kernel.notices import service as notices

    Grant.objects.filter(role__code="t.accept").delete()
    case = case_at("lead")
    case = office.agrees("李领导", case)
    assert case.stuck and open_nodes(case) == ["accept"] and not Seat.objects.filter(step__node="accept").exists()
    assert any("无人可办" in notice.title for notice in notices.told(office.accounts["冯监督"].pk))
    step = Step.objects.get(case=case, node="accept")
    case = office.acts("郑管理", service.reassign, case, step=step, people=people(office, "褚专家"), reason="无人受理")
    assert not case.stuck
    case = office.agrees("褚专家", case)
    assert open_nodes(case) == ["review"]


def test_urge_copy_comment(office, case_at):
    from zhiguan.kernel.notices import service as notices

    case = case_at("lead")
    case = office.acts("张申请", service.urge, case, text="请尽快")
    assert any(notice.kind == "flow.case.urge" for notice in notices.told(office.accounts["李领导"].pk))
    with pytest.raises(Conflict, match="一小时内"):
        office.acts("张申请", service.urge, case)
    with pytest.raises(NotFound):
        office.acts("褚专家", service.comment, case, text="看看")
    case = office.acts("张申请", service.copy_to, case, people=people(office, "褚专家"))
    case = office.acts("褚专家", service.comment, case, text="知道了")
    assert case.remarks == 1
    with pytest.raises(Denied):
        office.acts("冯监督", service.comment, case, text="我只看")


def test_delegation_with_dates(office, case_at):
    from datetime import timedelta

    from django.utils import timezone

    from zhiguan.kernel.flow.models import Delegation

    today = timezone.localdate()
    boss = office.actor("吴决定")
    with boss.acting():
        row = service.authorise(boss, delegate=office.people["褚专家"], valid_from=today, valid_to=today, reason="出差")
    case = case_at("decision")
    seat = office.seat("吴决定", case)
    deputy = office.actor("褚专家")
    with office.actor("褚专家").acting():
        from zhiguan.kernel.flow import queries

        assert list(queries.todo(deputy).values_list("pk", flat=True)) == [seat.pk]
    Delegation.objects.filter(pk=row.pk).update(
        valid_from=today - timedelta(days=2), valid_to=today - timedelta(days=1)
    )
    with pytest.raises((Denied, NotFound)), deputy.acting():
        service.decide(deputy, case, seat=seat, outcome="agree")
    Delegation.objects.filter(pk=row.pk).update(valid_to=today)
    with deputy.acting():
        case = service.decide(deputy, case, seat=seat, outcome="agree", opinion="代办")
    seat.refresh_from_db()
    assert (
        case.state == "granted" and seat.acted_by == office.people["褚专家"] and seat.person == office.people["吴决定"]
    )


def test_who_moved_away_does_not_act(office, case_at):
    case = case_at("review", "one")
    Person.objects.filter(pk=office.people["赵审查"].pk).update(unit=office.units["乙"])
    with pytest.raises(Denied, match="已调离"):
        office.agrees("赵审查", case)


def test_the_ledger_changed_meanwhile(office, case_at):
    case = case_at("decision")
    sample.BROKEN.append("编制已满")
    with pytest.raises(Conflict, match="编制已满"):
        office.agrees("吴决定", case)
    case.refresh_from_db()
    assert case.state == "running" and open_nodes(case) == ["decision"] and sample.DONE == []


def test_running_cases_keep_their_version(office, case_at):
    case = case_at("accept")
    publish(sample.bpmn("any"), number=2)
    case = office.agrees("王受理", case)
    assert Step.objects.get(case=case, node="review").mode == "all"
    shown = service.preview(case, service.Definition.objects.get(number=2))
    assert shown["fits"] and shown["open"] == ["review"]
    case = office.acts(
        "郑管理", service.migrate, case, definition=service.Definition.objects.get(number=2), reason="新规定"
    )
    assert case.definition.number == 2


def test_an_unsigned_process_is_not_run(office, draft):
    from zhiguan.kernel.flow.definitions import Unsigned

    row = service.Definition.objects.get(item=sample.ITEM.code)
    service.Definition.objects.filter(pk=row.pk).update(bpmn=row.bpmn.replace("role:t.decide", "applicant"))
    with pytest.raises(Unsigned):
        office.acts("张申请", service.submit, draft())


def test_subcase_is_waited_for(office, case_at):
    case = case_at("review", "one")
    from zhiguan.kernel.identity.models import Grant, Role

    Grant.objects.create(account=office.accounts["赵审查"], role=Role.objects.get(code="t.apply"), scope="organ",
                         unit=office.units["局"], state="active")  # fmt: skip
    office.does("赵审查", service.claim, case)
    child = office.does(
        "赵审查", service.open_subcase, case, item=sample.ITEM, values={"reason": "委托", "amount": "1"}
    )
    assert child.parent_id == case.pk
    with pytest.raises(Conflict, match="子办件"):
        office.agrees("赵审查", case)
    office.acts("赵审查", service.discard, child)
    case = office.agrees("赵审查", case)
    assert open_nodes(case) == ["decision"]


def test_cases_are_in_nobody_elses_scope(office, case_at):
    from zhiguan.kernel.flow import queries

    case = case_at("lead")
    for name, sees in (
        ("张申请", True),
        ("李领导", True),
        ("冯监督", True),
        ("郑管理", True),
        ("陈外人", False),
        ("王受理", False),
    ):
        actor = office.actor(name)
        with actor.acting():
            assert queries.cases(actor).filter(pk=case.pk).exists() is sees, name
            # Row-level security knows the line as a whole: whoever handles it over the city is inside, others are not.
            inside = sees or name == "王受理"
            assert Case.objects.filter(pk=case.pk).exists() is inside, name
            assert Step.objects.filter(case_id=case.pk).exists() is inside, name
            assert not Card.objects.filter(case_id=case.pk).exists()
