"""Documents: the PDF says what the data say, in Chinese, the same on every machine; codes cannot be made up."""

from __future__ import annotations

from pathlib import Path

import pytest
import typst

from zhiguan.kernel.documents import service
from zhiguan.kernel.documents.declare import Template


@pytest.fixture
def template(tmp_path: Path) -> Template:
    path = tmp_path / "note.typ"
    path.write_text(
        '#import "/base.typ": *\n'
        '#show: sheet.with(title: "通知", organ: "测试市机关事务管理局")\n'
        "#facts(data.rows)\n#verification()\n",
        encoding="utf-8",
    )
    return Template("documents.test.note", "通知", path)


def test_a_pdf_holds_chinese_from_our_own_font(template):
    rows = [["名称", "公务用车"], ["说明", "“引号”、〔2026〕1号 & <b> #set", True], ["数量", "3"]]
    made = service.render(template, {"rows": rows}, address="https://example.invalid/1", code="ABCD-EFGH-2345")
    assert made.startswith(b"%PDF-") and b"NotoSansCJK" in made
    assert b"pdfaid" in made, "no mark of PDF/A"
    assert len(made) < 200_000, "the whole font was put in, not the letters used"


def test_a_broken_template_is_an_error(tmp_path):
    path = tmp_path / "bad.typ"
    path.write_text("#unknown()", encoding="utf-8")
    with pytest.raises(typst.TypstError):
        service.render(Template("documents.test.bad", "坏", path), {})


def test_a_code_belongs_to_its_record_and_version():
    code = service.verification_code("vehicles.order", 7, 3)
    assert service.matches(code.lower(), "vehicles.order", 7, 3)
    assert not service.matches(code, "vehicles.order", 7, 4)
    assert not service.matches("中文", "vehicles.order", 7, 3) and not service.matches("", "x")


def test_a_qr_is_drawn_without_anything_from_outside():
    assert service.square("https://example.invalid/").startswith(
        "<svg"
    ) and "http://www.w3.org/2000/svg" in service.square("x")
