"""The file itself: PDF/A as far as it can be looked at from outside, signed, and any change is found."""

from __future__ import annotations

import io
import os
import shutil
import stat
import subprocess
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from xml.etree import ElementTree

import pikepdf
import pytest
from asn1crypto import pem
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from django.core.files.uploadedfile import SimpleUploadedFile
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.diff_analysis import ModificationLevel
from pyhanko.sign.validation import validate_pdf_signature
from pyhanko_certvalidator import ValidationContext

from zhiguan.kernel.documents import issuing, sealing, seals, signing, typesetting
from zhiguan.kernel.documents.declare import CERTIFICATE, DECISION, NOTICE
from zhiguan.kernel.files import store as disk
from zhiguan.kit.square import square

from .conftest import CERTIFICATE_VALUES, CERTIFIED, NOTIFIED, VALUES, issue, produce, seal_image

TABLE = {"columns": ["序号", "材料", "数量"], "table": [["1", "行驶证", "1,000.50"], ["2", "照片", "2"]]}


def content(document) -> bytes:
    return disk.place(document.digest).read_bytes()


def signature_of(pdf: bytes):
    found = PdfFileReader(io.BytesIO(pdf)).embedded_signatures
    assert len(found) == 1
    own = asn1_x509.Certificate.load(pem.unarmor(signing.identity().chain_pem[0])[2])
    return validate_pdf_signature(found[0], ValidationContext(trust_roots=[own]))


def faults_of_pdf_a(pdf: bytes) -> list[str]:
    """Return what speaks against PDF/A-2b, of what can be seen in the file's structure (ISO 19005-2)."""
    faults = []
    with pikepdf.open(io.BytesIO(pdf)) as opened:
        root = opened.Root
        if "/Encrypt" in opened.trailer or "/ID" not in opened.trailer:
            faults.append("encrypted, or without an identifier")
        tree = ElementTree.fromstring(bytes(root.Metadata.read_bytes()))
        marks = {each.tag.split("}")[1]: each.text for each in tree.iter() if "pdfa/ns/id" in each.tag}
        titles = [each for each in tree.iter() if each.tag.endswith("}title")]
        if not titles or "".join(titles[0].itertext()).strip() == "":
            faults.append("no title in the metadata")
        if marks != {"part": "2", "conformance": "B"}:
            faults.append(f"metadata says {marks}")
        intents = [each for each in root.OutputIntents if each.S == "/GTS_PDFA1"]
        if len(intents) != 1 or intents[0].DestOutputProfile.N not in (1, 3, 4):
            faults.append("no output intent with a profile")
        for name in ("/AA", "/OpenAction", "/JavaScript", "/EmbeddedFiles"):
            if name in root or name in root.get("/Names", {}):
                faults.append(f"{name} in the catalogue")
        if root.get("/AcroForm", {}).get("/NeedAppearances", False) or "/XFA" in root.get("/AcroForm", {}):
            faults.append("a form that viewers draw themselves")
        for each in opened.objects:
            if not isinstance(each, (pikepdf.Dictionary, pikepdf.Stream)):
                continue
            kind = each.get("/Type")
            if kind == "/Font" and each.Subtype != "/Type0" and "/FontDescriptor" not in each:
                faults.append("a font that is not embedded")
            if kind == "/FontDescriptor" and not {"/FontFile", "/FontFile2", "/FontFile3"} & set(each.keys()):
                faults.append(f"{each.FontName} is not embedded")
            if kind == "/Font" and each.Subtype == "/Type0" and "/ToUnicode" not in each:
                faults.append("letters that cannot be copied as text")
            if each.get("/S") in ("/Launch", "/JavaScript", "/SubmitForm", "/ImportData"):
                faults.append(f"action {each.S}")
            if kind == "/Annot" and (not int(each.get("/F", 0)) & 4 or int(each.F) & 0b100010):
                faults.append("an annotation that is hidden or not printed")
            if isinstance(each, pikepdf.Stream) and ("/F" in each or each.get("/Filter") == "/LZWDecode"):
                faults.append("a stream outside the file, or of a filter that is not allowed")
    return faults


def transparent(pdf: bytes) -> bool:
    """Tell whether anything on the pages shines through: none of it is needed, and old printers draw it wrong."""
    with pikepdf.open(io.BytesIO(pdf)) as opened:
        return any(
            (each.get("/CA", 1) != 1 or each.get("/ca", 1) != 1 or each.get("/SMask", "/None") != "/None"
             or each.get("/BM", "/Normal") != "/Normal")
            for each in opened.objects if isinstance(each, (pikepdf.Dictionary, pikepdf.Stream))
        )  # fmt: skip


