"""What the database does to keep the tallies of supervision right (docs/flow.md, "Figures of supervision").

``flow_case_parts`` and ``flow_step_parts`` say what a row counts as. Triggers add what that changed to; ``flow_recount``
adds up all rows by the same functions. All run as the owner: what is counted does not depend on whom an act can see.
"""

KEY = ["unit_id", "scope_pos", "area", "item"]
CASE_CELL, STEP_CELL = [*KEY, "month"], [*KEY, "month", "stage", "name"]
CASE_COUNTS = [
    "running", "correcting", "returned", "suspended", "stuck", "submitted", "granted", "refused", "withdrawn", "terminated",
    "overdue", "corrected", "rounds", "timed", "seconds", "yellow_cards", "red_cards",
]  # fmt: skip
STEP_COUNTS = ["count", "undone", "long", "seconds", "yellow_cards", "red_cards"]
DEFINER = "LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp"
TYPES = {"unit_id": "bigint", "scope_pos": "bigint", "month": "date"}


def _table(cell: list[str], counts: list[str]) -> str:
    texts = [f"{name} {TYPES.get(name, 'text')}" for name in cell]
    return ", ".join([*texts, *(f"{name} bigint" for name in counts)])


def _columns(*names: str) -> str:
    return ", ".join(f'"{name}"' for name in names)


def _part(source: str, month: str, where: str, **given: str) -> str:
    """One row that a case counts as: its counts, the others 0."""
    values = ", ".join(f"({given[name]})::bigint" if name in given else "0::bigint" for name in CASE_COUNTS)
    key = ", ".join(f"{source}.{name}::{TYPES.get(name, 'text')}" for name in KEY)
    return f"SELECT {key}, {month}, {values} WHERE {where}"


def _minus(cell: list[str], counts: list[str]) -> str:
    return ", ".join([_columns(*cell), *(f'-"{name}"' for name in counts)])


def _difference(table: str, cell: list[str], counts: list[str], now: str, before: str) -> str:
    return f"""
    INSERT INTO {table} ({_columns(*cell, *counts)})
        SELECT {_columns(*cell, *counts)} FROM ({now} EXCEPT {before}) more
        UNION ALL SELECT {_minus(cell, counts)} FROM ({before} EXCEPT {now}) less;"""


def _gather(table: str, cell: list[str], counts: list[str]) -> str:
    key = [name for name in cell if name != "scope_pos"]
    return f"""
    WITH gone AS (DELETE FROM {table} WHERE NOT gathered RETURNING *),
    added AS (
        INSERT INTO {table} ({_columns(*key, *counts)}, scope_pos, gathered)
        SELECT {", ".join(f'g."{name}"' for name in key)}, {", ".join(f'sum(g."{name}")' for name in counts)}, min(u.pos), true
        FROM gone g JOIN orgs_unit u ON u.id = g.unit_id GROUP BY {", ".join(f'g."{name}"' for name in key)}
        ORDER BY {", ".join(f'g."{name}"' for name in key)}
        ON CONFLICT ({_columns(*key)}) WHERE gathered
        DO UPDATE SET {", ".join(f'"{name}" = {table}."{name}" + EXCLUDED."{name}"' for name in counts)}
    )
    SELECT total + count(*) FROM gone INTO total;"""


OPEN = "('running', 'correcting', 'returned', 'suspended')"
WEEK = "interval '7 days'"

