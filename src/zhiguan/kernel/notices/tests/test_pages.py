"""The inbox, the wishes, the bell, what was sent."""

from __future__ import annotations

import time

import pytest
from django.urls import reverse
from django.utils import timezone

from zhiguan.kernel.notices import pages, service
from zhiguan.kernel.notices.models import Notice, NoticeDelivery
from zhiguan.kernel.notices.tests.conftest import KIND, actor_of, tell
from zhiguan.kit.pages.conformance import (
    Case,
    DetailPageConformance,
    FormPageConformance,
    ListPageConformance,
    Visitor,
    html,
)


@pytest.fixture
def case(world) -> Case:
    return Case(
        actor=actor_of(world.zhang), make=lambda: tell(world.zhang), make_elsewhere=lambda: tell(world.li),
        text=lambda row: row.title,
    )  # fmt: skip


class TestInbox(ListPageConformance):
    page = pages.INBOX


class TestNotice(DetailPageConformance):
    page = pages.NOTICE


class TestReadAll(FormPageConformance):
    page = pages.READ_ALL

    @pytest.fixture
    def case(self, world) -> Case:
        return Case(actor=actor_of(world.zhang), values=lambda row: {"kind": KIND})

    def test_empty_form_is_refused_in_place(self, case, url, spied) -> None:
        assert Visitor(case.actor).post(url, {}).status_code == 302, "nothing has to be filled in"
        assert spied == [{"kind": ""}]


class TestPreferences(FormPageConformance):
    page = pages.PREFERENCES

    @pytest.fixture
    def case(self, world) -> Case:
        values = {
            "digest_at": "09:00", "quiet_from": "22:00", "quiet_to": "07:00", "webhook": [KIND],
            "mail__tests__thing__done": "digest",
        }  # fmt: skip
        return Case(actor=actor_of(world.zhang), values=lambda row: values)

    def test_what_was_chosen_is_shown_and_kept(self, case, url) -> None:
        visitor = Visitor(case.actor)
        assert visitor.post(url, case.values(None)).status_code == 302
        with case.actor.acting():
            assert service.modes(case.actor, "mail")[KIND] == "digest"
        text = html(visitor.get(url))
        assert 'value="22:00"' in text and 'value="09:00"' in text
        assert visitor.post(url, {**case.values(None), "quiet_to": ""}).status_code == 422


class TestDeliveries(ListPageConformance):
    page = pages.DELIVERIES

    @pytest.fixture
    def case(self, world) -> Case:
        def make(account):
            return lambda: NoticeDelivery.objects.get(notice=tell(account))

        actor = actor_of(world.zhang, ("notices.delivery.view",))
        return Case(actor=actor, make=make(world.zhang), make_elsewhere=make(world.li),
                    text=lambda row: row.account.username)  # fmt: skip


def test_opening_marks_it_read_and_leads_to_the_matter(case) -> None:
    notice, other = case.row(), case.elsewhere()
    visitor = Visitor(case.actor)
    assert reverse("notices.notice.open", args=[notice.pk]) in html(visitor.get(reverse("notices.notice")))
    answer = visitor.get(reverse("notices.notice.open", args=[notice.pk]))
    assert (answer.status_code, answer["Location"]) == (302, "/vehicles/order/1/")
    notice.refresh_from_db()
    assert notice.read_at is not None
    assert visitor.get(reverse("notices.notice.open", args=[other.pk])).status_code == 404
    other.refresh_from_db()
    assert other.read_at is None


def test_the_bell_counts_what_is_unread(case) -> None:
    visitor = Visitor(case.actor)
    bell = reverse("notices.bell")
    assert "条未读" not in html(visitor.get(bell))
    case.row()
    text = html(visitor.get(bell))
    assert "通知，1 条未读" in text and f'hx-get="{bell}"' in text and "<html" not in text


def test_six_hundred_are_filtered_found_and_marked_at_once(world) -> None:
    Notice.objects.bulk_create(
        Notice(account=world.zhang, kind=KIND, title=f"通知第{n}号", at=timezone.now()) for n in range(600)
    )
    actor, url = actor_of(world.zhang), reverse("notices.notice")
    visitor = Visitor(actor)
    began = time.monotonic()
    text = html(visitor.get(url, {"unread": "1", "q": "第59"}))
    assert 'name="q" value="第59"' in text, "a search by a function has its box too"
    assert "通知第599号" in text and "通知第58号" not in text and time.monotonic() - began < 2
    answer = visitor.post(url, {"_bulk": "read", "_confirmed": "1", "_all": "1", "_query": "unread=1"})
    assert answer.status_code in (200, 302)
    assert not Notice.objects.filter(read_at__isnull=True).exists()
