"""Supervision's own metrics: their numbers, and that each address opens exactly the rows behind its number."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from django.http import QueryDict
from django.utils import timezone

from zhiguan.kernel.metrics import service as metrics
from zhiguan.kernel.supervision import pages, service
from zhiguan.kernel.supervision.models import Finding
from zhiguan.kit.pages.listing import Listing

from .conftest import ALL, DAY, NEXT

CODES = ("supervision.open", "supervision.raised", "supervision.closed", "supervision.precision")


@pytest.fixture
def actors(world, rule, truth, make_actor):
    """Six findings: one confirmed, one dismissed, one withdrawn and one open in one organ, two open in the other."""
    one, two, three = world.people
    for person in world.people:
        for day in ("2026-03-02", "2026-03-03"):
            truth.metres[person.pk, day] = 80.0
    end = NEXT + timedelta(days=1)
    service.run(rule, subjects=world.people, start=DAY, end=end)
    found = {(each.subject_id, each.period): each for each in Finding.objects.all()}
    boss = world.manager
    with boss.acting():
        service.dismiss(boss, found[one.pk, "2026-03-02"], reason="误报")
        first = service.assign(boss, found[one.pk, "2026-03-03"])
        service.verify(boss, service.explain(boss, first, explanation="是"), verdict="属实")
    del truth.metres[two.pk, "2026-03-02"]
    service.run(rule, subjects=world.people, start=DAY, end=end)
    assert three.unit == world.other
    return {"mayor": make_actor(ALL, unit=world.city), "organ": boss, "other": world.stranger}


def rows_behind(url: str, actor) -> int:
    parts = urlsplit(url)
    assert parts.path == "/supervision/finding/"
    with actor.acting():
        listing = Listing(pages.LIST, actor, QueryDict(parts.query))
        assert [applied.error for applied in listing.applied if applied.error] == []
        return listing.rows.count()


@pytest.mark.parametrize(
    ("who", "values"), [("mayor", (3, 6, 2, 0.5)), ("organ", (1, 4, 2, 0.5)), ("other", (2, 2, 0, None))]
)
def test_values_by_scope(actors, who, values):
    assert tuple(metrics.value(code, actors[who]) for code in CODES) == values


@pytest.mark.parametrize("who", ["mayor", "organ", "other"])
@pytest.mark.parametrize("code", CODES)
def test_every_number_opens_exactly_its_rows(actors, who, code):
    actor = actors[who]
    counted = code if code != "supervision.precision" else "supervision.closed"  # a share is of the decided ones
    reading = metrics.read(code, actor)
    assert rows_behind(reading.url, actor) == metrics.value(counted, actor)
    for dimension in reading.metric.dimensions:
        groups = metrics.series(code, actor, dimension)
        for group in groups:
            assert rows_behind(group.url, actor) == metrics.value(counted, actor, **{dimension: group.key})
            assert group.value == metrics.value(code, actor, **{dimension: group.key})
        if reading.metric.additive:
            assert sum(group.value for group in groups) == reading.value


def test_periods_are_local_days(actors):
    today = timezone.localdate()
    mayor = actors["mayor"]
    assert metrics.value("supervision.raised", mayor, start=today, end=today) == 6
    assert metrics.value("supervision.raised", mayor, end=today - timedelta(days=1)) == 0
    url = metrics.rows_url("supervision.closed", mayor, month=f"{today:%Y-%m}", severity="major")
    assert rows_behind(url, mayor) == 2