PARTS = f"""
CREATE FUNCTION flow_month(at timestamptz) RETURNS date LANGUAGE sql IMMUTABLE
    RETURN date_trunc('month', at AT TIME ZONE 'Asia/Shanghai')::date;
COMMENT ON FUNCTION flow_month IS 'First day of the local month of a moment';

CREATE FUNCTION flow_case_parts(c flow_case) RETURNS TABLE ({_table(CASE_CELL, CASE_COUNTS)}) LANGUAGE sql STABLE AS $body$
    {_part("c", "NULL::date", f"c.submitted_at IS NOT NULL AND c.state IN {OPEN}",
           running="(c.state = 'running')::int", correcting="(c.state = 'correcting')::int",
           returned="(c.state = 'returned')::int", suspended="(c.state = 'suspended')::int", stuck="c.stuck::int")}
    UNION ALL
    {_part("c", "flow_month(c.submitted_at)", "c.submitted_at IS NOT NULL", submitted="1")}
    UNION ALL
    {_part("c", "flow_month(c.ended_at)", "c.submitted_at IS NOT NULL AND c.state IN ('granted', 'refused')",
           granted="(c.state = 'granted')::int", refused="(c.state = 'refused')::int", overdue="c.overdue::int",
           corrected="c.corrected::int", rounds="c.rounds", timed="(c.accepted_at IS NOT NULL)::int",
           seconds="coalesce(round(extract(epoch FROM c.ended_at - c.accepted_at)), 0)")}
    UNION ALL
    {_part("c", "flow_month(c.ended_at)", "c.submitted_at IS NOT NULL AND c.state IN ('withdrawn', 'terminated')",
           withdrawn="(c.state = 'withdrawn')::int", terminated="(c.state = 'terminated')::int")}
$body$;
COMMENT ON FUNCTION flow_case_parts IS 'What a case counts as';

CREATE FUNCTION flow_step_parts(s flow_step)
    RETURNS TABLE (month date, stage text, name text, {", ".join(f"{name} bigint" for name in STEP_COUNTS)})
    LANGUAGE sql STABLE AS $body$
    SELECT CASE WHEN s.state <> 'open' THEN flow_month(s.closed_at) END, s.stage::text, s.name::text, 1::bigint,
        (s.state = 'undone')::int::bigint, (s.closed_at - s.opened_at > {WEEK} IS TRUE)::int::bigint,
        CASE WHEN s.state <> 'open' THEN round(extract(epoch FROM s.closed_at - s.opened_at))::bigint ELSE 0 END,
        s.yellow_card::int::bigint, s.red_card::int::bigint
    WHERE s.state IN ('open', 'done', 'undone')
$body$;
COMMENT ON FUNCTION flow_step_parts IS 'What a step counts as, under its case''s organ and item';
"""

_STEP_MEASURES = ["month", "stage", "name", *STEP_COUNTS]


def _of_case(case: str, step: str) -> str:
    """What a step counts as, with the cell of a case."""
    key = ", ".join(f"{case}.{name}::{TYPES.get(name, 'text')} AS {name}" for name in KEY)
    return f"SELECT {key}, p.* FROM flow_step_parts({step}) p"


CASE_SEEN = [
    "unit_id", "area", "item", "state", "stuck", "submitted_at", "ended_at", "accepted_at", "rounds", "overdue", "corrected",
]  # fmt: skip
STEP_SEEN = ["state", "stage", "name", "opened_at", "closed_at", "yellow_card", "red_card"]


def _changed(columns: list[str]) -> str:
    before, now = (", ".join(f"{row}.{name}" for name in columns) for row in ("OLD", "NEW"))
    return f"({before}) IS DISTINCT FROM ({now})"


def _under(case: str, sign: str) -> str:
    """Everything that hangs on a case, counted under a cell it has or had."""
    counts = ", ".join(f'{sign}p."{name}"' for name in STEP_COUNTS)
    key = ", ".join(f"{case}.{name}" for name in KEY)
    return f"""
        INSERT INTO flow_steptally ({_columns(*STEP_CELL, *STEP_COUNTS)})
            SELECT {key}, p.month, p.stage, p.name, {counts} FROM flow_step s, flow_step_parts(s) p WHERE s.case_id = NEW.id;
        INSERT INTO flow_casetally ({_columns(*CASE_CELL)}, yellow_cards, red_cards)
            SELECT {key}, flow_month(k.reached_at), {sign}(k.rung = 'yellow')::int, {sign}(k.rung = 'red')::int
            FROM flow_card k WHERE k.case_id = NEW.id;"""


def _card(row: str, sign: str) -> str:
    return f"""
        INSERT INTO flow_casetally ({_columns(*CASE_CELL)}, yellow_cards, red_cards)
            SELECT {", ".join(f"c.{name}" for name in KEY)}, flow_month({row}.reached_at),
                {sign}({row}.rung = 'yellow')::int, {sign}({row}.rung = 'red')::int
            FROM flow_case c WHERE c.id = {row}.case_id;"""


