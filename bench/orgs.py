"""Organisations at full size: 100,000 units and 1,000,000 people, asked as the application role, scope in force.

Makes a database of its own on the embedded server, removes it afterwards, and prints one JSON line per figure:
``name``, ``value`` (p95), ``unit``, ``baseline``, ``ratio`` (value by baseline). The baselines answer the same question
over parent keys (a recursive query), or with ``LIKE '%…%'`` for people.

    python bench/orgs.py [--people 1000000] [--var FOLDER]
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import psycopg
from scene.database import fresh

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "zhiguan.site.settings")
os.environ.setdefault("DATABASE_URL", "postgresql://zhiguan_app@/unset")
DATABASE = "zhiguan_bench_orgs"
DAY = date(2023, 6, 1)
BELOW = """WITH RECURSIVE below(id) AS (SELECT id FROM orgs_unit WHERE id = %s UNION ALL
           SELECT u.id FROM orgs_unit u JOIN below b ON u.parent_id = b.id)"""


def tree_rows(chance: random.Random) -> list[tuple]:
    """(id, code, name, kind, parent, pos, pos_end, pinyin, initials): 16 districts of 60 organs of 10 divisions."""
    from zhiguan.kernel.orgs import tree
    from zhiguan.kernel.orgs.spelling import spell

    joined = "财政教育交通规划资产节能用房车辆信息审计法规综合人事档案安全会议餐饮水务文化体育"
    words = [joined[at : at + 2] for at in range(0, len(joined), 2)]
    spelled = {word: spell(word) for word in words}
    rows: list[tuple] = [(1, "C", "上海市", "city", None, tree.ROOT_POS, tree.ROOT_END, "shanghaishi", "shs")]

    def add(parent: tuple, number: int, kind: str, suffix: str) -> tuple:
        one, two = chance.choice(words), chance.choice(words)
        lo, hi = tree.child_range(parent[5], parent[6], number)
        pinyin, initials = (spelled[one][each] + spelled[two][each] for each in (0, 1))
        code = f"{parent[1]}-{number}"
        rows.append((len(rows) + 1, code, f"{one}{two}{suffix}{len(rows)}", kind, parent[0], lo, hi, pinyin, initials))
        return rows[-1]

    for district in [add(rows[0], number, "district", "区") for number in range(1, 17)]:
        for organ in [add(district, number, "organ", "局") for number in range(1, 61)]:
            for division in [add(organ, number, "division", "处") for number in range(1, 11)]:
                for number in range(1, 10 if chance.random() < 0.6 else 11):
                    add(division, number, "section", "科")
    return rows


@contextmanager
def without_indexes(cursor: psycopg.Cursor, *tables: str) -> Iterator[None]:
    """Drop the tables' plain indexes and exclusions for the block, then index again.

    An exclusion comes back as its index alone: proving a million rows right by construction takes two minutes. So the
    figure for moving leaves out its check, some 30 µs a row.
    """
    cursor.execute(
        """SELECT CASE WHEN indisexclusion THEN format('ALTER TABLE %%s DROP CONSTRAINT %%s', indrelid::regclass,
                                                     indexrelid::regclass)
                       ELSE format('DROP INDEX %%s', indexrelid::regclass) END, pg_get_indexdef(indexrelid)
           FROM pg_index WHERE indrelid::regclass::text = ANY(%s) AND NOT indisunique""",
        [list(tables)],
    )
    found = cursor.fetchall()
    for drop, _ in found:
        cursor.execute(drop)
    yield
    for _, make in found:
        cursor.execute(make)


def fill(superuser: str, people: int) -> None:
    """Copy the tree, its history, people and appointments into the tables; foreign keys are right by construction."""
    from zhiguan.kernel.orgs.demo.names import full_name
    from zhiguan.kernel.orgs.spelling import spell_person

    chance = random.Random(1)
    units = tree_rows(chance)
    names = [(name, *spell_person(name)) for name in {full_name(chance) for _ in range(20000)}]
    with psycopg.connect(superuser) as db, db.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute("SET maintenance_work_mem = '256MB'")
        cursor.execute("SELECT id FROM orgs_rank ORDER BY id")
        ranks = [row[0] for row in cursor.fetchall()]

        def copy(table: str, columns: str, rows: Iterator[tuple]) -> None:
            with cursor.copy(f"COPY {table} ({columns}) FROM STDIN") as target:
                for row in rows:
                    target.write_row(row)

        first, renamed = date(2015, 1, 1), date(2024, 1, 1)
        copy(
            "orgs_unit",
            "id, code, name, kind, parent_id, pos, pos_end, pinyin, initials, short_name, level, function,"
            " district_code, valid_from, sort, phone, address, note",
            ((*row, "", "municipal", "", "310000", first, 0, "", "", "") for row in units),
        )
        plain = ((row[0], row[2], *row[4:7], first, None) for row in units if row[0] % 10)
        former = ((row[0], row[2] + "旧", *row[4:7], first, renamed) for row in units if row[0] % 10 == 0)
        present = ((row[0], row[2], *row[4:7], renamed, None) for row in units if row[0] % 10 == 0)
        for versions in (plain, former, present):
            copy("orgs_unitversion", "unit_id, name, parent_id, pos, pos_end, valid_from, valid_to", versions)
        staff = list(enumerate((chance.choice(units) for _ in range(people)), 1))
        with without_indexes(cursor, "orgs_person", "orgs_appointment"):
            copy(
                "orgs_person",
                "id, code, name, pinyin, initials, unit_id, scope_pos, rank_id, duty, phone, active, sort",
                ((number, f"P{number:07d}", *chance.choice(names), unit[0], unit[5], chance.choice(ranks), "主任科员",
                  "", True, number) for number, unit in staff),
            )  # fmt: skip
            copy(
                "orgs_appointment",
                "person_id, unit_id, scope_pos, post, rank_id, kind, valid_from, end_reason, document_no",
                ((number, unit[0], unit[5], "科员", ranks[0], "main", date(chance.randint(2015, 2025), 3, 1), "", "")
                 for number, unit in staff),
            )  # fmt: skip
        cursor.execute("SELECT setval('orgs_unit_id_seq', (SELECT max(id) FROM orgs_unit))")
    with psycopg.connect(superuser, autocommit=True) as db:
        db.execute("VACUUM ANALYZE")


def p95_ms(work: Callable[[object], object], subjects: list, seconds: float = 2.5) -> float:
    """Time the work on the subjects in turn for some seconds; return the 95th percentile in milliseconds."""
    from django.db import transaction

    from zhiguan.kit.actor import EVERYTHING, Actor

    reader = Actor("bench", permissions={"orgs.unit.view": EVERYTHING, "orgs.person.view": EVERYTHING})
    taken: list[float] = []
    with reader.acting():
        end = time.perf_counter() + seconds
        while len(taken) < 5 or (time.perf_counter() < end and len(taken) < 400):
            began = time.perf_counter()
            with transaction.atomic():
                work(subjects[len(taken) % len(subjects)])
            taken.append((time.perf_counter() - began) * 1000)
    taken.sort()
    return taken[int(len(taken) * 0.95) - (len(taken) > 20)]


def figure(name: str, value: float, baseline: float | None = None, unit: str = "ms p95") -> None:
    ratio = None if baseline is None else round(value / baseline, 3)
    known = None if baseline is None else round(baseline, 2)
    print(
        json.dumps({"name": name, "value": round(value, 2), "unit": unit, "baseline": known, "ratio": ratio}),
        flush=True,
    )


def raw(text: str) -> Callable[[object], object]:
    """The baseline: one statement over parent keys, its parameter the unit's key (or the text)."""

    def ask(subject: object) -> object:
        from django.db import connection

        with connection.cursor() as cursor:
            cursor.execute(text, [getattr(subject, "pk", subject)] if "%s" in text else None)
            return cursor.fetchall()

    return ask


