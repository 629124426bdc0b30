"""Fields that the line's forms share. Choices never leave the actor's scope."""

from __future__ import annotations

import json
from typing import Any

from django import forms
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from zhiguan.kernel.orgs.service import Unit
from zhiguan.kit.pages import PageForm

from ..models import Driver, Vehicle


def organ_choices(form: PageForm, permission: str) -> Any:
    """Return the organs and districts that the permission reaches, and the unit of the row in hand."""
    scope = form.actor.scope(permission)
    units = Unit.objects.open().of_kind("organ", "district", "city").filter(scope.q("pos"))
    own = getattr(form.obj, "unit_id", None)
    return (units | Unit.objects.filter(pk=own)) if own else units


class UnitField(forms.ModelChoiceField):
    def label_from_instance(self, obj: Unit) -> str:
        return obj.name


class VehicleField(forms.ModelChoiceField):
    def label_from_instance(self, obj: Vehicle) -> str:
        return f"{obj.plate} · {obj.get_body_display()} · {obj.seats} 座 · {obj.brand_model}"


class DriverField(forms.ModelChoiceField):
    def label_from_instance(self, obj: Driver) -> str:
        return f"{obj.person.name} · {obj.licence_class} · {obj.phone or '未登记电话'}"


class PersonField(forms.CharField):
    """A person by number or by a name that is unique within the actor's scope."""

    def __init__(self, *, permission: str, **kwargs: Any):
        self.permission = permission
        super().__init__(max_length=50, **kwargs)


class UnitsField(forms.ModelMultipleChoiceField):
    def label_from_instance(self, obj: Unit) -> str:
        return obj.name


class IslandInput(forms.Textarea):
    """A field that an island of the front end draws; its value is JSON, readable as text where scripts do not run."""

    def __init__(self, island: str, search: str = "", **extra: Any):
        super().__init__({"rows": "2"})
        self.island, self.search, self.extra = island, search, extra

    def format_value(self, value: Any) -> str:
        return value if isinstance(value, str) else json.dumps(value or [], ensure_ascii=False)

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        from zhiguan.kernel.geo.maps import base_map

        config = {"search_url": reverse(self.search) if self.search else "", **self.extra}
        if self.extra.get("map"):
            config["map"] = base_map()
        inner = super().render(name, value, attrs, renderer)
        text = json.dumps(config, ensure_ascii=False).translate({ord(c): f"\\u{ord(c):04x}" for c in "<>&"})
        return format_html(
            '<div class="zg-part" data-island="{}"><script type="application/json">{}</script>{}</div>',
            self.island, mark_safe(text), inner,  # noqa: S308
        )  # fmt: skip


class JsonField(forms.CharField):
    """JSON of the front end: a list of objects with a name, cleaned of everything it does not know."""

    most = 60

    def clean(self, value: Any) -> list[dict[str, Any]]:
        if not value:
            value = "[]"
        try:
            found = json.loads(value) if isinstance(value, str) else value
        except ValueError as error:
            raise forms.ValidationError("内容格式不正确，请重新填写。") from error
        if not isinstance(found, list) or len(found) > self.most or not all(isinstance(each, dict) for each in found):
            raise forms.ValidationError(f"最多填写 {self.most} 项。")
        return [self.item(each) for each in found if str(each.get("name", "")).strip()]

    def item(self, given: dict[str, Any]) -> dict[str, Any]:
        raise NotImplementedError

    def has_changed(self, initial: Any, data: Any) -> bool:
        return bool(initial) != bool(data) or (bool(data) and self.clean(initial) != self.clean(data))


class PartyField(JsonField):
    """乘车人: {person: key or null, name, unit}."""

    def __init__(self, **kwargs: Any):
        super().__init__(widget=IslandInput("party-picker", "vehicles.order.people"), **kwargs)

    def item(self, given: dict[str, Any]) -> dict[str, Any]:
        person = given.get("person")
        return {
            "person": person if isinstance(person, int) and not isinstance(person, bool) and 0 < person < 2**63 else None,
            "name": str(given["name"]).strip()[:40], "unit": str(given.get("unit") or "")[:60],
        }  # fmt: skip


def point(lat: Any, lon: Any) -> tuple[float, float] | None:
    """Return the place, or None for what is no place on earth."""
    try:
        lat, lon = float(lat), float(lon)
    except (TypeError, ValueError):
        return None
    return (round(lat, 6), round(lon, 6)) if -90 <= lat <= 90 and -180 <= lon <= 180 else None


class StopsField(JsonField):
    """途经地点: {name, lat, lon}; chosen from known places, or on the map."""

    most = 8

    def __init__(self, **kwargs: Any):
        super().__init__(widget=IslandInput("route-picker", "vehicles.order.places", map=True), **kwargs)

    def item(self, given: dict[str, Any]) -> dict[str, Any]:
        where = point(given.get("lat"), given.get("lon"))
        return {
            "name": str(given["name"]).strip()[:80], "lat": where[0] if where else None, "lon": where[1] if where else None,
        }  # fmt: skip


class PointField(forms.CharField):
    """A place "lat,lon" beside the name that people read; empty where only the name is known."""

    widget = forms.HiddenInput

    def clean(self, value: Any) -> tuple[float, float] | None:
        return point(*parts) if len(parts := str(value or "").split(",")) == 2 else None
