"""The log's byte formats: canonical serialisation, digests, chain links, Merkle tree, signed checkpoints.

Pure: neither Django nor a database, so that an outsider verifies with this file, ``verify.py`` and the library
``cryptography`` alone. docs/trace.md specifies every byte; a change here is a new format version, never an edit.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

FORMAT = "zhiguan-trace-1"
ALGORITHMS = ("sha256", "sm3")
ZERO = bytes(32)
"""What entry 1 and checkpoint 1 name as their predecessor."""

LEAF, NODE, LINK, SALT, FIELD = (bytes([tag]) for tag in range(5))
"""First byte of everything hashed, so that no digest of one kind can pass for another. LEAF, NODE: RFC 6962."""

ENTRY_FIELDS: tuple[tuple[str, type | tuple], ...] = (
    ("algorithm", str),
    ("at", str),
    ("kind", str),
    ("code", str),
    ("via", str),
    ("job", str),
    ("account", int),
    ("person", int),
    ("roles", list),
    ("scope_pos", int),
    ("actor_pos", int),
    ("subject_type", str),
    ("subject_id", str),
    ("case", str),
    ("fields", list),
    ("request_id", str),
    ("actor_digest", str),
    ("address_digest", str),
    ("subject_digest", str),
    ("reason_digest", str),
    ("before_digest", str),
    ("after_digest", str),
)
"""Content of an entry in its order of serialisation. int, and the digests, may be None."""

CHECKPOINT_FIELDS: tuple[tuple[str, type], ...] = (
    ("algorithm", str),
    ("at", str),
    ("size", int),
    ("root", str),
    ("head", str),
    ("previous", str),
    ("public_key", str),
)
"""What a checkpoint's signature covers."""


class Malformed(ValueError):
    """Data that is not in the format at all."""


def digest(algorithm: str, *parts: bytes) -> bytes:
    """Return the 32-byte SHA-256 or SM3 digest of the parts joined."""
    if algorithm == "sha256":
        return hashlib.sha256(b"".join(parts)).digest()
    if algorithm == "sm3":
        state = hashes.Hash(hashes.SM3())
        state.update(b"".join(parts))
        return state.finalize()
    raise Malformed(f"unknown algorithm {algorithm!r}")


def netstring(value: bytes) -> bytes:
    """Return ``length:value``, the length in decimal ASCII."""
    return b"%d:%b" % (len(value), value)


def pack(items: Iterable[str]) -> bytes:
    """Return the items as netstrings joined."""
    return b"".join(netstring(item.encode()) for item in items)


def _serialise(kind: str, fields: Sequence[tuple[str, Any]], values: Mapping[str, Any]) -> bytes:
    if values.keys() != {name for name, _ in fields}:
        raise Malformed(f"{kind}: fields differ: {sorted(values.keys() ^ {name for name, _ in fields})}")
    out = [f"{FORMAT}/{kind}\n".encode()]
    for name, wanted in fields:
        value: Any = values[name]
        if value is None:
            if wanted is not int and not name.endswith("_digest"):
                raise Malformed(f"{kind}.{name} is missing")
            out.append(b"%b=-\n" % name.encode())
            continue
        if type(value) is not wanted or (wanted is list and any(type(item) is not str for item in value)):
            raise Malformed(f"{kind}.{name}: {value!r} is not {wanted.__name__}")
        try:
            if wanted is list:
                data = pack(value)
            else:
                data = (str(value) if wanted is int else value).encode()
        except UnicodeEncodeError as error:
            raise Malformed(f"{kind}.{name}: {error}") from None
        out.append(b"%b=%b\n" % (name.encode(), netstring(data)))
    return b"".join(out)


def entry_bytes(content: Mapping[str, Any]) -> bytes:
    """Return the canonical serialisation of an entry's content; raises :class:`Malformed`."""
    return _serialise("entry", ENTRY_FIELDS, content)


def entry_digest(content: Mapping[str, Any]) -> bytes:
    """Return the digest of an entry's content, by the algorithm the content names."""
    data = entry_bytes(content)
    return digest(content["algorithm"], data)


def link_hash(algorithm: str, seq: int, previous: bytes, content_digest: bytes) -> bytes:
    """Return the hash that ties entry ``seq`` to its predecessor's link hash."""
    return digest(algorithm, LINK, seq.to_bytes(8, "big"), previous, content_digest)


def salted(algorithm: str, salt: bytes, name: str, value: bytes) -> bytes:
    """Return the digest by which the log commits to an erasable value.

    Each field has a salt of its own derived from the entry's, so that one value can be shown to a verifier (value and
    derived salt) without making the others guessable.
    """
    return digest(algorithm, FIELD, digest(algorithm, SALT, salt, name.encode()), value)


def checkpoint_bytes(checkpoint: Mapping[str, Any]) -> bytes:
    """Return the bytes a checkpoint's signature covers; raises :class:`Malformed`."""
    return _serialise("checkpoint", CHECKPOINT_FIELDS, {name: checkpoint.get(name) for name, _ in CHECKPOINT_FIELDS})


def checkpoint_hash(checkpoint: Mapping[str, Any]) -> bytes:
    """Return what the next checkpoint names as ``previous``."""
    return digest("sha256", checkpoint_bytes(checkpoint))


def key_id(public_key: bytes) -> str:
    """Return the short name of an Ed25519 public key (32 bytes): 16 hexadecimal digits."""
    return hashlib.sha256(public_key).hexdigest()[:16]


def signed(checkpoint: Mapping[str, Any]) -> bool:
    """Tell whether the checkpoint's signature was made by the key it names."""
    try:
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(checkpoint["public_key"]))
        key.verify(bytes.fromhex(checkpoint["signature"]), checkpoint_bytes(checkpoint))
    except (InvalidSignature, ValueError, KeyError, TypeError):
        return False
    return True


class Tree:
    """RFC 6962 Merkle tree over link hashes that keeps only its right edge.

    ``nodes`` are the roots of the full subtrees from left to right, one per set bit of ``size``.
    """

    def __init__(self, algorithm: str, size: int = 0, nodes: Sequence[bytes] = ()):
        if len(nodes) != size.bit_count():
            raise Malformed(f"a tree of {size} leaves has {size.bit_count()} edge nodes, not {len(nodes)}")
        self.algorithm, self.size, self.nodes = algorithm, size, list(nodes)

    def append(self, link: bytes) -> None:
        """Add the next leaf."""
        node, size = digest(self.algorithm, LEAF, link), self.size
        while size & 1:
            node = digest(self.algorithm, NODE, self.nodes.pop(), node)
            size >>= 1
        self.nodes.append(node)
        self.size += 1

    def root(self) -> bytes:
        """Return the root; of the empty tree, the digest of nothing."""
        if not self.nodes:
            return digest(self.algorithm)
        root = self.nodes[-1]
        for node in reversed(self.nodes[:-1]):
            root = digest(self.algorithm, NODE, node, root)
        return root
