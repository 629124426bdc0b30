"""Working days that cases took: what counts them, for means and medians. The functions of before with one tally more."""

from ._cards import COUNTED as COUNTED_BEFORE
from ._cards import MOVED
from ._tallies import (
    CASE_CELL,
    CASE_COUNTS,
    CASE_SEEN,
    DEFINER,
    KEY,
    TYPES,
    UPKEEP,
    _changed,
    _columns,
    _difference,
    _gather,
)

CELL = [*KEY, "month", "days"]
_TABLE = ", ".join([*(f"{name} {TYPES.get(name, 'text')}" for name in [*KEY, "month"]), "days int", "count bigint"])
_KEY = ", ".join(f"c.{name}::{TYPES.get(name, 'text')}" for name in KEY)
_DIFFERENCE = _difference("flow_daystally", CELL, ["count"], "SELECT * FROM flow_case_days(NEW)",
                          "SELECT * FROM flow_case_days(OLD)")  # fmt: skip

COUNTED = f"""
CREATE OR REPLACE FUNCTION flow_case_counted() RETURNS trigger {DEFINER} AS $body$
BEGIN
    {_difference("flow_casetally", CASE_CELL, CASE_COUNTS, "SELECT * FROM flow_case_parts(NEW)",
                 "SELECT * FROM flow_case_parts(OLD)")}
    IF coalesce(OLD.working_days, NEW.working_days) IS NOT NULL THEN
        {_DIFFERENCE}
    END IF;
    {MOVED}
    RETURN NULL;
END $body$;
"""


def _trigger(columns: list[str]) -> str:
    return f"""
DROP TRIGGER IF EXISTS flow_case_counted ON flow_case;
CREATE TRIGGER flow_case_counted AFTER UPDATE ON flow_case FOR EACH ROW WHEN ({_changed(columns)})
    EXECUTE FUNCTION flow_case_counted();
"""


def _upkeep() -> str:
    """The upkeep of before, with the new tally gathered and worked out anew as the others are."""
    steps = "    INSERT INTO flow_steptally"
    anew = f"""    DELETE FROM flow_daystally;
    INSERT INTO flow_daystally ({_columns(*CELL, "count")})
        SELECT {", ".join(f"p.{name}" for name in CELL)}, sum(p.count) FROM flow_case c, flow_case_days(c) p
        GROUP BY {", ".join(f"p.{name}" for name in CELL)};
"""
    gathered, recounted = UPKEEP.split("CREATE FUNCTION flow_recount", 1)
    gathered = gathered.replace("    RETURN total;", f"    {_gather('flow_daystally', CELL, ['count'])}\n    RETURN total;")
    recounted = recounted.replace(steps, anew + steps, 1)
    return _again(f"{gathered}CREATE FUNCTION flow_recount{recounted}")


def _again(text: str) -> str:
    return text.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION")


MAKE = f"""
CREATE FUNCTION flow_case_days(c flow_case) RETURNS TABLE ({_TABLE}) LANGUAGE sql STABLE AS $body$
    SELECT {_KEY}, flow_month(c.ended_at), c.working_days, 1::bigint
    WHERE c.submitted_at IS NOT NULL AND c.state IN ('granted', 'refused') AND c.working_days IS NOT NULL
$body$;
COMMENT ON FUNCTION flow_case_days IS 'What a decided case counts as by the working days it took';
{COUNTED}
{_trigger([*CASE_SEEN, "working_days"])}
{_upkeep()}
"""

REMOVE = f"""
{COUNTED_BEFORE}
{_trigger(CASE_SEEN)}
{_again(UPKEEP)}
DROP FUNCTION flow_case_days(flow_case);
"""
