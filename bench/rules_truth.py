"""Rules of vehicles against simulated truth: precision and recall of each rule, over five seeds with noise.

    python bench/rules_truth.py [--seeds 1,2,3,4,5] [--vehicles 120] [--calm] [--show] [--var FOLDER]

Each seed is a month of a fleet of its own in a database of its own: cars that drive invented roads on dispatch orders,
misuse of every kind the rules know, days that only look like it; receivers that drift, stray and lose their fix, clocks
at 1970 or hours ahead, reports lost, repeated, reordered and made up later. Reports become JT/T 808 frames, are decoded,
checked and committed as by the gateway, day by day; after each day the worker's job computes and judges, and when the
month is over the scheduled rules run. Truth is written to a file and read again by the scoring.

Prints one JSON line a figure (name, value, unit, baseline, ratio): precision and recall of each rule over all seeds, the
worst seed's beside them. Ends with 1 when one is below 0.98. ``--show`` prints what was missed and what was false.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from datetime import date, timedelta
from pathlib import Path

from scene.database import fresh

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "zhiguan.site.settings")
DATABASE = "zhiguan_bench_truth"
LEAST = 0.98
MONTHS = ((2026, 3), (2026, 2), (2026, 5), (2026, 10), (2026, 4))
"""Of the seeds, in turn: with 春节, 劳动节 and 国庆 and the days worked instead."""


def figure(name: str, value: float, unit: str, base: float | None = None, said: str = "") -> None:
    line = {"name": f"rules_truth.{name}", "value": round(value, 4), "unit": unit}
    line |= {"baseline": said, "baseline_value": base, "ratio": round(value / base, 4)} if base else {}
    print(json.dumps(line, ensure_ascii=False), flush=True)


def run(seed: int, options: argparse.Namespace, url: str) -> tuple[object, dict]:
    """One seed: play, deliver, compute, judge; return its truth as read from the file, and what was found."""
    from zhiguan.lines.vehicles.demo import simulation, truth

    year, month = MONTHS[(seed - 1) % len(MONTHS)]
    start = date(year, month, 1)
    end = (start + timedelta(days=32)).replace(day=1)
    began = time.perf_counter()
    played = simulation.play(seed, options.vehicles, start, (end - start).days)
    path = Path(tempfile.gettempdir()) / f"rules-truth-{os.getpid()}-{seed}.jsonl"
    simulation.tell(played, path)
    done = simulation.deliver(
        played,
        url,
        amount=simulation.calm if options.calm else simulation.usual,
        each_day=lambda day, _: simulation.compute(day),
    )
    simulation.judge_months(end)
    told = truth.read(path)
    path.unlink()
    figure(f"seed_{seed}.frames", done.frames, "frames")
    figure(f"seed_{seed}.positions", done.positions, "positions")
    figure(f"seed_{seed}.kept_aside", done.kept, "messages")
    figure(f"seed_{seed}.truths", len(told.truths), "lines")
    figure(f"seed_{seed}.whole", time.perf_counter() - began, "s")
    return told, truth.found_in_database(told)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", default="1,2,3,4,5")
    parser.add_argument("--vehicles", type=int, default=120)
    parser.add_argument("--calm", action="store_true", help="without noise")
    parser.add_argument("--show", action="store_true", help="print what was missed and what was false")
    parser.add_argument("--var", type=Path, default=None)
    options = parser.parse_args()
    from zhiguan.site.runtime.paths import var_dir

    with fresh((options.var or var_dir()) / "bench-truth-pg", DATABASE, durable=False) as urls:
        from zhiguan.lines.vehicles.demo import truth
        from zhiguan.lines.vehicles.rules import RULES

        rules = [rule.code.removeprefix(truth.PREFIX) for rule in RULES]
        total = {rule: truth.Score(rule) for rule in rules}
        worst: dict[str, dict[str, float]] = {rule: {} for rule in rules}
        for seed in map(int, options.seeds.split(",")):
            told, found = run(seed, options, urls.ingest)
            for one in truth.score(told, found, rules):
                whole = total[one.rule]
                whole.hits, whole.missed, whole.false = (
                    whole.hits + one.hits, whole.missed + one.missed, whole.false + one.false)  # fmt: skip
                for name in ("precision", "recall"):
                    if (value := getattr(one, name)) is not None:
                        worst[one.rule][name] = min(value, worst[one.rule].get(name, 1.0))
            if options.show:
                for line in truth.differences(told, found):
                    print(json.dumps(line, ensure_ascii=False), file=sys.stderr)
    below = 0
    for rule, one in total.items():
        for name in ("precision", "recall"):
            value = getattr(one, name)
            if value is None:
                print(
                    json.dumps({"name": f"rules_truth.{rule}.{name}", "value": None, "unit": "nothing to judge"}),
                    flush=True,
                )
                continue
            figure(f"{rule}.{name}", value, "share", LEAST, "what is asked for")
            figure(f"{rule}.{name}.worst_seed", worst[rule].get(name, value), "share")
            below += value < LEAST
        figure(f"{rule}.truths", one.hits + one.missed, "lines")
    return int(below > 0)


if __name__ == "__main__":
    raise SystemExit(main())
