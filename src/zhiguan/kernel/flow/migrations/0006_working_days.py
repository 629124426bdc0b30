"""Working days that cases took are written down when they end, and counted; of those that ended before by night."""

import django.db.models.deletion
from django.db import migrations, models

from zhiguan.kernel.flow.migrations._days import MAKE, REMOVE


class Migration(migrations.Migration):

    dependencies = [
        ('flow', '0005_cards_of_units'),
        ('orgs', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='DaysTally',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('scope_pos', models.BigIntegerField(db_index=True, editable=False, verbose_name='数据权限位置')),
                ('area', models.CharField(max_length=32, verbose_name='条线')),
                ('item', models.CharField(max_length=64, verbose_name='事项')),
                ('month', models.DateField(null=True, verbose_name='月份')),
                ('gathered', models.BooleanField(db_default=False, verbose_name='已汇总')),
                ('days', models.PositiveIntegerField(verbose_name='用时（工作日）')),
                ('count', models.BigIntegerField(db_default=0, verbose_name='件数')),
            ],
            options={
                'verbose_name': '用时统计',
                'verbose_name_plural': '用时统计',
                'ordering': ['month', 'unit', 'item', 'days'],
            },
        ),
        migrations.AddField(
            model_name='case',
            name='working_days',
            field=models.PositiveIntegerField(blank=True, null=True, verbose_name='用时（工作日）'),
        ),
        migrations.AddIndex(
            model_name='case',
            index=models.Index(condition=models.Q(('accepted_at__isnull', False), ('ended_at__isnull', False), ('working_days__isnull', True)), fields=['id'], name='flow_case_unread'),
        ),
        migrations.AddField(
            model_name='daystally',
            name='unit',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='orgs.unit', verbose_name='单位'),
        ),
        migrations.AddIndex(
            model_name='daystally',
            index=models.Index(fields=['month'], name='flow_daystally_month'),
        ),
        migrations.AddIndex(
            model_name='daystally',
            index=models.Index(condition=models.Q(('gathered', False)), fields=['id'], name='flow_daystally_new'),
        ),
        migrations.AddConstraint(
            model_name='daystally',
            constraint=models.UniqueConstraint(condition=models.Q(('gathered', True)), fields=('unit', 'area', 'item', 'month', 'days'), name='flow_daystally_once', nulls_distinct=False),
        ),
        migrations.RunSQL(MAKE, REMOVE),
    ]
