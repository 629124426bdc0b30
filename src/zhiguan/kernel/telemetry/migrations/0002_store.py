"""SQL of the tables that are not models: positions by day, messages kept as they came, bookkeeping; and their functions.

The functions run with the owner's rights, because the ingest role owns nothing: it may ask for a day's partition and
let go of a sealed one, and no more.
"""

from django.db import migrations

from zhiguan.kernel.telemetry.declare import LOCK_INGEST, LOCK_PARTITION

TABLES = """
CREATE TABLE telemetry_position (
    source_id   bigint      NOT NULL,
    at          timestamptz NOT NULL,
    received_at timestamptz NOT NULL,
    lat         integer     NOT NULL,
    lon         integer     NOT NULL,
    altitude    integer     NOT NULL,
    speed       integer     NOT NULL,
    direction   integer     NOT NULL,
    alarm       bigint      NOT NULL,
    status      bigint      NOT NULL,
    mileage_m   bigint,
    digest      integer     NOT NULL,
    batch       bigint      NOT NULL,
    extra       bytea,
    PRIMARY KEY (source_id, at, digest)
) PARTITION BY RANGE (at);
COMMENT ON TABLE telemetry_position IS
    'Hot positions by device time; lat/lon 1e-6 degree WGS84, speed 0.1 km/h, digest of the content for deduplication';

CREATE SEQUENCE telemetry_batch AS bigint CACHE 1;

CREATE TABLE telemetry_raw (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source_id   bigint,
    received_at timestamptz NOT NULL,
    at          timestamptz,
    reason      text        NOT NULL,
    msg_id      integer,
    serial      integer,
    detail      text        NOT NULL DEFAULT '',
    body        bytea       NOT NULL,
    once        bytea
);
COMMENT ON TABLE telemetry_raw IS
    'Messages kept as they came: unknown, without a place of their own, or with an impossible time or position';
CREATE UNIQUE INDEX telemetry_raw_once ON telemetry_raw (source_id, once) WHERE once IS NOT NULL;
CREATE INDEX telemetry_raw_source ON telemetry_raw (source_id, received_at);

CREATE TABLE telemetry_dirty (
    source_id bigint      NOT NULL,
    day       date        NOT NULL,
    reason    text        NOT NULL,
    first_at  timestamptz NOT NULL,
    last_at   timestamptz NOT NULL,
    version   bigint      NOT NULL DEFAULT 1,
    marked_at timestamptz NOT NULL DEFAULT now(),
    taken_at  timestamptz,
    PRIMARY KEY (source_id, day)
);
CREATE INDEX telemetry_dirty_waiting ON telemetry_dirty (marked_at);

CREATE TABLE telemetry_frontier (
    one         boolean PRIMARY KEY DEFAULT true CHECK (one),
    computed_to timestamptz NOT NULL DEFAULT '-infinity',
    marked_to   timestamptz NOT NULL DEFAULT '-infinity'
);
INSERT INTO telemetry_frontier DEFAULT VALUES;

CREATE TABLE telemetry_segment (
    day         date PRIMARY KEY,
    version     bigint      NOT NULL,
    rows        bigint      NOT NULL,
    bytes       bigint      NOT NULL,
    sealed_at   timestamptz NOT NULL DEFAULT now()
);
"""

