from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from zhiguan.kernel.files.declare import TYPES, FileType
from zhiguan.kernel.files.sniff import clean_name, sniff
from zhiguan.kernel.files.tests.conftest import DOCX, OFD, PDF, XLSX, jpeg, packed, png
from zhiguan.kit.errors import Invalid

GOOD = {
    "pdf": PDF, "png": png(), "jpg": jpeg(), "webp": b"RIFF\x24\0\0\0WEBPVP8 " + bytes(20), "xlsx": XLSX, "docx": DOCX,
    "ofd": OFD, "zip": packed(("说明.txt", "内容".encode())), "txt": "车牌,里程\r\n沪A12345,12\r\n".encode(),
    "csv": "车牌,里程\n".encode("gb18030"), "doc": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600),
}  # fmt: skip


def kind_of(path: Path, content: bytes) -> FileType | None:
    path.write_bytes(content)
    return sniff(path)


@pytest.mark.parametrize("ending", GOOD)
def test_every_kind_is_known_by_its_bytes(tmp_path: Path, ending: str) -> None:
    kind = kind_of(tmp_path / "x", GOOD[ending])
    assert kind is not None and ending in kind.endings and clean_name(f"报告.{ending}", kind) == f"报告.{ending}"


@pytest.mark.parametrize(
    "content",
    [
        b"MZ\x90\0", b"\x7fELF\x02", b"<html><script>alert(1)</script>", b"\xef\xbb\xbf <!DOCTYPE html>", b"\0\1\2\3",
        b"<svg xmlns='http://www.w3.org/2000/svg' onload='x()'/>", b"<?xml version='1.0'?><a/>", b"#!/bin/sh\n",
        b"GIF89a" + bytes(10), "文本".encode("utf-16"), b"abc\x1b[2J", b"",
    ],
)  # fmt: skip
def test_what_is_not_known_or_could_run_has_no_kind(tmp_path: Path, content: bytes) -> None:
    assert kind_of(tmp_path / "x", content) is None


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (PDF[:-6], "file_broken"), (png()[:-10], "file_broken"), (png()[:20], "file_broken"),
        (b"\xff\xd8\xff\xe0", "file_broken"),
        (png().replace(b"\0\0\0\x02", b"\0\0\0\x09", 1), "file_broken"), (XLSX[:-30], "file_broken"),
        (png(30_000, 2), "image_size"), (png(19_000, 19_000), "image_size"), (jpeg(65_000, 10), "image_size"),
        (png(0, 5), "image_size"), (b"\xff\xd8\xff\xd9" + bytes(9), "file_broken"),
        (packed(("a.txt", bytes(60 * 2**20))), "zip_bomb"), (packed(("../../etc/passwd", b"x")), "zip_path"),
        (packed(("/etc/passwd", b"x")), "zip_path"), (packed(("..\\x", b"x")), "zip_path"),
        (packed(("[Content_Types].xml", b""), ("xl/workbook.xml", b""), ("xl/vbaProject.bin", b"x")), "macro"),
    ],
)  # fmt: skip
def test_broken_and_dangerous_files_are_refused_with_the_reason(tmp_path: Path, content: bytes, code: str) -> None:
    with pytest.raises(Invalid) as refusal:
        kind_of(tmp_path / "x", content)
    assert refusal.value.code == code and refusal.value.fields["file"]


def test_encrypted_archives_are_refused(tmp_path: Path) -> None:
    content = bytearray(packed(("a.txt", b"secret")))
    content[6] |= 1  # the local header's flag
    content[content.index(b"PK\x01\x02") + 8] |= 1
    with pytest.raises(Invalid) as refusal:
        kind_of(tmp_path / "x", bytes(content))
    assert refusal.value.code == "zip_encrypted"


STARTS = [content[:12] for content in GOOD.values()] + [b""]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.sampled_from(STARTS), st.binary(max_size=400))
def test_no_bytes_whatever_break_it(tmp_path: Path, start: bytes, rest: bytes) -> None:
    try:
        kind = kind_of(tmp_path / "x", start + rest)
    except Invalid as refusal:
        assert refusal.message
    else:
        assert kind is None or kind.media_type in TYPES


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.sampled_from(sorted(GOOD)), st.integers(0, 300), st.integers(0, 255))
def test_one_changed_byte_breaks_nothing(tmp_path: Path, ending: str, place: int, value: int) -> None:
    content = bytearray(GOOD[ending])
    content[place % len(content)] = value
    try:
        kind_of(tmp_path / "x", bytes(content))
    except Invalid as refusal:
        assert refusal.message


@pytest.mark.parametrize(
    ("name", "clean"),
    [
        ("报告.PDF", "报告.pdf"), ("../../etc/报告.pdf", "报告.pdf"), ("C:\\temp\\报告.pdf", "报告.pdf"), (" .报告.pdf ", "报告.pdf"),
        ("a\u202efdp.pdf", "afdp.pdf"), ("x" * 300 + ".pdf", "x" * 120 + ".pdf"), ("一\n二\0.pdf", "一二.pdf"),
    ],
)  # fmt: skip
def test_names_are_made_safe(name: str, clean: str) -> None:
    assert clean_name(name, TYPES["application/pdf"]) == clean


@pytest.mark.parametrize("name", ["报告.exe", "报告", "", ".pdf", "报告.pdf.html", "..", "/"])
def test_a_name_that_says_something_else_is_refused(name: str) -> None:
    with pytest.raises(Invalid, match="后缀"):
        clean_name(name, TYPES["application/pdf"])
