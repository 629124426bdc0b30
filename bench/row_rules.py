"""What row-level security costs at full size: the pages' own SQL under it, and as the tables' owner without it.

Both over the same driver, turn by turn; the answers must be the same. Prints one JSON line per figure: ``name``,
``value`` (median ms under row-level security), ``unit``, ``baseline`` (median ms without), ``ratio``. The city is
``scene/full_size.py``.

    python bench/row_rules.py [--vehicles 100000] [--orders 1000000] [--rounds 60]
"""

from __future__ import annotations

import argparse
import statistics
import time
from typing import Any

from scene.full_size import say, scene

CASES = (
    ("vehicles", "VEHICLES", ""),
    ("vehicles_by_state", "VEHICLES", "state=repair"),
    ("vehicles_searched_few", "VEHICLES", "q=沪A0A3"),
    ("vehicles_searched_many", "VEHICLES", "q=沪A0"),
    ("orders", "ORDERS", ""),
    ("orders_searched_by_number", "ORDERS", "q=B0000123"),
    ("orders_searched_by_plate", "ORDERS", "q=沪A00F00"),
)


def statements(page: Any, actor: Any, query: str) -> list[tuple[str, tuple]]:
    """Return the SQL a list page asks: what its search finds, the count, the rows."""
    from django.db import connection
    from django.http import QueryDict

    from zhiguan.kit.pages.listing import Listing

    listing = Listing(page, actor, QueryDict(query))
    asked: list[tuple[str, tuple]] = []

    def note(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        asked.append((sql, tuple(params or ())))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note):
        assert listing.count is not None and listing.shown is not None
    return asked


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--vehicles", type=int, default=100_000)
    parser.add_argument("--orders", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=60)
    given = parser.parse_args()
    with scene(given.vehicles, given.orders) as city:
        from django.db import connection
        from django.db.utils import ConnectionHandler

        from zhiguan.kernel.identity.actors import actor_of
        from zhiguan.lines.vehicles import pages
        from zhiguan.site.settings import database

        owner = ConnectionHandler({"default": database(city.owner)})["default"]
        actor = actor_of(city.account)
        for name, page, query in CASES:
            with actor.transaction():
                asked = statements(getattr(pages, page), actor, query)
                under, without = [0.0] * given.rounds, [0.0] * given.rounds
                for sql, params in asked:
                    for turn in range(given.rounds):
                        answers = []
                        for database_, times in ((connection, under), (owner, without)):
                            with database_.cursor() as cursor:
                                start = time.perf_counter()
                                cursor.execute(sql, params)
                                rows = cursor.fetchall()
                                times[turn] += time.perf_counter() - start
                            answers.append(sorted(map(repr, rows)))
                        if answers[0] != answers[1] and "LIMIT 10001" not in sql:
                            raise SystemExit(f"{name}: row-level security changes the answer")
            say(f"rls_{name}", statistics.median(under) * 1000, "ms", statistics.median(without) * 1000)
        owner.close()


if __name__ == "__main__":
    main()