_CARD_FLAGS = """IF TG_OP = 'INSERT' THEN
        -- Nothing is read but the row itself: two workers may be raising a case's yellow and red card at once.
        UPDATE flow_case SET yellow_card = yellow_card OR NEW.rung = 'yellow', red_card = red_card OR NEW.rung = 'red',
            overdue = overdue OR (NEW.rung = 'red' AND NEW.step_id IS NULL)
            WHERE id = NEW.case_id AND CASE WHEN NEW.rung = 'yellow' THEN NOT yellow_card
                ELSE NOT red_card OR NEW.step_id IS NULL AND NOT overdue END;
        UPDATE flow_step SET yellow_card = yellow_card OR NEW.rung = 'yellow', red_card = red_card OR NEW.rung = 'red'
            WHERE id = NEW.step_id AND CASE WHEN NEW.rung = 'yellow' THEN NOT yellow_card ELSE NOT red_card END;
        RETURN NULL;
    END IF;
    UPDATE flow_case c SET yellow_card = k.yellow, red_card = k.red, overdue = k.own
        FROM (SELECT coalesce(bool_or(rung = 'yellow'), false) AS yellow, coalesce(bool_or(rung = 'red'), false) AS red,
                  coalesce(bool_or(rung = 'red' AND step_id IS NULL), false) AS own
              FROM flow_card WHERE case_id = OLD.case_id) k
        WHERE c.id = OLD.case_id AND (c.yellow_card, c.red_card, c.overdue) IS DISTINCT FROM (k.yellow, k.red, k.own);
    UPDATE flow_step s SET yellow_card = k.yellow, red_card = k.red
        FROM (SELECT coalesce(bool_or(rung = 'yellow'), false) AS yellow, coalesce(bool_or(rung = 'red'), false) AS red
              FROM flow_card WHERE step_id = OLD.step_id) k
        WHERE s.id = OLD.step_id AND (s.yellow_card, s.red_card) IS DISTINCT FROM (k.yellow, k.red);"""

CASE_COUNTED = f"""
CREATE OR REPLACE FUNCTION flow_case_counted() RETURNS trigger {DEFINER} AS $body$
BEGIN
    {_difference("flow_casetally", CASE_CELL, CASE_COUNTS, "SELECT * FROM flow_case_parts(NEW)",
                 "SELECT * FROM flow_case_parts(OLD)")}
    IF TG_OP = 'UPDATE' AND (OLD.unit_id, OLD.area, OLD.item) IS DISTINCT FROM (NEW.unit_id, NEW.area, NEW.item) THEN
        {_under("OLD", "-")}
        {_under("NEW", "")}
    END IF;
    RETURN NULL;
END $body$;
"""

CARD_COUNTED = f"""
CREATE OR REPLACE FUNCTION flow_card_counted() RETURNS trigger {DEFINER} AS $body$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        {_card("OLD", "-")}
    END IF;
    IF TG_OP <> 'DELETE' THEN
        {_card("NEW", "")}
    END IF;
    {_CARD_FLAGS}
    RETURN NULL;
END $body$;
CREATE TRIGGER flow_card_counted AFTER INSERT OR DELETE OR UPDATE OF rung, reached_at ON flow_card FOR EACH ROW
    EXECUTE FUNCTION flow_card_counted();
"""

TRIGGERS = f"""
{CASE_COUNTED}
CREATE TRIGGER flow_case_counted AFTER UPDATE ON flow_case FOR EACH ROW WHEN ({_changed(CASE_SEEN)})
    EXECUTE FUNCTION flow_case_counted();
CREATE TRIGGER flow_case_counted_new AFTER INSERT ON flow_case FOR EACH ROW WHEN (NEW.submitted_at IS NOT NULL)
    EXECUTE FUNCTION flow_case_counted();
CREATE TRIGGER flow_case_counted_gone AFTER DELETE ON flow_case FOR EACH ROW EXECUTE FUNCTION flow_case_counted();

CREATE FUNCTION flow_step_counted() RETURNS trigger {DEFINER} AS $body$
DECLARE c flow_case;
BEGIN
    SELECT * FROM flow_case WHERE id = coalesce(NEW.case_id, OLD.case_id) INTO c;
    {_difference("flow_steptally", STEP_CELL, STEP_COUNTS, _of_case("c", "NEW"), _of_case("c", "OLD"))}
    RETURN NULL;
END $body$;
CREATE TRIGGER flow_step_counted AFTER UPDATE ON flow_step FOR EACH ROW WHEN ({_changed(STEP_SEEN)})
    EXECUTE FUNCTION flow_step_counted();
CREATE TRIGGER flow_step_counted_new AFTER INSERT OR DELETE ON flow_step FOR EACH ROW EXECUTE FUNCTION flow_step_counted();

{CARD_COUNTED}
CREATE FUNCTION flow_correction_noted() RETURNS trigger {DEFINER} AS $body$
BEGIN
    UPDATE flow_case SET corrected = true WHERE id = NEW.case_id AND NOT corrected;
    RETURN NULL;
END $body$;
CREATE TRIGGER flow_correction_noted AFTER INSERT ON flow_correction FOR EACH ROW EXECUTE FUNCTION flow_correction_noted();
"""

