"""调整取值: the form of a local adjustment."""

from __future__ import annotations

from datetime import date
from typing import Any

from django import forms
from django.utils import timezone

from zhiguan.kernel.orgs.service import Unit
from zhiguan.kit.pages import PageForm

from .codes import MANAGE


def _today() -> date:
    return timezone.localdate()


class PlaceField(forms.ModelChoiceField):
    def label_from_instance(self, obj: Unit) -> str:
        return obj.name


class AdjustForm(PageForm):
    """A new value of the same form as the one shown."""

    value = forms.CharField(label="取值", max_length=200)
    valid_from = forms.DateField(label="生效日期", initial=_today, help_text="自该日起按新取值执行，此前的仍按原取值。")
    place = PlaceField(
        label="适用单位", queryset=Unit.objects.none(), required=False, empty_label="全部单位",
        help_text="只对一个单位及其下属单位调整时选择。",
    )  # fmt: skip

    def setup(self) -> None:
        shown = self.obj.value if self.obj is not None else None
        field = self.fields["value"]
        field.help_text = f"现为 {self.obj.value_text}。" if self.obj is not None else ""
        if self.obj is not None and self.obj.limits_text:
            field.help_text += f"可在 {self.obj.limits_text} 之间调整。"
        units = Unit.objects.open().of_kind("organ", "district")
        self.fields["place"].queryset = units.filter(self.actor.scope(MANAGE).q("pos"))
        if isinstance(shown, bool):
            self.fields["value"] = forms.TypedChoiceField(
                label="取值", choices=(("1", "是"), ("", "否")), coerce=bool, required=False, help_text=field.help_text
            )
        elif isinstance(shown, int):
            self.fields["value"] = forms.IntegerField(label="取值", help_text=field.help_text)
        elif isinstance(shown, float):
            self.fields["value"] = forms.FloatField(label="取值", help_text=field.help_text)

    def clean_value(self) -> Any:
        given = self.cleaned_data["value"]
        if self.obj is not None and isinstance(self.obj.value, list):
            return [part for part in str(given).replace(",", "、").split("、") if part.strip()]
        return given
