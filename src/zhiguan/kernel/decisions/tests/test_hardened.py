"""Hostile XML is refused before anything else looks at it."""

from __future__ import annotations

import time
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zhiguan.kernel.decisions import hardened
from zhiguan.kit.errors import Invalid

LAUGHS = "<!DOCTYPE l [" + '<!ENTITY a "ha">' + "".join(
    f'<!ENTITY {name} "{f"&{before};" * 10}">' for before, name in zip("abcdefghi", "bcdefghij", strict=True)
) + "]><l>&j;</l>"  # fmt: skip
REFUSED = {
    "billion laughs": (LAUGHS, "文档类型"),
    "external entity": ('<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]><r>&x;</r>', "文档类型"),
    "external subset": ('<!DOCTYPE r SYSTEM "http://127.0.0.1:9/x.dtd"><r/>', "文档类型"),
    "parameter entity": ('<!DOCTYPE r [<!ENTITY % p SYSTEM "file:///etc/hosts"> %p;]><r/>', "文档类型"),
    "unknown entity": ("<r>&x;</r>", "第 1 行"),
    "style sheet": ('<?xml version="1.0"?><?xml-stylesheet href="x"?><r/>', "处理指令"),
    "deep": ("<a>" * 10_000 + "</a>" * 10_000, "嵌套超过 100 层"),
    "many elements": ("<r>" + "<a/>" * 150_000 + "</r>", "内容过多"),
    "many attributes": ("<r " + " ".join(f'a{n}="1"' for n in range(5000)) + "/>", "内容过多"),
    "long name": (f"<{'x' * 5000}/>", "名称过长"),
    "other encoding": ('<?xml version="1.0" encoding="GBK"?><r/>', "UTF-8"),
    "utf-7": ('<?xml version="1.0" encoding="UTF-7"?><r/>', "UTF-8"),
    "not closed": ("<r>", "第 1 行"),
    "no xml": ("PK\x03\x04", "不是有效的 XML"),
    "empty": ("  ", "空的"),
    "two roots": ("<a/><b/>", "不是有效的 XML"),
}


@pytest.mark.parametrize(("text", "message"), REFUSED.values(), ids=REFUSED)
@pytest.mark.parametrize("read", [hardened.check, hardened.parse])
def test_refused(text, message, read):
    with pytest.raises(Invalid, match=message):
        read(text.encode())


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "utf-16-le", "gb18030"])
def test_other_encodings_are_refused(encoding):
    with pytest.raises(Invalid, match="UTF-8"):
        hardened.check("<甲>乙</甲>".encode(encoding))


def test_fifty_megabytes_are_refused_at_once():
    data = b"<r>" + b"x" * 50_000_000 + b"</r>"
    tracemalloc.start()
    start = time.monotonic()
    with pytest.raises(Invalid, match="超过 4 MB"):
        hardened.check(data)
    used = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert time.monotonic() - start < 1 and used < 1_000_000


def test_plain_files_are_read():
    root = hardened.parse('\ufeff<r xmlns="urn:x" a="1">甲<b/>&lt;<![CDATA[<乙>]]></r>'.encode())
    assert (root.tag, root.attrib, len(root)) == ("{urn:x}r", {"a": "1"}, 1)
    assert root.text == "甲" and root[0].tail == "<<乙>"


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.binary(max_size=80), st.text("<>/&;!?[]= \"'abx#%0-", max_size=80).map(str.encode)))
def test_any_bytes_are_a_tree_or_a_refusal(data):
    try:
        hardened.parse(data)
    except Invalid as refusal:
        assert refusal.message
