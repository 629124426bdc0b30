"""How a built-in function is declared: by its forms, as the standard writes them.

``@builtin("substring(string: string, start position: number, length: number?)")``: ``?`` may be left out, ``*`` takes
any number, ``|`` stands between types. The first form that the arguments fit is called with ``run`` and the arguments;
none fits: null. As the standard says, a list of one stands for its item where no list is asked for, and one value for a
list of it where one is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .errors import Run
from .values import Function, kind

BUILTINS: dict[str, Function] = {}
_FORMS: dict[str, list[Form]] = {}
_SHORT = {
    "datetime": "date and time", "days": "days and time duration", "months": "years and months duration",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Parameter:
    name: str
    kinds: frozenset[str]
    optional: bool
    many: bool

    def take(self, value: Any) -> tuple[bool, Any]:
        """Return whether ``value`` may be given here, and what it then is."""
        if "any" in self.kinds:
            return True, value
        if value is None:
            return "null" in self.kinds, value
        if kind(value) in self.kinds:
            return True, value
        if "list" in self.kinds:
            return True, [value]
        if type(value) is list and len(value) == 1 and value[0] is not None and kind(value[0]) in self.kinds:
            return True, value[0]
        return False, None


@dataclass(frozen=True, slots=True)
class Form:
    parameters: tuple[Parameter, ...]
    function: Callable[..., Any]

    def bind(self, given: list) -> list | None:
        """Return what to call with, None if the arguments do not fit."""
        parameters = self.parameters
        many = bool(parameters) and parameters[-1].many
        least = sum(not each.optional for each in parameters)
        if len(given) < least or (len(given) > len(parameters) and not many):
            return None
        fixed = len(parameters) - many
        bound = []
        for parameter, value in zip(parameters[:fixed], given, strict=False):
            fit, taken = parameter.take(value)
            if not fit:
                return None
            bound.append(taken)
        if many:
            rest = []
            for value in given[fixed:]:
                fit, taken = parameters[-1].take(value)
                if not fit:
                    return None
                rest.append(taken)
            bound.append(rest)
        return bound

    def order(self, named: dict[str, Any]) -> list | None:
        """Return arguments given by name in their places, None if the names are others."""
        places = {each.name: at for at, each in enumerate(self.parameters)}
        if not named.keys() <= places.keys():
            return None
        last = max((places[name] for name in named), default=-1)
        return [named.get(each.name) for each in self.parameters[: last + 1]]


def _parameter(text: str) -> Parameter:
    name, _, wanted = text.partition(":")
    wanted = wanted.strip()
    many, optional = wanted.endswith("*"), wanted.endswith("?")
    kinds = [each.strip() for each in wanted.rstrip("*?").split("|")]
    return Parameter(name.strip(), frozenset(_SHORT.get(each, each) for each in kinds), optional, many)


def builtin(*forms: str):
    """Declare a function under its forms."""

    def declare(function: Callable[..., Any]) -> Callable[..., Any]:
        for text in forms:
            name, _, rest = text.rstrip(")").partition("(")
            parameters = tuple(_parameter(each) for each in rest.split(",") if each.strip())
            several = _FORMS.setdefault(name, [])
            several.append(Form(parameters, function))
            BUILTINS[name] = _value(name, several)
        return function

    return declare


def _value(name: str, forms: list[Form]) -> Function:
    def call(run: Run, given: list) -> Any:
        for form in forms:
            bound = form.bind(given)
            if bound is not None:
                return form.function(run, *bound)
        run.note(f"函数“{name}”不能用这些参数，按空值处理")
        return None

    def by_name(run: Run, named: dict[str, Any]) -> Any:
        for form in forms:
            given = form.order(named)
            bound = None if given is None else form.bind(given)
            if bound is not None:
                return form.function(run, *bound)
        run.note(f"函数“{name}”没有这些名称的参数，按空值处理")
        return None

    return Function(name, tuple(each.name for each in forms[0].parameters), call, by_name=by_name)
