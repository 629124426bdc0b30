"""A material of the registration of titles had the code of a field of the form: one path named two things."""

from django.db import migrations

RENAME = """
UPDATE flow_casefile SET material = '{new}' WHERE material = '{old}'
    AND case_id IN (SELECT id FROM flow_case WHERE item = 'assets.asset_title_registration')
"""


class Migration(migrations.Migration):
    dependencies = [("assets", "0003_disposal_appraiser"), ("flow", "0006_working_days")]
    operations = [
        migrations.RunSQL(RENAME.format(old="founding", new="founding_proof"), RENAME.format(old="founding_proof", new="founding")),
    ]
