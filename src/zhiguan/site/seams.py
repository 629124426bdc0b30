"""The kit's seams, filled: exports are traced, saved filters and idempotent answers are kept in tables, large
imports are the worker's."""

from __future__ import annotations

from typing import Any

from zhiguan.kernel.events.service import run_import
from zhiguan.kernel.identity.keeping import TableAnswers, TableViews
from zhiguan.kernel.trace import service as trace
from zhiguan.kernel.trace.declare import Subject
from zhiguan.kit.actor import Actor
from zhiguan.kit.api import ports as api_ports
from zhiguan.kit.pages import ports as page_ports


def on_export(actor: Actor, page: Any, rows: int, kind: str) -> None:
    """Trace that a list left the system: which, how many rows, in what form."""
    subject = Subject("site.page", page.code, f"{page.menu_title}（{kind}，{rows} 条）")
    trace.record(actor, "site.page.export", subject, after={"rows": rows, "format": kind})


def install() -> None:
    """Fill the seams; called once, when Django is ready."""
    page_ports.install(page_ports.Ports(saved_views=TableViews(), on_export=on_export, run_job=run_import))
    api_ports.install(TableAnswers())
