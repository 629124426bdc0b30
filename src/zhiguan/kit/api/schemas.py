"""From forms to pydantic models (what programs may send), from columns to JSON Schema (what they get)."""

from __future__ import annotations

import base64
import binascii
import datetime as dt
from decimal import Decimal
from typing import Annotated, Any, Literal

from django import forms
from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, WithJsonSchema, create_model
from pydantic_core import PydanticCustomError

from zhiguan.kit.pages.columns import Column, field_at

from .fields import NamesField, ObjectField, RowsField

BIGINT = 2**63 - 1
EARLIEST = dt.datetime(1900, 1, 1, tzinfo=dt.UTC)
LATEST = dt.datetime(2200, 1, 1, tzinfo=dt.UTC)
"""Moments outside cannot be shown in every zone, and nothing here happened then."""


class Body(BaseModel):
    """Base of request bodies: JSON types as they are, no unknown members."""

    model_config = ConfigDict(extra="forbid", strict=True)


def _decoded(text: bytes) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise PydanticCustomError("base64", "not Base64") from error


class ApiFile(Body):
    """A file within JSON."""

    model_config = ConfigDict(json_schema_extra={"description": "JSON 中的文件"})
    name: Annotated[str, Field(max_length=200, pattern=r"^[^/\\\x00-\x1f]*[^/\\\x00-\x1f. ][^/\\\x00-\x1f]*$", title="文件名")]
    content: Annotated[
        bytes, AfterValidator(_decoded), WithJsonSchema({"type": "string", "contentEncoding": "base64"}),
        Field(title="内容（Base64）"),
    ]  # fmt: skip


def _choices(field: forms.ChoiceField) -> tuple[str, ...]:
    return tuple(str(value) for value, _ in _flat(field.choices) if value not in ("", None))


def _flat(choices: Any) -> list[tuple[Any, Any]]:
    found: list[tuple[Any, Any]] = []
    for value, title in choices:
        found += title if isinstance(title, (list, tuple)) else [(value, title)]
    return found


def _key() -> Any:
    return Annotated[int, Field(ge=1, le=BIGINT)]


def annotation_of(field: forms.Field, name: str) -> Any:
    """Return the type of a form field's JSON value; ``name`` is that of the model of its rows, where it has some."""
    if isinstance(field, forms.FileField):
        return ApiFile
    if isinstance(field, RowsField):
        return Annotated[list[model_of(field.row, name)], Field(max_length=field.most)]
    if isinstance(field, ObjectField):
        return dict[str, Any]
    if isinstance(field, NamesField):
        return Annotated[list[Annotated[str, Field(max_length=field.word_length)]], Field(max_length=field.most)]
    if isinstance(field, forms.ModelMultipleChoiceField):
        return Annotated[list[_key()], Field(max_length=1000)]
    if isinstance(field, forms.ModelChoiceField):
        return Annotated[str, Field(max_length=200)] if field.to_field_name else _key()
    if isinstance(field, forms.MultipleChoiceField):
        known = _choices(field)
        return list[Literal[known]] if known else list[str]  # type: ignore[valid-type]
    if isinstance(field, forms.ChoiceField):
        known = _choices(field)
        if isinstance(field, forms.TypedChoiceField) and field.coerce is int:
            return Literal[tuple(int(each) for each in known)]  # type: ignore[misc]
        return Literal[known] if known else Annotated[str, Field(max_length=200)]  # type: ignore[valid-type]
    if isinstance(field, forms.DecimalField):
        limits = {"ge": field.min_value, "le": field.max_value, "max_digits": field.max_digits,
                  "decimal_places": field.decimal_places}  # fmt: skip
        return Annotated[Decimal, Field(**{name: limit for name, limit in limits.items() if limit is not None})]
    if isinstance(field, forms.FloatField):
        return Annotated[float, Field(ge=field.min_value, le=field.max_value, allow_inf_nan=False)]
    if isinstance(field, forms.IntegerField):
        low = field.min_value if field.min_value is not None else -BIGINT
        return Annotated[int, Field(ge=low, le=field.max_value if field.max_value is not None else BIGINT)]
    if isinstance(field, forms.BooleanField):
        return bool
    if isinstance(field, forms.DateTimeField):
        shape = WithJsonSchema({"type": "string", "format": "date-time"})
        return Annotated[AwareDatetime, Field(ge=EARLIEST, le=LATEST), shape]
    if isinstance(field, forms.DateField):
        shape = WithJsonSchema({"type": "string", "format": "date"})
        return Annotated[dt.date, Field(ge=EARLIEST.date(), le=LATEST.date()), shape]
    if isinstance(field, forms.TimeField):
        return dt.time
    low, high = getattr(field, "min_length", None), getattr(field, "max_length", None)
    return Annotated[str, Field(min_length=low, max_length=high or 10_000)]