def test_a_pdf_that_is_none_is_found_out():
    plain = io.BytesIO()
    with pikepdf.new() as made:
        made.add_blank_page()
        made.save(plain)
    with pytest.raises((AttributeError, KeyError, IndexError)):
        faults_of_pdf_a(plain.getvalue())


@pytest.mark.parametrize(
    ("kind", "values"),
    [(None, {**VALUES, **TABLE, "copies": "市财政局", "remark": "联系人：张三"}),
     (CERTIFIED, {**CERTIFICATE_VALUES, **TABLE, "conditions": ["妥善保管。"]}),
     (NOTIFIED, {**VALUES, **TABLE, "contact": "李四"})],
)  # fmt: skip
def test_every_template_makes_pdf_a_that_stays_so_when_signed(world, kind, values):
    made = produce(issue(world, values=values) if kind is None else issue(world, kind, values=values))
    pdf = content(made)
    assert faults_of_pdf_a(pdf) == [] and not transparent(pdf)
    assert len(pdf) < 200_000, "whole fonts were put in, not the letters used"
    state = signature_of(pdf)
    assert state.bottom_line and state.intact and state.trusted, state.pretty_print_details()
    assert state.modification_level in (None, ModificationLevel.NONE)
    assert made.signed_by.startswith("智管电子文书签名（序列号 ")


def test_the_paper_says_what_was_decided(world, tmp_path):
    if shutil.which("pdftotext") is None:
        pytest.skip("没有 pdftotext，不能读出文字")
    made = produce(issue(world, values={**VALUES, "copies": "市财政局"}))
    path = tmp_path / "made.pdf"
    path.write_bytes(content(made))
    told = subprocess.run(["pdftotext", "-layout", str(path), "-"], capture_output=True, text=True, check=True).stdout
    told = "".join(told.split())
    day = timezone_day(made)
    for words in (made.number, "上海市机关事务管理局文件", "同意核增1辆。", "一、不得超标准配备。", "二、30日内登记。",
                  "《测试办法》第七条", made.code, day, f"{day}印发", "抄送：市财政局。", "演示文书", "此复。", "—2—"):  # fmt: skip
        assert "".join(words.split()) in told, words


def timezone_day(made) -> str:
    return issuing.day_text(made.issued_on)


@pytest.mark.parametrize("place", [0.02, 0.3, 0.5, 0.9])
def test_a_changed_byte_is_found(world, place):
    pdf = bytearray(content(produce(issue(world))))
    pdf[int(len(pdf) * place)] ^= 0x01
    try:
        state = signature_of(bytes(pdf))
    except Exception:
        return  # so broken that it cannot be read
    assert not state.bottom_line


def test_something_added_afterwards_is_found(world):
    pdf = content(produce(issue(world)))
    writer = IncrementalPdfFileWriter(io.BytesIO(pdf))
    page = writer.root["/Pages"]["/Kids"][0].get_object()
    page["/Rotate"] = generic.NumberObject(90)
    writer.update_container(page)
    out = io.BytesIO()
    writer.write(out)
    assert not signature_of(out.getvalue()).bottom_line


def test_the_same_data_and_moment_give_the_same_bytes():
    moment = datetime(2026, 11, 30, 8, tzinfo=UTC)
    data = {**VALUES, "number": "甲〔2026〕1号", "issuer": "甲局", "date": "2026年11月30日", "code": "A",
            "qr": square("x"), "kind": "批复"}  # fmt: skip
    assert typesetting.pdf(DECISION, data, moment) == typesetting.pdf(DECISION, data, moment)


