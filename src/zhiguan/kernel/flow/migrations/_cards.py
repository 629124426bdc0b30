"""Cards carry their case's organ, line and item: what counts them, and what keeps them so. And a person's cases by index."""

from ._tallies import (
    _CARD_FLAGS,
    CARD_COUNTED,
    CASE_CELL,
    CASE_COUNTED,
    CASE_COUNTS,
    DEFINER,
    KEY,
    STEP_CELL,
    STEP_COUNTS,
    _columns,
    _difference,
    _of_case,
)

FILL = """
UPDATE flow_card k SET unit_id = c.unit_id, scope_pos = c.scope_pos, area = c.area, item = c.item
    FROM flow_case c WHERE c.id = k.case_id;
SET CONSTRAINTS ALL IMMEDIATE;
"""


def _under(case: str, sign: str) -> str:
    counts = ", ".join(f'{sign}p."{name}"' for name in STEP_COUNTS)
    key = ", ".join(f"{case}.{name}" for name in KEY)
    return f"""
        INSERT INTO flow_steptally ({_columns(*STEP_CELL, *STEP_COUNTS)})
            SELECT {key}, p.month, p.stage, p.name, {counts} FROM flow_step s, flow_step_parts(s) p WHERE s.case_id = NEW.id;"""


def _card(row: str, sign: str) -> str:
    return f"""
        INSERT INTO flow_casetally ({_columns(*CASE_CELL)}, yellow_cards, red_cards)
            VALUES ({", ".join(f"{row}.{name}" for name in KEY)}, flow_month({row}.reached_at),
                {sign}({row}.rung = 'yellow')::int, {sign}({row}.rung = 'red')::int);"""


MOVED = f"""IF TG_OP = 'UPDATE' AND (OLD.unit_id, OLD.area, OLD.item) IS DISTINCT FROM (NEW.unit_id, NEW.area, NEW.item) THEN
        {_under("OLD", "-")}
        {_under("NEW", "")}
        UPDATE flow_card SET unit_id = NEW.unit_id, scope_pos = NEW.scope_pos, area = NEW.area, item = NEW.item
            WHERE case_id = NEW.id;
    END IF;"""

COUNTED = f"""
CREATE OR REPLACE FUNCTION flow_case_counted() RETURNS trigger {DEFINER} AS $body$
BEGIN
    {_difference("flow_casetally", CASE_CELL, CASE_COUNTS, "SELECT * FROM flow_case_parts(NEW)",
                 "SELECT * FROM flow_case_parts(OLD)")}
    {MOVED}
    RETURN NULL;
END $body$;
"""

MAKE = f"""
{COUNTED}
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
DROP TRIGGER IF EXISTS flow_card_counted ON flow_card;
CREATE TRIGGER flow_card_counted AFTER INSERT OR DELETE OR UPDATE OF rung, reached_at, unit_id, area, item ON flow_card
    FOR EACH ROW EXECUTE FUNCTION flow_card_counted();

CREATE FUNCTION flow_cases_of(person bigint) RETURNS SETOF bigint LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path = public, pg_temp ROWS 500 AS $body$
    SELECT id FROM flow_case WHERE persons @> ARRAY[person] AND state <> 'draft'
$body$;
COMMENT ON FUNCTION flow_cases_of IS 'Keys of a person''s cases: under row-level security the index of persons is out of reach';
"""

REMOVE = f"""
DROP FUNCTION flow_cases_of(bigint);
DROP TRIGGER flow_card_counted ON flow_card;
{CASE_COUNTED}
{CARD_COUNTED}
"""
