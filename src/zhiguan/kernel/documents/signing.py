"""The digital signature of issued documents: PKCS#7 over the whole PDF, certifying, so that any later change shows.

The key and its certificate are generated at first use in ``keys/documents.pem`` (mode 0600) beside the database, never
in it. An installation with a certificate of an authority names its files in ZHIGUAN_SIGNATURE_KEY and
ZHIGUAN_SIGNATURE_CERT.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from django.conf import settings

from zhiguan.kit.errors import Refusal
from zhiguan.kit.keyfile import write_once

OWN_YEARS = 20
"""How long our own certificate is good: longer than documents are looked at, as nobody renews it."""
FIELD = "ZhiguanSignature"
HASHES = {"sha256": hashes.SHA256()}


class SignatureUnusable(Refusal):
    """签名证书不可用: missing, expired, readable by others, or not belonging to the key."""

    status = 500
    code = "signature"


@dataclass(frozen=True)
class Identity:
    """What documents are signed with: the key, and certificates as PEM, the signer's own first."""

    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
    chain_pem: tuple[bytes, ...]
    generated: bool

    @property
    def certificate(self) -> x509.Certificate:
        return x509.load_pem_x509_certificate(self.chain_pem[0])

    @property
    def name(self) -> str:
        """The holder's name and the certificate's serial number, for people."""
        cert = self.certificate
        names = cert.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        return f"{names[0].value if names else cert.subject.rfc4514_string()}（序列号 {cert.serial_number:X}）"[:200]


def key_path() -> Path:
    """Return where our own key and certificate are kept."""
    return Path(settings.VAR) / "keys" / "documents.pem"


def identity() -> Identity:
    """Return what to sign with, generated at first use. Raises :class:`SignatureUnusable`."""
    own = not settings.ZHIGUAN_SIGNATURE_KEY
    if own and not key_path().exists():
        _generate(key_path())
    places = (key_path(),) if own else (Path(settings.ZHIGUAN_SIGNATURE_KEY), Path(settings.ZHIGUAN_SIGNATURE_CERT))
    try:
        stamps = tuple((str(place), place.stat().st_mtime_ns) for place in places)
    except OSError as error:
        raise SignatureUnusable(f"签名证书文件 {places[-1].name} 不能读取，请检查配置。") from error
    return _load(stamps, own)


@lru_cache(maxsize=4)
def _load(stamps: tuple[tuple[str, int], ...], own: bool) -> Identity:
    key_file, cert_file = Path(stamps[0][0]), Path(stamps[-1][0])
    if key_file.stat().st_mode & 0o077:
        raise SignatureUnusable(f"签名密钥文件 {key_file.name} 可被其他用户读取，请将其权限改为 0600 后重试。")
    password = settings.ZHIGUAN_SIGNATURE_PASSWORD.encode() or None
    try:
        key = serialization.load_pem_private_key(key_file.read_bytes(), None if own else password)
        chain = x509.load_pem_x509_certificates(cert_file.read_bytes())
    except (ValueError, TypeError) as error:
        raise SignatureUnusable("签名密钥或证书已损坏，或口令不对，请检查配置。") from error
    if not isinstance(key, (rsa.RSAPrivateKey, ec.EllipticCurvePrivateKey)):
        raise SignatureUnusable("签名密钥应为 RSA 或 ECDSA 密钥。")
    if key.public_key() != chain[0].public_key():
        raise SignatureUnusable("签名证书与密钥不配对，请检查配置。")
    return Identity(key, tuple(each.public_bytes(serialization.Encoding.PEM) for each in chain), own)


def _generate(path: Path) -> None:
    key = rsa.generate_private_key(65537, 3072)
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "CN"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, f"{settings.ZHIGUAN_CITY}机关事务管理"),
            x509.NameAttribute(NameOID.COMMON_NAME, "智管电子文书签名"),
        ]
    )
    now = datetime.now(UTC)
    cert = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=365 * OWN_YEARS))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.KeyUsage(True, True, False, False, False, False, False, False, False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ) + cert.public_bytes(serialization.Encoding.PEM)
    write_once(path, pem)


@lru_cache(maxsize=2)
def _signer(identity: Identity) -> Any:
    # pyHanko takes a quarter of a second to import and only the worker signs.
    from asn1crypto import pem
    from asn1crypto import x509 as asn1_x509
    from pyhanko.sign import signers
    from pyhanko_certvalidator.registry import SimpleCertificateStore

    class KeptKey(signers.Signer):
        """Signs with the key as it was loaded: loading an RSA key checks it, which takes longer than all the rest."""

        async def async_sign_raw(self, data: bytes, digest_algorithm: str, dry_run: bool = False) -> bytes:
            key = identity.key
            if dry_run:
                return bytes(key.key_size // 4 + 16)
            if isinstance(key, rsa.RSAPrivateKey):
                return key.sign(data, padding.PKCS1v15(), HASHES[digest_algorithm])
            return key.sign(data, ec.ECDSA(HASHES[digest_algorithm]))

    certs = [asn1_x509.Certificate.load(pem.unarmor(each)[2]) for each in identity.chain_pem]
    store = SimpleCertificateStore()
    for cert in certs[1:]:
        store.register(cert)
    return KeptKey(signing_cert=certs[0], cert_registry=store)


@lru_cache(maxsize=1)
def _writer() -> type:
    from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter

    class Writer(IncrementalPdfFileWriter):
        """Leaves the metadata as they are: written anew they would no longer be in the form that PDF/A asks for."""

        def _update_meta(self) -> None:
            return

    return Writer


def sign(pdf: bytes, *, reason: str, place: str, stamper: Any = None) -> tuple[bytes, Identity]:
    """Return the PDF with a certifying signature that allows no change, and what it was signed with.

    ``stamper`` (:mod:`stamping`) puts trusted time into the signature, or raises its ``Unavailable``. Raises
    :class:`SignatureUnusable` when the certificate is not valid today.
    """
    from pyhanko.sign import fields, signers

    found = identity()
    cert, now = found.certificate, datetime.now(UTC)
    if not cert.not_valid_before_utc <= now <= cert.not_valid_after_utc:
        raise SignatureUnusable("签名证书不在有效期内，请更换证书后重新制作。")
    # An invisible field, printed flag set: what PDF/A asks of every annotation.
    invisible = fields.InvisSigSettings(set_print_flag=True, set_hidden_flag=False)
    signer = signers.PdfSigner(
        signers.PdfSignatureMetadata(
            field_name=FIELD, reason=reason, location=place, md_algorithm="sha256", certify=True,
            docmdp_permissions=fields.MDPPerm.NO_CHANGES,
        ),
        signer=_signer(found),
        timestamper=stamper,
        new_field_spec=fields.SigFieldSpec(FIELD, invis_sig_settings=invisible),
    )  # fmt: skip
    out = io.BytesIO()
    signer.sign_pdf(_writer()(io.BytesIO(pdf)), output=out)
    return out.getvalue(), found
