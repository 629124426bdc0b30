"""What every page's HTML must satisfy, checked without a browser: one heading, labelled inputs, no stray English."""

from __future__ import annotations

import re
from html.parser import HTMLParser

VOID = {"input", "br", "img", "meta", "link", "hr", "use", "source", "wbr", "col"}
SILENT = {"script", "style", "svg", "template"}
LEAKS = re.compile(
    r"\b(None|True|False|null|undefined|NaN)\b|object at 0x|object \(|This field|Select a valid|Enter a "
)
SENTENCE = re.compile(r"[A-Za-z]{3,} [A-Za-z]{2,} [A-Za-z]{2,}")


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.headings = 0
        self.ids: list[str] = []
        self.inputs: list[dict[str, str]] = []
        self.labelled: set[str] = set()
        self.text: list[str] = []
        self.nameless: list[str] = []
        self._open: list[str] = []
        self._name: list[str] | None = None
        self._name_tag = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self.headings += tag == "h1"
        if "id" in values:
            self.ids.append(values["id"])
        if tag == "label" and "for" in values:
            self.labelled.add(values["for"])
        if tag in ("input", "select", "textarea") and values.get("type") not in ("hidden", "submit", "button"):
            values["_in_label"] = "1" if "label" in self._open else ""
            values["_tag"] = tag
            self.inputs.append(values)
        if tag in ("a", "button") and self._name is None:
            given = values.get("aria-label") or values.get("title")
            self._name, self._name_tag = [given] if given else [], tag
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag == self._name_tag and self._name is not None:
            if not "".join(self._name).strip():
                self.nameless.append(tag)
            self._name, self._name_tag = None, ""
        if tag in self._open:
            while self._open and self._open.pop() != tag:
                continue

    def handle_data(self, data: str) -> None:
        if self._name is not None:
            self._name.append(data)
        if data.strip() and not SILENT & set(self._open):
            self.text.append(data.strip())


def faults(html: str, *, allowed: tuple[str, ...] = ()) -> list[str]:
    """Return what is wrong with a page's HTML, in English for developers; ``allowed`` are texts that may stand."""
    reader = _Reader()
    reader.feed(html)
    found = []
    if "<html" in html and reader.headings != 1:
        found.append(f"{reader.headings} h1 headings instead of one")
    doubled = sorted({name for name in reader.ids if reader.ids.count(name) > 1})
    if doubled:
        found.append(f"ids used twice: {', '.join(doubled)}")
    for values in reader.inputs:
        named = values.get("aria-label") or values.get("aria-labelledby") or values["_in_label"]
        if not named and values.get("id", "") not in reader.labelled:
            found.append(f"{values['_tag']} {values.get('name', '')!r} has no label")
    found += [f"a {tag} has no name" for tag in reader.nameless]
    for text in reader.text:
        if not any(part in text for part in allowed) and (LEAKS.search(text) or SENTENCE.search(text)):
            found.append(f"stray English: {text[:80]!r}")
    return found
