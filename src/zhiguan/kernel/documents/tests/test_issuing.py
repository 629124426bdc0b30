"""Issuing: numbers without gaps or duplicates, one document a case, what it says is frozen and made exactly once."""

from __future__ import annotations

import hashlib
import threading
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from django.db import connection, connections, transaction

from zhiguan.kernel.documents import issuing, numbers, producing, service
from zhiguan.kernel.documents.models import NumberSeries, OutcomeDocument
from zhiguan.kernel.events import service as events
from zhiguan.kernel.events.models import Job
from zhiguan.kernel.files import store as disk
from zhiguan.kernel.ledger import service as ledger
from zhiguan.kernel.orgs import service as orgs
from zhiguan.kit.actor import system
from zhiguan.kit.errors import Conflict, Denied, Invalid

from .conftest import CERTIFIED, DECIDED, VALUES, issue, make_world, produce


def test_a_document_is_numbered_frozen_and_then_made_once(world):
    made = issue(world, persons=[7, 7, 9], case="G4-1")
    year = made.year
    assert (made.number, made.state, made.issuer, made.unit) == (
        f"沪机管试编〔{year}〕1号",
        "making",
        world.bureau,
        world.one,
    )
    assert made.persons == [7, 9] and made.digest == "" and made.file is None
    assert Job.objects.filter(kind="documents.document.produce", state="queued", key=str(made.pk)).count() == 1
    made = produce(made)
    assert made.state == "valid" and made.pages == 2 and made.demo
    content = disk.place(made.digest).read_bytes()
    assert hashlib.sha256(content).hexdigest() == made.digest and len(content) == made.size
    before = made.version
    assert produce(made).version == before, "made again"
    assert [event.code for event in ledger.history(made)] == ["create", "produce"]
    snapshot = ledger.history(made).first().snapshot
    assert not {"values", "token", "code"} & set(snapshot), "what opens the check page does not go round"


def test_series_count_by_pattern_and_year(world, monkeypatch):
    first, second, other = issue(world), issue(world), issue(world, CERTIFIED)
    assert [each.serial for each in (first, second, other)] == [1, 2, 1]
    assert other.number == f"沪机管试登〔{other.year}〕0001号" and other.valid_until.year == other.year + 5
    with transaction.atomic():
        assert numbers.take(DECIDED, 2031) == 1


def test_a_number_given_back_is_taken_by_the_next(world):
    issue(world)
    with pytest.raises(Invalid), transaction.atomic():
        issue(world)
        raise Invalid("办结未成功")
    assert issue(world).serial == 2
    assert not Job.objects.filter(title__contains="3号").exists()


@pytest.mark.parametrize(
    ("values", "error"),
    [
        ({"title": "无正文", "to": "甲局"}, Invalid), ({**VALUES, "title": ""}, Invalid),
        ({**VALUES, "paragraphs": ["表情\U0001f600"]}, Invalid), ({**VALUES, "colour": "red"}, ValueError),
        ({**VALUES, "rows": [["一"]]}, ValueError), ({**VALUES, "paragraphs": "一段"}, ValueError),
        ({**VALUES, "columns": ["甲"], "table": [["1", "2"]]}, ValueError),
    ],
)  # fmt: skip
def test_what_cannot_be_printed_is_refused_before_a_number_is_taken(world, values, error):
    with pytest.raises(error), transaction.atomic():
        issue(world, values=values)
    assert not NumberSeries.objects.exists() and not OutcomeDocument.objects.exists()


def test_markup_and_control_characters_are_only_letters(world):
    text = '#panic("x") *粗* $x$ <b> @here \\ \x00\x1b`code` //注 ’“”〔〕#sys.inputs'
    made = produce(issue(world, values={**VALUES, "paragraphs": [text], "title": text[:60]}))
    assert made.state == "valid" and "\x00" not in made.values["paragraphs"][0]


def test_a_case_has_its_document_exactly_once(world):
    made = issue(world, case="G4-2026-1")
    with pytest.raises(Conflict) as refusal, transaction.atomic():
        issue(world, case="G4-2026-1")
    assert refusal.value.code == "document_issued"
    assert issue(world, CERTIFIED, case="G4-2026-1").serial == 1, "another kind of document of the same case"
    service.revoke(system("tests"), made, reason="依据有误")
    assert issue(world, case="G4-2026-1").serial == 2, "the number of the refused one was given back"


def test_issuing_asks_what_the_kind_names(world, make_actor, monkeypatch):
    from dataclasses import replace

    guarded = replace(DECIDED, permission="orgs.unit.manage")
    clerk = make_actor({"orgs.unit.view": "unit"}, unit=world.one)
    with pytest.raises(Denied), transaction.atomic():
        service.issue(clerk, guarded, VALUES, subject=world.one, unit=world.one)
    own = make_actor({"orgs.unit.manage": "unit"}, unit=world.one)
    assert service.issue(own, guarded, VALUES, subject=world.one, unit=world.one).issued_by == "测试人员"


def test_without_a_transaction_nothing_is_issued(committed_db):
    with pytest.raises(RuntimeError):
        issuing.issue(system("tests"), DECIDED, VALUES, subject=None, unit=None)  # type: ignore[arg-type]
    with pytest.raises(RuntimeError):
        numbers.take(DECIDED, 2026)


