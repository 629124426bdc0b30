"""Issued documents a second: issuing (number, trial, freeze, commit), making (setting, seal, signature, store), checking.

Makes a database and a store of its own, removes them afterwards, and prints one JSON line per figure. Baselines: the
commit of one plain row for issuing, the signature alone for making.

    python bench/documents.py [--count 60] [--var FOLDER]
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from scene.database import fresh

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "zhiguan.site.settings")
os.environ.setdefault("DATABASE_URL", "postgresql://zhiguan_app@/unset")
DATABASE = "zhiguan_bench_documents"
VALUES = {
    "title": "关于调整公务用车编制的批复", "to": "市发展和改革委员会", "paragraphs": ["你单位请示收悉。现批复如下：", "同意核增1辆。"],
    "rows": [["核增", "1 辆"]], "conditions": ["不得超标准配备。", "30日内登记。"], "basis": ["《公务用车管理办法》第七条"],
}  # fmt: skip


def tell(name: str, value: float, unit: str, baseline: float | None = None) -> None:
    ratio = round(value / baseline, 3) if baseline else None
    print(json.dumps({"name": name, "value": round(value, 2), "unit": unit, "baseline": baseline and round(baseline, 2),
                      "ratio": ratio}, ensure_ascii=False), flush=True)  # fmt: skip


def rate(count: int, act: Callable[[int], Any], name: str = "") -> float:
    """Return acts a second; with a name, tell what one costs this process in CPU (the database's share is not in it)."""
    began, used = time.perf_counter(), time.process_time()
    for number in range(count):
        act(number)
    if name:
        tell(f"CPU of {name}", 1000 * (time.process_time() - used) / count, "ms")
    return count / (time.perf_counter() - began)


def measure(count: int) -> None:
    from django.conf import settings
    from django.test import Client

    from zhiguan.kernel.documents import producing, service, signing
    from zhiguan.kernel.documents.declare import DocumentKind
    from zhiguan.kernel.documents.models import NumberSeries, OutcomeDocument
    from zhiguan.kernel.orgs import service as orgs
    from zhiguan.kit import registry
    from zhiguan.kit.actor import system

    kind = DocumentKind("documents.bench", "批复", "{word}测〔{year}〕{n}号")
    registry.current()._by_type.setdefault(DocumentKind, {})[kind.code] = kind
    actor = system("bench")
    with actor.transaction():
        city = orgs.create_unit(
            actor, parent=None, code="310000", name="上海市", kind="city", record=lambda *a, **k: None
        )
        orgs.Unit.objects.update(note="演示数据")
        bureau = orgs.create_unit(actor, parent=city, code="310000-C01", name="上海市机关事务管理局", kind="organ",
                                  level="municipal", record=lambda *a, **k: None)  # fmt: skip

    def plain(number: int) -> None:
        with actor.transaction():
            NumberSeries.objects.create(pattern=f"行{number}", year=2000)

    def issue(number: int) -> None:
        with actor.transaction():
            service.issue(actor, kind, VALUES, subject=bureau, unit=bureau, case=f"B{number}")

    issue(-1)
    tell("documents issued", rate(count, issue, "issuing"), "1/s", rate(count, plain))
    with actor.transaction():
        keys = list(OutcomeDocument.objects.values_list("pk", flat=True))

    def make(number: int) -> None:
        with actor.transaction():
            producing.produce(actor, lambda *a: None, document=keys[number])

    make(0)
    speed = rate(count, lambda number: make(number + 1), "making")
    with actor.transaction():
        token = OutcomeDocument.objects.filter(state="valid").first().token
    from datetime import UTC, datetime

    from zhiguan.kernel.documents import typesetting
    from zhiguan.kit.square import square

    blank = {"title": "甲", "issuer": "甲", "number": "1", "date": "1", "code": "1", "qr": square("1"),
             "to": "甲", "paragraphs": ["甲"]}  # fmt: skip
    pdf = typesetting.pdf(kind.template, blank, datetime(2026, 1, 1, tzinfo=UTC))
    signatures = rate(max(5, count // 4), lambda number: signing.sign(pdf, reason="", place=""), "the signature")
    tell("documents made (set, sealed, signed, stored)", speed, "1/s", signatures)
    settings.ZHIGUAN_CHECK_PER_MINUTE = 10**6
    client = Client()
    client.get(f"/check/{token}/")
    tell("checks of a document", rate(count * 5, lambda number: client.get(f"/check/{token}/"), "a check"), "1/s")


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=60)
    parser.add_argument("--var", type=Path, default=None)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["ZHIGUAN_VAR"] = folder
        from zhiguan.site.runtime.paths import project_root

        root = args.var or (project_root() or Path.cwd()) / "var"
        with fresh(root / "bench-pg", DATABASE, durable=True):
            measure(args.count)
    return 0


if __name__ == "__main__":
    sys.exit(main())
