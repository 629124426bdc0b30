"""What parts and lines declare to tell people about. Pure data: importable before Django is set up."""

from __future__ import annotations

import re
from dataclasses import dataclass

from zhiguan.kit.manifest import Declared

CODE = re.compile(r"[a-z][a-z0-9_]*(\.[a-z0-9_]+){2}", re.ASCII)
OFF, INSTANT, DIGEST = "off", "instant", "digest"


@dataclass(frozen=True)
class NoticeKind(Declared):
    """通知类型: one kind of thing people are told, e.g. ``vehicles.order.approve``.

    ``mail`` is what somebody gets who has not chosen: off, instant, or digest (one mail a day). The inbox always has
    it. ``icon`` is a name of the front end's icons.
    """

    code: str
    name: str
    mail: str = OFF
    icon: str = "bell"

    def __post_init__(self) -> None:
        if not CODE.fullmatch(self.code):
            raise ValueError(f"NoticeKind {self.code!r}: the code is area.subject.act in lower case")
        if self.mail not in (OFF, INSTANT, DIGEST):
            raise ValueError(f"NoticeKind {self.code!r}: mail is off, instant or digest")
