"""What people read is Chinese: titles, names, helps and labels of everything declared."""

from __future__ import annotations

from .laws import chinese, declarations, judge, nested

TITLES = ("title", "menu_title", "heading", "label", "submit", "done", "confirm", "help", "text", "explanation", "formula")


def test_declared_titles_are_chinese() -> None:
    faults = {}
    for declaration in declarations():
        kind = type(declaration).__name__
        name = getattr(declaration, "name", None)
        if isinstance(name, str) and not chinese(name):
            faults[f"{kind} {declaration.code}"] = f"name {name!r}"
        for attribute, value, path in nested(declaration):
            if attribute in TITLES and isinstance(value, str) and value and not chinese(value):
                faults[f"{kind} {declaration.code}{path}"] = repr(value)
    judge("screen-text-is-chinese", faults, "Interface text is complete, natural, official Chinese.")
