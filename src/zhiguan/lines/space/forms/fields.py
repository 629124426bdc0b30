"""Fields that the line's forms share. Choices never leave the actor's scope."""

from __future__ import annotations

from typing import Any

from django import forms

from zhiguan.kernel.orgs.service import Person, Unit
from zhiguan.kit.pages import PageForm

MONEY = {"max_digits": 14, "decimal_places": 2, "min_value": 0}
AREA = {"max_digits": 12, "decimal_places": 2, "min_value": 0.01}


def organ_choices(form: PageForm, permission: str) -> Any:
    """Return the organs and districts that the permission reaches, and the unit of the row in hand."""
    scope = form.actor.scope(permission)
    units = Unit.objects.open().of_kind("organ", "district", "city").filter(scope.q("pos"))
    own = getattr(form.obj, "unit_id", None)
    return (units | Unit.objects.filter(pk=own)) if own else units


class NamedField(forms.ModelChoiceField):
    """A choice of units or buildings by name."""

    def label_from_instance(self, obj: Any) -> str:
        return obj.name


class RoomField(forms.ModelChoiceField):
    def label_from_instance(self, obj: Any) -> str:
        return f"{obj.building.name} {obj.number} 室 · {obj.get_kind_display()} · {obj.usable_area} 平方米"


def find_person(form: PageForm, permission: str, text: str) -> Person:
    """Return the person in the scope by number, or by a name that is theirs alone."""
    people = Person.objects.filter(form.actor.scope(permission).q(), active=True).select_related("unit")
    found = list(people.filter(code=text)[:1]) or list(people.filter(name=text)[:6])
    if not found:
        raise forms.ValidationError(f"在您管理的单位中没有找到“{text}”。")
    if len(found) > 1:
        listed = "；".join(f"{person.code}（{person.unit.name}）" for person in found)
        raise forms.ValidationError(f"有多人名为“{text}”，请填写人员编号：{listed}。")
    return found[0]
