"""Kinds of files that the product knows by their bytes, and what is allowed until an installation decides otherwise."""

from __future__ import annotations

from dataclasses import dataclass

MEGABYTE = 2**20


@dataclass(frozen=True)
class FileType:
    """One kind of file: its media type, Chinese name, usual name endings, and largest size in bytes.

    ``inline`` may be shown in the browser; everything else is only handed out as a download.
    """

    media_type: str
    name: str
    endings: tuple[str, ...]
    max_bytes: int
    allowed: bool = True
    inline: bool = False


PDF = FileType("application/pdf", "PDF 文档", ("pdf",), 50 * MEGABYTE, inline=True)
OFD = FileType("application/ofd", "OFD 版式文件", ("ofd",), 50 * MEGABYTE)
PNG = FileType("image/png", "PNG 图片", ("png",), 20 * MEGABYTE, inline=True)
JPEG = FileType("image/jpeg", "JPEG 图片", ("jpg", "jpeg"), 20 * MEGABYTE, inline=True)
WEBP = FileType("image/webp", "WebP 图片", ("webp",), 20 * MEGABYTE, inline=True)
XLSX = FileType(
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "Excel 工作簿", ("xlsx",), 50 * MEGABYTE
)
DOCX = FileType(
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document", "Word 文档", ("docx",), 50 * MEGABYTE
)
ZIP = FileType("application/zip", "压缩包", ("zip",), 100 * MEGABYTE)
TEXT = FileType("text/plain", "文本", ("txt", "csv", "log"), 10 * MEGABYTE)
OLE = FileType("application/x-ole-storage", "旧版 Office 文件", ("doc", "xls", "ppt"), 20 * MEGABYTE, allowed=False)

TYPES: dict[str, FileType] = {
    each.media_type: each for each in (PDF, OFD, PNG, JPEG, WEBP, XLSX, DOCX, ZIP, TEXT, OLE)
}
LARGEST_BYTES = 1024 * MEGABYTE
"""No installation may allow more."""
KEEP_UNATTACHED_HOURS = 24
KEEP_DETACHED_DAYS = 30
