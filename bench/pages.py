"""Pages (HTML) in one process at full size: 95th percentile of the server's time, requests a second, size sent.

A signed-in vehicle manager of half of the organs, the whole site in between: session, menu with its counts, template,
compression. Prints one JSON line per figure: ``name``, ``value``, ``unit``, ``baseline`` (100 ms), ``ratio``. The city is
``scene/full_size.py``.

    python bench/pages.py [--vehicles 100000] [--orders 1000000] [--seconds 4]
"""

from __future__ import annotations

import argparse

from scene.full_size import say, scene
from scene.visitor import Visitor

SAMPLES = 1_000
"""How many different addresses of one kind are asked for at most."""


def _keys(count: int) -> range:
    """Return keys of rows the visitor may see, all over the table: the even ones are of their half of the organs."""
    return range(2, count + 1, max(1, count // (2 * SAMPLES)) * 2)


def pages(vehicles: int, orders: int) -> dict[str, list[str]]:
    """Return the addresses asked for, by figure, in a city of this size."""
    cars = [f"{number:05X}" for number in range(1, vehicles + 1, max(1, vehicles // SAMPLES))]
    return {
        "vehicle_list": ["/vehicles/vehicle/"],
        "vehicle_list_filtered": ["/vehicles/vehicle/?state=repair", "/vehicles/vehicle/?state=in_service&sort=plate"],
        "vehicle_list_deep": [f"/vehicles/vehicle/?page={number}" for number in range(2, 400, 7)],
        "vehicle_search": [f"/vehicles/vehicle/?q=%E6%B2%AAA{car[:3]}" for car in cars],
        "vehicle_detail": [f"/vehicles/vehicle/{key}/" for key in _keys(vehicles)],
        "order_list": ["/vehicles/order/"],
        "order_list_filtered": ["/vehicles/order/?state=requested", "/vehicles/order/?state=ended"],
        "order_search": [f"/vehicles/order/?q=B{key:08}"[:-1] for key in _keys(orders)],
        "order_search_plate": [f"/vehicles/order/?q=%E6%B2%AAA{car}" for car in cars],
        "order_detail": [f"/vehicles/order/{key}/" for key in _keys(orders)],
        "search_everywhere": [f"/search?q=%E6%B2%AAA{car}" for car in cars],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--vehicles", type=int, default=100_000)
    parser.add_argument("--orders", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=float, default=4)
    given = parser.parse_args()
    asked = pages(given.vehicles, given.orders)
    with scene(given.vehicles, given.orders) as city:
        visitor = Visitor.signed_in(city.account)
        for name, addresses in asked.items():
            pace = visitor.pace(addresses, given.seconds)
            say(f"page_{name}_p95", pace.p95_ms, "ms", 100)
            say(f"page_{name}_cpu", pace.cpu_ms, "ms", 100)
        size = max(len(visitor.get(addresses[0])[0]) for addresses in asked.values())
        say("page_html_compressed_largest", size / 1024, "KiB", 300)


if __name__ == "__main__":
    main()
