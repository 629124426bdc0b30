"""The base of forms on declared pages."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

from django import forms

from zhiguan.kit.actor import Actor
from zhiguan.kit.errors import Refusal


def _refusing(method: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return a ``clean_*`` method whose refusals stand at the field: verbs' own checks can be used in forms."""

    @wraps(method)
    def clean(form: Any) -> Any:
        try:
            return method(form)
        except Refusal as refusal:
            raise forms.ValidationError(refusal.message, code=refusal.code) from refusal

    return clean


class PageForm(forms.Form):
    """A form that knows who fills it in (``self.actor``) and for which row (``self.obj``, None for a new one).

    Override :meth:`setup` to narrow choices and querysets to the actor's scope. Native date and time inputs are used;
    every input gets the shell's classes, its help text and its errors by ``aria-describedby``.
    """

    required_css_class = "required"
    rest_title = "其他"
    """Heading of the fields that no section names, where there are sections."""
    inputs: Mapping[str, str] = {}
    """Inputs by the path at which a verb refuses what they sent, where the two differ."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for name, method in list(vars(cls).items()):
            if name.startswith("clean_") and callable(method):
                setattr(cls, name, _refusing(method))

    def __init__(self, *args: Any, actor: Actor, obj: Any = None, **kwargs: Any):
        self.actor, self.obj = actor, obj
        kwargs.setdefault("label_suffix", "")
        super().__init__(*args, **kwargs)
        self.setup()
        for field in self.fields.values():
            _dress(field)

    def full_clean(self) -> None:
        super().full_clean()
        if self.is_bound:
            self.mark_errors()

    def mark_errors(self) -> None:
        """Give the inputs with errors the class the shell draws them with."""
        for name in self.errors:
            if name in self.fields and "is-invalid" not in self.fields[name].widget.attrs.get("class", ""):
                self.fields[name].widget.attrs["class"] += " is-invalid"

    def setup(self) -> None:
        """Narrow the fields to what the actor may choose. Called before the form is bound to anything."""


def _dress(field: forms.Field) -> None:
    widget = field.widget
    if isinstance(field, forms.DateTimeField):
        field.widget = widget = forms.DateTimeInput(widget.attrs | {"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")
        field.input_formats = ["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S"]
    elif isinstance(field, forms.DateField) and not isinstance(widget, forms.HiddenInput):
        field.widget = widget = forms.DateInput(widget.attrs | {"type": "date"}, format="%Y-%m-%d")
    elif isinstance(field, forms.TimeField):
        field.widget = widget = forms.TimeInput(widget.attrs | {"type": "time"}, format="%H:%M")
    widget.is_required = field.required
    if field.required and field.label:
        act = "选择" if isinstance(field, (forms.ChoiceField, forms.FileField, forms.BooleanField)) else "填写"
        field.error_messages["required"] = f"请{act}“{field.label}”"
    if isinstance(widget, (forms.CheckboxSelectMultiple, forms.RadioSelect, forms.CheckboxInput)):
        css = "form-check-input"
    elif isinstance(widget, forms.Select):
        css = "form-select"
    else:
        css = "form-control"
    widget.attrs.setdefault("class", css)
    if isinstance(widget, forms.Textarea):
        widget.attrs.setdefault("rows", "4")


class ReasonForm(PageForm):
    """办理原因, asked for by acts declared with ``reason=True``."""

    reason = forms.CharField(
        label="办理原因",
        max_length=500,
        widget=forms.Textarea(attrs={"rows": "3"}),
        help_text="原因将记入痕迹，可供查阅。",
    )
