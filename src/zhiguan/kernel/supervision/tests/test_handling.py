"""What people do with findings: who may, in which order, and what is written down."""

from __future__ import annotations

import threading
from datetime import date, timedelta

import pytest
from django.db import connection
from django.utils import timezone

from zhiguan.kernel.ledger import service as ledger
from zhiguan.kernel.orgs.models import Person
from zhiguan.kernel.supervision import handling, queries, service
from zhiguan.kernel.supervision.models import Finding
from zhiguan.kit.errors import Conflict, Denied, Invalid, Stale

from .conftest import ALL, DAY, NEXT, make_world


@pytest.fixture
def finding(world, rule, truth):
    truth.metres[world.people[0].pk, "2026-03-02"] = 80.0
    service.run(rule, subjects=world.people, start=DAY, end=NEXT)
    return Finding.objects.get()


def test_the_whole_way_to_closing(world, finding, make_actor):
    manager = world.manager
    person = world.people[1]
    responder = make_actor({code: "self" for code in ALL}, unit=world.other, person=person.pk, name="李四")
    with manager.acting():
        finding = service.assign(manager, finding, assignee="李四", note="请三日内说明")
        assert finding.assignee == person and finding.due_on > timezone.localdate()
    with responder.acting():
        mine = Finding.objects.get()  # wherever the assignee belongs
        assert queries.todo(responder).count() == 1
        finding = service.explain(responder, mine, explanation="送修途中。")
        assert queries.todo(responder).count() == 0
    with manager.acting():
        finding = service.send_back(manager, finding, reason="请附维修单")
        assert (finding.state, finding.explanation) == ("assigned", "送修途中。")
    with responder.acting():
        finding = service.explain(responder, Finding.objects.get(), explanation="送修，维修单已附。")
        finding = service.rectify(responder, finding, rectification="已补办派车单。")
    with manager.acting():
        finding = service.verify(manager, finding, verdict="属实，已整改。")
        assert (finding.state, finding.outcome, finding.ended_at is None) == ("closed", "confirmed", False)
        assert [event.code for event in ledger.history(finding)] == [
            "create", "assign", "explain", "send_back", "explain", "rectify", "close"
        ]  # fmt: skip
        story = list(queries.history(finding, manager))
        changes = {(change.field, change.after) for entry in story for change in entry.changes}
        assert ("承办人", "李四") in changes and ("状态", "已销号") in changes


def test_the_due_date_is_of_working_days(finding):
    assert service.due_date(finding, date(2026, 3, 6)) == date(2026, 3, 13)  # a Friday; no holiday in these two weeks
    with pytest.raises(Invalid, match="2031") as refused:
        service.due_date(finding, date(2031, 3, 6))
    assert "due_on" in refused.value.fields


@pytest.mark.parametrize(
    ("permission", "verb", "values"),
    [
        ("assign", "assign", {}), ("explain", "explain", {"explanation": "x"}),
        ("explain", "rectify", {"rectification": "x"}), ("verify", "verify", {"verdict": "x"}),
        ("verify", "send_back", {"reason": "x"}), ("dismiss", "dismiss", {"reason": "x"}),
    ],
)  # fmt: skip
def test_every_verb_asks_its_permission_and_scope(world, finding, make_actor, permission, verb, values):
    rest = {code: scope for code, scope in ALL.items() if not code.endswith(f".{permission}")}
    lesser = make_actor(rest, unit=world.organ)
    for actor, code in ((lesser, "permission_missing"), (world.stranger, "out_of_scope")):
        with actor.acting(), pytest.raises(Denied) as refused:
            getattr(service, verb)(actor, finding, **values)
        assert refused.value.code == code
    finding.refresh_from_db()
    assert finding.version == 1


def test_strangers_and_those_without_the_line_see_nothing(world, finding, make_actor):
    with world.stranger.acting():
        assert Finding.objects.count() == 0
    without_line = {code: "city" for code in ALL if code != "orgs.unit.view"}
    inspector = make_actor(without_line, unit=world.city)
    with inspector.acting():
        assert Finding.objects.count() == 0
    line_only = make_actor({"orgs.unit.view": "city"}, unit=world.city)
    with line_only.acting():
        assert queries.findings(line_only).count() == 0


def test_moves_out_of_order_are_refused(world, finding):
    with world.manager.acting():
        with pytest.raises(Conflict, match="不能办理“说明”"):
            service.explain(world.manager, finding, explanation="x")
        with pytest.raises(Conflict):
            service.verify(world.manager, finding, verdict="x")
        finding = service.assign(world.manager, finding)
        with pytest.raises(Conflict, match="批量"):
            handling.assign_only(world.manager, finding)
        finding = service.assign(world.manager, finding, assignee="P2")
        assert finding.assignee == world.people[1] and ledger.history(finding).last().name == "改派"


