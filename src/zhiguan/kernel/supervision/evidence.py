"""A finding's evidence made ready for people: key numbers, timeline, related rows, the map."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.http import HttpRequest
from django.utils import timezone

from zhiguan.kernel.geo.maps import base_map
from zhiguan.kit.actor import Actor

from .models import Finding
from .queries import replay_url, subject_url

VEHICLE = "vehicles.vehicle"
"""Subject type that the evidence key ``vehicle`` refers to."""


def _moment(text: Any) -> datetime | None:
    """Return the moment of ISO text with zone, None for anything else."""
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return moment if timezone.is_aware(moment) else None


def _number(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return {True: "是", False: "否"}.get(value, "")
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.2f}".rstrip("0").rstrip(".")
    return str(value)


def _list(evidence: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    value = evidence.get(key)
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []


def figures(finding: Finding) -> list[dict[str, str]]:
    """Return the key numbers as name and text with unit."""
    return [
        {"name": str(item.get("name", "")), "text": f"{_number(item.get('value'))} {item.get('unit') or ''}".strip()}
        for item in _list(finding.evidence, "figures")
    ]


def figures_text(finding: Finding) -> str:
    """Return the key numbers as one line, for lists and paper."""
    return "；".join(f"{item['name']} {item['text']}" for item in figures(finding))


def timeline(finding: Finding) -> list[dict[str, Any]]:
    """Return the steps in order of time; those without a readable moment come last."""
    steps = []
    for item in _list(finding.evidence, "timeline"):
        lat, lon = item.get("lat"), item.get("lon")
        placed = isinstance(lat, (int, float)) and isinstance(lon, (int, float))
        metres = item.get("metres")
        steps.append({
            "at": _moment(item.get("at")),
            "until": _moment(item.get("until")),
            "title": str(item.get("title", "")),
            "metres": f"{metres:,.0f}" if isinstance(metres, (int, float)) else "",
            "place": f"{lat:.5f}，{lon:.5f}" if placed else "",
            "note": str(item.get("note") or ""),
        })  # fmt: skip
    return sorted(steps, key=lambda step: (step["at"] is None, step["at"] or finding.occurred_at))


def related(finding: Finding) -> list[dict[str, str]]:
    """Return the related rows with the addresses of their pages, where their line declares one."""
    return [
        {"label": str(item.get("label") or item.get("id", "")), "url": subject_url(str(item.get("type")), item["id"])}
        for item in _list(finding.evidence, "related")
        if isinstance(item.get("id"), int)
    ]


def replay(finding: Finding) -> dict[str, Any] | None:
    """Return the config of the island ``map-replay``, or None when the evidence has nothing to show on a map."""
    evidence = finding.evidence
    vehicle, day, track = evidence.get("vehicle"), evidence.get("day"), evidence.get("track")
    if isinstance(vehicle, int) and isinstance(day, str) and (url := replay_url(VEHICLE, vehicle, day)):
        return {**base_map(), "data_url": f"{url}&finding={finding.pk}"}
    if not isinstance(track, Mapping):
        return None
    lists = {name: track.get(name) for name in ("t", "lat", "lon", "speed")}
    lengths = {len(values) if isinstance(values, list) else -1 for values in lists.values()}
    if len(lengths) != 1 or lengths & {-1, 0}:
        return None
    mark = {
        "id": finding.pk, "title": finding.summary, "severity": finding.severity, "clause": finding.clause,
        "at": finding.occurred_at.timestamp(),
    }  # fmt: skip
    data = {
        "vehicle": {"id": finding.subject_id, "plate": finding.subject_label, "organ": finding.unit.name},
        "day": finding.period, "points": lists, "trips": [], "stops": [], "findings": [mark], "orders": [],
    }  # fmt: skip
    return {**base_map(), "data": data}


def context(finding: Finding, actor: Actor, request: HttpRequest) -> dict[str, Any]:
    """Return what ``supervision/finding_evidence.html`` is drawn with."""
    return {
        "figures": figures(finding),
        "timeline": timeline(finding),
        "related": related(finding),
        "replay": replay(finding),
        "subject_url": subject_url(finding.subject_type, finding.subject_id),
    }
