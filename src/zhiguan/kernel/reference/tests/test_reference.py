"""Facts are dated, cited, adjustable only where nobody verified them."""

from datetime import date

import pytest

from zhiguan.kernel.reference import service
from zhiguan.kit.errors import Denied, Invalid


@pytest.fixture
def facts(as_system):
    service.sync()
    return service


def test_sync_is_idempotent_and_every_shipped_fact_answers(facts):
    assert facts.sync() == 0
    for code in facts._shipped():
        assert facts.fact(code).citation.startswith("《")


def test_as_of(facts, make_actor):
    actor = make_actor({"reference.fact.manage": "city"})
    shown = facts.fact("vehicles.detection.away_m")
    facts.adjust(actor, shown, value=80, valid_from=date(2026, 6, 1), reason="本市场地较大")
    assert facts.value("vehicles.detection.away_m", on=date(2026, 5, 31)) == 50
    assert facts.value("vehicles.detection.away_m", on=date(2026, 6, 1)) == 80
    with pytest.raises(service.UnknownFact):
        facts.value("vehicles.renewal.age_years", on=date(2010, 1, 1))
    with pytest.raises(service.UnknownFact):
        facts.value("vehicles.no_such_fact")


def test_law_cannot_be_adjusted_and_permission_is_asked(facts, make_actor):
    law = facts.fact("vehicles.renewal.age_years")
    with pytest.raises(Invalid, match="不能在本地调整"):
        facts.adjust(make_actor({"reference.fact.manage": "city"}), law, value=5, valid_from=date(2026, 1, 1), reason="x")
    with pytest.raises(Denied):
        facts.adjust(make_actor({}), facts.fact("vehicles.detection.away_m"), value=1, valid_from=date(2026, 1, 1), reason="x")


def test_unverified_values_say_so(facts):
    assert "未核对" in facts.cite("vehicles.detection.away_m")
    assert facts.cite("vehicles.use.dispatch") == "《机关事务管理条例》第二十六条"
