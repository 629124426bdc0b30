"""效能评价 at full size: what the page takes for a year of a city's vehicles, by organ, by kind and by vehicle.

Prints one JSON line per figure: ``name``, ``value`` (95th percentile of the server's time in ms), ``unit``, ``baseline``
(100 ms), ``ratio``; the same of CPU time, the database server's included; and what keeping the months costs. With ``--live``
the pages count everything anew, as they do for small fleets. The city is ``scene/year.py``.

    python bench/evaluation.py [--vehicles 10000] [--orders 400000] [--rounds 40] [--live]
"""

from __future__ import annotations

import argparse
import statistics
from pathlib import Path

from scene.full_size import VAR, say, scene
from scene.processor import spent
from scene.visitor import Visitor
from scene.year import fill

PAGES = {
    "organ": "/vehicles/evaluation/?by=organ",
    "kind": "/vehicles/evaluation/?by=kind",
    "car": "/vehicles/evaluation/?by=car&sort=vehicles.km_cost",
    "car_of_one_organ": "/vehicles/evaluation/?by=car&organ=B7",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--vehicles", type=int, default=10_000)
    parser.add_argument("--orders", type=int, default=400_000)
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--live", action="store_true")
    parser.add_argument("--var", type=Path, default=VAR)
    given = parser.parse_args()
    with scene(given.vehicles, given.orders, given.var, name="zhiguan_bench_year", more=fill) as city:
        from zhiguan.lines.vehicles.domain import months
        from zhiguan.lines.vehicles.queries import parts

        def cpu() -> float:
            return spent(given.var / "bench-pg")

        if given.live:
            parts.LARGE = 10**12
        else:
            for name, run in (("all", lambda: months.keep_months(whole=True)), ("unchanged", months.keep_months)):
                before = cpu()
                done = run()
                say(f"evaluation_keep_{name}_cpu", (cpu() - before) * 1000, "ms", max(done, 1))
        visitor = Visitor.signed_in(city.account)
        for name, address in PAGES.items():
            times, busy = [], []
            for number in range(given.rounds + 1):
                before = cpu()
                took = visitor.get(address)[1]
                if number:
                    times.append(took)
                    busy.append(cpu() - before)
            slow = statistics.quantiles(times, n=20)[-1] if len(times) > 1 else times[0]
            say(f"evaluation_{name}_p95", slow * 1000, "ms", 100)
            say(f"evaluation_{name}_cpu", statistics.median(busy) * 1000, "ms", 100)


if __name__ == "__main__":
    main()
