"""Fields that the line's forms share. Choices never leave the actor's scope."""

from __future__ import annotations

from typing import Any

from django import forms

from zhiguan.kernel.orgs.service import Person, Unit
from zhiguan.kit.errors import Invalid
from zhiguan.kit.pages import PageForm

from ..models import Asset

ORGANS = ("organ", "district", "city")


class UnitField(forms.ModelChoiceField):
    def __init__(self, queryset: Any, **kwargs: Any):
        super().__init__(queryset, **{"empty_label": "请选择", **kwargs})

    def label_from_instance(self, obj: Unit) -> str:
        return obj.name


def organ_choices(form: PageForm, permission: str) -> Any:
    """Return the organs that the permission reaches; where it is one, the form's field ``unit`` begins with it."""
    scope = form.actor.scope(permission)
    units = Unit.objects.open().of_kind(*ORGANS).filter(scope.q("pos"))
    if len(few := list(units[:2])) == 1 and "unit" in form.fields:
        form.fields["unit"].initial = few[0].pk
    return units


def division_of(organ: Unit, text: str) -> Unit | None:
    """Return the organ's division of that code or name; raises ``Invalid`` when there is none or several."""
    if not text:
        return None
    inside = Unit.objects.open().filter(pos__range=(organ.pos, organ.pos_end))
    found = list(inside.filter(code=text)[:1]) or list(inside.filter(name=text)[:2])
    if len(found) != 1:
        problem = "有多个同名处室，请填写机构代码" if found else "该单位没有这个处室"
        raise Invalid(f"{problem}：“{text}”。", fields={"user_unit": f"{problem}。"})
    return found[0]


def person_of(organ: Unit, text: str) -> Person | None:
    """Return the organ's person of that number or name; raises ``Invalid`` when there is none or several."""
    if not text:
        return None
    people = Person.objects.within(organ).filter(active=True)
    found = list(people.filter(code=text)[:1]) or list(people.filter(name=text)[:4])
    if len(found) != 1:
        codes = "、".join(person.code for person in found)
        problem = f"该单位有多人同名，请填写人员编号（{codes}）" if found else "该单位没有这名在职人员"
        raise Invalid(f"{problem}：“{text}”。", fields={"custodian": f"{problem}。"})
    return found[0]


class AssetsField(forms.CharField):
    """Assets by their numbers, one a line; cleaned to cards of the actor's scope (``resolve`` is asked by the form)."""

    most = 2000

    def __init__(self, **kwargs: Any):
        kwargs.setdefault("widget", forms.Textarea(attrs={"rows": "6", "spellcheck": "false"}))
        super().__init__(max_length=40 * self.most, **kwargs)

    @staticmethod
    def resolve(form: PageForm, text: str, permission: str) -> list[Asset]:
        """Return the cards; raises a form error naming the numbers that are unknown, out of scope or written twice."""
        codes = [code for code in text.replace(",", "\n").replace("，", "\n").replace("、", "\n").split() if code]
        twice = sorted({code for code in codes if codes.count(code) > 1}) if len(codes) <= 5000 else []
        if twice:
            raise forms.ValidationError(f"资产编号重复：{'、'.join(twice[:5])}。")
        if len(codes) > AssetsField.most:
            raise forms.ValidationError(f"一次最多 {AssetsField.most} 件资产。")
        rows = Asset.objects.visible_to(form.actor, permission).filter(code__in=codes).select_related("unit")
        found = {row.code: row for row in rows}
        missing = [code for code in codes if code not in found]
        if missing:
            more = f"等 {len(missing)} 个" if len(missing) > 5 else ""
            raise forms.ValidationError(f"没有资产编号 {'、'.join(missing[:5])}{more}，或不在您的数据权限范围内。")
        return [found[code] for code in codes]
