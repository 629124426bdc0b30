"""Template tags of declared pages."""

from __future__ import annotations

from typing import Any

from django import forms, template
from django.template.loader import render_to_string
from django.utils.safestring import SafeString

register = template.Library()


@register.filter
def is_check(bound: forms.BoundField) -> bool:
    """Tell whether a field is a single tick box, whose label stands behind it."""
    return isinstance(bound.field.widget, forms.CheckboxInput)


@register.filter
def is_many(bound: forms.BoundField) -> bool:
    """Tell whether a field is a group of tick boxes or radio buttons."""
    return isinstance(bound.field.widget, (forms.CheckboxSelectMultiple, forms.RadioSelect))


@register.filter
def is_wide(bound: forms.BoundField) -> bool:
    """Tell whether a field takes the whole width of the form."""
    widget = bound.field.widget
    return isinstance(widget, forms.Textarea) or (isinstance(widget, forms.CheckboxSelectMultiple) and len(widget.choices) > 6)


@register.filter
def figure(value: Any, digits: int = 0) -> str:
    """A number grouped by thousands with so many decimals; a dash for none: ``{{ cost|figure:2 }}``."""
    return "—" if value in (None, "") else f"{value:,.{digits}f}"


@register.simple_tag(takes_context=True)
def custom_block(context: template.Context, block: Any) -> SafeString:
    """Draw a block with a template of the line's own, in the context it asked for."""
    return render_to_string(block.template, {"zg": context.get("zg"), **block.context}, request=context.get("request"))