@pytest.mark.parametrize(
    ("verb", "values", "field"),
    [
        ("assign", {"assignee": "王五"}, "assignee"), ("assign", {"assignee": "没有此人"}, "assignee"),
        ("assign", {"due_on": date(2020, 1, 1)}, "due_on"), ("dismiss", {"reason": "  "}, "reason"),
        ("explain", {"explanation": "\0 "}, "explanation"),
        ("rectify", {"rectification": "长" * 2001}, "rectification"),
        ("verify", {"verdict": ""}, "verdict"), ("send_back", {"reason": ""}, "reason"),
    ],
)  # fmt: skip
def test_bad_input_names_the_field(world, finding, verb, values, field):
    with world.manager.acting(), pytest.raises(Invalid) as refused:
        getattr(service, verb)(world.manager, finding, **values)
    assert field in refused.value.fields


def test_namesakes_are_told_apart_by_number(world, finding):
    Person.objects.create(code="P9", name="李四", unit=world.organ)
    with world.manager.acting():
        with pytest.raises(Invalid, match=r"P2.*P9|P9.*P2"):
            service.assign(world.manager, finding, assignee="李四")
        assert service.assign(world.manager, finding, assignee="P9").assignee.code == "P9"


def test_an_assignee_of_another_unit_is_refused(world, finding):
    with world.manager.acting(), pytest.raises(Invalid, match="责任单位"):
        service.assign(world.manager, finding, assignee=world.people[2])


def test_precision_counts_what_people_decided(world, rule, truth):
    one, two, _ = world.people
    for person in world.people:
        truth.metres[person.pk, "2026-03-02"] = 80.0
        truth.metres[person.pk, "2026-03-03"] = 80.0
    service.run(rule, subjects=world.people, start=DAY, end=NEXT + timedelta(days=1))
    boss = world.manager
    found = {(f.subject_id, f.period): f for f in Finding.objects.all()}
    with boss.acting():
        service.dismiss(boss, found[one.pk, "2026-03-02"], reason="误报")
        first = service.assign(boss, found[one.pk, "2026-03-03"])
        service.verify(boss, service.explain(boss, first, explanation="是"), verdict="属实")
    del truth.metres[two.pk, "2026-03-02"]
    service.run(rule, subjects=world.people, start=DAY, end=NEXT)
    with boss.acting():
        counts = service.precision(boss)["orgs.moved"]
    assert (counts.confirmed, counts.dismissed, counts.withdrawn, counts.open) == (1, 1, 1, 1)
    assert (counts.share, counts.total) == (0.5, 4)
    with world.stranger.acting():
        theirs = service.precision(world.stranger)["orgs.moved"]
    assert (theirs.share, theirs.open) == (None, 2)


def test_stale_copies_are_refused(world, finding):
    copy = Finding.objects.get()
    with world.manager.acting():
        service.assign(world.manager, finding)
        with pytest.raises(Conflict, match="待说明"):
            service.dismiss(world.manager, copy, reason="误报")
        again = Finding.objects.get()
        service.assign(world.manager, Finding.objects.get(), assignee="P2")
        with pytest.raises(Stale):
            service.assign(world.manager, again, assignee="P1")


def test_two_at_once_only_one_acts(committed_db, make_actor, rule, truth):
    from zhiguan.kit.actor import system

    with system("tests").transaction():
        world = make_world(make_actor)
    truth.metres[world.people[0].pk, "2026-03-02"] = 80.0
    results: list[object] = []
    start = threading.Barrier(2)

    def twice(work):
        def go():
            try:
                start.wait(10)
                results.append(work())
            except Conflict as refusal:
                results.append(refusal.code)
            finally:
                connection.close()

        threads = [threading.Thread(target=go) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)

    twice(lambda: service.run(rule, subjects=world.people, start=DAY, end=NEXT))
    assert sorted(results, key=lambda result: result.raised) == [
        service.RunResult(kept=1), service.RunResult(raised=1)
    ]  # fmt: skip
    results.clear()

    def dismiss():
        with world.manager.transaction():
            return service.dismiss(world.manager, Finding.objects.get(), reason="误报").state

    twice(dismiss)
    assert sorted(results) == ["dismissed", "state_changed"]


def test_those_who_have_to_answer_are_told(world, finding):
    from django.contrib.auth import get_user_model

    from zhiguan.kernel.identity.models import Grant, Role
    from zhiguan.kernel.notices import service as notices

    accounts = [
        get_user_model().objects.create(username=person.code, person=person, unit=person.unit)
        for person in world.people[:2]
    ]
    role = Role.objects.create(code="t", name="测试承办人", permissions=["supervision.finding.explain"])
    Grant.objects.create(account=accounts[0], role=role, scope="organ", state="active")
    manager = world.manager
    with manager.acting():
        finding = service.assign(manager, finding)
        finding = service.assign(manager, finding, assignee="李四", note="请尽快说明")
        finding = service.explain(manager, finding, explanation="送修")
        finding = service.send_back(manager, finding, reason="请附材料")
    told = [[(each.kind.rpartition(".")[2], each.body) for each in notices.told(account.pk)] for account in accounts]
    assert [kind for kind, _ in told[0]] == ["assign"], "nobody was named: those in charge in the unit"
    assert [kind for kind, _ in told[1]] == ["assign", "send_back"]
    assert "交办意见：请尽快说明" in told[1][0][1] and "办理期限" in told[1][0][1] and "请附材料" in told[1][1][1]
