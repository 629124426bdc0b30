"""Two organs of a bureau's city, kinds of documents as a line declares them, a key and a store of the test's own."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.contrib.auth import get_user_model

from zhiguan.kernel.documents import producing, service
from zhiguan.kernel.documents.declare import CERTIFICATE, NOTICE, DocumentKind
from zhiguan.kernel.orgs import service as orgs
from zhiguan.kit import registry
from zhiguan.kit.actor import Actor, system

DECIDED = DocumentKind("documents.test_decision", "编制调整批复", "{word}试编〔{year}〕{n}号")
CERTIFIED = DocumentKind(
    "documents.test_certificate", "产权登记证", "{word}试登〔{year}〕{n:04d}号", template=CERTIFICATE,
    needs=("title", "holder", "rows"), seal="registration", years=5,
)  # fmt: skip
NOTIFIED = DocumentKind("documents.test_notice", "补正通知书", "{word}试补〔{year}〕{n}号", template=NOTICE)
OF_A_LINE = DocumentKind("orgs.test_decision", "设立批复", "{word}试设〔{year}〕{n}号")
VALUES = {
    "title": "关于调整公务用车编制的批复", "to": "乙局", "paragraphs": ["你单位请示收悉。现批复如下：", "同意核增1辆。"],
    "rows": [["核增", "1 辆"]], "conditions": ["不得超标准配备。", "30日内登记。"], "basis": ["《测试办法》第七条"],
}  # fmt: skip
CERTIFICATE_VALUES = {"title": "国有资产产权登记证", "holder": "乙局", "rows": [["资产总额", "1,000.00 元"]]}


@pytest.fixture(autouse=True)
def places(settings: Any, tmp_path: Path) -> Path:
    """Files and keys of the test's own."""
    settings.MEDIA_ROOT, settings.VAR = tmp_path / "media", tmp_path / "var"
    settings.ZHIGUAN_URL = "https://zhiguan.example.test"
    return tmp_path


@pytest.fixture(autouse=True)
def kinds(monkeypatch: pytest.MonkeyPatch) -> None:
    """The registry of this process with some more kinds."""
    known = registry.current()
    wider = registry.Registry()
    wider._by_type = {kind: dict(items) for kind, items in known._by_type.items()}
    wider._owner = dict(known._owner)
    for each in (DECIDED, CERTIFIED, NOTIFIED, OF_A_LINE):
        wider._add(each, "tests")
    monkeypatch.setattr(registry, "_current", wider)


def make_world(demo: bool = True) -> SimpleNamespace:
    root = system("tests")

    def make(parent: Any, code: str, name: str, kind: str, **more: Any) -> Any:
        return orgs.create_unit(
            root, parent=parent, code=code, name=name, kind=kind, record=lambda *a, **k: None, **more
        )

    city = make(None, "310000", "上海市", "city")
    if demo:
        orgs.Unit.objects.filter(pk=city.pk).update(note="演示数据")
    bureau = make(city, "310000-C01", "上海市机关事务管理局", "organ", level="municipal")
    one, two = make(city, "310000-C02", "甲局", "organ"), make(city, "310000-C03", "乙局", "organ")
    people = {
        name: get_user_model().objects.create(username=name, unit=unit)
        for name, unit in (("keeper", bureau), ("approver", bureau), ("leader", bureau), ("clerk", one))
    }
    return SimpleNamespace(city=city, bureau=bureau, one=one, two=two, **people)


@pytest.fixture
def world(as_system: Actor) -> SimpleNamespace:
    return make_world()


def seal_image(side: int = 60) -> bytes:
    """A ring on a transparent ground as PNG."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    middle, rows = (side - 1) / 2, bytearray()
    for y in range(side):
        rows.append(0)
        for x in range(side):
            ring = 0.85 < ((x - middle) ** 2 + (y - middle) ** 2) ** 0.5 / middle < 1
            rows += b"\xd3\x19\x1f\xff" if ring else b"\0\0\0\0"
    header = struct.pack(">IIBBBBB", side, side, 8, 6, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(rows))) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def silent(percent: float, message: str = "") -> None:
    return None


def issue(world: Any, kind: DocumentKind = DECIDED, unit: Any = None, **more: Any) -> Any:
    """Issue a document about a unit."""
    values = more.pop("values", CERTIFICATE_VALUES if kind is CERTIFIED else VALUES)
    unit = unit or world.one
    return service.issue(more.pop("actor", system("tests")), kind.code, values, subject=unit, unit=unit, **more)


def produce(document: Any) -> Any:
    """Do the work of the document's job; return the document as it is then."""
    with system("documents.document.produce").acting() as actor:
        producing.produce(actor, silent, document=document.pk)
    document.refresh_from_db()
    return document
