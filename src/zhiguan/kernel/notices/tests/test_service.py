"""Telling: once, in the transaction, only the receiver sees it; wishes; who is in charge."""

from __future__ import annotations

from datetime import time, timedelta

import pytest
from django.db import connection
from django.utils import timezone

from zhiguan.kernel.identity.models import Grant, Role
from zhiguan.kernel.notices import service
from zhiguan.kernel.notices.jobs import expire
from zhiguan.kernel.notices.models import Notice, NoticeDelivery, Preference, Rhythm
from zhiguan.kernel.notices.tests.conftest import KIND, actor_of, tell
from zhiguan.kernel.trace.models import Entry
from zhiguan.kit.actor import system
from zhiguan.kit.errors import Denied, Invalid

USUAL = {"mail": {}, "webhook": [], "digest_at": time(8, 30)}


def test_everybody_is_told_once_whoever_tells_and_however_often(world) -> None:
    clerk = actor_of(world.li)
    with clerk.acting():
        people = [world.people[0], world.zhang, world.zhang.pk, None, world.people[0]]
        assert service.notify(people, KIND, "已批准", "x" * 2000, "/a/", subject=world.one, dedupe_key="a/1") == 1
        assert service.notify([world.zhang, world.li], KIND, "已批准", dedupe_key="a/1") == 1, "li alone is new"
        assert service.notify([world.zhang], KIND, "无标识") == service.notify([world.zhang], KIND, "无标识") == 1
        assert list(Notice.objects.values_list("account", flat=True)) == [world.li.pk], "what others are told is theirs"
    first = Notice.objects.get(account=world.zhang, dedupe_key="a/1")
    assert (first.subject, len(first.body), first.link) == (f"orgs.unit/{world.one.pk}", 1000, "/a/")


def test_what_makes_no_sense_is_refused(world) -> None:
    with pytest.raises(KeyError):
        service.notify([world.zhang], "tests.no.such", "标题")
    for link in ("https://example.test/", "//example.test", "/\\example.test"):
        with pytest.raises(ValueError, match="not an address"):
            service.notify([world.zhang], KIND, "标题", "", link)
    type(world.zhang).objects.filter(pk=world.zhang.pk).update(is_active=False)
    assert service.notify([world.zhang], KIND, "标题") == 0
    assert service.notify([], KIND, "标题") == 0


def test_rolled_back_nobody_was_told(real) -> None:
    with pytest.raises(LookupError), system("tests").transaction():
        service.notify([real.zhang], KIND, "标题")
        raise LookupError
    with system("tests").transaction():
        assert (Notice.objects.count(), NoticeDelivery.objects.count()) == (0, 0)
    with pytest.raises(RuntimeError, match="none is open"), system("tests").acting():
        service.notify([real.zhang], KIND, "标题")


def test_row_level_security_shows_nobody_what_others_are_told(world) -> None:
    tell(world.zhang)
    actor = actor_of(world.zhang)
    with actor.acting():
        service.change_preferences(actor, **{**USUAL, "mail": {KIND: "digest"}})
    wide = actor_of(world.li, ("notices.delivery.view", "orgs.unit.view"))
    for who, seen in ((wide, 0), (actor, 1), (actor_of(world.li), 0)):
        with who.acting(), connection.cursor() as cursor:
            for table in ("notices_notice", "notices_preference", "notices_rhythm"):
                cursor.execute(f"SELECT count(*) FROM {table}")
                assert bool(cursor.fetchone()[0]) is bool(seen), (who.name, table)
            cursor.execute("UPDATE notices_notice SET read_at = now() WHERE account_id = %s", [world.zhang.pk])
            assert cursor.rowcount == seen
            cursor.execute("SELECT count(*) FROM notices_noticedelivery")
            assert cursor.fetchone()[0] == 0, "deliveries belong to those who oversee the unit"
    with actor_of(world.zhang, ("notices.delivery.view",)).acting():
        assert NoticeDelivery.objects.count() == 1


def test_reading(world) -> None:
    mine, second, other = tell(world.zhang), tell(world.zhang), tell(world.li)
    actor = actor_of(world.zhang)
    with actor.acting():
        assert service.unread_count(actor) == 2
        read = service.mark_read(actor, mine).read_at
        assert read is not None and service.mark_read(actor, mine).read_at == read
        assert service.unread_count(actor) == 1
        assert service.mark_unread(actor, mine).read_at is None
        assert service.mark_all_read(actor, kind="tests.other.kind") == 0
        assert service.mark_all_read(actor, kind=KIND) == 2 and service.mark_all_read(actor) == 0
        service.mark_read(actor, other)
    other.refresh_from_db()
    second.refresh_from_db()
    assert other.read_at is None and second.read_at is not None
    nobody = system("tests")
    assert service.unread_count(nobody) == 0
    with pytest.raises(Denied):
        service.mark_all_read(nobody)


