"""Cards carry their case's organ, line and item; steps that took more than a week have an index.

Clocks are looked at by moment and key: limits of working days all end at midnight, and a batch reads no more than itself.
"""

from datetime import timedelta

import django.db.models.deletion
import django.db.models.lookups
from django.db import migrations, models

from zhiguan.kernel.flow.migrations._cards import FILL, MAKE, REMOVE


class Migration(migrations.Migration):
    dependencies = [("flow", "0004_counted"), ("orgs", "0001_initial")]
    operations = [
        migrations.AddField(
            model_name="card", name="unit",
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+",
                                    to="orgs.unit", verbose_name="单位"),
        ),
        migrations.AddField(
            model_name="card", name="scope_pos",
            field=models.BigIntegerField(db_index=True, editable=False, null=True, verbose_name="数据权限位置"),
        ),
        migrations.AddField(model_name="card", name="area", field=models.CharField(max_length=32, null=True, verbose_name="条线")),
        migrations.AddField(model_name="card", name="item", field=models.CharField(max_length=64, null=True, verbose_name="事项")),
        migrations.RunSQL(FILL, migrations.RunSQL.noop),
        migrations.AlterField(
            model_name="card", name="unit",
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="+", to="orgs.unit",
                                    verbose_name="单位"),
        ),
        migrations.AlterField(
            model_name="card", name="scope_pos",
            field=models.BigIntegerField(db_index=True, editable=False, verbose_name="数据权限位置"),
        ),
        migrations.AlterField(model_name="card", name="area", field=models.CharField(max_length=32, verbose_name="条线")),
        migrations.AlterField(model_name="card", name="item", field=models.CharField(max_length=64, verbose_name="事项")),
        migrations.RemoveIndex(model_name="step", name="flow_step_open"),
        migrations.AddIndex(
            model_name="step",
            index=models.Index(fields=["stage", "-id"], condition=models.Q(state="open"), name="flow_step_open"),
        ),
        migrations.AddIndex(
            model_name="step",
            index=models.Index(
                fields=["-closed_at"], name="flow_step_long",
                condition=models.Q(django.db.models.lookups.GreaterThan(
                    models.F("closed_at") - models.F("opened_at"), timedelta(days=7))),
            ),
        ),
        *(
            operation
            for model in ("case", "step")
            for operation in (
                migrations.RemoveIndex(model_name=model, name=f"flow_{model}_look"),
                migrations.AddIndex(
                    model_name=model,
                    index=models.Index(fields=["look_at", "id"], condition=models.Q(look_at__isnull=False),
                                       name=f"flow_{model}_look"),
                ),
            )
        ),
        migrations.RunSQL(MAKE, REMOVE),
    ]  # fmt: skip
