"""Write the log as JSON Lines: header, entries with the checkpoints between them, closing line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from typing import IO, Any

from django.utils import timezone

from zhiguan.kit.actor import system

from . import proof
from .checkpoints import iterate, tree_at
from .models import Checkpoint, Detail, Entry, Snapshot, stamp

GROUP = 1000


def export(out: IO[str], *, since: int | datetime | None = None, details: bool = False) -> int:
    """Write the log up to the newest checkpoint to ``out``; return the number of entries written.

    ``since`` is a sequence number or a moment: entries from there on, with the Merkle edge before them, so that a part
    can be verified like the whole. ``details`` adds the readable parts with their salts (personal data; the verifier
    then checks them too). Works as the system; the caller decides who may have the file and records that it was taken.
    """
    with system("trace.export").acting():
        return _export(out, since, details)


def _export(out: IO[str], since: int | datetime | None, details: bool) -> int:
    # One transaction per group of rows is enough: what is written is append-only and bounded by ``upto``.
    from django.db import transaction

    with transaction.atomic():
        last = Checkpoint.objects.order_by("-size").first()
        upto = last.size if last else 0
        start = min(_first(since), upto + 1)
        promised = list(Checkpoint.objects.filter(size__gte=start, size__lte=upto).order_by("size"))
        header = {
            "kind": "header",
            "format": proof.FORMAT,
            "exported_at": stamp(timezone.now()),
            "first": start,
            "algorithms": sorted({one.algorithm for one in promised}),
            "details": details,
            "public_key": bytes(last.public_key).hex() if last else "",
        }
        _write(out, header)
        for algorithm in header["algorithms"] if start > 1 else ():
            tree = tree_at(start - 1, algorithm)
            nodes = [node.hex() for node in tree.nodes]
            _write(out, {"kind": "range", "algorithm": algorithm, "size": tree.size, "nodes": nodes})
        written = 0
        for group in _groups(start - 1, upto):
            readable = _readable([link.entry_id for link in group]) if details else {}
            for link in group:
                _write(
                    out,
                    {
                        "kind": "entry",
                        "seq": link.seq,
                        "prev": bytes(link.prev_hash).hex(),
                        "digest": bytes(link.entry.digest).hex(),
                        "hash": bytes(link.hash).hex(),
                        "entry": link.entry.content,
                    },
                )
                written += 1
                for line in readable.get(link.entry_id, ()):
                    _write(out, {"kind": line.pop("kind"), "seq": link.seq, **line})
                while promised and promised[0].size <= link.seq:
                    _write(out, {"kind": "checkpoint", **promised.pop(0).document})
        for one in promised:  # checkpoints that promise entries the log no longer has
            _write(out, {"kind": "checkpoint", **one.document})
        _write(out, {"kind": "end", "entries": written})
    return written


def _first(since: int | datetime | None) -> int:
    if since is None:
        return 1
    if isinstance(since, int):
        return max(since, 1)
    found = Entry.objects.filter(at__gte=since, link__isnull=False).order_by("link__seq").values_list("link__seq")
    return next((seq for (seq,) in found[:1]), 2**62)


def _groups(after: int, upto: int) -> Iterator[list[Any]]:
    group: list[Any] = []
    for link in iterate(after=after, upto=upto):
        group.append(link)
        if len(group) == GROUP:
            yield group
            group = []
    if group:
        yield group


def _readable(entries: list[int]) -> dict[int, list[dict[str, Any]]]:
    found: dict[int, list[dict[str, Any]]] = {}
    names = ("actor_name", "unit_name", "address", "subject_label", "reason")
    for detail in Detail.objects.filter(entry__in=entries):
        line = {"kind": "detail", "salt": bytes(detail.salt).hex(), **{name: getattr(detail, name) for name in names}}
        found.setdefault(detail.entry_id, []).append(line)
    for kept in Snapshot.objects.filter(entry__in=entries):
        line = {"kind": "snapshot", "salt": bytes(kept.salt).hex(), "before": kept.before, "after": kept.after}
        found.setdefault(kept.entry_id, []).append(line)
    return found


def _write(out: IO[str], line: dict[str, Any]) -> None:
    out.write(json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n")
