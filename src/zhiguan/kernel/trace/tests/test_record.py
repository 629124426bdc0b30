"""Acts and their entries commit together; the database refuses everything but appending."""

import json
import os
import signal
import subprocess
import sys
import textwrap
import threading
from datetime import UTC, datetime
from decimal import Decimal

import psycopg
import pytest
from django.db import DatabaseError, connection, transaction

from zhiguan.kernel.trace import cli, names, proof, queries, service, signing
from zhiguan.kernel.trace.canonical import snapshot
from zhiguan.kernel.trace.checkpoints import LogDamaged
from zhiguan.kernel.trace.declare import Subject
from zhiguan.kernel.trace.models import Checkpoint, Detail, Entry, Link, Snapshot
from zhiguan.kernel.trace.verify import verify_lines
from zhiguan.kit.actor import Actor, Scope, system

from .conftest import ACTOR, UNIT, act, exported, trusted

TABLES = ("trace_entry", "trace_link", "trace_detail", "trace_snapshot", "trace_checkpoint")


def test_an_act_outside_a_transaction_is_refused(committed_db):
    with ACTOR.acting(), pytest.raises(RuntimeError):
        service.record(ACTOR, "orgs.unit.change", UNIT)


@pytest.mark.parametrize("code", ["", "change", "orgs.unit", "Orgs.unit.change", "orgs.unit.change;", "a.b.c\n"])
def test_a_code_is_area_subject_act(db, code):
    with ACTOR.acting(), pytest.raises(ValueError, match="trace code"):
        service.record(ACTOR, code, UNIT)


def test_whoever_acts_needs_no_permission_to_be_recorded(db):
    for actor in (ACTOR, Actor(name="接口账号", account_id=3), system("orgs.sync")):
        with actor.acting():
            assert service.record(actor, "orgs.unit.change", UNIT).pk


def test_what_was_recorded_can_be_read_back(log):
    with system("tests").transaction():
        entry = Entry.objects.select_related("detail", "link").order_by("id")[1]
        kept = Snapshot.objects.get(entry=entry)
    assert entry.seq == 2
    assert (entry.code_name, entry.actor_label, entry.subject_label) == ("修改机构资料", "张三 办公室", "市某局")
    assert (entry.via_name, entry.address_text, entry.reason_text) == ("网页", "203.0.113.9", "机构改革")
    assert (entry.scope_pos, entry.actor_pos, entry.roles) == (9, 5, ["dispatcher"])
    assert kept.changes == [("n", 1, 2)]
    assert proof.entry_digest(entry.content) == bytes(entry.digest)
    salt = bytes(entry.detail.salt)
    assert proof.salted("sha256", salt, "reason", "机构改革".encode()) == bytes(entry.reason_digest)


def test_a_read_names_its_fields(db):
    with ACTOR.acting():
        entry = service.record_read(ACTOR, "orgs.person.view", Subject("orgs.person", "4"), ["id_number", "phone"])
        again = Entry.objects.get(pk=entry.pk)
    assert (again.kind_name, again.fields) == ("查阅敏感数据", ["id_number", "phone"])
    assert again.seq is None


def test_a_rolled_back_act_leaves_no_hole(committed_db):
    act()
    with pytest.raises(ZeroDivisionError), ACTOR.transaction():
        service.record(ACTOR, "orgs.unit.change", UNIT)
        raise ZeroDivisionError
    with ACTOR.transaction():
        service.record(ACTOR, "orgs.unit.change", UNIT)
        try:
            with transaction.atomic():
                service.record(ACTOR, "orgs.unit.move", UNIT)
                raise ZeroDivisionError
        except ZeroDivisionError:
            pass
        service.record(ACTOR, "orgs.unit.close", UNIT)
    with system("tests").transaction():
        links = Link.objects.order_by("seq").values_list("seq", "entry__code")
        assert list(links) == [(1, "orgs.unit.change"), (2, "orgs.unit.change"), (3, "orgs.unit.close")]


