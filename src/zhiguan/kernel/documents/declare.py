"""What a line declares to have printed or issued. Pure data."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from zhiguan.kit.manifest import Declared

HERE = Path(__file__).parent / "typst"
DECISION = HERE / "decision.typ"
"""批复: a letter-headed official document by the habits of GB/T 9704. Values: see :data:`GENERIC`."""
CERTIFICATE = HERE / "certificate.typ"
"""登记证: one framed page with a table of facts."""
NOTICE = HERE / "notice.typ"
"""通知: like a decision, without the head of the organ; for notices to one person or organ."""
GENERIC = (
    "title", "to", "paragraphs", "basis", "conditions", "rows", "columns", "table", "remark", "copies", "holder",
    "contact", "closing",
)  # fmt: skip
"""Values that the three templates above know: ``title``, ``to`` (主送), ``paragraphs`` (texts), ``basis`` (clauses),
``conditions`` (numbered), ``rows`` (pairs of name and value), ``columns`` and ``table`` (heads and rows of an annexed
table), ``remark`` (附注), ``copies`` (抄送), ``holder`` (持证人 or 单位), ``contact`` (联系人), ``closing`` (结束语)."""
CODE = re.compile(r"[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*", re.ASCII)


@dataclass(frozen=True)
class Template(Declared):
    """打印模板: a Typst file that reads its data as JSON from ``sys.inputs.data``.

    ``code`` is area.subject.name. The page's look (paper, font, tables, QR) comes from ``base.typ`` beside the service:
    templates begin with ``#import "/base.typ": *``.
    """

    code: str
    name: str
    path: Path


@dataclass(frozen=True)
class DocumentKind(Declared):
    """文种: one kind of issued document (批复、登记证、通知) of a line.

    ``code`` is area.name; the area's scope decides who may see the documents. ``number`` is the pattern of the number
    series: ``{word}`` is the installation's own 机关代字 (setting ZHIGUAN_DOCUMENT_WORD), ``{year}`` the year of
    issue, ``{n}`` the next number, without gaps, from 1 in each year. Kinds with the same pattern share one series.

    ``template`` is a Typst file that begins with ``#import "/official.typ": *``; one of :data:`DECISION`,
    :data:`CERTIFICATE`, :data:`NOTICE`, or the line's own. ``needs`` are the values that must be given, ``takes`` those
    that may be. ``seal`` is the purpose of the seal that is put on it, one of :data:`SEAL_PURPOSES`. ``years`` is how
    long the document is valid, None for ever. ``permission`` is asked of whoever issues it, over the unit; left empty,
    the verb that issues has asked its own.
    """

    code: str
    name: str
    number: str
    template: Path = DECISION
    needs: tuple[str, ...] = ("title", "to", "paragraphs")
    takes: tuple[str, ...] = GENERIC
    seal: str = "official"
    years: int | None = None
    permission: str = ""

    def __post_init__(self) -> None:
        if not CODE.fullmatch(self.code):
            raise ValueError(f"DocumentKind {self.code!r}: the code is area.name in lower case")
        if self.number.count("{n") != 1 or "{year}" not in self.number:
            raise ValueError(f"DocumentKind {self.code!r}: the number {self.number!r} lacks {{year}} or {{n}}")
        if self.seal not in SEAL_PURPOSES:
            raise ValueError(f"DocumentKind {self.code!r}: unknown purpose of seal {self.seal!r}")
        self.number.format(word="", year=2000, n=1)

    @property
    def area(self) -> str:
        """The line whose scope the documents are read under."""
        return self.code.split(".", 1)[0]

    @property
    def values(self) -> frozenset[str]:
        """Every value that may be given."""
        return frozenset((*self.needs, *self.takes))


SEAL_PURPOSES = {"official": "单位公章", "approval": "审批专用章", "registration": "登记专用章"}
"""印章种类, by code."""