def test_wishes_say_what_leaves_and_when(world, kind) -> None:
    kind("tests.thing.other", mail="off")
    actor = actor_of(world.zhang)
    assert service.modes(actor, "mail")[KIND] == "instant" and service.modes(actor, "webhook")[KIND] == "off"
    tell(world.zhang)
    tell(world.zhang, kind="tests.thing.other")
    assert list(NoticeDelivery.objects.values_list("kind", "channel", "digest")) == [(KIND, "mail", False)]
    with actor.acting():
        service.change_preferences(
            actor, **{**USUAL, "mail": {KIND: "off", "tests.thing.other": "digest", "no.such.kind": "digest"},
                      "webhook": [KIND, "no.such.kind"]},
        )  # fmt: skip
        assert service.modes(actor, "webhook")[KIND] == "instant"
    NoticeDelivery.objects.all().delete()
    tell(world.zhang)
    tell(world.zhang, kind="tests.thing.other")
    found = set(NoticeDelivery.objects.values_list("kind", "channel", "digest"))
    assert found == {(KIND, "webhook", False), ("tests.thing.other", "mail", True)}
    assert Entry.objects.filter(code="notices.preference.change").count() == 1
    assert not Preference.objects.filter(kind="no.such.kind").exists()


def test_without_mail_server_or_address_there_is_no_mail(world, settings) -> None:
    type(world.zhang).objects.filter(pk=world.zhang.pk).update(email="")
    tell(world.zhang)
    settings.ZHIGUAN_MAIL = ""
    tell(world.li)
    assert not NoticeDelivery.objects.exists() and Notice.objects.count() == 2


def test_new_times_hold_what_waits(world) -> None:
    tell(world.zhang)
    before = NoticeDelivery.objects.get().due_at
    now = timezone.localtime()
    actor = actor_of(world.zhang)
    quiet = {"quiet_from": (now - timedelta(hours=1)).time(), "quiet_to": (now + timedelta(hours=1)).time()}
    with actor.acting():
        version = service.change_preferences(actor, **USUAL, **quiet).version
        assert service.rhythm(actor).version == version
    assert NoticeDelivery.objects.get().due_at > before + timedelta(minutes=50)
    with pytest.raises(Invalid):
        service.change_preferences(actor, **USUAL, quiet_from=time(22))
    with pytest.raises(Invalid):
        service.change_preferences(actor, **USUAL, quiet_from=time(22), quiet_to=time(22))
    assert Rhythm.objects.count() == 1


def test_those_in_charge_are_the_unit_s_own_people_with_the_permission(world) -> None:
    role = Role.objects.create(code="t", name="测试", permissions=["supervision.finding.explain"])
    for account, scope in ((world.zhang, "organ"), (world.li, "city")):
        Grant.objects.create(account=account, role=role, scope=scope, state="active")
    about = type("Row", (), {"scope_pos": world.one.pos})
    found = service.holders("supervision.finding.explain", about, unit=world.one)
    assert found == [world.zhang], "li may, but belongs to another unit"
    assert service.holders("supervision.finding.dismiss", about, unit=world.one) == []
    Grant.objects.filter(account=world.zhang).update(scope="self")
    assert service.holders("supervision.finding.explain", about, unit=world.one) == []


def test_what_is_past_its_time_goes(world, settings) -> None:
    settings.ZHIGUAN_NOTICE_DAYS = 10
    read, unread, waiting, old = (tell(world.zhang) for _ in range(4))
    now = timezone.now()
    Notice.objects.update(at=now - timedelta(days=15))
    Notice.objects.exclude(pk=unread.pk).update(read_at=now)
    Notice.objects.filter(pk=old.pk).update(at=now - timedelta(days=25), read_at=None)
    NoticeDelivery.objects.exclude(notice=waiting).update(state="sent")
    assert expire(system("tests"), lambda *a: None)["deleted"] == 2
    assert set(Notice.objects.values_list("pk", flat=True)) == {unread.pk, waiting.pk} and read.pk
