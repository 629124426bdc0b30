from __future__ import annotations

from datetime import date

import pytest
from django.urls import reverse

from zhiguan.kernel.calendar import service
from zhiguan.kernel.calendar.codes import YEAR_MANAGE
from zhiguan.kernel.calendar.models import Day
from zhiguan.kernel.calendar.pages import IMPORT
from zhiguan.kit.pages import markup
from zhiguan.kit.pages.conformance import Case, ImportPageConformance, Visitor, html


@pytest.fixture
def keeper(loaded, make_actor):
    return make_actor({YEAR_MANAGE: "city"})


def test_a_year_is_drawn_with_its_holidays(keeper, make_actor) -> None:
    text = html(Visitor(keeper).get(reverse("calendar.year"), {"year": "2026"}))
    assert markup.faults(text) == []
    assert "国办发明电〔2025〕7号" in text and text.count(">休<") == 33 + 1 and text.count(">班<") == 6 + 1
    working = sum(service.is_working_day(date.fromordinal(n)) for n in range(
        date(2026, 1, 1).toordinal(), date(2027, 1, 1).toordinal()))  # fmt: skip
    assert f"<strong>{working}</strong> 天" in text and reverse("calendar.year.import") in text
    assert reverse("calendar.year.import") not in html(Visitor(make_actor({})).get(reverse("calendar.year")))


@pytest.mark.parametrize("year", ["2027", "x", "99999", "-1", "0000", "２０２６"])
def test_a_year_not_loaded_is_named_not_guessed(keeper, year: str) -> None:
    answer = Visitor(keeper).get(reverse("calendar.year"), {"year": year})
    assert answer.status_code == 200 and markup.faults(html(answer)) == []
    if year == "2027":
        assert "尚未装入" in html(answer) and "ms-1\">" not in html(answer)


class TestImport(ImportPageConformance):
    page = IMPORT

    @pytest.fixture
    def case(self, keeper) -> Case:
        return Case(
            actor=keeper,
            import_rows=[
                {"日期": "2027-01-01", "安排": "放假", "节日": "元旦", "通知文号": "测试〔2026〕1号"},
                {"日期": "2027-01-02", "安排": "放假", "节日": "元旦", "通知文号": ""},
                {"日期": "2027-01-10", "安排": "调休上班", "节日": "元旦", "通知文号": ""},
            ],
            bad_row={"日期": "2027-01-04", "安排": "调休上班", "节日": "元旦", "通知文号": ""},
            count=lambda: Day.objects.count(),
        )
