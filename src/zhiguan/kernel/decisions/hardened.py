"""XML from outside: read with everything dangerous refused before anything else looks at it.

Refused: document types and with them entities (so neither "billion laughs" nor files or addresses of others), processing
instructions, encodings other than UTF-8, and files that are too large, too deep, have too many elements or attributes.
`check(data)` says so with `Invalid`; `parse(data)` returns the tree too. Both read the bytes once, in bounded memory.
"""

from __future__ import annotations

from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from zhiguan.kit.errors import Invalid

__all__ = ["MAX_BYTES", "MAX_DEPTH", "MAX_NODES", "check", "parse"]
MAX_BYTES = 4 * 1024 * 1024
MAX_DEPTH = 100
MAX_NODES = 100_000
"""Elements and attributes together."""
MAX_ATTRIBUTES = 100
MAX_NAME = 1000
ENCODINGS = frozenset(["utf-8", "utf8", "us-ascii", "ascii"])


class _Reader:
    """Events of expat, counted, and handed on to a tree builder."""

    def __init__(self, builder: TreeBuilder | None, *, plain: bool):
        self.builder = builder
        self.plain = plain
        self.depth = 0
        self.nodes = 0
        self.names: dict[str, str] = {}

    def parser(self) -> expat.XMLParserType:
        parser = expat.ParserCreate(None, "}")
        parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_NEVER)
        parser.buffer_text = True
        parser.ordered_attributes = True
        parser.XmlDeclHandler = self.declaration
        parser.StartDoctypeDeclHandler = self.doctype
        parser.EntityDeclHandler = self.entity
        parser.ExternalEntityRefHandler = self.entity
        parser.SkippedEntityHandler = self.entity
        parser.ProcessingInstructionHandler = self.instruction
        parser.StartElementHandler = self.start
        parser.EndElementHandler = self.end
        if self.builder is not None:
            parser.CharacterDataHandler = self.builder.data
        return parser

    def declaration(self, version: str, encoding: str | None, standalone: int) -> None:
        # Bytes that are all ASCII read the same in every encoding that a tool may have declared.
        if encoding and encoding.lower() not in ENCODINGS and not self.plain:
            raise Invalid("文件编码应为 UTF-8")

    def doctype(self, *about: object) -> None:
        raise Invalid("文件不得含有文档类型声明（DOCTYPE）")

    def entity(self, *about: object) -> int:
        raise Invalid("文件不得含有实体或外部引用")

    def instruction(self, *about: object) -> None:
        raise Invalid("文件不得含有处理指令")

    def name(self, name: str) -> str:
        known = self.names.get(name)
        if known is None:
            if len(name) > MAX_NAME:
                raise Invalid("文件中的元素名称过长")
            known = self.names[name] = "{" + name if "}" in name else name
        return known

    def start(self, tag: str, attributes: list[str]) -> None:
        self.depth += 1
        self.nodes += 1 + len(attributes) // 2
        if self.depth > MAX_DEPTH:
            raise Invalid(f"文件嵌套超过 {MAX_DEPTH} 层")
        if self.nodes > MAX_NODES or len(attributes) > 2 * MAX_ATTRIBUTES:
            raise Invalid(f"文件内容过多，元素和属性合计不得超过 {MAX_NODES} 个")
        tag = self.name(tag)
        if self.builder is not None:
            pairs = zip(attributes[::2], attributes[1::2], strict=True)
            self.builder.start(tag, {self.name(key): value for key, value in pairs})

    def end(self, tag: str) -> None:
        self.depth -= 1
        if self.builder is not None:
            self.builder.end(self.name(tag))


def _read(data: bytes, builder: TreeBuilder | None) -> None:
    if len(data) > MAX_BYTES:
        raise Invalid(f"文件超过 {MAX_BYTES // 1024 // 1024} MB")
    if not data.strip():
        raise Invalid("文件是空的")
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        raise Invalid("文件编码应为 UTF-8") from None
    if b"\x00" in data:
        raise Invalid("文件编码应为 UTF-8")
    parser = _Reader(builder, plain=data.isascii()).parser()
    try:
        parser.Parse(data, True)
    except ValueError:  # the declared encoding is none that the parser knows
        raise Invalid("文件编码应为 UTF-8") from None
    except expat.ExpatError as error:
        raise Invalid(f"文件不是有效的 XML：第 {error.lineno} 行第 {error.offset + 1} 列无法读取") from None


def check(data: bytes) -> None:
    """Read ``data`` and keep nothing. Raises Invalid."""
    _read(data, None)


def parse(data: bytes) -> Element:
    """Return the root of ``data``; names are ``{namespace}local`` as in `xml.etree`. Raises Invalid."""
    builder = TreeBuilder()
    _read(data, builder)
    return builder.close()
