"""Steps in the XML tree of a DMN file. Versions differ in their namespace: only the names within it count."""

from __future__ import annotations

from xml.etree.ElementTree import Element


def local(node: Element) -> str:
    """Return the name of ``node`` without namespace."""
    return node.tag.rpartition("}")[2]


def plain(root: Element) -> Element:
    """Drop from the tree what is not of the root's namespace, and namespaces from its names."""
    space = root.tag.rpartition("}")[0]
    waiting = [root]
    while waiting:
        node = waiting.pop()
        node.tag = local(node)
        kept = [each for each in node if each.tag.rpartition("}")[0] == space]
        node[:] = kept
        waiting += kept
    return root


def child(node: Element | None, name: str) -> Element | None:
    """Return the first child of that name."""
    return None if node is None else node.find(name)


def children(node: Element | None, name: str) -> list[Element]:
    """Return the children of that name."""
    return [] if node is None else node.findall(name)


def text_of(node: Element | None) -> str:
    """Return the text in ``node``, empty if there is none."""
    return "" if node is None else (node.text or "").strip()


def label(node: Element | None, fallback: str) -> str:
    """Return how people call ``node``."""
    return (node.get("label") or node.get("name") or fallback) if node is not None else fallback
