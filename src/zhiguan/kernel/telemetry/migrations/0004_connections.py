"""A session that ends or is replaced leaves a row in ``telemetry_connection``, whichever process wrote it."""

from django.db import migrations

COLUMNS = "source_id, gateway, address, connected_at, disconnected_at, close_reason, frames, positions, received_bytes"

MAKE = f"""
CREATE FUNCTION telemetry_keep_connection() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.connected_at <> NEW.connected_at AND OLD.disconnected_at IS NULL THEN
        INSERT INTO telemetry_connection ({COLUMNS}) VALUES (OLD.source_id, OLD.gateway, OLD.address, OLD.connected_at,
            greatest(OLD.seen_at, OLD.connected_at), 'replaced', OLD.frames, OLD.positions, OLD.received_bytes)
        ON CONFLICT (source_id, connected_at) DO NOTHING;
    END IF;
    IF NEW.disconnected_at IS NOT NULL THEN
        INSERT INTO telemetry_connection ({COLUMNS}) VALUES (NEW.source_id, NEW.gateway, NEW.address, NEW.connected_at,
            NEW.disconnected_at, NEW.close_reason, NEW.frames, NEW.positions, NEW.received_bytes)
        ON CONFLICT (source_id, connected_at) DO UPDATE SET disconnected_at = excluded.disconnected_at,
            close_reason = excluded.close_reason, frames = excluded.frames, positions = excluded.positions,
            received_bytes = excluded.received_bytes;
    END IF;
    RETURN NULL;
END $body$;
CREATE TRIGGER telemetry_session_ended AFTER UPDATE ON telemetry_session FOR EACH ROW
    WHEN (NEW.disconnected_at IS NOT NULL OR OLD.connected_at <> NEW.connected_at)
    EXECUTE FUNCTION telemetry_keep_connection();
CREATE TRIGGER telemetry_session_came_ended AFTER INSERT ON telemetry_session FOR EACH ROW
    WHEN (NEW.disconnected_at IS NOT NULL) EXECUTE FUNCTION telemetry_keep_connection();
"""

REMOVE = """
DROP TRIGGER telemetry_session_came_ended ON telemetry_session;
DROP TRIGGER telemetry_session_ended ON telemetry_session;
DROP FUNCTION telemetry_keep_connection();
"""


class Migration(migrations.Migration):
    dependencies = [("telemetry", "0003_downlinks")]
    operations = [migrations.RunSQL(MAKE, REMOVE)]