def _people(unit: object) -> object:
    from zhiguan.kernel.orgs.models import Person

    return Person.objects.within(unit).filter(active=True).select_related("unit", "rank")


def measure() -> None:
    from zhiguan.kernel.orgs import service
    from zhiguan.kernel.orgs.models import Unit
    from zhiguan.kit.actor import system

    chance = random.Random(2)
    with system("bench").transaction():
        by_kind = {kind: list(Unit.objects.filter(kind=kind)) for kind in ("district", "organ", "division")}
    organs, districts = chance.sample(by_kind["organ"], 200), by_kind["district"]
    count = BELOW + " SELECT count(*) FROM below"
    listed = BELOW + " SELECT u.* FROM orgs_unit u JOIN below USING (id) ORDER BY sort, pos LIMIT 100"
    people = BELOW + " SELECT {} FROM orgs_person p JOIN below b ON b.id = p.unit_id WHERE p.active {}"
    page, heads = people.format("p.*", "ORDER BY p.sort LIMIT 50"), people.format("count(*)", "")
    likeness = "SELECT * FROM orgs_person WHERE (name LIKE '%%' || %s || '%%') AND active ORDER BY id LIMIT 20"
    texts = ["王文华", "王", "zhangwei", "lxm", "欧阳", "P0500", "zh", "陈晓"]
    wanted = ["财政", "cz", "资产审计", "zichanshenji", "C-1-2", "没有"]
    divisions = by_kind["division"][:500]
    for name, work, subjects, baseline in (
        ("subtree_count.district", lambda unit: service.subtree(unit).count(), districts, count),
        ("subtree_list.organ", lambda unit: list(service.subtree(unit)[:100]), organs, listed),
        ("people_page.organ", lambda unit: list(_people(unit)[:50]), organs, page),
        ("headcount.organ", service.headcount, organs, heads),
        ("headcount.district", service.headcount, districts, heads),
        ("path", service.path, divisions, None),
        ("path_on", lambda unit: service.path_on(unit, DAY), divisions, None),
        ("tree_on.organ", lambda unit: list(service.tree_on(DAY, unit)), organs, None),
        ("headcount_on.organ", lambda unit: service.headcount(unit, DAY), organs, None),
        ("headcount_on.district", lambda unit: service.headcount(unit, DAY), districts, None),
        ("search_people", service.search_people, texts, likeness),
        ("search_units", service.search_units, wanted, None),
    ):
        value = p95_ms(work, subjects)
        figure(f"orgs.{name}", value, p95_ms(raw(baseline), subjects) if baseline else None)
    began = time.perf_counter()
    with system("bench").transaction():
        service.move_unit(
            system("bench"), organs[0], parent=next(each for each in districts if each.pk != organs[0].parent_id),
            record=lambda *args, **more: None,
        )  # fmt: skip
    figure("orgs.move_unit.organ", (time.perf_counter() - began) * 1000, unit="ms once")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=1_000_000)
    parser.add_argument("--var", type=Path, default=None)
    options = parser.parse_args()
    from zhiguan.site.runtime.paths import var_dir

    began = time.perf_counter()
    with fresh((options.var or var_dir()) / "bench-pg", DATABASE, durable=True) as urls:
        fill(urls.superuser, options.people)
        figure("orgs.fill", time.perf_counter() - began, unit="s")
        measure()
    return 0


if __name__ == "__main__":
    sys.exit(main())
