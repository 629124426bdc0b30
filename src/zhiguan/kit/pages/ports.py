"""What the pages need from storeys above: saved views, a record of exports, jobs, a place for uploads.

The composition root installs its own with :func:`install`; until then the defaults below work by themselves.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from django.http import HttpRequest

from zhiguan.kit.actor import Actor
from zhiguan.kit.importing.uploads import DiskUploads, Uploads


@dataclass(frozen=True)
class SavedView:
    """A named query of a list. ``shared`` ones belong to the unit and cannot be deleted by others."""

    key: str
    name: str
    query: str
    shared: bool = False


class SavedViews(Protocol):
    """Where a person's saved views are kept."""

    def all(self, request: HttpRequest, page: str) -> Sequence[SavedView]: ...

    def save(self, request: HttpRequest, page: str, name: str, query: str) -> SavedView: ...

    def delete(self, request: HttpRequest, page: str, key: str) -> None: ...


class SessionViews:
    """Saved views in the session: they end with it."""

    def _kept(self, request: HttpRequest) -> dict[str, list[list[str]]]:
        return request.session.get("zg.views", {})

    def all(self, request: HttpRequest, page: str) -> list[SavedView]:
        return [SavedView(*entry) for entry in self._kept(request).get(page, [])]

    def save(self, request: HttpRequest, page: str, name: str, query: str) -> SavedView:
        view = SavedView(uuid.uuid4().hex[:12], name, query)
        kept = self._kept(request)
        entries = [entry for entry in kept.get(page, []) if entry[1] != name]
        request.session["zg.views"] = {**kept, page: [*entries, [view.key, view.name, view.query]][-20:]}
        return view

    def delete(self, request: HttpRequest, page: str, key: str) -> None:
        kept = self._kept(request)
        left = [entry for entry in kept.get(page, []) if entry[0] != key]
        request.session["zg.views"] = {**kept, page: left}


OnExport = Callable[[Actor, Any, int, str], None]
"""``on_export(actor, page, rows, format)``, in the request's transaction, before the file is handed out."""

RunJob = Callable[[Actor, str, str, str], None]
"""``run_job(actor, page code, token, step)``: have ``importpage.run_step`` called with these later, as that actor."""


def _no_record(actor: Actor, page: Any, rows: int, kind: str) -> None:
    return None


@dataclass(frozen=True)
class Ports:
    """The seams. ``run_job`` None: large imports run in the request, too."""

    saved_views: SavedViews = field(default_factory=SessionViews)
    on_export: OnExport = _no_record
    run_job: RunJob | None = None
    uploads: Uploads = field(default_factory=DiskUploads)


_installed = Ports()


def install(ports: Ports) -> None:
    """Use ``ports`` from now on; the composition root calls it once."""
    global _installed  # noqa: PLW0603 -- one set of seams per process, set at start
    _installed = ports


def ports() -> Ports:
    """Return the seams in force."""
    return _installed
