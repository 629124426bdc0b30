"""Inputs that a program fills with a list or an object: the same forms, whoever fills them in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from django import forms
from django.core.files.uploadedfile import SimpleUploadedFile


class NamesField(forms.Field):
    """Several words: on a page one line of them, from a program a list. The value is a list of text, none of it empty."""

    widget = forms.TextInput

    def __init__(self, *, most: int = 20, word_length: int = 60, **more: Any) -> None:
        self.most, self.word_length = most, word_length
        super().__init__(**more)

    def to_python(self, value: Any) -> list[str]:
        words = value if isinstance(value, list) else re.split(r"[,，、;；\s]+", str(value or ""))
        return [word for each in words if (word := str(each).replace("\0", "").strip())]

    def validate(self, value: list[str]) -> None:
        super().validate(value)
        if len(value) > self.most:
            raise forms.ValidationError(f"最多 {self.most} 项，现为 {len(value)} 项。")
        if long := next((word for word in value if len(word) > self.word_length), ""):
            raise forms.ValidationError(f"“{long[:20]}…”超过 {self.word_length} 字。")


class ObjectField(forms.Field):
    """An object as the program sends it, members unknown here: the verb judges them."""

    widget = forms.HiddenInput

    def to_python(self, value: Any) -> dict[str, Any]:
        if value in self.empty_values:
            return {}
        if not isinstance(value, dict):
            raise forms.ValidationError("应为 JSON 对象。")
        return value


class RowsField(forms.Field):
    """A list of objects, each checked by the form ``row``. The value is a list of what that form makes of them.

    What is wrong with one stands at ``name.0.member`` (counted from 0, as everywhere in JSON).
    """

    widget = forms.HiddenInput

    def __init__(self, row: type[forms.Form], *, most: int = 100, **more: Any) -> None:
        self.row, self.most = row, most
        super().__init__(**more)

    def to_python(self, value: Any) -> list[dict[str, Any]]:
        if value in self.empty_values:
            return []
        if not isinstance(value, list) or len(value) > self.most:
            raise forms.ValidationError(f"应为不超过 {self.most} 项的数组。")
        made, wrong = [], []
        for number, each in enumerate(value):
            form = self.row(*filled(self.row.base_fields, each))
            wrong += [
                forms.ValidationError("".join(texts), params={"path": f"{number}.{name}"})
                for name, texts in form.errors.items()
            ]
            made.append(form.cleaned_data)
        if wrong:
            raise forms.ValidationError(wrong)
        return made


def filled(fields: Mapping[str, forms.Field], values: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return (data, files) as a form takes them: nothing as empty text, lists as they are, files as uploaded ones."""
    data: dict[str, Any] = {}
    files: dict[str, Any] = {}
    for name, value in values.items():
        if not isinstance(fields.get(name), forms.FileField):
            data[name] = "" if value is None else value
        elif isinstance(value, Mapping):
            files[name] = SimpleUploadedFile(value["name"], value["content"])
    return data, files


__all__ = ["NamesField", "ObjectField", "RowsField", "filled"]
