"""What leaves the site: mails, digests, events; once across two workers; failures are retried and told."""

from __future__ import annotations

import threading
from datetime import time, timedelta

import pytest
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend
from django.db import connections
from django.utils import timezone

from zhiguan.kernel.events.models import Event
from zhiguan.kernel.notices import delivery, service
from zhiguan.kernel.notices.models import NoticeDelivery
from zhiguan.kernel.notices.tests.conftest import KIND, actor_of, tell
from zhiguan.kit.actor import system

BROKEN = "zhiguan.kernel.notices.tests.conftest.Broken"


def test_a_mail_is_sent_with_the_way_to_the_matter(world, settings) -> None:
    settings.ZHIGUAN_URL = "https://zhiguan.example.test"
    tell(world.zhang, "用车申请已批准")
    assert "发送 1 份" in delivery.run() and delivery.run() == ""
    (sent,) = mail.outbox
    assert sent.to == ["zhang@example.test"] and "用车申请已批准" in sent.subject
    assert "办理：https://zhiguan.example.test/vehicles/order/1/" in sent.body
    assert NoticeDelivery.objects.get().state == "sent"


def test_a_digest_gathers_a_day_and_is_one_mail(world, kind) -> None:
    kind(mail="digest")
    for number in range(3):
        tell(world.zhang, f"事项{number}")
    tell(world.li, "别人的事项")
    assert delivery.run() == "" and mail.outbox == []
    delivery.run(timezone.now() + timedelta(days=2))
    texts = {message.to[0]: (message.subject, message.body) for message in mail.outbox}
    assert len(mail.outbox) == 2
    subject, body = texts["zhang@example.test"]
    assert "您有 3 条通知" in subject and all(f"事项{n}" in body for n in range(3)) and "别人" not in body
    assert set(NoticeDelivery.objects.values_list("state", flat=True)) == {"sent"}


def test_quiet_hours_hold_it_back_and_lose_nothing(world) -> None:
    now = timezone.localtime()
    actor = actor_of(world.zhang)
    with actor.acting():
        service.change_preferences(
            actor, mail={KIND: "instant"}, webhook=[KIND], digest_at=time(8, 30),
            quiet_from=(now - timedelta(hours=1)).time(), quiet_to=(now + timedelta(hours=2)).time(),
        )  # fmt: skip
    notice = tell(world.zhang)
    assert delivery.run() == "" and mail.outbox == []
    assert NoticeDelivery.objects.filter(state="pending").count() == 2
    delivery.run(now + timedelta(hours=2, minutes=1))
    assert len(mail.outbox) == 1
    event = Event.objects.get(type=delivery.EVENT)
    assert event.scope_pos == world.one.pos and event.data["title"] == notice.title and "内容" not in str(event.data)


def test_a_refused_mail_is_tried_again_and_then_has_failed(world, settings) -> None:
    settings.EMAIL_BACKEND = BROKEN
    tell(world.zhang)
    moment = timezone.now()
    assert "1 份未成功" in delivery.run(moment) and delivery.run(moment) == ""
    row = NoticeDelivery.objects.get()
    assert (row.state, row.attempts) == ("pending", 1) and "OSError" in row.error
    for wait in delivery.BACK_OFF_SECONDS:
        moment += timedelta(seconds=wait + 1)
        delivery.run(moment)
    row.refresh_from_db()
    assert (row.state, row.attempts) == ("failed", len(delivery.BACK_OFF_SECONDS) + 1)
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    delivery.run(moment + timedelta(days=9))
    assert mail.outbox == []


def test_a_worker_that_died_leaves_it_for_another(world) -> None:
    tell(world.zhang)
    now = timezone.now()
    with system("tests").acting():
        assert delivery._take(NoticeDelivery.objects.get(), now)
    assert delivery.run(now) == "" and mail.outbox == []
    delivery.run(now + delivery.LEASE + timedelta(seconds=1))
    assert len(mail.outbox) == 1


class Slow(EmailBackend):
    """A mail server that leaves the other worker all the time it needs."""

    def send_messages(self, messages):
        threading.Event().wait(0.05)
        return super().send_messages(messages)


@pytest.mark.parametrize("digest", [True, False])
def test_two_workers_send_each_thing_once(real, kind, settings, digest) -> None:
    settings.EMAIL_BACKEND = f"{__name__}.Slow"
    kind(mail="digest" if digest else "instant")
    actor = actor_of(real.zhang)
    with actor.acting():
        service.change_preferences(actor, mail={}, webhook=[KIND], digest_at=time(8, 30))
    for account in (real.zhang, real.li):
        for number in range(8):
            tell(account, f"事项{number}")
    later, started = timezone.now() + timedelta(days=2), threading.Barrier(2)

    def work() -> None:
        started.wait()
        delivery.run(later)
        connections.close_all()

    workers = [threading.Thread(target=work) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert len(mail.outbox) == (2 if digest else 16)
    with system("tests").transaction():
        assert Event.objects.filter(type=delivery.EVENT).count() == 8
        assert set(NoticeDelivery.objects.values_list("state", "attempts")) == {("sent", 1)}
