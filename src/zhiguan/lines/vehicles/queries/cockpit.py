"""What the cockpit shows: metrics by district and organ, each number with the address of its rows (law 5)."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse
from django.utils import timezone

from zhiguan.kernel.metrics import service as metrics
from zhiguan.kernel.metrics.declare import MUNICIPAL, Group
from zhiguan.kernel.orgs.service import Unit
from zhiguan.kernel.supervision import queries as supervision
from zhiguan.kit.actor import Actor
from zhiguan.kit.errors import Denied

NOW = ("vehicles.in_service", "vehicles.moving", "vehicles.on_road", "supervision.open")
TODAY = ("vehicles.orders", "vehicles.mileage")
LAYERS = (
    ("vehicles.moving", "行驶中", False), ("vehicles.in_service", "在用车辆", False),
    ("vehicles.mileage", "今日里程", False), ("supervision.open", "待处理线索", True),
)  # fmt: skip
TONES = {"supervision.open": "danger", "vehicles.moving": "success"}
CITY_PLACE = (31.2304, 121.4737)
"""Where the municipal organs together are drawn: People's Square, WGS84."""
CHART_DAYS = 14


def _dims(code: str, level: str, unit_code: str, today: date) -> dict[str, Any]:
    dims: dict[str, Any] = {}
    if level == "district":
        dims["district"] = unit_code
    elif level == "organ":
        dims["organ"] = unit_code
    if code in TODAY:
        dims |= {"start": today, "end": today}
    return dims


def _scope(code: str) -> tuple[str, str, str]:
    """Return (level, code, title) of the place asked for; an unknown one is the city."""
    if code == MUNICIPAL:
        return "district", MUNICIPAL, "市级机关"
    known = code and "\0" not in code
    unit = Unit.objects.filter(code=code, kind__in=("district", "organ")).first() if known else None
    if unit is None:
        city = Unit.objects.filter(parent__isnull=True).first()
        return "city", city.code if city else "", f"{city.name if city else ''}公务用车总览"
    return unit.kind, unit.code, unit.name


def _here(code: str) -> str:
    return reverse("vehicles.cockpit") + (f"?{urlencode({'code': code})}" if code else "")


def _data(code: str) -> str:
    return reverse("vehicles.cockpit.data") + (f"?{urlencode({'code': code})}" if code else "")


def _kpis(actor: Actor, level: str, code: str, today: date) -> list[dict[str, Any]]:
    found = []
    for name in (*NOW, *TODAY):
        try:
            read = metrics.read(name, actor, **_dims(name, level, code, today))
        except Denied:
            continue  # a figure the actor may not read is left out, not shown as nothing
        title = f"今日{read.metric.name}" if name in TODAY else read.metric.name
        found.append(
            {
                "code": name, "title": title, "value": None if read.value is None else round(float(read.value), 1),
                "unit": read.metric.unit, "href": read.url,
                "tone": TONES.get(name, "normal") if read.value else "normal",
            }
        )  # fmt: skip
    return found


def _series(name: str, actor: Actor, group_by: str, **dims: Any) -> list[Group]:
    try:
        return metrics.series(name, actor, group_by, **dims)
    except Denied:
        return []


def _areas(actor: Actor, level: str, code: str, today: date) -> list[dict[str, Any]]:
    """Return the parts of the place with their figures: districts of the city, organs of a district."""
    if level == "organ":
        return []
    group_by = "district" if level == "city" else "organ"
    areas: dict[str, dict[str, Any]] = {}
    for name, _, _ in LAYERS:
        dims = _dims(name, level, code, today)
        for group in _series(name, actor, group_by, **dims):
            if not group.key:
                continue
            area = areas.setdefault(group.key, {"code": group.key, "title": group.label, "values": {}})
            area["values"][name] = round(float(group.value or 0), 1)
    units = {unit.code: unit for unit in Unit.objects.filter(code__in=areas)}
    for key, area in areas.items():
        unit = units.get(key)
        area["href"], area["data_url"] = _here(key), _data(key)
        if key == MUNICIPAL:
            area["lat"], area["lon"] = CITY_PLACE
        elif level == "district" and unit is not None:
            area["lat"], area["lon"] = unit.lat, unit.lon
    return list(areas.values())


def _vehicle_areas(actor: Actor, code: str) -> list[dict[str, Any]]:
    """Return the vehicles of an organ at their present places; each leads to its own page."""
    from . import tracks

    unit = Unit.objects.get(code=code)
    rows = tracks.live_terminals(actor).filter(vehicle__scope_pos__range=(unit.pos, unit.pos_end))
    rows = tracks.located(actor, rows)
    return [
        {
            "code": terminal.vehicle.plate, "title": terminal.vehicle.plate,
            "href": reverse("vehicles.vehicle.detail", args=[terminal.vehicle_id]),
            "values": {"speed": terminal.source.latest.speed / 10},
            "lat": terminal.source.latest.lat / 1e6, "lon": terminal.source.latest.lon / 1e6,
        }
        for terminal in rows
    ]  # fmt: skip


