"""Files of every kind, made byte by byte; a store in a folder of the test's own."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.contrib.auth import get_user_model

from zhiguan.kernel.orgs import service as orgs
from zhiguan.kit.actor import EVERYTHING, Actor, Scope, system


def png(width: int = 2, height: int = 2) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    lines = b"".join(b"\0" + b"\x33" * 3 * min(width, 4) for _ in range(min(height, 4)))
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b"")


def jpeg(width: int = 2, height: int = 2) -> bytes:
    app = b"\xff\xe0" + struct.pack(">H", 16) + b"JFIF\0" + bytes(9)
    frame = b"\xff\xc0" + struct.pack(">HBHHB", 11, 8, height, width, 1) + b"\x01\x11\x00"
    return b"\xff\xd8" + app + frame + b"\xff\xda" + bytes(20) + b"\xff\xd9"


def packed(*entries: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", method) as archive:
        for name, data in entries:
            archive.writestr(name, data)
    return content.getvalue()


PDF = b"%PDF-1.4\n1 0 obj\n<<>>\nendobj\nstartxref\n0\n%%EOF\n"
XLSX = packed(("[Content_Types].xml", b"<Types/>"), ("xl/workbook.xml", b"<workbook/>"))
DOCX = packed(("[Content_Types].xml", b"<Types/>"), ("word/document.xml", b"<document/>"))
OFD = packed(("OFD.xml", b"<OFD/>"), ("Doc_0/Document.xml", b"<x/>"))


@pytest.fixture(autouse=True)
def media(settings: Any, tmp_path: Path) -> Path:
    settings.MEDIA_ROOT = tmp_path / "media"
    return settings.MEDIA_ROOT


def make_world() -> SimpleNamespace:
    root = system("tests")

    def make(parent: Any, code: str, name: str, kind: str) -> Any:
        return orgs.create_unit(root, parent=parent, code=code, name=name, kind=kind, record=lambda *a, **k: None)

    city = make(None, "310000", "上海市", "city")
    one, two = make(city, "310000-C01", "甲局", "organ"), make(city, "310000-C02", "乙局", "organ")
    people = {name: get_user_model().objects.create(username=name, unit=unit)
              for name, unit in (("zhang", one), ("wang", one), ("li", two))}  # fmt: skip
    return SimpleNamespace(city=city, one=one, two=two, **people)


def actor_at(account: Any, **permissions: str) -> Actor:
    """Return the account's actor; ``orgs_unit_view="below"`` gives the permission ``orgs.unit.view``."""
    unit = account.unit
    scopes = {code.replace("_", "."): EVERYTHING if value == "city" else Scope(((unit.pos, unit.pos_end),))
              for code, value in permissions.items()}  # fmt: skip
    return Actor(name=account.username, account_id=account.pk, unit_id=unit.pk, unit_pos=unit.pos, unit_name=unit.name,
                 permissions=scopes)  # fmt: skip


@pytest.fixture
def world(as_system: Actor) -> SimpleNamespace:
    return make_world()
