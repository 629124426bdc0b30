"""Functions and triggers that keep the tallies; what there is already is counted once."""

from django.db import migrations

from zhiguan.kernel.flow.migrations._tallies import MAKE, REMOVE


class Migration(migrations.Migration):
    dependencies = [("flow", "0003_tallies"), ("orgs", "0001_initial")]
    operations = [migrations.RunSQL(MAKE, REMOVE)]
