"""The small steps of the parser, and those parts of expressions that begin with a word."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from .errors import FeelError
from .lexer import Lexer, Names, Token

MAX_DEPTH = 50
"""Expressions within each other."""
MAX_CHAIN = 2000
"""Operands of one chain of operators."""
COMPARE = frozenset(["=", "!=", "<", "<=", ">", ">="])
TYPE_NAMES = ("date and time", "days and time duration", "years and months duration", "day time duration",
              "year month duration", "day-time duration", "year-month duration")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Node:
    """``kind`` says what ``parts`` are; ``at`` is the first character."""

    kind: str
    at: int
    parts: tuple[Any, ...] = ()


class Steps:
    """Looks at tokens and takes them; knows how deep it is. `Parser` reads expressions with it."""

    def __init__(self, text: str, names: Names):
        self.names = names.copy()
        self.lexer = Lexer(text, self.names)
        self.depth = 0
        self.bare_end = False  # an end of a range is read: `[` closes the range

    # -- small steps ----------------------------------------------------------------------------------------------

    def sees(self, *signs: str) -> bool:
        token = self.lexer.peek()
        return token.kind in ("sign", "word") and token.value in signs

    def sees_name(self, *words: str) -> bool:
        token = self.lexer.peek()
        return token.kind in ("name", "word") and token.value in words

    def take(self, *signs: str) -> bool:
        if self.sees(*signs):
            self.lexer.next()
            return True
        return False

    def need(self, sign: str) -> Token:
        token = self.lexer.peek()
        if token.kind not in ("sign", "word") or token.value != sign:
            raise self.unexpected(f"此处应为“{sign}”")
        return self.lexer.next()

    def unexpected(self, wish: str) -> FeelError:
        token = self.lexer.peek()
        found = "表达式已结束" if token.kind == "end" else f"遇到“{str(token.value)[:40]}”"
        return FeelError(f"{wish}，{found}", token.start)

    @contextmanager
    def level(self, bare_end: bool = False):
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise FeelError(f"表达式嵌套超过 {MAX_DEPTH} 层", self.lexer.at)
        before, self.bare_end = self.bare_end, bare_end
        try:
            yield
        finally:
            self.depth -= 1
            self.bare_end = before

    def whole(self, read):
        """Read everything with ``read``."""
        node = read()
        if self.lexer.peek().kind != "end":
            raise self.unexpected("表达式应到此结束")
        return node

    def expression(self) -> Node:
        """Read an expression."""
        raise NotImplementedError

    # -- words ----------------------------------------------------------------------------------------------------

    def iterators(self) -> tuple[tuple[str, Node, Node | None], ...]:
        found = []
        while not found or self.take(","):
            name = self.lexer.words("in")
            if not name:
                raise self.unexpected("此处应为变量名称和“in”")
            self.names.add(name.value)
            self.need("in")
            low = self.expression()
            high = self.expression() if self.take("..") else None
            found.append((name.value, low, high))
        return tuple(found)

    def for_(self) -> Node:
        start = self.lexer.next().start
        iterators = self.iterators()
        self.need("return")
        return Node("for", start, (iterators, self.expression()))

    def quantified(self) -> Node:
        word = self.lexer.next()
        iterators = self.iterators()
        self.need("satisfies")
        return Node("quantified", word.start, (word.value, iterators, self.expression()))

    def if_(self) -> Node:
        start = self.lexer.next().start
        condition = self.expression()
        self.need("then")
        then = self.expression()
        self.need("else")
        return Node("if", start, (condition, then, self.expression()))

    def function(self) -> Node:
        start = self.lexer.next().start
        self.need("(")
        parameters: list[tuple[str, Node | None]] = []
        while not self.take(")"):
            if parameters:
                self.need(",")
            key = self.lexer.key()
            if key:
                name, wanted = key.value, self.type_()
            else:
                token = self.lexer.next()
                words = [token.value]
                while token.kind == "name" and self.lexer.peek().kind == "name":
                    words.append(self.lexer.next().value)
                if token.kind != "name":
                    raise FeelError("此处应为参数名称", token.start)
                name, wanted = " ".join(words), None
            self.names.add(name)
            parameters.append((name, wanted))
        result = self.type_() if self.take(":") else None
        external = self.take("external")
        return Node("function", start, (tuple(parameters), self.expression(), external, result))

    def type_(self) -> Node:
        """Read the name of a type: ``list<number>``, ``context<a: number>``, ``function<number> -> string``."""
        with self.level():
            token = self.lexer.next()
            if token.kind not in ("name", "word"):
                raise FeelError("此处应为类型名称", token.start)
            name = token.value
            if name in ("list", "range") and self.take("<"):
                inner = self.type_()
                self.need(">")
                return Node("type", token.start, (name, inner))
            if name == "context" and self.take("<"):
                return Node("type", token.start, (name, self._entries()))
            if name == "function" and self.take("<"):
                wanted: list[Node] = []
                while not self.take(">"):
                    if wanted:
                        self.need(",")
                    wanted.append(self.type_())
                self.need("->")
                return Node("type", token.start, (name, tuple(wanted), self.type_()))
            while self.take("."):
                name = f"{name}.{self.lexer.next().value}"
            return Node("type", token.start, (name,))

    def _entries(self) -> tuple[tuple[str, Node], ...]:
        entries = []
        while not self.take(">"):
            if entries:
                self.need(",")
            key = self.lexer.key()
            if not key:
                raise self.unexpected("此处应为“名称: 类型”")
            entries.append((key.value, self.type_()))
        return tuple(entries)
