"""Exemptions of kernel, kit and site: ("law-name subject", reason). A line's stand in its own manifest."""

_NO_PAGE = "the part's own pages are not there yet; the permission already opens the area's rows in PostgreSQL"

EXEMPTIONS: tuple[tuple[str, str], ...] = (
    ("permissions-are-used telemetry.source.view", _NO_PAGE),
)