@pytest.mark.faults
def test_killed_in_mid_transaction_leaves_no_hole(committed_db):
    act()
    code = textwrap.dedent("""
        import time, django
        django.setup()
        from django.db import transaction
        from zhiguan.kernel.trace import service
        from zhiguan.kernel.trace.declare import Subject
        from zhiguan.kit.actor import system
        actor = system("tests.victim")
        with actor.transaction():
            service.record(actor, "orgs.unit.close", Subject("orgs.unit", "1"))
            print("recorded", flush=True)
            time.sleep(60)
    """)
    environment = {**os.environ, "DATABASE_URL": committed_db.app}
    victim = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env=environment)
    assert victim.stdout.readline() == "recorded\n"
    victim.send_signal(signal.SIGKILL)
    victim.wait()
    act()
    service.checkpoint()
    report = verify_lines(exported(), trusted=trusted())
    assert report.ok, report.faults
    assert report.entries == 2
    with psycopg.connect(committed_db.owner) as owner:
        assert owner.execute("SELECT count(*) FROM trace_entry WHERE code = 'orgs.unit.close'").fetchone() == (0,)


@pytest.mark.faults
def test_eight_writers_make_one_chain(committed_db):
    failures = []
    settings_dict = connection.settings_dict

    def write(worker: int) -> None:
        connection.settings_dict = settings_dict
        try:
            for number in range(25):
                with ACTOR.transaction():
                    for _ in range(number % 3 + 1):
                        service.record(ACTOR, "orgs.unit.change", UNIT, after={"worker": worker, "n": number})
        except Exception as error:
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=write, args=(worker,)) for worker in range(8)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        service.checkpoint()
    for thread in threads:
        thread.join()
    assert not failures
    service.checkpoint()
    report = verify_lines(exported(details=True), trusted=trusted())
    assert report.ok, report.faults
    assert report.entries == 8 * sum(number % 3 + 1 for number in range(25))


@pytest.mark.faults
def test_no_act_waits_for_the_chain(committed_db):
    """While one commit holds the chain, another's is not delayed; the entry left over gets its place afterwards."""
    with psycopg.connect(committed_db.owner) as owner:
        owner.execute("SELECT pg_advisory_xact_lock(8828302713463305)")
        act()
        with system("tests").transaction():
            assert (Entry.objects.count(), Link.objects.count()) == (1, 0)
            assert Entry.objects.get().seq is None
    assert service.seal() == 1
    assert service.seal() == 0
    with psycopg.connect(committed_db.owner) as owner:
        owner.execute("SELECT pg_advisory_xact_lock(8828302713463305)")
        act()
    act()
    with system("tests").transaction():
        assert list(Link.objects.order_by("seq").values_list("seq", flat=True)) == [1, 2, 3]


@pytest.mark.faults
def test_waiting_for_a_row_while_holding_the_chain_is_no_deadlock(committed_db):
    """A commits a row that refers to one B has locked; B commits an act."""
    with psycopg.connect(committed_db.owner, autocommit=True) as owner:
        owner.execute("CREATE TABLE parent (id int PRIMARY KEY); INSERT INTO parent VALUES (1)")
        owner.execute("CREATE TABLE child (p int REFERENCES parent DEFERRABLE INITIALLY DEFERRED)")
        owner.execute("GRANT ALL ON parent, child TO zhiguan_app")
    locked, recorded = threading.Event(), threading.Event()
    failures = []
    settings_dict = connection.settings_dict

    def holder() -> None:
        connection.settings_dict = settings_dict
        try:
            with ACTOR.transaction():
                with connection.cursor() as cursor:
                    cursor.execute("SELECT * FROM parent FOR UPDATE")
                locked.set()
                recorded.wait(10)
                threading.Event().wait(0.3)
                service.record(ACTOR, "orgs.unit.change", UNIT)
        except Exception as error:
            failures.append(error)
        finally:
            connection.close()

    thread = threading.Thread(target=holder)
    thread.start()
    locked.wait(10)
    with ACTOR.transaction():
        service.record(ACTOR, "orgs.unit.move", UNIT)
        with connection.cursor() as cursor:
            cursor.execute("INSERT INTO child VALUES (1)")
        recorded.set()
    thread.join()
    assert not failures


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("statement", ["UPDATE {} SET {}", "DELETE FROM {}", "TRUNCATE {} CASCADE"])
def test_nobody_changes_or_clears(log, table, statement):
    column = {"trace_link": "hash = hash", "trace_checkpoint": "root = root"}.get(table, "scope_pos = 1")
    column = "root = root" if table == "trace_checkpoint" else column
    text = statement.format(table, column)
    refused = pytest.raises(DatabaseError, match="permission denied")
    with refused, system("tests").transaction(), connection.cursor() as cursor:
        cursor.execute(text)
    erasable = table in ("trace_detail", "trace_snapshot") and text.startswith("DELETE")
    with psycopg.connect(log.owner) as owner:
        if erasable:
            owner.execute(text)
        else:
            with pytest.raises(psycopg.errors.InsufficientPrivilege, match="只能追加"):
                owner.execute(text)