def test_the_bureau_issues_unless_told_otherwise(world, settings, make_actor):
    assert issue(world, issuer=world.two).issuer_name == "乙局"
    settings.ZHIGUAN_BUREAU = world.two.code
    assert issue(world).issuer == world.two
    district = orgs.create_unit(system("tests"), parent=world.city, code="310101", name="黄浦区", kind="district",
                                level="district", record=lambda *a, **k: None)  # fmt: skip
    own, place = (
        orgs.create_unit(system("tests"), parent=district, code=f"310101-C0{n}", name=name, kind="organ",
                         level="district", record=lambda *a, **k: None)
        for n, name in enumerate(("黄浦区机关事务管理局", "黄浦区财政局"))
    )  # fmt: skip
    assert issue(world, unit=place).issuer == own
    settings.ZHIGUAN_BUREAU = ""
    world.bureau.name = "市财政局"
    world.bureau.save()
    assert issue(world, actor=make_actor({}, unit=world.one)).issuer == world.one
    with pytest.raises(Invalid), transaction.atomic():
        issue(world)


def test_superseding_ends_the_old_one_and_issues_a_new_one(world):
    old = produce(issue(world, case="G4-9", persons=[5]))
    new = service.supersede(system("tests"), old, {"paragraphs": ["更正如下。"]}, reason="笔误")
    old.refresh_from_db()
    assert (old.state, old.successor_id, old.end_reason) == ("superseded", new.pk, "笔误")
    assert new.state == "making" and new.values["to"] == "乙局" and new.values["paragraphs"] == ["更正如下。"]
    assert (new.persons, new.case, new.serial) == ([5], "G4-9", 2)
    assert produce(new).state == "valid"
    with pytest.raises(Conflict), transaction.atomic():
        service.supersede(system("tests"), old, {}, reason="再来一次")


def test_revoking_needs_a_reason_and_the_issuing_organ(world, make_actor):
    made = produce(issue(world))
    stranger = make_actor({"documents.document.revoke": "below"}, unit=world.one)
    with pytest.raises(Denied):
        service.revoke(stranger, made, reason="不认可")
    issuer = make_actor({"documents.document.revoke": "below"}, unit=world.bureau)
    with pytest.raises(Invalid):
        service.revoke(issuer, made, reason=" ")
    assert service.revoke(issuer, made, reason="材料虚假").state == "revoked"
    with pytest.raises(Conflict):
        service.revoke(issuer, made, reason="再撤")


def test_a_document_revoked_before_it_was_made_is_never_made(world):
    made = issue(world)
    service.revoke(system("tests"), made, reason="撤回")
    assert produce(made).state == "revoked" and made.file is None


# --- commits are real from here on ------------------------------------------------------------------------------------


def commit_world():
    with system("tests").transaction():
        return make_world()


def test_many_at_once_get_consecutive_numbers_and_those_rolled_back_leave_no_gap(committed_db):
    world = commit_world()
    barrier = threading.Barrier(6)

    def work(place: int) -> None:
        barrier.wait()
        try:
            for turn in range(5):
                try:
                    with system("tests").transaction():
                        issue(world)
                        if (place + turn) % 3 == 0:
                            raise Invalid("不予办结")
                except Invalid:
                    pass
        finally:
            connections.close_all()

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(work, range(6)))
    with system("tests").transaction():
        serials = sorted(OutcomeDocument.objects.values_list("serial", flat=True))
        assert serials == list(range(1, 21)), "20 of 30 were committed"
        assert NumberSeries.objects.get().last == 20 and Job.objects.count() == 20


def test_a_number_taken_by_a_process_that_is_killed_is_free_again(committed_db):
    world = commit_world()
    with system("tests").transaction():
        issue(world)
    taken, go = threading.Event(), threading.Event()
    backends: list[int] = []

    def doomed() -> None:
        try:
            with system("tests").transaction(), connection.cursor() as cursor:
                cursor.execute("SELECT pg_backend_pid()")
                backends.append(cursor.fetchone()[0])
                assert issue(world).serial == 2
                taken.set()
                go.wait(20)
        except Exception:
            pass  # its connection was cut
        finally:
            connections.close_all()

    thread = threading.Thread(target=doomed)
    thread.start()
    assert taken.wait(20)
    with psycopg.connect(committed_db.superuser, autocommit=True) as boss:
        boss.execute("SELECT pg_terminate_backend(%s)", [backends[0]])
    with system("tests").transaction():
        assert issue(world).serial == 2
    go.set()
    thread.join()


def test_a_closed_case_has_its_document_exactly_once_whenever_the_worker_dies(committed_db, monkeypatch):
    """The job is cut off at every step in turn, taken up again, and at last there is one document, made once."""
    world = commit_world()
    with system("tests").transaction():
        made = issue(world, case="G5-1")
        job = Job.objects.get()

    class Killed(BaseException):
        pass

    def die(*args, **kwargs):
        raise Killed

    from zhiguan.kernel.documents import signing, typesetting
    from zhiguan.kernel.files import service as files

    for module, name in ((typesetting, "pdf"), (signing, "sign"), (files, "attach"), (ledger, "move")):
        with monkeypatch.context() as patch:
            patch.setattr(module, name, die)
            with pytest.raises(Killed):
                events.run(job.pk)
        connections.close_all()  # as a process that is gone
        from zhiguan.kernel.events.running import recover

        with system("tests").transaction():
            Job.objects.filter(pk=job.pk).update(attempts=0)
        assert recover() == 1
    assert events.run(job.pk) == "done" and events.run(job.pk) == ""
    with system("tests").transaction():
        kept = OutcomeDocument.objects.get()
        assert (kept.pk, kept.state) == (made.pk, "valid")
        assert [event.code for event in ledger.history(kept)] == ["create", "produce"]
        assert files.attachments(kept).filter(role="document").count() == 1
        assert disk.intact(kept.digest)
    assert producing.resume() == ""