def _chart(actor: Actor, level: str, code: str, today: date) -> list[dict[str, Any]]:
    start = today - timedelta(days=CHART_DAYS - 1)
    dims = {key: value for key, value in _dims("", level, code, today).items()} | {"start": start, "end": today}
    days = [(start + timedelta(days=number)).isoformat() for number in range(CHART_DAYS)]
    mileage = {group.key: group for group in _series("vehicles.mileage", actor, "day", **dims)}
    orders = {group.key: group for group in _series("vehicles.orders", actor, "day", **dims)}
    return [
        {
            "type": "bar", "title": "近两周里程与派车单", "x": [day[5:] for day in days], "unit": "公里",
            "series": [
                {"name": "里程", "data": [round(float(mileage[day].value or 0)) if day in mileage else 0 for day in days]},
                {"name": "派车单", "type": "line", "axis": "right", "unit": "件",
                 "data": [int(orders[day].value or 0) if day in orders else 0 for day in days]},
            ],
            "hrefs": [mileage[day].url if day in mileage else None for day in days],
        }
    ]  # fmt: skip


def _feed(actor: Actor, level: str, code: str) -> dict[str, Any]:
    rows = supervision.findings(actor).exclude(state="withdrawn").select_related("unit").order_by("-occurred_at", "-pk")
    if level != "city":
        unit = Unit.objects.filter(code=code).first()
        if unit is not None:
            rows = rows.filter(scope_pos__range=(unit.pos, unit.pos_end))
        elif code == MUNICIPAL:
            organs = Unit.objects.filter(kind="district")
            for district in organs:
                rows = rows.exclude(scope_pos__range=(district.pos, district.pos_end))
    kinds = {"serious": "danger", "major": "danger", "minor": "warning"}
    return {
        "title": "最新问题线索",
        "href": reverse("supervision.finding"),
        "items": [
            {"id": row.pk, "at": row.occurred_at.isoformat(), "title": row.summary, "text": row.unit.name,
             "kind": kinds.get(row.severity, "normal"), "href": reverse("supervision.finding.detail", args=[row.pk])}
            for row in rows[:20]
        ],
    }  # fmt: skip


def picture(actor: Actor, code: str = "") -> dict[str, Any]:
    """Return the whole cockpit of a place: the city (no code), a district, 市级 or an organ."""
    level, code, title = _scope(code)
    today = timezone.localdate()
    crumbs = []
    if level != "city":
        crumbs.append({"title": "全市", "href": _here(""), "data_url": _data("")})
    if level == "organ":
        above = Unit.objects.filter(code=code).values_list("parent__code", "parent__name", "parent__kind").first()
        up = (above[0], above[1]) if above and above[2] == "district" else (MUNICIPAL, "市级机关")
        crumbs.append({"title": up[1], "href": _here(up[0]), "data_url": _data(up[0])})
    layers = [{"code": name, "title": text, "unit": metrics.metric(name, actor).unit, "bad": bad}
              for name, text, bad in LAYERS if actor.can(metrics_permission(name))]  # fmt: skip
    areas = _areas(actor, level, code, today)
    if level == "organ":
        areas, layers = _vehicle_areas(actor, code), [{"code": "speed", "title": "当前速度", "unit": "公里/小时"}]
    return {
        "at": timezone.now().isoformat(),
        "scope": {"level": "district" if level == "organ" else level, "code": code, "title": title, "crumbs": crumbs},
        "kpis": _kpis(actor, level, code, today),
        "layers": layers,
        "area_title": {"city": "各区分布", "district": "各单位分布", "organ": "本单位车辆"}[level],
        "areas": areas,
        "charts": _chart(actor, level, code, today),
        "feed": _feed(actor, level, code),
    }


def metrics_permission(name: str) -> str:
    """Return the permission that a metric asks for."""
    from zhiguan.kernel.metrics.declare import Metric
    from zhiguan.kit import registry

    return registry.current().get(Metric, name).permission


def update(actor: Actor, code: str = "") -> dict[str, Any]:
    """Return what changes from second to second: the figures of the place and of its parts."""
    level, code, _ = _scope(code)
    today = timezone.localdate()
    return {
        "at": timezone.now().isoformat(),
        "kpis": {each["code"]: each["value"] for each in _kpis(actor, level, code, today)},
        "areas": {area["code"]: area["values"] for area in _areas(actor, level, code, today)},
        "feed": _feed(actor, level, code)["items"][:5],
    }
