"""The byte formats, against a second reading of the specification in docs/trace.md."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zhiguan.kernel.trace import proof
from zhiguan.kernel.trace.verify import verify_lines

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
count = st.integers(-(2**63), 2**63 - 1)
VALUES = {str: text, int: st.none() | count, list: st.lists(text, max_size=4)}
contents = st.fixed_dictionaries(
    {
        name: st.none() | text if name.endswith("_digest") else VALUES[kind]
        for name, kind in proof.ENTRY_FIELDS
        if name != "algorithm"
    }
    | {"algorithm": st.sampled_from(proof.ALGORITHMS)}
)


def read(data: bytes) -> dict:
    """Parse a canonical serialisation back, by the specification alone."""
    head, _, rest = data.partition(b"\n")
    assert head == b"zhiguan-trace-1/entry"
    kinds, found = dict(proof.ENTRY_FIELDS), {}

    def netstring(rest: bytes) -> tuple[bytes, bytes]:
        size, _, rest = rest.partition(b":")
        return rest[: int(size)], rest[int(size) :]

    while rest:
        name, _, rest = rest.partition(b"=")
        kind = kinds[name.decode()]
        if rest.startswith(b"-\n"):
            found[name.decode()], rest = None, rest[2:]
            continue
        value, rest = netstring(rest)
        assert rest[:1] == b"\n"
        rest = rest[1:]
        if kind is list:
            items = []
            while value:
                item, value = netstring(value)
                items.append(item.decode())
            found[name.decode()] = items
        else:
            found[name.decode()] = int(value) if kind is int else value.decode()
    return found


@given(contents)
def test_the_serialisation_says_exactly_the_content(content):
    data = proof.entry_bytes(content)
    assert read(data) == content
    assert data == proof.entry_bytes(dict(reversed(content.items())))


@given(contents, contents)
def test_different_contents_have_different_bytes(one, other):
    assert (proof.entry_bytes(one) == proof.entry_bytes(other)) == (one == other)


@given(contents, st.sampled_from([name for name, _ in proof.ENTRY_FIELDS]))
def test_wrong_types_and_missing_fields_are_malformed(content, name):
    for wrong in (True, 1.5, {}, b"x", [1], "\ud800"):
        with pytest.raises(proof.Malformed):
            proof.entry_bytes({**content, name: wrong})
    with pytest.raises(proof.Malformed):
        proof.entry_bytes({key: value for key, value in content.items() if key != name})


def mth(leaves: list[bytes]) -> bytes:
    """RFC 6962 section 2.1, as written there."""
    if not leaves:
        return hashlib.sha256().digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\0" + leaves[0]).digest()
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return hashlib.sha256(b"\1" + mth(leaves[:split]) + mth(leaves[split:])).digest()


def test_the_tree_is_that_of_rfc_6962():
    leaves = [bytes([number]) * 32 for number in range(70)]
    tree = proof.Tree("sha256")
    for size in range(71):
        assert tree.root() == mth(leaves[:size])
        again = proof.Tree("sha256", tree.size, tree.nodes)
        assert again.root() == tree.root()
        tree.append([*leaves, b"x" * 32][size])
    with pytest.raises(proof.Malformed):
        proof.Tree("sha256", 3, [b"x" * 32])


def test_values_known_from_elsewhere():
    """RFC 6962 test vectors of certificate-transparency: the empty tree and the tree of one empty leaf."""
    assert proof.Tree("sha256").root().hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    tree = proof.Tree("sha256")
    tree.append(b"")
    assert tree.root().hex() == "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"


def test_link_and_salted_digest_bytes():
    prev, content = b"p" * 32, b"c" * 32
    assert (
        proof.link_hash("sha256", 258, prev, content)
        == hashlib.sha256(b"\2" + b"\0\0\0\0\0\0\1\2" + prev + content).digest()
    )
    derived = hashlib.sha256(b"\3" + b"s" * 32 + b"reason").digest()
    assert proof.salted("sha256", b"s" * 32, "reason", b"x") == hashlib.sha256(b"\4" + derived + b"x").digest()


@given(st.lists(st.text(max_size=60) | st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
).map(str), max_size=6))  # fmt: skip
def test_any_lines_get_a_verdict(lines):
    assert not verify_lines(lines).ok
