"""Trusted time: inside the signature when the authority answers, beside the file afterwards when it does not."""

from __future__ import annotations

import base64
import io
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from asn1crypto import cms, keys, pem, tsp
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from django.urls import reverse
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.timestamps import DummyTimeStamper
from pyhanko.sign.validation import validate_pdf_signature
from pyhanko_certvalidator import ValidationContext

from zhiguan.kernel.documents import signing, stamping
from zhiguan.kernel.ledger import service as ledger
from zhiguan.kit.actor import system
from zhiguan.kit.pages.conformance import Visitor

from .conftest import issue, make_world, produce
from .test_paper import content, faults_of_pdf_a, signature_of


class Authority:
    """A time stamping authority on this machine; ``says`` is what it does with the next questions."""

    def __init__(self) -> None:
        key = rsa.generate_private_key(65537, 2048)
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "测试时间戳中心")])
        now = datetime.now(UTC)
        made = (
            x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(9)
            .not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=9))
            .add_extension(x509.KeyUsage(True, False, False, False, False, False, False, False, False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]), critical=True)
            .sign(key, hashes.SHA256())
        )  # fmt: skip
        self.cert = asn1_x509.Certificate.load(made.public_bytes(serialization.Encoding.DER))
        plain = serialization.NoEncryption()
        der = key.private_bytes(serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, plain)
        self.stamper = DummyTimeStamper(self.cert, keys.PrivateKeyInfo.load(der), certs_to_embed=[self.cert])
        self.says, self.asked = "yes", 0
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                outer.asked += 1
                asked = tsp.TimeStampReq.load(self.rfile.read(int(self.headers["Content-Length"])))
                assert self.headers["Content-Type"] == "application/timestamp-query"
                if outer.says == "busy":
                    return self.send_error(503)
                if outer.says == "other":
                    asked["message_imprint"]["hashed_message"] = bytes(32)
                body = b"<html>" if outer.says == "html" else outer.stamper.request_tsa_response(asked).dump()
                if outer.says == "no":
                    body = tsp.TimeStampResp({"status": {"status": "rejection"}}).dump()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
                return None

            def log_message(self, *args: Any) -> None:
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/tsa"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def authority(settings: Any) -> Iterator[Authority]:
    made = Authority()
    settings.ZHIGUAN_TSA_URL = made.url
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.mark.django_db
def test_a_document_bears_trusted_time(world, authority):
    made = produce(issue(world))
    assert made.state == "valid" and made.problem == "" and made.stamp == ""
    assert made.stamped_by == "测试时间戳中心" and abs(datetime.now(UTC) - made.stamped_at) < timedelta(minutes=5)
    (found,) = PdfFileReader(io.BytesIO(content(made))).embedded_signatures
    own = asn1_x509.Certificate.load(pem.unarmor(signing.identity().chain_pem[0])[2])
    status = validate_pdf_signature(found, ValidationContext(trust_roots=[own, authority.cert]))
    assert status.bottom_line and status.timestamp_validity.valid and status.timestamp_validity.trusted
    assert status.timestamp_validity.timestamp == made.stamped_at
    assert faults_of_pdf_a(content(made)) == []


@pytest.mark.django_db
@pytest.mark.parametrize("says", ["busy", "no", "html", "other"])
def test_an_authority_that_fails_holds_nothing_up_and_is_asked_again(world, authority, says):
    authority.says = says
    made = produce(issue(world))
    before = content(made)
    assert made.state == "valid" and made.problem == stamping.WAITING and made.stamped_at is None
    assert signature_of(before).bottom_line
    assert "暂不可用" in stamping.catch_up()
    made.refresh_from_db()
    assert made.stamped_at is None
    authority.says = "yes"
    assert stamping.catch_up() == "补盖时间戳 1 份" and stamping.catch_up() == ""
    made.refresh_from_db()
    assert content(made) == before and made.problem == "" and made.stamped_by == "测试时间戳中心"
    token = cms.ContentInfo.load(base64.b64decode(made.stamp))
    imprint = token["content"]["encap_content_info"]["content"].parsed["message_imprint"]
    assert imprint["hashed_message"].native.hex() == made.digest
    (event,) = [each for each in ledger.history(made) if each.name == "补盖时间戳"]
    assert made.stamp not in str(vars(event))


@pytest.mark.django_db
def test_nobody_there(world, settings):
    settings.ZHIGUAN_TSA_URL = "http://127.0.0.1:9/tsa"
    made = produce(issue(world))
    assert made.state == "valid" and made.problem == stamping.WAITING


def test_the_job_finds_what_waits_without_a_transaction_around_it(committed_db, authority):
    """As the worker calls it: no row is in scope until a transaction has been told whose work it is."""
    authority.says = "busy"
    with system("tests").transaction():
        made = produce(issue(make_world()))
    authority.says = "yes"
    assert stamping.catch_up() == "补盖时间戳 1 份" and stamping.catch_up() == ""
    with system("tests").transaction():
        made.refresh_from_db()
    assert (made.problem, made.stamped_by) == ("", "测试时间戳中心")


@pytest.mark.django_db
def test_without_the_setting_nobody_is_asked(world):
    made = produce(issue(world))
    assert (made.problem, made.stamped_at, stamping.catch_up()) == ("", None, "")


@pytest.mark.django_db
def test_a_token_beside_the_file_is_shown_and_handed_out(world, authority, make_actor):
    authority.says = "busy"
    made = produce(issue(world))
    reader = Visitor(make_actor({"documents.document.view": "city", "orgs.unit.view": "city"}, unit=world.city))
    address = reverse("documents.document.stamp", args=[made.pk])
    page = reverse("documents.document.detail", args=[made.pk])
    assert reader.get(address).status_code == 404
    assert "可信时间戳服务暂不可用" in reader.get(page, {"tab": "登记信息"}).content.decode()
    authority.says = "yes"
    stamping.catch_up()
    made.refresh_from_db()
    answer = reader.get(address)
    assert answer.content == base64.b64decode(made.stamp) and answer["Content-Type"] == "application/timestamp-token"
    assert "测试时间戳中心" in reader.get(page, {"tab": "登记信息"}).content.decode()
