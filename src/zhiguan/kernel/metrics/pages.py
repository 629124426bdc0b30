"""指标目录, and one page per metric: value, meaning, breakdown; every number leads to its rows."""

from zhiguan.kit.manifest import MenuGroup
from zhiguan.kit.pages import SIGNED_IN, MenuItem, ViewPage

from . import views

MENU = MenuGroup("metrics", "统计分析", 720, "chart-bar")

CATALOGUE = ViewPage(
    code="metrics.catalogue",
    path="metrics/",
    title="指标目录",
    menu=MenuItem("metrics", order=10, icon="list-details"),
    permission=SIGNED_IN,  # it lists only the metrics whose own permission the reader holds
    view=views.catalogue,
)

METRIC = ViewPage(
    code="metrics.metric",
    path="metrics/<str:code>/",
    title="指标",
    permission=SIGNED_IN,  # the metric's own permission is asked
    parent="metrics.catalogue",
    view=views.metric,
)
