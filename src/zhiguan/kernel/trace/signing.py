"""The checkpoint signing key: a file beside the database, never in it, so that who holds one does not hold both."""

from __future__ import annotations

from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from django.conf import settings

from zhiguan.kit.errors import Refusal
from zhiguan.kit.keyfile import write_once


class KeyUnusable(Refusal):
    """签名密钥不可用: missing rights, wrong kind of key, or not the key of the last checkpoint."""

    status = 500
    code = "trace_key"


def key_path() -> Path:
    """Return where the private key is kept."""
    return Path(settings.VAR) / "keys" / "trace.key"


def private_key() -> Ed25519PrivateKey:
    """Return the signing key, generated at first use (mode 0600; the public key beside it as ``trace.pub``)."""
    path = key_path()
    if not path.exists():
        _generate(path)
    if path.stat().st_mode & 0o077:
        raise KeyUnusable(f"签名密钥文件 {path.name} 可被其他用户读取，请将其权限改为 0600 后重试。")
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except ValueError:
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise KeyUnusable(f"签名密钥文件 {path.name} 已损坏或不是 Ed25519 密钥，请从备份恢复。")
    return key


def public_bytes(key: Ed25519PrivateKey) -> bytes:
    """Return the 32 bytes of the public key."""
    return key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def public_pem() -> str:
    """Return the public key as witnesses keep it (PEM)."""
    return private_key().public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def _generate(path: Path) -> None:
    key = Ed25519PrivateKey.generate()
    if not write_once(path, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())):
        return
    path.with_suffix(".pub").write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