def model_of(form: type[forms.Form], name: str, *, partial: bool = False) -> type[Body]:
    """Return the body that fills ``form``; with ``partial`` every member may be left out."""
    members: dict[str, Any] = {}
    for key, field in form.base_fields.items():
        kind = annotation_of(field, name + "".join(part.title() for part in key.split("_")))
        required = field.required and field.initial is None and not isinstance(field, forms.BooleanField)
        description = " ".join(str(part) for part in (field.label or "", field.help_text or "") if part)
        more = {"title": str(field.label or key), "description": _with_choices(description, field)}
        if partial or not required:
            members[key] = (kind if field.required else kind | None, Field(default=None, json_schema_extra=_bare, **more))
        else:
            members[key] = (kind, Field(**more))
    return create_model(name, __base__=Body, **members)


def takes_file(form: type[forms.Form]) -> bool:
    """Tell whether the form has a place for a file, its own or one of its rows'."""
    rows = (field.row for field in form.base_fields.values() if isinstance(field, RowsField))
    return any(isinstance(field, forms.FileField) for field in form.base_fields.values()) or any(map(takes_file, rows))


def _bare(schema: dict[str, Any]) -> None:
    """Leave our None out of the document: a member that is not sent is not null, it is the form's own first value."""
    if schema.get("default", 0) is None:
        del schema["default"]


def _with_choices(text: str, field: forms.Field) -> str:
    if isinstance(field, forms.ModelChoiceField) or not isinstance(field, forms.ChoiceField):
        return text
    return f"{text}（{'、'.join(f'{value} {title}' for value, title in _flat(field.choices) if value not in ('', None))}）"


_TYPES = {
    "DecimalField": {"type": ["string", "null"], "format": "decimal"},
    "FloatField": {"type": ["number", "null"]},
    "BooleanField": {"type": ["boolean", "null"]},
    "DateField": {"type": ["string", "null"], "format": "date"},
    "DateTimeField": {"type": ["string", "null"], "format": "date-time"},
}
_KINDS = {"datetime": "DateTimeField", "date": "DateField", "bool": "BooleanField"}


def column_schema(column: Column, model: type) -> dict[str, Any]:
    """Return the JSON Schema of a column's value; money and other decimals travel as text, so that no digit is lost."""
    found = field_at(model, column.name) if column.value is None else None
    if found is None:
        shape = _TYPES.get(_KINDS.get(column.kind, ""), {})
    elif found.is_relation:
        shape = {"type": ["string", "null"]}
    else:
        kind = found.get_internal_type()
        plain = {"type": ["integer", "null"]} if kind.endswith(("IntegerField", "AutoField")) else None
        text = {"type": ["string", "null"]} if kind.endswith(("CharField", "TextField")) else {}
        shape = plain or _TYPES.get(kind) or text
    names = names_of(column, model)
    text = column.title + (f"（{column.unit}）" if column.unit else "")
    if names:
        text += "：" + "、".join(f"{value} {title}" for value, title in names.items())
    return {**shape, "title": column.title, "description": text}


def names_of(column: Column, model: type) -> dict[Any, str]:
    """Return the Chinese names of a column's stored values; empty when it has none."""
    if column.names:
        return column.names
    found = field_at(model, column.name) if column.value is None else None
    return dict(found.flatchoices) if found is not None and getattr(found, "choices", None) else {}
