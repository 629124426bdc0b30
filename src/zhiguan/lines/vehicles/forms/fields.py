"""Fields that the line's forms share. Choices never leave the actor's scope."""

from __future__ import annotations

from typing import Any

from django import forms

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
