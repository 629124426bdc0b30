"""Types a file defines, made into types of FEEL."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from xml.etree.ElementTree import Element

from ..feel import ANY, Run, Scope, Type, compile_cell
from ..feel.types import BASIC
from .tree import child, children, text_of


class Types(Mapping[str, Type]):
    """The named types of a file, made when they are asked for; types of imported files under ``import.name``."""

    def __init__(self, root: Element, names: frozenset[str], imported: Mapping[str, Mapping[str, Type]]):
        self.definitions = {each.get("name", ""): each for each in children(root, "itemDefinition")}
        self.names = names
        self.imported = imported
        self.made: dict[str, Type] = {}
        self.making: set[str] = set()

    def __len__(self) -> int:
        return len(self.definitions)

    def __iter__(self) -> Iterator[str]:
        return iter(self.definitions)

    def __getitem__(self, name: str) -> Type:
        if name not in self.made:
            self.made[name] = self._make(name)
        return self.made[name]

    def _make(self, name: str) -> Type:
        node = self.definitions.get(name)
        if node is None:
            prefix, _, rest = name.partition(".")
            if rest and prefix in self.imported:
                return self.imported[prefix][rest]
            if name in self.imported.get("", {}):
                return self.imported[""][name]
            raise KeyError(name)
        if name in self.making:  # a type within itself is not followed
            return ANY
        self.making.add(name)
        try:
            return self.item(node)
        finally:
            self.making.discard(name)

    def named(self, reference: str | None) -> Type | None:
        """Return the type of a typeRef, None where nothing is asked."""
        if not reference:
            return None
        name = reference.strip()
        if name in self:
            return self[name]
        name = name.rpartition(":")[2]
        if name in self:
            return self[name]
        return Type(BASIC[name]) if name in BASIC and BASIC[name] != "Any" else None

    def __contains__(self, name: object) -> bool:
        try:
            self[str(name)]
        except KeyError:
            return False
        return True

    def item(self, node: Element) -> Type:
        """Return the type of an itemDefinition or itemComponent."""
        components = children(node, "itemComponent")
        function = child(node, "functionItem")
        if components:
            made = Type("context", entries={each.get("name", ""): self.item(each) for each in components})
        elif function is not None:
            parameters = tuple(self.named(each.get("typeRef")) or ANY for each in children(function, "parameters"))
            made = Type("function", self.named(function.get("outputTypeRef")) or ANY, parameters=parameters)
        else:
            made = self.named(text_of(child(node, "typeRef"))) or ANY
        made = self.narrowed(made, text_of(child(child(node, "allowedValues"), "text")))
        if node.get("isCollection") == "true":
            made = Type("list", made)
        return self.narrowed(made, text_of(child(child(node, "typeConstraint"), "text")))

    def narrowed(self, made: Type, cell: str) -> Type:
        """Return the type of those values that pass the unary tests ``cell``."""
        if not cell:
            return made
        test, before = compile_cell(cell, self.names, {}), made.allows

        def allows(run: Run, value) -> bool:
            return (before is None or before(run, value)) and test(Scope(run, {}), value) is True

        return replace(made, allows=allows, cell=cell)
