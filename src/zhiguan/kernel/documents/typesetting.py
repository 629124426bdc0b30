"""From data to pages: Typst with the product's own fonts, kept compilers, PDF/A."""

from __future__ import annotations

import io
import json
import re
import threading
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import noto_cjk_sans_otc
import pylopdf_fonts_zh_cn
import typst
from PIL import Image

from zhiguan.kit.errors import Invalid

HERE = Path(__file__).parent
STANDARD = "a-2b"
LIBRARIES = {"base": HERE / "base.typ", "official": HERE / "typst" / "official.typ"}
IMPORT = re.compile(r'^#import "/(\w+)\.typ": \*\s*$', re.MULTILINE)
UNPRINTABLE = re.compile(r'the text `"(.+?)"` could not be displayed', re.DOTALL)


@cache
def fonts() -> typst.Fonts:
    """Reading the fonts takes longer than a page; machines' own fonts are left out so that every server prints alike."""
    places = (noto_cjk_sans_otc.FONT_PATH, pylopdf_fonts_zh_cn.serif_path())
    return typst.Fonts(
        include_system_fonts=False, include_embedded_fonts=False, font_paths=[str(Path(str(each)).parent) for each in places]
    )  # fmt: skip


class Press:
    """One template with its compiler, kept: the second page of a kind takes a tenth of the time of the first."""

    def __init__(self, source: bytes) -> None:
        self._source = source
        self._compiler = typst.Compiler(font_paths=fonts())
        self._lock = threading.Lock()

    def run(self, data: Mapping[str, Any], kind: str, **options: Any) -> Any:
        text = json.dumps(data, ensure_ascii=False)
        with self._lock:
            try:
                return self._compiler.compile(self._source, format=kind, sys_inputs={"data": text}, **options)
            except typst.TypstError as error:
                found = UNPRINTABLE.search(str(error))
                if found is None:
                    raise
                message = f"文中的“{found[1]}”无法排印，请改用通用规范汉字或删去后重试。"
                raise Invalid(message, code="unprintable") from error


def source(path: Path) -> bytes:
    """Return a template with the libraries it imports put in: a kept compiler takes one text."""
    text = path.read_text(encoding="utf-8")
    return IMPORT.sub(lambda found: LIBRARIES[found[1]].read_text(encoding="utf-8"), text).encode()


@cache
def press(path: Path) -> Press:
    """Return the kept compiler of a template."""
    return Press(source(path))


def pdf(path: Path, data: Mapping[str, Any], moment: datetime) -> bytes:
    """Return the document as PDF/A. The same data and moment give the same bytes.

    Raises ``Invalid`` for a character that no font of ours has, ``typst.TypstError`` for a template that is broken: a
    programming error, never the user's.
    """
    return press(path).run(data, "pdf", pdf_standards=STANDARD, timestamp=moment.replace(microsecond=0))


def pictures(path: Path, data: Mapping[str, Any], ppi: float = 110) -> list[bytes]:
    """Return the pages as PNG, for looking at them where PDF cannot be shown."""
    made = press(path).run(data, "png", ppi=ppi)
    return [_light(page) for page in (made if isinstance(made, list) else [made])]


def _light(png: bytes) -> bytes:
    """Return the picture in 64 colours, a third of the bytes: a sheet has black text, a red seal and shades of both."""
    out = io.BytesIO()
    whole = Image.open(io.BytesIO(png)).convert("RGB")
    whole.quantize(64, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE).save(out, "PNG", optimize=True)
    return out.getvalue()


def drawable(svg: str) -> bool:
    """Tell whether a picture can be put on paper: a file with the head of a picture may still be broken inside."""
    trial = (
        b'#set page(width: 10mm, height: 10mm, margin: 0mm)\n#image(bytes(sys.inputs.svg), format: "svg", width: 10mm)'
    )
    try:
        typst.compile(trial, font_paths=fonts(), format="pdf", pdf_standards=STANDARD, sys_inputs={"svg": svg})
    except typst.TypstError:
        return False
    return True
