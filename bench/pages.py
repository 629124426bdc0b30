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

PAGES = {
    "vehicle_list": ["/vehicles/vehicle/"],
    "vehicle_list_filtered": ["/vehicles/vehicle/?state=repair", "/vehicles/vehicle/?state=in_service&sort=plate"],
    "vehicle_list_deep": [f"/vehicles/vehicle/?page={number}" for number in range(2, 400, 7)],
    "vehicle_search": [f"/vehicles/vehicle/?q=%E6%B2%AA{number:04X}" for number in range(0xA000, 0xAFFF, 7)],
    "vehicle_detail": [f"/vehicles/vehicle/{number}/" for number in range(2, 99_000, 98)],
    "order_list": ["/vehicles/order/"],
    "order_list_filtered": ["/vehicles/order/?state=requested", "/vehicles/order/?state=ended"],
    "order_search": [f"/vehicles/order/?q=B{number:07}" for number in range(1, 100_000, 77)],
    "order_search_plate": [f"/vehicles/order/?q=%E6%B2%AA{number:05X}" for number in range(0xA000, 0xAFFF, 7)],
    "order_detail": [f"/vehicles/order/{number}/" for number in range(2, 990_000, 998)],
    "search_everywhere": [f"/search?q=%E6%B2%AA{number:05X}" for number in range(0xA000, 0xAFFF, 7)],
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--vehicles", type=int, default=100_000)
    parser.add_argument("--orders", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=float, default=4)
    given = parser.parse_args()
    with scene(given.vehicles, given.orders) as city:
        visitor = Visitor.signed_in(city.account)
        for name, addresses in PAGES.items():
            pace = visitor.pace(addresses, given.seconds)
            say(f"page_{name}_p95", pace.p95_ms, "ms", 100)
            say(f"page_{name}_cpu", pace.cpu_ms, "ms", 100)
        size = max(len(visitor.get(addresses[0])[0]) for addresses in PAGES.values())
        say("page_html_compressed_largest", size / 1024, "KiB", 300)


if __name__ == "__main__":
    main()
