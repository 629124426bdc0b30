from __future__ import annotations

from datetime import date
from types import SimpleNamespace

import pytest
from django.urls import reverse

from zhiguan.kernel.reference.models import Fact
from zhiguan.kernel.reference.pages import DETAIL, LIST
from zhiguan.kit.pages.conformance import Case, DetailPageConformance, ListPageConformance, Visitor, html

AWAY = "vehicles.detection.away_m"
_numbers = iter(range(10**6))


def _make(on: date = date(2020, 1, 1)) -> Fact:
    number = next(_numbers)
    return Fact.objects.create(
        code=f"vehicles.a.n{number}", topic="vehicles", group="测试", name=f"测试阈值{number}", value=number,
        unit="米", source="测试依据", valid_from=on,
    )  # fmt: skip


@pytest.fixture
def case(facts, make_actor) -> Case:
    Fact.objects.exclude(topic="vehicles").delete()  # all on one page
    Fact.objects.filter(code__startswith="vehicles.detection.").exclude(code=AWAY).delete()
    return Case(
        actor=make_actor({"reference.fact.manage": "city"}),
        make=_make,
        make_elsewhere=lambda: _make(date(2999, 1, 1)),
        text=lambda row: row.name,
    )


class TestList(ListPageConformance):
    page = LIST

    def test_tells_what_nobody_has_read(self, case: Case) -> None:
        text = html(Visitor(case.actor).get(reverse("reference.fact"), {"verified": "0", "size": "100"}))
        assert "无派车单驶离停放地点的判定距离" in text and "机要通信用车价格上限" not in text and "未核对" in text


class TestDetail(DetailPageConformance):
    page = DETAIL

    @pytest.fixture
    def case(self, case: Case) -> Case:
        case.make_elsewhere = lambda: SimpleNamespace(pk=10**9)
        return case

    def test_a_value_is_adjusted_on_the_page(self, facts, case: Case) -> None:
        shown = facts.fact(AWAY)
        visitor, address = Visitor(case.actor), reverse("reference.fact.adjust", kwargs={"pk": shown.pk})
        form = html(visitor.get(address))
        hidden = {name: form.split(f'name="{name}" value="')[1].split('"', 1)[0] for name in ("_version", "_once")
                  if f'name="{name}" value="' in form}  # fmt: skip
        values = {"value": "eighty", "valid_from": "2026-06-01", "reason": "本市场地较大", **hidden}
        assert "整数" in html(visitor.post(address, values)) and not Fact.objects.filter(local=True).exists()
        answer = visitor.post(address, {**values, "value": "80"})
        assert answer.status_code == 302, html(answer)
        assert facts.value(AWAY, on=date(2026, 6, 2)) == 80 and facts.fact(AWAY).local

    def test_law_offers_no_adjustment(self, facts, case: Case) -> None:
        law = facts.fact("vehicles.use.dispatch")
        url = reverse("reference.fact.detail", kwargs={"pk": law.pk})
        text = html(Visitor(case.actor).get(url))
        assert "第二十六条" in text and f"{url}adjust/" not in text