@pytest.mark.parametrize("model", [Entry, Detail, Snapshot, Link])
def test_rows_enter_only_through_the_door(log, model):
    refused = pytest.raises(DatabaseError, match=r"只能经|permission denied")
    with refused, system("tests").transaction():
        copy = model.objects.first()
        copy.pk = 10**6
        copy.save(force_insert=True)


def test_a_person_sees_own_acts_and_a_supervisor_those_in_scope(log, make_actor):
    stranger = make_actor({}, person=71)
    own = make_actor({}, person=70)
    near = make_actor({"trace.entry.view": Scope(((8, 10),))}, person=72)
    far = make_actor({"trace.entry.view": Scope(((100, 200),))}, person=73)
    seen = []
    for actor in (stranger, own, near, far):
        with actor.transaction():
            assert Entry.objects.count() == queries.visible_to(actor).count() == Detail.objects.count()
            seen.append(Entry.objects.count())
    assert seen == [0, 17, 17, 0]


def test_content_before_and_after_needs_a_scope_in_the_subjects_area(log, make_actor):
    auditor = make_actor({"trace.entry.view": "city"})
    manager = make_actor({"trace.entry.view": "city", "orgs.unit.manage": Scope(((8, 10),))})
    elsewhere = make_actor({"trace.entry.view": "city", "orgs.unit.manage": Scope(((1, 3), (20, 30)))})
    for actor, expected in ((auditor, 0), (manager, 17), (elsewhere, 0)):
        with actor.transaction():
            entries = list(queries.story(actor, UNIT))
            assert len(entries) == 17
            assert sum(hasattr(entry, "snapshot") for entry in entries) == expected


def test_search(log, make_actor):
    actor = make_actor({"trace.entry.view": "city"})
    with actor.transaction():
        assert queries.search(actor, text="机构改革").count() == 5
        assert queries.search(actor, by="张", code="orgs.").count() == 17
        assert queries.search(actor, by=7, subject=UNIT, kind="act").count() == 17
        assert queries.search(actor, by=8).count() == 0
        assert queries.search(actor, until=datetime(2020, 1, 1, tzinfo=UTC)).count() == 0
        newest = queries.search(actor, since=datetime(2020, 1, 1, tzinfo=UTC))[0]
        assert newest.seq == 17


def test_searching_costs_one_query(log, make_actor, django_assert_num_queries):
    actor = make_actor({"trace.entry.view": "city"})
    with actor.transaction(), django_assert_num_queries(1):
        for entry in queries.search(actor)[:3]:
            assert (
                entry.seq
                and entry.actor_label
                and entry.subject_label
                and entry.code_name
                and entry.reason_text is not None
            )


def test_sm3_in_the_database_is_sm3(db):
    with connection.cursor() as cursor:
        for size in (0, 1, 3, 55, 56, 63, 64, 73, 119, 120, 1000):
            data = bytes(range(256)) * 4
            cursor.execute("SELECT trace_sm3(%s::bytea)", [data[:size]])
            assert bytes(cursor.fetchone()[0]) == proof.digest("sm3", data[:size])
    assert proof.digest("sm3", b"abc").hex() == "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"


