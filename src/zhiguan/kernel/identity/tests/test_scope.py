"""Row-level security holds for the application role, whatever the querysets do."""

import psycopg
import pytest
from django.db import connection, transaction

from zhiguan.kit.actor import Scope, system
from zhiguan.kit.rowscope import frame
from zhiguan.kit.rowscope.declare import ALL_POSITIONS, ByArea, ByUnit
from zhiguan.kit.rowscope.sync import sync
from zhiguan.site.management.commands.migrate_all import as_owner
from zhiguan.site.registers import table_rules


@pytest.fixture
def fresh_table(committed_db):
    """A table nobody declared a rule for, with rows; yields the owner's connection to a database of the test's own."""
    with psycopg.connect(committed_db.owner, autocommit=True) as owner:
        owner.execute("CREATE TABLE fresh_rows (id int, scope_pos bigint)")
        owner.execute("INSERT INTO fresh_rows SELECT i, i FROM generate_series(1, 100) i")
        yield owner


def _count() -> int:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM fresh_rows")
        return cursor.fetchone()[0]


def test_the_application_is_neither_superuser_nor_bypasses_row_security(db):
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT rolsuper, rolbypassrls, current_user FROM pg_roles WHERE rolname = session_user"
        )
        assert cursor.fetchone() == (False, False, "zhiguan_app")


def test_a_fresh_table_is_shut_before_the_sync_and_empty_after_it(fresh_table, committed_db):
    with system("tests").acting():
        with pytest.raises(Exception, match="permission denied"):
            _count()
        with as_owner(committed_db.owner), transaction.atomic():
            assert "fresh_rows" in sync(connection, table_rules(), role="zhiguan_app")
        assert _count() == 0


def test_a_rule_shows_exactly_the_scope(fresh_table, make_actor):
    rule = ByUnit("vehicles")
    fresh_table.execute("ALTER TABLE fresh_rows ENABLE ROW LEVEL SECURITY")
    fresh_table.execute("GRANT ALL ON fresh_rows TO zhiguan_app")
    fresh_table.execute(f"CREATE POLICY p ON fresh_rows TO zhiguan_app USING ({rule.using()})")
    assert _count() == 0
    cases = [
        (Scope(((10, 19),)), 10),
        (Scope(((10, 19), (30, 30), (90, 200))), 22),
        (Scope(()), 0),
    ]
    for scope, expected in cases:
        actor = make_actor({"vehicles.vehicle.view": scope})
        with actor.acting():
            assert _count() == expected
        assert _count() == 0
    with make_actor({"assets.card.view": "city"}).acting():
        assert _count() == 0, "another area's scope must not open this one"


@pytest.mark.parametrize(
    ("scopes", "expected"),
    [
        ({}, {}),
        ({"a": [(1, 100)], "b": [(1, 100)], "c": [(1, 100)]}, {"a": 100, "b": 100, "c": 100}),
        # What most areas have in common does not open the one that has less, and not the one that has nothing.
        ({"a": [(1, 100)], "b": [(1, 100)], "c": [(10, 19)]}, {"a": 100, "b": 100, "c": 10}),
        ({"a": [(1, 100)], "b": [(1, 100)]}, {"a": 100, "b": 100}),
        ({"a": [(10, 19), (30, 31)], "b": [(10, 19)], "c": [(40, 44), (50, 50)]}, {"a": 12, "b": 10, "c": 6}),
        ({"a": [], "b": [(7, 7)]}, {"b": 1}),
    ],
)
def test_a_table_of_many_areas_shows_of_each_its_own_scope(fresh_table, scopes, expected):
    """Also after a wider frame in the same transaction, and by a plan that was made under another frame."""
    rule = ByArea()
    fresh_table.execute("ALTER TABLE fresh_rows ADD area varchar(32)")
    fresh_table.execute("UPDATE fresh_rows SET area = 'a'")
    fresh_table.execute("INSERT INTO fresh_rows SELECT id, scope_pos, code FROM fresh_rows, unnest('{b,c}'::text[]) code")
    fresh_table.execute("ALTER TABLE fresh_rows ENABLE ROW LEVEL SECURITY")
    fresh_table.execute("GRANT ALL ON fresh_rows TO zhiguan_app")
    fresh_table.execute(f"CREATE POLICY p ON fresh_rows TO zhiguan_app USING ({rule.using()})")

    def seen() -> dict[str, int]:
        with connection.preparing(), connection.cursor() as cursor:
            cursor.execute("SELECT area, count(*) FROM fresh_rows GROUP BY area")
            return dict(cursor.fetchall())

    whole = frame.everything(("a", "b", "c"))
    with frame.applied(frame.Frame(scopes)), transaction.atomic():
        for _ in range(3):
            assert seen() == expected
            with frame.applied(whole):
                assert seen() == {"a": 100, "b": 100, "c": 100}
        assert seen() == expected
    with transaction.atomic():
        assert seen() == {}


def test_a_rule_of_two_columns_and_a_person_shows_what_either_reaches(fresh_table, make_actor):
    rule = ByUnit("vehicles", column="scope_pos", also=("server_pos",), persons=("person_id",))
    fresh_table.execute("ALTER TABLE fresh_rows ADD server_pos bigint, ADD person_id bigint")
    fresh_table.execute("DELETE FROM fresh_rows")
    servers = [None, *range(0, 50, 3)]
    for number, server in enumerate(servers):
        fresh_table.execute(
            "INSERT INTO fresh_rows (scope_pos, server_pos, person_id) SELECT n, %s, %s FROM generate_series(0, 49) n",
            [server, None if number % 4 else 7],
        )
    fresh_table.execute("ALTER TABLE fresh_rows ENABLE ROW LEVEL SECURITY")
    fresh_table.execute("GRANT ALL ON fresh_rows TO zhiguan_app")
    fresh_table.execute(f"CREATE POLICY p ON fresh_rows TO zhiguan_app USING ({rule.using()})")
    for ranges in ((), ((5, 5),), ((10, 19),), ((0, 3), (20, 21), (48, 2**63 - 2)), (ALL_POSITIONS,)):
        scope = Scope(ranges)
        actor = make_actor({"vehicles.vehicle.view": scope})
        wanted = sum(
            scope.covers(position) or scope.covers(server) or (number % 4 == 0 and actor.person_id == 7)
            for number, server in enumerate(servers)
            for position in range(50)
        )
        with actor.acting():
            assert _count() == wanted, ranges
    assert _count() == 0


def test_scope_ends_with_the_transaction(db, make_actor):
    actor = make_actor({"vehicles.vehicle.view": "city"})
    with actor.acting(), connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('zg.vehicles_hi', true)")
        assert cursor.fetchone()[0] == str(2**63 - 1)
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('zg.vehicles_hi', true)")
        assert cursor.fetchone()[0] in (None, "")


def test_every_table_is_under_row_security(db):
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace "
            "WHERE nspname = 'public' AND relkind IN ('r', 'p') AND NOT relrowsecurity"
        )
        assert cursor.fetchall() == []
