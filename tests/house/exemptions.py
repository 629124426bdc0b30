"""Exemptions of kernel, kit and site: ("law-name subject", reason). A line's stand in its own manifest."""

EXEMPTIONS: tuple[tuple[str, str], ...] = ()