FUNCTIONS = f"""
CREATE FUNCTION telemetry_ensure_day(wanted date) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $body$
DECLARE
    part text := 'telemetry_position_' || to_char(wanted, 'YYYYMMDD');
    lo timestamptz := (to_char(wanted, 'YYYY-MM-DD') || ' 00:00:00+08')::timestamptz;
    hi timestamptz := (to_char(wanted + 1, 'YYYY-MM-DD') || ' 00:00:00+08')::timestamptz;
BEGIN
    IF wanted IS NULL OR wanted < DATE '2000-01-01' OR wanted > (now() AT TIME ZONE 'Asia/Shanghai')::date + 40 THEN
        RAISE EXCEPTION 'telemetry: no partition is made for %', wanted USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF EXISTS (SELECT FROM pg_class WHERE relname = part AND relnamespace = 'public'::regnamespace) THEN
        RETURN false;
    END IF;
    PERFORM pg_advisory_xact_lock({LOCK_PARTITION});
    -- Read from the catalog, not to_regclass(): an advisory lock does not refresh the cache that it looks into.
    IF EXISTS (SELECT FROM pg_class WHERE relname = part AND relnamespace = 'public'::regnamespace) THEN
        RETURN false;
    END IF;
    -- Made beside and attached: CREATE TABLE ... PARTITION OF would stop every writer while it waits its turn.
    EXECUTE format('CREATE TABLE public.%I (LIKE public.telemetry_position INCLUDING ALL)', part);
    EXECUTE format('ALTER TABLE public.%I ADD CONSTRAINT day CHECK (at >= %L AND at < %L)', part, lo, hi);
    EXECUTE format('ALTER TABLE public.%I ENABLE ROW LEVEL SECURITY', part);
    EXECUTE format(
        'ALTER TABLE public.telemetry_position ATTACH PARTITION public.%I FOR VALUES FROM (%L) TO (%L)', part, lo, hi);
    EXECUTE format('ALTER TABLE public.%I DROP CONSTRAINT day', part);
    RETURN true;
END $body$;
COMMENT ON FUNCTION telemetry_ensure_day IS 'Make the partition of a day in UTC+8; false when it is there';

CREATE FUNCTION telemetry_days() RETURNS SETOF date
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $body$
    SELECT to_date(right(c.relname::text, 8), 'YYYYMMDD') FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
    WHERE i.inhparent = 'public.telemetry_position'::regclass ORDER BY 1
$body$;
COMMENT ON FUNCTION telemetry_days IS 'Days that have a hot partition';

CREATE FUNCTION telemetry_detached() RETURNS SETOF date
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $body$
    SELECT to_date(right(relname::text, 8), 'YYYYMMDD') FROM pg_class
    WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND relname LIKE 'telemetry_detached_%' ORDER BY 1
$body$;
COMMENT ON FUNCTION telemetry_detached IS 'Days whose former partition still waits for its last check';

CREATE FUNCTION telemetry_detach(wanted date) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $body$
DECLARE
    part text := 'telemetry_position_' || to_char(wanted, 'YYYYMMDD');
    aside text := 'telemetry_detached_' || to_char(wanted, 'YYYYMMDD');
BEGIN
    IF NOT EXISTS (SELECT FROM telemetry_segment WHERE day = wanted) THEN
        RAISE EXCEPTION 'telemetry: day % is not sealed', wanted;
    END IF;
    -- No batch is under way while the partition leaves, so that none finds its day gone in the middle.
    PERFORM pg_advisory_xact_lock({LOCK_INGEST});
    EXECUTE format('ALTER TABLE public.telemetry_position DETACH PARTITION public.%I', part);
    EXECUTE format('ALTER TABLE public.%I RENAME TO %I', part, aside);
    EXECUTE format('ALTER INDEX public.%I RENAME TO %I', part || '_pkey', aside || '_pkey');
    EXECUTE format('CREATE POLICY zg_ingest ON public.%I TO zhiguan_ingest USING (true) WITH CHECK (true)', aside);
    EXECUTE format('GRANT SELECT ON public.%I TO zhiguan_ingest', aside);
END $body$;
COMMENT ON FUNCTION telemetry_detach IS 'Take a sealed day''s partition out of the hot table; it stays aside';

CREATE FUNCTION telemetry_drop_detached(wanted date) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $body$
BEGIN
    IF NOT EXISTS (SELECT FROM telemetry_segment WHERE day = wanted) THEN
        RAISE EXCEPTION 'telemetry: day % is not sealed', wanted;
    END IF;
    EXECUTE format('DROP TABLE public.%I', 'telemetry_detached_' || to_char(wanted, 'YYYYMMDD'));
END $body$;
COMMENT ON FUNCTION telemetry_drop_detached IS 'Drop what telemetry_detach put aside';

CREATE FUNCTION telemetry_tell_source() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    PERFORM pg_notify('telemetry_source', NEW.id::text);
    RETURN NULL;
END $body$;
CREATE TRIGGER telemetry_source_changed
    AFTER INSERT OR UPDATE OF active, auth_digest, device_id, number, protocol ON telemetry_source
    FOR EACH ROW EXECUTE FUNCTION telemetry_tell_source();

CREATE FUNCTION telemetry_tell_command() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    PERFORM pg_notify('telemetry_command', NEW.source_id::text);
    RETURN NULL;
END $body$;
CREATE TRIGGER telemetry_command_waiting AFTER INSERT ON telemetry_command
    FOR EACH ROW EXECUTE FUNCTION telemetry_tell_command();
"""

REMOVE = """
DROP TRIGGER telemetry_command_waiting ON telemetry_command;
DROP TRIGGER telemetry_source_changed ON telemetry_source;
DROP FUNCTION telemetry_tell_command();
DROP FUNCTION telemetry_tell_source();
DROP FUNCTION telemetry_drop_detached(date);
DROP FUNCTION telemetry_detach(date);
DROP FUNCTION telemetry_detached();
DROP FUNCTION telemetry_days();
DROP FUNCTION telemetry_ensure_day(date);
DROP TABLE telemetry_segment, telemetry_frontier, telemetry_dirty, telemetry_raw, telemetry_position;
DROP SEQUENCE telemetry_batch;
"""


class Migration(migrations.Migration):
    dependencies = [("telemetry", "0001_initial")]
    operations = [migrations.RunSQL(TABLES + FUNCTIONS, REMOVE)]
