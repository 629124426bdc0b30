"""What a line declares to have printed. Pure data."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from zhiguan.kit.manifest import Declared


@dataclass(frozen=True)
class Template(Declared):
    """打印模板: a Typst file that reads its data as JSON from ``sys.inputs.data``.

    ``code`` is area.subject.name. The page's look (paper, font, tables, QR) comes from ``base.typ`` beside the service:
    templates begin with ``#import "/base.typ": *``.
    """

    code: str
    name: str
    path: Path
