"""Which blocks of a day's partition hold an hour: rows come nearly in order of time, so some bytes a block say it."""

from django.db import migrations

MAKE = """
CREATE INDEX telemetry_position_hours ON telemetry_position USING brin (at)
    WITH (pages_per_range = 32, autosummarize = on);
"""
REMOVE = "DROP INDEX telemetry_position_hours;"


class Migration(migrations.Migration):
    dependencies = [("telemetry", "0004_connections")]
    operations = [migrations.RunSQL(MAKE, REMOVE)]
