"""The API in one process at full size: list requests a second, their 95th percentile, own CPU time each.

Prints one JSON line per figure: ``name``, ``value``, ``unit``, ``baseline``, ``ratio`` (value by baseline: 300 requests a
second, 100 ms, 3.33 ms of CPU time, which is what 300 a second leaves). CPU time holds on a busy machine, too. The city
is ``scene/full_size.py``.

    python bench/api.py [--vehicles 100000] [--orders 1000000] [--seconds 5]
"""

from __future__ import annotations

import argparse

from scene.full_size import say, scene
from scene.visitor import Visitor

WANTED_PER_SECOND = 300
LISTS = {
    "vehicle": ["/api/v1/vehicles/vehicle?limit=20"],
    "order": ["/api/v1/vehicles/order?limit=20"],
    # Each asked for the first time: nothing is kept of it from before.
    "order_unseen": [f"/api/v1/vehicles/order?limit=20&planned_from_to=20{year:02}-{month:02}-{day:02}"
                     for year in range(25, 60) for month in range(1, 13) for day in range(1, 29)],
    "vehicle_searched": [f"/api/v1/vehicles/vehicle?limit=20&q=%E6%B2%AA{number:04X}" for number in range(0xA000, 0xAFFF, 7)],
    "order_searched": [f"/api/v1/vehicles/order?limit=20&q=B{number:07}" for number in range(1, 100_000, 77)],
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--vehicles", type=int, default=100_000)
    parser.add_argument("--orders", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=float, default=5)
    given = parser.parse_args()
    with scene(given.vehicles, given.orders) as city:
        visitor = Visitor.by_key(city.secret)
        for name, addresses in LISTS.items():
            pace = visitor.pace(addresses, given.seconds)
            say(f"api_list_{name}", pace.per_second, "requests/s", WANTED_PER_SECOND)
            say(f"api_list_{name}_p95", pace.p95_ms, "ms", 100)
            say(f"api_list_{name}_cpu", pace.cpu_ms, "ms", 1000 / WANTED_PER_SECOND)


if __name__ == "__main__":
    main()
