"""Demo data is invented, says so, and is what the verbs would make."""

from __future__ import annotations

from zhiguan.lines.assets.demo import seed
from zhiguan.lines.assets.models import Asset
from zhiguan.lines.assets.queries.values import valued


def test_every_demo_card_says_so_and_a_second_call_makes_nothing(world):
    made = seed("small")
    rows = list(valued(Asset.objects.all()))
    assert made["资产卡片"] == len(rows) > 5 and {row.note for row in rows} == {"演示数据"}
    assert all(0 <= row.net_value <= row.original_value for row in rows)
    assert {row.unit_id for row in rows} == {world.organ.pk, world.other.pk}
    assert seed("small") == {}