UPKEEP = f"""
CREATE FUNCTION flow_gather() RETURNS bigint {DEFINER} AS $body$
DECLARE total bigint := 0;
BEGIN
    {_gather("flow_casetally", CASE_CELL, CASE_COUNTS)}
    {_gather("flow_steptally", STEP_CELL, STEP_COUNTS)}
    RETURN total;
END $body$;
COMMENT ON FUNCTION flow_gather IS 'Add the tallies'' new rows to the sums; return how many they were';

CREATE FUNCTION flow_recount() RETURNS void {DEFINER} AS $body$
BEGIN
    -- Nobody writes meanwhile: what they added would be lost, or counted twice.
    LOCK TABLE flow_case, flow_step, flow_card, flow_correction IN SHARE ROW EXCLUSIVE MODE;
    UPDATE flow_case c SET yellow_card = k.yellow, red_card = k.red, overdue = k.own
        FROM (SELECT case_id, bool_or(rung = 'yellow') AS yellow, bool_or(rung = 'red') AS red,
                  bool_or(rung = 'red' AND step_id IS NULL) AS own FROM flow_card GROUP BY case_id) k
        WHERE c.id = k.case_id AND (c.yellow_card, c.red_card, c.overdue) IS DISTINCT FROM (k.yellow, k.red, k.own);
    UPDATE flow_step s SET yellow_card = k.yellow, red_card = k.red
        FROM (SELECT step_id, bool_or(rung = 'yellow') AS yellow, bool_or(rung = 'red') AS red
              FROM flow_card WHERE step_id IS NOT NULL GROUP BY step_id) k
        WHERE s.id = k.step_id AND (s.yellow_card, s.red_card) IS DISTINCT FROM (k.yellow, k.red);
    UPDATE flow_case c SET corrected = true
        WHERE NOT corrected AND EXISTS (SELECT 1 FROM flow_correction k WHERE k.case_id = c.id);
    DELETE FROM flow_casetally;
    DELETE FROM flow_steptally;
    INSERT INTO flow_casetally ({_columns(*CASE_CELL, *CASE_COUNTS)})
        SELECT {", ".join(f"p.{name}" for name in CASE_CELL)}, {", ".join(f"sum(p.{name})" for name in CASE_COUNTS)}
        FROM flow_case c, flow_case_parts(c) p GROUP BY {", ".join(f"p.{name}" for name in CASE_CELL)};
    INSERT INTO flow_casetally ({_columns(*CASE_CELL)}, yellow_cards, red_cards)
        SELECT {", ".join(f"c.{name}" for name in KEY)}, flow_month(k.reached_at), count(*) FILTER (WHERE k.rung = 'yellow'),
            count(*) FILTER (WHERE k.rung = 'red')
        FROM flow_card k JOIN flow_case c ON c.id = k.case_id GROUP BY 1, 2, 3, 4, 5;
    INSERT INTO flow_steptally ({_columns(*STEP_CELL, *STEP_COUNTS)})
        SELECT {", ".join(f"c.{name}" for name in KEY)}, p.month, p.stage, p.name,
            {", ".join(f'sum(p."{name}")' for name in STEP_COUNTS)}
        FROM flow_step s JOIN flow_case c ON c.id = s.case_id, flow_step_parts(s) p GROUP BY 1, 2, 3, 4, 5, 6, 7;
    PERFORM flow_gather();
END $body$;
COMMENT ON FUNCTION flow_recount IS 'Work the tallies out anew from all rows';
"""

MAKE = PARTS + TRIGGERS + UPKEEP + "SELECT flow_recount();\n"

REMOVE = """
DROP TRIGGER flow_correction_noted ON flow_correction;
DROP TRIGGER flow_card_counted ON flow_card;
DROP TRIGGER flow_step_counted_new ON flow_step;
DROP TRIGGER flow_step_counted ON flow_step;
DROP TRIGGER flow_case_counted_gone ON flow_case;
DROP TRIGGER flow_case_counted_new ON flow_case;
DROP TRIGGER flow_case_counted ON flow_case;
DROP FUNCTION flow_recount();
DROP FUNCTION flow_gather();
DROP FUNCTION flow_correction_noted();
DROP FUNCTION flow_card_counted();
DROP FUNCTION flow_step_counted();
DROP FUNCTION flow_case_counted();
DROP FUNCTION flow_step_parts(flow_step);
DROP FUNCTION flow_case_parts(flow_case);
DROP FUNCTION flow_month(timestamptz);
"""