@pytest.mark.parametrize(
    "organ", ["甲局", "上海市机关事务管理局", "中国（上海）自由贸易试验区临港新片区管理委员会办公室综合事务中心"]
)
@pytest.mark.parametrize("path", [DECISION, CERTIFICATE, NOTICE])
def test_long_names_and_long_texts_keep_to_the_page(organ, path):
    long = "关于" + "调整公务用车编制和配备标准" * 8 + "的批复"
    data = {
        "title": long[:100], "to": organ, "paragraphs": ["正文" * 400] * 6, "rows": [["名" * 30, "值" * 300]] * 3,
        "columns": ["甲", "乙"], "table": [["字" * 80, "1"]] * 40, "conditions": ["要求" * 60] * 25, "basis": ["《办法》"] * 9,
        "number": "沪机管车编〔2026〕12345号", "issuer": organ, "date": "2026年11月30日", "code": "ABCD-EFGH-JKLM",
        "qr": square("https://zhiguan.example.test/check/" + "A" * 26), "kind": "批复", "holder": organ,
        "seal": {"svg": sealing.demo(organ), "mm": 42}, "copies": "某局" * 40, "remark": "注" * 80,
    }  # fmt: skip
    assert len(typesetting.pictures(path, data, 20)) > 3
    assert faults_of_pdf_a(typesetting.pdf(path, data, datetime(2026, 11, 30, tzinfo=UTC))) == []


def test_an_uploaded_seal_is_on_the_paper(world, make_actor):
    rights = {"documents.seal.upload": "below", "documents.seal.activate": "below"}
    keeper = make_actor(rights, unit=world.bureau, account=world.keeper.pk)
    image = SimpleUploadedFile("印模.png", seal_image(200), "image/png")
    seal = seals.upload(
        keeper,
        unit=world.bureau,
        purpose="official",
        legend="上海市机关事务管理局",
        image=image,
        valid_from=date(2026, 1, 1),
    )
    seals.activate(make_actor(rights, unit=world.bureau, account=world.approver.pk), seal)
    made = produce(issue(world))
    pdf = content(made)
    assert made.seal_id == seal.pk and faults_of_pdf_a(pdf) == [] and signature_of(pdf).bottom_line
    with pikepdf.open(io.BytesIO(pdf)) as opened:
        pictures = [
            each for each in opened.objects if isinstance(each, pikepdf.Stream) and each.get("/Subtype") == "/Image"
        ]
    assert any(picture.Width == 200 for picture in pictures)


def test_the_demo_seal_says_what_it_is():
    svg = sealing.demo("上海市<机关>事务管理局")
    assert "演示用章" in svg and "&lt;" in svg and svg.count("<text") == len("上海市<机关>事务管理局") + 1
    assert "http" not in svg.replace("http://www.w3.org/2000/svg", "")


# --- keys -------------------------------------------------------------------------------------------------------------


def test_the_key_is_made_once_and_only_its_owner_reads_it(places: Path):
    first = signing.identity()
    assert first.generated and signing.identity() is first
    assert stat.S_IMODE(signing.key_path().stat().st_mode) == 0o600
    assert first.certificate.not_valid_after_utc > datetime.now(UTC) + timedelta(days=365 * 15)
    signing.key_path().chmod(0o644)
    signing._load.cache_clear()
    with pytest.raises(signing.SignatureUnusable):
        signing.identity()


def own_pair(folder: Path, password: bytes = b"", days: int = 30) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "某局签章")])
    now = datetime.now(UTC)
    cert = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(7).not_valid_before(now - timedelta(days=60)).not_valid_after(now + timedelta(days=days))
        .add_extension(x509.KeyUsage(True, True, False, False, False, False, False, False, False), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    kept = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    key_file, cert_file = folder / "own.key", folder / "own.crt"
    handle = os.open(key_file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as out:
        out.write(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, kept))
    cert_file.write_bytes(cert.public_bytes(serialization.Encoding.PEM))
    return key_file, cert_file


def test_a_certificate_of_ones_own_signs(world, settings, tmp_path):
    key, cert = own_pair(tmp_path, b"geheim")
    settings.ZHIGUAN_SIGNATURE_KEY, settings.ZHIGUAN_SIGNATURE_CERT = str(key), str(cert)
    with pytest.raises(signing.SignatureUnusable):
        signing.identity()
    settings.ZHIGUAN_SIGNATURE_PASSWORD = "geheim"
    made = produce(issue(world))
    assert made.signed_by == "某局签章（序列号 7）"
    assert signature_of(content(made)).bottom_line


def test_an_expired_certificate_signs_nothing(world, settings, tmp_path):
    key, cert = own_pair(tmp_path, days=-1)
    settings.ZHIGUAN_SIGNATURE_KEY, settings.ZHIGUAN_SIGNATURE_CERT = str(key), str(cert)
    made = issue(world)
    with pytest.raises(signing.SignatureUnusable):
        produce(made)
    settings.ZHIGUAN_SIGNATURE_CERT = str(tmp_path / "missing.crt")
    with pytest.raises(signing.SignatureUnusable):
        signing.identity()