def test_the_algorithm_may_change_on_the_way(committed_db, settings):
    act()
    service.checkpoint()
    settings.ZHIGUAN_TRACE_DIGEST = "sm3"
    act()
    act()
    service.checkpoint()
    settings.ZHIGUAN_TRACE_DIGEST = "sha256"
    act()
    service.checkpoint()
    for since in (None, 2, 3, 4):
        report = verify_lines(exported(since=since, details=True), trusted=trusted())
        assert report.ok, report.faults
        assert report.signed_size == 4


def test_a_checkpoint_is_made_once_for_the_same_log(log):
    assert service.checkpoint() == service.checkpoint()
    assert Checkpoint.objects.count() == 2


def test_an_empty_log_has_no_checkpoint(committed_db):
    assert service.checkpoint() is None


def test_the_key_is_private_and_made_once(keys):
    first, second = signing.private_key(), signing.private_key()
    assert signing.public_bytes(first) == signing.public_bytes(second)
    assert keys.stat().st_mode & 0o777 == 0o600
    keys.chmod(0o644)
    with pytest.raises(signing.KeyUnusable):
        signing.private_key()


def test_another_key_must_be_accepted_expressly(log, keys, capsys):
    keys.unlink()
    act()
    with pytest.raises(signing.KeyUnusable):
        service.checkpoint()
    assert cli.main(["checkpoint"]) == 1
    assert cli.main(["checkpoint", "--accept-new-key"]) == 0
    assert json.loads(capsys.readouterr().out)["size"] == 19
    assert '"code":"trace.key.change"' in exported()[-3]


@pytest.mark.faults
@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("DELETE FROM trace_link WHERE seq = 17", "链尾缺失"),
        ("UPDATE trace_link SET hash = prev_hash WHERE seq = 17", "与检查点不符"),
        ("UPDATE trace_checkpoint SET root = head", "签名或根不符"),
        ("DELETE FROM trace_link WHERE seq = 18", "不在链上"),
        (
            "DELETE FROM trace_snapshot; DELETE FROM trace_detail;"
            "WITH gone AS (DELETE FROM trace_link WHERE seq = 18 RETURNING entry_id)"
            " DELETE FROM trace_entry USING gone WHERE id = entry_id",
            "第 18 条记录缺失",
        ),
        ("UPDATE trace_entry SET code = 'orgs.unit.view' WHERE id > 17", "摘要不符"),
        ("UPDATE trace_link SET hash = prev_hash WHERE seq = 18", "不相连"),
        ("DELETE FROM trace_link WHERE seq = 19", "不在链上"),
    ],
)
def test_a_damaged_log_is_not_signed(log, statement, message):
    act()
    act()
    with psycopg.connect(log.owner) as owner:
        for table in ("trace_link", "trace_entry", "trace_checkpoint"):
            owner.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        owner.execute(statement)
    with pytest.raises(LogDamaged, match=message):
        service.checkpoint()


def test_a_snapshot_keeps_no_secret_and_one_form():
    value = {"b": Decimal("1.10"), "a": datetime(2026, 9, 1, tzinfo=UTC), "password": "x", "名": "\ud800\0"}
    assert snapshot(value) == '{"a":"2026-09-01T00:00:00.000000Z","b":"1.10","名":"\ufffd\ufffd\ufffd\ufffd"}'
    assert snapshot(None) is None


def test_hostile_text_is_recorded(db):
    actor = Actor(name="坏\0\ud800名", account_id=1, person_id=2, address="x" * 5000, request_id="\0")
    with actor.acting():
        entry = service.record(
            actor, "orgs.unit.change", Subject("orgs.unit", "9\0"), reason="\ud800", after={"\0": 1e999}
        )
        assert Entry.objects.get(pk=entry.pk).detail.actor_name.startswith("坏\ufffd")


def test_every_act_of_the_log_itself_has_a_name():
    assert names.code_name("trace.log.export") == "导出痕迹记录"
    assert names.code_name("orgs.unit.move") == "机构划转"
    assert names.code_name("nobody.knows.this") == "nobody.knows.this"
