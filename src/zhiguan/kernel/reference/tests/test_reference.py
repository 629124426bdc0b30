"""Facts are dated, cited, adjustable only where nobody verified them."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from zhiguan.kernel.orgs.service import Unit
from zhiguan.kernel.orgs.tree import ROOT_POS
from zhiguan.kernel.reference.codes import Bound, Evidence, Status
from zhiguan.kernel.reference.models import Fact, text_of
from zhiguan.kernel.trace.models import Entry
from zhiguan.kit.actor import system
from zhiguan.kit.errors import Conflict, Denied, Invalid

AWAY = "vehicles.detection.away_m"
ALL = {"reference.fact.manage": "city"}


def test_sync_is_idempotent_and_every_shipped_fact_answers(facts):
    assert facts.sync() == 0
    for code in facts._shipped():
        found = facts.fact(code)
        assert found.citation == facts.cite(code) and found.citation.startswith("《")
        assert found.group and found.value_text and found.status in Status.values and found.bound in Bound.values
        assert found.evidence in Evidence.values and found.verified == (found.evidence != Evidence.NONE)
        assert found.unverified == (not found.verified)


def test_sync_follows_the_files_and_leaves_local_rows_alone(facts, make_actor):
    Fact.objects.filter(code=AWAY).update(value=70, note="")
    Fact.objects.filter(code="vehicles.kinds.other").delete()
    Fact.objects.create(code="vehicles.gone", topic="vehicles", name="旧", source="旧", valid_from=date(2001, 1, 1))
    mine = facts.override(make_actor(ALL), AWAY, 80, date(2026, 6, 1), "本市场地较大")
    assert facts.sync() == 3
    assert facts.value(AWAY, on=date(2026, 5, 1)) == 50 and facts.value(AWAY, on=date(2026, 7, 1)) == 80
    assert Fact.objects.filter(pk=mine.pk, local=True).exists()
    assert not Fact.objects.filter(code="vehicles.gone").exists()


def test_values_agree_with_the_collected_standards(facts, shared_data):
    """Every number of ours that the collected texts give as well is the same one."""
    collected = yaml.safe_load(shared_data("standards/vehicles.yaml").read_text())["entries"]
    entries = {entry["id"]: entry for entry in collected}
    compared = 0
    for code, entry in facts._shipped().items():
        theirs = entries.get(code.removeprefix("vehicles.").replace("limits.emergency.", "limits.emergency_other."))
        if theirs is None:
            continue
        assert entry.get("verified", False) == theirs["verified"], code
        assert entry["source"].get("number") == theirs["source"]["number"], code
        assert entry.get("clause") == theirs.get("clause"), code
        if isinstance(theirs["value"], (int, float)) and not isinstance(theirs["value"], bool):
            scale = 10_000 if theirs["unit"] == "wan_yuan" else 1
            assert entry["value"] == theirs["value"] * scale, code
            compared += 1
    assert compared >= 14


def test_as_of(facts, make_actor):
    actor = make_actor(ALL)
    facts.adjust(actor, facts.fact(AWAY), value=80, valid_from=date(2026, 6, 1), reason="本市场地较大")
    facts.override(actor, AWAY, 60, date(2026, 9, 1), "场地整改完毕")
    assert [facts.value(AWAY, on=date(2026, month, 1)) for month in (5, 6, 8, 9)] == [50, 80, 80, 60]
    with pytest.raises(facts.UnknownFact):
        facts.value("vehicles.renewal.age_years", on=date(2010, 1, 1))
    for ask in (facts.value, facts.cite):
        with pytest.raises(facts.UnknownFact):
            ask("vehicles.no_such_fact")
    assert Entry.objects.filter(code="reference.fact.adjust").count() == 2


def test_a_repealed_rule_is_no_longer_in_force(facts):
    Fact.objects.filter(code="vehicles.use.no_gift").update(valid_to=date(2026, 1, 1))
    assert facts.value("vehicles.use.no_gift", on=date(2025, 12, 31)) is True
    with pytest.raises(facts.UnknownFact):
        facts.fact("vehicles.use.no_gift", on=date(2026, 1, 1))


def test_law_cannot_be_adjusted_and_permission_over_the_city_is_asked(facts, make_actor):
    law = facts.fact("vehicles.renewal.age_years")
    with pytest.raises(Invalid, match="不能在本地调整"):
        facts.adjust(make_actor(ALL), law, value=5, valid_from=date(2026, 1, 1), reason="x")
    with pytest.raises(Denied):
        facts.override(make_actor({}), AWAY, 1, date(2026, 1, 1), "x")


@pytest.mark.parametrize("value", ["80", None, True, [80], -1, 1e13, float("nan")])
def test_a_value_of_another_form_is_refused(facts, make_actor, value):
    with pytest.raises(Invalid) as refusal:
        facts.override(make_actor(ALL), AWAY, value, date(2026, 6, 1), "x")
    assert "value" in refusal.value.fields and Fact.objects.filter(local=True).count() == 0


def test_reason_date_and_change_are_asked_for(facts, make_actor):
    actor = make_actor(ALL)
    with pytest.raises(Invalid, match="事由"):
        facts.override(actor, AWAY, 80, date(2026, 6, 1), " ")
    with pytest.raises(Invalid, match="2020-01-01"):
        facts.adjust(actor, facts.fact(AWAY), value=80, valid_from=date(2019, 1, 1), reason="x")
    with pytest.raises(Conflict):
        facts.override(actor, AWAY, 50, date(2026, 6, 1), "x")


def test_unverified_values_say_so(facts):
    assert "未核对" in facts.cite(AWAY)
    assert facts.cite("vehicles.use.dispatch") == "《机关事务管理条例》第二十六条"


@pytest.mark.parametrize(
    ("value", "unit", "bound", "text"),
    [
        (120000, "元", "max", "不超过 12 万元"), (1.6, "升", "max", "不超过 1.6 升"), (8, "年", "over", "超过 8 年"),
        (True, "", "", "是"), (["甲", "乙"], "", "", "甲、乙"), (600000, "公里", "", "600,000 公里"),
        (500, "元", "", "500 元"),
        (0.2, "", "over", "超过 0.2"), (None, "元", "", "尚未录入"), (12345, "元", "", "12,345 元"),
    ],
)  # fmt: skip
def test_values_in_words(value, unit, bound, text):
    assert text_of(value, unit, bound) == text


scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20)
values = scalars | st.lists(scalars, max_size=4) | st.dictionaries(st.text(max_size=5), scalars, max_size=3)


@given(values, st.sampled_from(["", "元", "米"]), st.sampled_from(Bound.values))
def test_any_value_has_words(value, unit, bound):
    assert isinstance(text_of(value, unit, bound), str)


def test_an_organ_may_have_a_value_of_its_own_within_the_limits(facts, make_actor, as_system):
    city, organ, other = _organs()
    keeper = make_actor({"reference.fact.manage": "below"}, unit=organ)
    shown = facts.fact(AWAY)
    with pytest.raises(Invalid, match="20 至 1,000 米"):
        facts.adjust(keeper, shown, value=5_000, valid_from=date(2026, 6, 1), reason="院落很大", place=organ)
    with pytest.raises(Denied):
        facts.adjust(keeper, shown, value=90, valid_from=date(2026, 6, 1), reason="院落很大", place=other)
    with pytest.raises(Denied):
        facts.adjust(keeper, shown, value=90, valid_from=date(2026, 6, 1), reason="院落很大")
    facts.adjust(keeper, shown, value=90, valid_from=date(2026, 6, 1), reason="院落很大", place=organ)
    on = date(2026, 7, 1)
    assert [facts.value(AWAY, on=on, unit=unit) for unit in (None, city, organ, other)] == [50, 50, 90, 50]
    assert facts.value(AWAY, on=date(2026, 5, 1), unit=organ) == 50
    held = facts.thresholds("vehicles.detection", on=on)
    assert [held.value("away_m", unit) for unit in (None, city, organ, other)] == [50, 50, 90, 50]
    assert held.array("away_m", np.array([city.pos, organ.pos, other.pos])).tolist() == [50, 90, 50]


def _organs():
    city = Unit.objects.create(code="310000", name="测试市", kind="city", pos=ROOT_POS, pos_end=ROOT_POS + 99,
                               valid_from=date(2020, 1, 1))  # fmt: skip
    made = [city]
    for number in (1, 2):
        lo = ROOT_POS + 10 * number
        made.append(Unit.objects.create(code=f"31000000{number}", name=f"市{number}局", kind="organ", parent=city, pos=lo,
                                        pos_end=lo + 9, valid_from=date(2020, 1, 1)))  # fmt: skip
    return made


@pytest.fixture
def organs(as_system):
    return _organs()


def test_a_value_is_supposed_for_a_question_only_and_nothing_is_written(facts, organs):
    city, first, other = organs
    code, day = "vehicles.detection.away_m", date(2026, 6, 1)
    with facts.supposing(code, 80):
        assert facts.value(code, on=day) == 80 == facts.thresholds("vehicles.detection", on=day).value("away_m")
        with facts.supposing(code, 120, first):
            known = facts.thresholds("vehicles.detection", on=day)
            for unit, value in ((first, 120), (city, 80), (other, 80)):
                assert facts.value(code, on=day, unit=unit) == value == known.value("away_m", unit)
            positions = np.array([unit.pos for unit in organs])
            assert known.array("away_m", positions).tolist() == [80.0, 120.0, 80.0]
    assert facts.value(code, on=day) == 50 and not Fact.objects.filter(local=True).exists()


def test_an_organs_own_value_stays_when_the_general_one_is_supposed(facts, organs):
    city, first, other = organs
    code, day = "vehicles.detection.away_m", date(2026, 6, 1)
    facts.override(system("tests"), code, 70, date(2026, 1, 1), "场地较大", place=first)
    with facts.supposing(code, 90):
        known = facts.thresholds("vehicles.detection", on=day)
        for unit, value in ((first, 70), (city, 90), (other, 90)):
            assert facts.value(code, on=day, unit=unit) == value == known.value("away_m", unit)


def test_what_may_not_be_set_is_said_beforehand(facts):
    away, law = facts.fact("vehicles.detection.away_m"), facts.fact("vehicles.use.dispatch")
    assert facts.refusal(away, 80) == ""
    assert "20 至 1,000 米" in facts.refusal(away, 5) and "数字" in facts.refusal(away, "远")
    assert "已核对" in facts.refusal(law, False)
