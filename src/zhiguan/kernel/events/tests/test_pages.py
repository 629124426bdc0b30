from __future__ import annotations

from types import SimpleNamespace

import pytest
from django.urls import reverse

from zhiguan.kernel.events import service
from zhiguan.kernel.events.codes import SUBSCRIPTION_MANAGE, SUBSCRIPTION_VIEW
from zhiguan.kernel.events.models import Delivery, Event, Job, Subscription
from zhiguan.kernel.events.pages import DELIVERIES, JOB, JOBS, NEW, SUBSCRIPTION, SUBSCRIPTIONS
from zhiguan.kernel.events.tests.conftest import actor_at
from zhiguan.kernel.trace.models import Entry
from zhiguan.kit.actor import system
from zhiguan.kit.pages.conformance import (
    Case,
    DetailPageConformance,
    FormPageConformance,
    ListPageConformance,
    Visitor,
    html,
)

_numbers = iter(range(10**6))
EVENT_RIGHTS = {SUBSCRIPTION_VIEW: "below", SUBSCRIPTION_MANAGE: "below", "vehicles.vehicle.view": "below"}


def make_job(account) -> Job:
    with actor_at(account).acting():
        return service.enqueue(actor_at(account), "events.queue.clean", title=f"清理任务{next(_numbers)}")


@pytest.fixture
def job_case(world) -> Case:
    return Case(
        actor=actor_at(world.zhang),
        make=lambda: make_job(world.zhang),
        make_elsewhere=lambda: make_job(world.li),
        text=lambda row: row.title,
    )


def make_subscription(unit) -> Subscription:
    return Subscription.objects.create(name=f"订阅{next(_numbers)}", unit=unit, url="https://10.0.0.1/x", types=["vehicles.*"])


def make_delivery(unit) -> Delivery:
    service.publish("vehicles.order.dispatch", f"vehicles.order/{next(_numbers)}", {}, scope_pos=unit.pos)
    event = Event.objects.order_by("pk").last()
    made = make_subscription(unit)
    return Delivery.objects.create(
        subscription=made, event=event, subject=event.subject, scope_pos=unit.pos, state="dead"
    )


def case_of(world: SimpleNamespace, make, text) -> Case:
    return Case(actor=actor_at(world.zhang, EVENT_RIGHTS), make=lambda: make(world.one),
                make_elsewhere=lambda: make(world.two), text=text)  # fmt: skip


class TestJobs(ListPageConformance):
    page = JOBS

    @pytest.fixture
    def case(self, job_case: Case) -> Case:
        return job_case


class TestJob(DetailPageConformance):
    page = JOB

    @pytest.fixture
    def case(self, job_case: Case) -> Case:
        return job_case

    def test_progress_is_asked_for_until_the_job_ends(self, job_case: Case) -> None:
        job = job_case.row()
        visitor, address = Visitor(job_case.actor), reverse("events.job.progress", kwargs={"pk": job.pk})
        assert f'hx-get="{address}"' in html(visitor.get(reverse("events.job.detail", kwargs={"pk": job.pk})))
        assert "HX-Refresh" not in visitor.get(address).headers
        with system("tests").acting():
            Job.objects.filter(pk=job.pk).update(state="failed", progress=35, message="表格有误", lines=["一", "二"])
        answer = visitor.get(address)
        assert answer.headers["HX-Refresh"] == "true" and "表格有误" in html(answer) and "hx-get" not in html(answer)
        other = job_case.elsewhere()
        assert visitor.get(reverse("events.job.progress", kwargs={"pk": other.pk})).status_code == 404


class TestSubscriptions(ListPageConformance):
    page = SUBSCRIPTIONS

    @pytest.fixture
    def case(self, world) -> Case:
        return case_of(world, make_subscription, lambda row: row.name)


class TestSubscription(DetailPageConformance):
    page = SUBSCRIPTION

    @pytest.fixture
    def case(self, world) -> Case:
        return case_of(world, make_subscription, lambda row: row.name)

    def test_the_secret_is_for_managers_and_its_reading_traced(self, world, case: Case) -> None:
        row = case.row()
        url = reverse("events.subscription.detail", kwargs={"pk": row.pk})
        assert service.secret_of(row) in html(Visitor(case.actor).get(url, {"tab": "密钥"}))
        assert Entry.objects.filter(code="events.subscription.secret").count() == 1
        viewer = actor_at(world.zhang, {SUBSCRIPTION_VIEW: "below"})
        assert service.secret_of(row) not in html(Visitor(viewer).get(url, {"tab": "密钥"}))


class TestNew(FormPageConformance):
    page = NEW

    @pytest.fixture
    def case(self, world, settings) -> Case:
        settings.ZHIGUAN_WEBHOOK_LOOPBACK = True
        return Case(
            actor=actor_at(world.zhang, EVENT_RIGHTS),
            values=lambda row: {"name": f"市大数据平台{next(_numbers)}", "url": "https://10.0.0.1/events",
                                "types": "vehicles.order.*\nvehicles.trip.*"},
        )  # fmt: skip


class TestDeliveries(ListPageConformance):
    page = DELIVERIES

    @pytest.fixture
    def case(self, world) -> Case:
        return case_of(world, make_delivery, lambda row: row.subject)
