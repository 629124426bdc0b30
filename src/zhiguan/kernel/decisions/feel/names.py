"""Which names an expression takes from outside."""

from __future__ import annotations

from typing import Any

from .steps import Node


def free_names(node: Any, bound: frozenset[str] = frozenset()) -> set[str]:
    """Return the names in ``node`` that nothing inside it defines. Names in a filter may belong to the item: they are
    returned too, since the expression alone does not tell."""
    if isinstance(node, tuple):
        return set().union(*(free_names(each, bound) for each in node)) if node else set()
    if not isinstance(node, Node):
        return set()
    parts = node.parts
    if node.kind == "name":
        return set() if parts[0] in bound else {parts[0]}
    if node.kind == "type":
        return set()
    if node.kind == "context":
        found: set[str] = set()
        for name, each in parts:
            found |= free_names(each, bound)
            bound = bound | {name}
        return found
    if node.kind == "filter":
        return free_names(parts[0], bound) | free_names(parts[1], bound | {"item"})
    if node.kind in ("for", "quantified"):
        *_, iterators, body = parts
        found = set()
        for name, low, high in iterators:
            found |= free_names(low, bound) | free_names(high, bound)
            bound = bound | {name}
        return found | free_names(body, bound | ({"partial"} if node.kind == "for" else set()))
    if node.kind == "function":
        return free_names(parts[1], bound | {name for name, _ in parts[0]})
    return free_names(parts, bound)
