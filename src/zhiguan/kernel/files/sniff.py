"""What a file is, by its bytes; its name is only believed where it agrees."""

from __future__ import annotations

import codecs
import struct
import unicodedata
import zipfile
import zlib
from pathlib import Path
from typing import BinaryIO

from zhiguan.kit.errors import Invalid

from .declare import DOCX, JPEG, OFD, OLE, PDF, PNG, TEXT, WEBP, XLSX, ZIP, FileType

HEAD = 4096
LARGEST_SIDE = 20_000
LARGEST_PIXELS = 200_000_000
ENTRIES = 10_000
UNPACKED_BYTES = 1024 * 2**20
RATIO = 200
MARKUP = (b"<!doctype", b"<html", b"<svg", b"<script", b"<?xml", b"<?php", b"#!")
EXECUTABLE = (b"MZ", b"\x7fELF", b"\xca\xfe\xba\xbe", b"\xfe\xed\xfa", b"\xcf\xfa\xed\xfe")


def refuse(message: str, code: str) -> Invalid:
    """Return the refusal of a file."""
    return Invalid(message, code=code, fields={"file": message})


def sniff(path: Path) -> FileType | None:
    """Return the kind of the file at ``path``, or None when it is none that the product knows.

    Raises ``Invalid`` for a file that pretends to be of a kind but is broken or dangerous.
    """
    with path.open("rb") as file:
        head = file.read(HEAD)
        if head.startswith(EXECUTABLE):
            return None
        if head.startswith(b"%PDF-"):
            return _pdf(file)
        if head.startswith(b"\x89PNG\r\n\x1a\n"):
            return _png(file)
        if head.startswith(b"\xff\xd8\xff"):
            return _jpeg(file)
        if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
            return WEBP
        if head.startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):
            return OLE
        if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
            return _zip(file)
        return _text(file, head)


def _pdf(file: BinaryIO) -> FileType:
    file.seek(0, 2)
    file.seek(max(0, file.tell() - 2048))
    if b"%%EOF" not in file.read():
        raise refuse("PDF 文件不完整，请重新生成后上传。", "file_broken")
    return PDF


def _sides(width: int, height: int) -> None:
    if not (0 < width <= LARGEST_SIDE and 0 < height <= LARGEST_SIDE) or width * height > LARGEST_PIXELS:
        raise refuse(f"图片尺寸 {width}×{height} 超出限制（每边不超过 {LARGEST_SIDE} 像素）。", "image_size")


def _png(file: BinaryIO) -> FileType:
    file.seek(8)
    try:
        length, kind, width, height = struct.unpack(">I4sII", file.read(16))
        rest = file.read(9)
        (check,) = struct.unpack(">I", rest[5:9])
    except struct.error as error:
        raise refuse("PNG 图片不完整，请重新保存后上传。", "file_broken") from error
    data = struct.pack(">4sII", kind, width, height) + rest[:5]
    file.seek(0, 2)
    file.seek(max(0, file.tell() - 64))
    if kind != b"IHDR" or length != 13 or zlib.crc32(data) != check or b"IEND" not in file.read():
        raise refuse("PNG 图片不完整，请重新保存后上传。", "file_broken")
    _sides(width, height)
    return PNG


def _jpeg(file: BinaryIO) -> FileType:
    file.seek(2)
    while True:
        marker = file.read(2)
        if len(marker) < 2 or marker[0] != 0xFF:
            raise refuse("JPEG 图片不完整，请重新保存后上传。", "file_broken")
        if marker[1] == 0xFF:
            file.seek(-1, 1)
            continue
        size = file.read(2)
        if len(size) < 2 or (length := struct.unpack(">H", size)[0]) < 2:
            raise refuse("JPEG 图片不完整，请重新保存后上传。", "file_broken")
        if 0xC0 <= marker[1] <= 0xCF and marker[1] not in (0xC4, 0xC8, 0xCC):
            frame = file.read(5)
            if len(frame) < 5:
                raise refuse("JPEG 图片不完整，请重新保存后上传。", "file_broken")
            height, width = struct.unpack(">xHH", frame)
            _sides(width, height)
            return JPEG
        if marker[1] in (0xD9, 0xDA):
            raise refuse("JPEG 图片没有画面，请重新保存后上传。", "file_broken")
        file.seek(length - 2, 1)


def _zip(file: BinaryIO) -> FileType:
    try:
        file.seek(0)
        with zipfile.ZipFile(file) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, UnicodeDecodeError, struct.error) as error:
        raise refuse("压缩格式的文件已损坏，请重新生成后上传。", "file_broken") from error
    names = {entry.filename for entry in entries}
    unpacked = sum(entry.file_size for entry in entries)
    packed = sum(entry.compress_size for entry in entries)
    if len(entries) > ENTRIES or unpacked > UNPACKED_BYTES or unpacked > RATIO * max(packed, 2**16):
        raise refuse("文件解压后过大或条目过多，不能上传。", "zip_bomb")
    if any(_outside(name) for name in names):
        raise refuse("压缩包内含指向包外的路径，不能上传。", "zip_path")
    if any(entry.flag_bits & 1 for entry in entries):
        raise refuse("加密的文件无法检查，请去除密码后上传。", "zip_encrypted")
    if any(name.rsplit("/", 1)[-1].lower() == "vbaproject.bin" for name in names):
        raise refuse("文件内含宏，请另存为不含宏的格式后上传。", "macro")
    if "[Content_Types].xml" in names and "xl/workbook.xml" in names:
        return XLSX
    if "[Content_Types].xml" in names and "word/document.xml" in names:
        return DOCX
    return OFD if "OFD.xml" in names else ZIP


def _outside(name: str) -> bool:
    parts = name.replace("\\", "/").split("/")
    return name.startswith(("/", "\\")) or ".." in parts or ":" in parts[0]


def _text(file: BinaryIO, head: bytes) -> FileType | None:
    if head.lstrip(b"\xef\xbb\xbf \t\r\n").lower().startswith(MARKUP):
        return None
    file.seek(0)
    content = file.read(TEXT.max_bytes + 1)
    if not content or b"\0" in content:
        return None
    for encoding in ("utf-8", "gb18030"):
        try:
            text = codecs.getincrementaldecoder(encoding)().decode(content, len(content) <= TEXT.max_bytes)
        except UnicodeDecodeError:
            continue
        control = sum(1 for letter in text if unicodedata.category(letter) == "Cc" and letter not in "\t\r\n\f")
        return TEXT if control == 0 else None
    return None


def clean_name(name: str, kind: FileType) -> str:
    """Return a safe file name; raises ``Invalid`` when its ending says something else than the bytes."""
    name = unicodedata.normalize("NFC", name).replace("\\", "/").rsplit("/", 1)[-1]
    name = "".join(letter for letter in name if unicodedata.category(letter) not in ("Cc", "Cf", "Cs", "Co", "Cn"))
    name = name.strip(" .")
    stem, dot, ending = name.rpartition(".")
    if not dot or not stem:
        stem, ending = name or "附件", ""
    if ending.lower() not in kind.endings:
        message = f"文件名后缀与内容不符：内容是{kind.name}，后缀应为 {'、'.join(kind.endings)}。"
        raise refuse(message, "file_name")
    return f"{stem[:120]}.{ending.lower()}"
