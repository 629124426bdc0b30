"""From characters to tokens. A name of FEEL may hold spaces and signs, so which words are one name is known only from
the names in scope: the longest known name wins; words nobody knows are names of one word."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from .errors import MAX_TEXT, FeelError
from .values import number

START = (
    r"?A-Z_a-z\u00C0-\u00D6\u00D8-\u00F6\u00F8-\u02FF\u0370-\u037D\u037F-\u1FFF\u200C-\u200D\u2070-\u218F"
    r"\u2C00-\u2FEF\u3005-\u3007\u3041-\uD7FF\uF900-\uFDCF\uFDF0-\uFEFE\uFF66-\uFFDC\U00010000-\U000EFFFF"
)
"""Characters a name begins with: those of the standard without the full-width marks of Chinese text."""
PART = START + r"0-9\u00B7\u0300-\u036F\u203F-\u2040"
WORD = re.compile(f"[{START}][{PART}]*")
PIECE = re.compile(rf"[{PART}]+|[./\-'+*]")
BLANK = r"\s\u0085\u00A0\u1680\u180E\u2000-\u200B\u2028\u2029\u202F\u205F\u3000\uFEFF"
SPACE = re.compile(rf"(?:[{BLANK}]+|//[^\n]*|/\*.*?\*/)+", re.DOTALL)
NUMBER = re.compile(r"(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
STRING = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
ESCAPE = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{6})|(.))", re.DOTALL)
SIGN = re.compile(r"\.\.|\*\*|->|[<>!]=|[-+*/=<>()\[\]{},:.@]")
KEY = re.compile(rf"[{START}][{PART}./\-'+*\s]*?(?=\s*:)")
"""A key of a context or the name of an argument: everything up to the colon."""
KEYWORDS = frozenset(
    "for in return if then else some every satisfies and or between instance function external true false null".split()
)
FULL_WIDTH = "（），；：＝＜＞［］｛｝＋－＊／“”‘’、。"
_PLAIN = {"n": "\n", "t": "\t", "r": "\r", "'": "'", '"': '"', "\\": "\\"}


@dataclass(frozen=True, slots=True)
class Token:
    """``kind``: number, string, name, word (a reserved one), sign or end."""

    kind: str
    value: Any
    start: int
    end: int


def pieces(name: str) -> tuple[str, ...]:
    """Return the words and signs of a name."""
    return tuple(PIECE.findall(name))


def is_plain(name: str) -> bool:
    """Return whether ``name`` is one word, which the lexer reads without knowing it."""
    return bool(WORD.fullmatch(name)) and name not in KEYWORDS


class Names:
    """The names of more than one word that an expression may use."""

    def __init__(self, names: Iterable[str] = ()):
        self.by_first: dict[str, list[tuple[tuple[str, ...], str]]] = {}
        for name in names:
            self.add(name)

    def copy(self) -> Names:
        """Return names to which more can be added."""
        other = Names()
        other.by_first = {first: list(several) for first, several in self.by_first.items()}
        return other

    def add(self, name: str) -> None:
        """Make one more name known."""
        parts = pieces(name)
        if not parts or WORD.fullmatch(name):
            return
        several = self.by_first.setdefault(parts[0], [])
        if (parts, name) not in several:
            several.append((parts, name))
            several.sort(key=lambda each: -len(each[0]))

    def longest(self, text: str, start: int) -> tuple[str, int] | None:
        """Return the longest known name that begins at ``start`` and where it ends."""
        first = PIECE.match(text, start)
        for parts, name in self.by_first.get(first[0], ()) if first else ():
            at = start
            for part in parts:
                found = PIECE.match(text, _skip(text, at))
                if not found or found[0] != part:
                    break
                at = found.end()
            else:
                return name, at
        return None


def _skip(text: str, at: int) -> int:
    found = SPACE.match(text, at)
    return found.end() if found else at


def _unescape(found: re.Match) -> str:
    if found[3] is not None:
        return _PLAIN.get(found[3]) or found[0]
    code = int(found[1] or found[2], 16)
    return chr(code) if code < 0x110000 else found[0]


def read_string(text: str) -> str:
    """Return the value of a string literal with its quotes."""
    plain = ESCAPE.sub(_unescape, text[1:-1])
    try:  # two escapes of UTF-16 make one character
        return plain.encode("utf-16", "surrogatepass").decode("utf-16")
    except UnicodeDecodeError:
        return plain.encode("utf-8", "replace").decode("utf-8")


class Lexer:
    """Reads tokens of ``text`` one at a time from ``at``; bounded in characters and in tokens read over again."""

    def __init__(self, text: str, names: Names):
        if len(text) > MAX_TEXT:
            raise FeelError(f"表达式超过 {MAX_TEXT} 个字符")
        self.text = text
        self.names = names
        self.at = 0
        self.left = 2000 + 20 * len(text)
        self._peeked: Token | None = None

    def peek(self) -> Token:
        """Return the next token and leave it."""
        if self._peeked is None:
            self.left -= 1
            if self.left < 0:
                raise FeelError("表达式过于复杂")
            self._peeked = self._read()
        return self._peeked

    def next(self) -> Token:
        """Return the next token and go past it."""
        token = self.peek()
        self.at, self._peeked = token.end, None
        return token

    def back(self, at: int) -> None:
        """Go back to a place that was left."""
        self.at, self._peeked = at, None

    def key(self) -> Token | None:
        """Return the name up to a colon, if that comes next, and go past both."""
        start = _skip(self.text, self.at)
        found = KEY.match(self.text, start, start + 200)
        if not found:
            return None
        colon = self.text.index(":", found.end())
        self.back(colon + 1)
        return Token("name", " ".join(found[0].split()), start, found.end())

    def words(self, stop: str) -> Token | None:
        """Return the name up to the word ``stop``, if there is one, and go past the name."""
        start = _skip(self.text, self.at)
        found = re.compile(rf"[{START}][{PART}./\-'+*\s]*?(?=\s+{stop}\b)").match(self.text, start, start + 200)
        if not found:
            return None
        self.back(found.end())
        return Token("name", " ".join(found[0].split()), start, found.end())

    def _read(self) -> Token:
        text, start = self.text, _skip(self.text, self.at)
        if start >= len(text):
            return Token("end", "", start, start)
        if found := WORD.match(text, start):
            known = self.names.longest(text, start)
            if known and known[1] >= found.end():
                return Token("name", known[0], start, known[1])
            return Token("word" if found[0] in KEYWORDS else "name", found[0], start, found.end())
        if found := NUMBER.match(text, start):
            value = number(found[0]) if len(found[0]) < 5000 else None
            if value is None:
                raise FeelError("数字超出范围", start)
            return Token("number", value, start, found.end())
        if found := STRING.match(text, start):
            return Token("string", read_string(found[0]), start, found.end())
        if found := SIGN.match(text, start):
            return Token("sign", found[0], start, found.end())
        if text[start] == '"':
            raise FeelError("字符串缺少结束的引号", start)
        if text[start] in FULL_WIDTH:
            raise FeelError(f"“{text[start]}”是全角符号，请改用半角符号", start)
        raise FeelError(f"无法识别的字符“{text[start]}”", start)
