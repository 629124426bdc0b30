"""Every figure that counts things opens as many rows as it says; so do the figures of the home page."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

LOOK = """
from zhiguan.site.runtime.framework import set_up
set_up()
import json, re
from django.conf import settings
from django.test import Client
from django.urls import reverse
from zhiguan.kernel.identity.models import Account
from zhiguan.kernel.identity.service import actor_for
from zhiguan.kernel.metrics import service as metrics
from zhiguan.kernel.metrics.declare import Metric
from zhiguan.kit import registry
from zhiguan.kit.actor import system
from zhiguan.kit.desk import Figure
settings.ALLOWED_HOSTS = ["*"]
client = Client()

def rows(url):
    answer = client.get(url)
    found = re.search(r"共 ?(?:<strong>)?([\\d,]+)(?:</strong>)? ?条", answer.content.decode())
    return answer.status_code, int(found.group(1).replace(",", "")) if found else 0

with system("test").transaction():
    account = Account.objects.get(username={name!r})
    actor = actor_for(account)
client.force_login(account)
for metric in registry.current().all(Metric):
    if metric.unit not in {units!r} or not actor.can(metric.permission):
        continue
    with actor.transaction():
        value, url = metrics.value(metric.code, actor) or 0, metrics.rows_url(metric.code, actor)
    print(json.dumps([metric.code, int(value), url, *rows(url)]))
for figure in registry.current().all(Figure):
    if actor.can(figure.permission):
        with actor.transaction():
            value = figure.rows(actor).count()
        url = f"{{reverse(figure.page)}}?{{figure.query}}"
        print(json.dumps([figure.code, value, url, *rows(url)]))
"""
COUNTING = ("辆", "件", "条", "台", "套", "处", "栋", "间", "个", "次", "起")
ADDED_UP = {"vehicles.establishment"}
"""Units of things are their unit too, but they add up a column of the rows."""


@pytest.mark.parametrize("name", ["inspector", "clerk"])
def test_every_figure_opens_the_rows_it_counts(name, product):
    assert product.rows("SELECT 1 FROM vehicles_vehicle WHERE tenure = 'rented' AND state = 'in_service'")
    script = LOOK.format(name=name, units=COUNTING)
    done = subprocess.run(
        [sys.executable, "-c", script], env=product.env, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("[")]
    assert len(found) > 10 and sum(value > 0 for _, value, *_ in found) > 3
    wrong = [each for each in found if each[0] not in ADDED_UP and (each[3] != 200 or each[4] != each[1])]
    assert not wrong, "\n".join(map(str, wrong))
