"""From tokens to a tree of `Node`. Nothing is evaluated; every error says where."""

from __future__ import annotations

from .errors import FeelError
from .steps import COMPARE, MAX_CHAIN, MAX_DEPTH, Node, Steps


class Parser(Steps):
    """A recursive descent over one expression."""

    # -- expressions ----------------------------------------------------------------------------------------------

    def expression(self) -> Node:
        with self.level():
            token = self.lexer.peek()
            if token.kind == "word":
                special = {
                    "for": self.for_, "if": self.if_, "some": self.quantified, "every": self.quantified,
                    "function": self.function,
                }.get(token.value)  # fmt: skip
                if special:
                    return special()
            return self.chain("or", self.conjunction)

    def conjunction(self) -> Node:
        return self.chain("and", self.comparison)

    def chain(self, word: str, operand) -> Node:
        first = operand()
        if not self.sees(word):
            return first
        parts = [first]
        while self.take(word):
            parts.append(operand())
            self.bounded(parts)
        return Node(word, first.at, tuple(parts))

    def bounded(self, parts: list) -> None:
        if len(parts) > MAX_CHAIN:
            raise FeelError(f"一个算式超过 {MAX_CHAIN} 项", self.lexer.at)

    def comparison(self) -> Node:
        left = self.additive()
        links = 0
        while True:
            links += 1
            if links > MAX_DEPTH:
                raise FeelError(f"连续比较超过 {MAX_DEPTH} 次", self.lexer.at)
            token = self.lexer.peek()
            if token.kind == "sign" and token.value in COMPARE:
                self.lexer.next()
                left = Node("compare", left.at, (token.value, left, self.additive()))
            elif self.take("between"):
                low = self.additive()
                self.need("and")
                left = Node("between", left.at, (left, low, self.additive()))
            elif self.take("in"):
                left = Node("in", left.at, (left, self.in_tests()))
            else:
                return left

    def in_tests(self) -> tuple[Node, ...]:
        """Read what follows ``in``: one test, or several in parentheses."""
        start = self.lexer.peek().start
        if self.sees("("):
            self.lexer.next()
            with self.level():
                tests = [self.test()]
                while self.take(","):
                    tests.append(self.test())
                if self.take(")"):
                    return tuple(tests)
            self.lexer.back(start)  # a range: (2..4)
        return (self.test(self.additive),)

    def test(self, operand=None) -> Node:
        """Read one test of a unary test."""
        token = self.lexer.peek()
        if token.kind == "sign" and token.value in COMPARE:
            self.lexer.next()
            return Node("test", token.start, (token.value, self.additive()))
        node = (operand or self.expression)()
        return Node("test", token.start, ("", node))

    def unary_tests(self) -> Node:
        """Read a whole cell: nothing, ``-``, ``not(...)`` or tests with commas."""
        token = self.lexer.peek()
        if token.kind == "end":
            return Node("anything", token.start)
        if token.value == "-" and token.kind == "sign":
            self.lexer.next()
            if self.lexer.peek().kind == "end":
                return Node("anything", token.start)
            self.lexer.back(token.start)
        if token.kind == "name" and token.value == "not":
            self.lexer.next()
            if self.take("("):
                with self.level():
                    tests = self.tests()
                if self.take(")") and self.lexer.peek().kind == "end":
                    return Node("none of", token.start, tests)
            self.lexer.back(token.start)
        return Node("any of", token.start, self.tests())

    def tests(self) -> tuple[Node, ...]:
        tests = [self.test()]
        while self.take(","):
            tests.append(self.test())
            self.bounded(tests)
        return tuple(tests)

    def folded(self, signs: tuple[str, ...], operand) -> Node:
        first = operand()
        if not self.sees(*signs):
            return first
        rest: list[tuple[str, Node]] = []
        while self.sees(*signs):
            sign = self.lexer.next().value
            rest.append((sign, operand()))
            self.bounded(rest)
        return Node("fold", first.at, (first, tuple(rest)))

    def additive(self) -> Node:
        return self.folded(("+", "-"), self.multiplicative)

    def multiplicative(self) -> Node:
        return self.folded(("*", "/"), self.exponent)

    def exponent(self) -> Node:
        return self.folded(("**",), self.negation)

    def negation(self) -> Node:
        token = self.lexer.peek()
        if not self.take("-"):
            return self.instance()
        with self.level(self.bare_end):
            return Node("negate", token.start, (self.negation(),))

    def instance(self) -> Node:
        node = self.postfix()
        if self.take("instance"):
            if not self.sees_name("of"):
                raise self.unexpected("此处应为“of”")
            self.lexer.next()
            node = Node("instance", node.at, (node, self.type_()))
        return node

    def postfix(self) -> Node:
        node = self.primary()
        for _ in range(MAX_DEPTH):
            token = self.lexer.peek()
            if token.kind != "sign":
                return node
            if token.value == ".":
                self.lexer.next()
                name = self.lexer.next()
                if name.kind not in ("name", "word"):
                    raise FeelError("“.”之后应为名称", name.start)
                node = Node("path", node.at, (node, name.value))
            elif token.value == "[" and not self.bare_end:
                self.lexer.next()
                node = Node("filter", node.at, (node, self.expression()))
                self.need("]")
            elif token.value == "(":
                self.lexer.next()
                node = Node("call", node.at, (node, *self.arguments()))
            else:
                return node
        raise FeelError(f"连续取值超过 {MAX_DEPTH} 次", self.lexer.at)

    def arguments(self) -> tuple[tuple[str, ...] | None, tuple[Node, ...]]:
        """Read up to ``)``: the names of the arguments, None if they go by place, and the arguments."""
        names: list[str] = []
        given: list[Node] = []
        while not self.take(")"):
            if given:
                self.need(",")
            key = self.lexer.key()
            if key:
                names.append(key.value)
            if len(names) not in (0, len(given) + 1):
                raise self.unexpected("参数应全部写名称或全部不写")
            given.append(self.expression())
            self.bounded(given)
        return tuple(names) if names else None, tuple(given)

    # -- primaries ------------------------------------------------------------------------------------------------

    def primary(self) -> Node:
        token = self.lexer.next()
        start = token.start
        if token.kind in ("number", "string"):
            return Node("literal", start, (token.value,))
        if token.kind == "name":
            return Node("name", start, (token.value,))
        if token.kind == "word" and token.value in ("true", "false", "null"):
            return Node("literal", start, ({"true": True, "false": False, "null": None}[token.value],))
        if token.kind == "word" and token.value in ("for", "if", "some", "every", "function"):
            self.lexer.back(start)
            return self.expression()
        if token.kind == "sign":
            if token.value == "@":
                text = self.lexer.next()
                if text.kind != "string":
                    raise FeelError("“@”之后应为字符串", text.start)
                return Node("at", start, (text.value,))
            if token.value == "(":
                return self.parenthesis(start)
            if token.value == "[":
                return self.bracket(start)
            if token.value == "]":
                with self.level():
                    low = self.additive()
                    self.need("..")
                return self.range_end(start, low, False)
            if token.value == "{":
                return self.context(start)
            if token.value in COMPARE:
                with self.level(self.bare_end):
                    return Node("half", start, (token.value, self.additive()))
        self.lexer.back(start)
        raise self.unexpected("此处应为值或名称")

    def parenthesis(self, start: int) -> Node:
        with self.level():
            node = self.expression()
            if self.take(".."):
                return self.range_end(start, node, False)
            self.need(")")
        return node if node.kind != "literal" else Node("literal", node.at, node.parts)

    def bracket(self, start: int) -> Node:
        with self.level():
            items: list[Node] = []
            while not self.take("]"):
                if items:
                    self.need(",")
                items.append(self.expression())
                if len(items) == 1 and self.take(".."):
                    return self.range_end(start, items[0], True)
        return Node("list", start, tuple(items))

    def range_end(self, start: int, low: Node, low_closed: bool) -> Node:
        with self.level(bare_end=True):
            high = self.additive()
        closing = self.lexer.next()
        if closing.kind != "sign" or closing.value not in (")", "]", "["):
            raise FeelError("区间应以“]”或“)”结束", closing.start)
        return Node("range", start, (low, high, low_closed, closing.value == "]"))

    def open_range(self) -> Node:
        """Read a range of which one end is left out: ``[1..)``."""
        token, nothing = self.lexer.next(), Node("literal", 0, (None,))
        low = nothing if self.sees("..") else self.additive()
        self.need("..")
        high = nothing
        if not self.sees(")", "]", "["):
            with self.level(bare_end=True):
                high = self.additive()
        closing = self.lexer.next()
        if token.value not in ("(", "[", "]") or closing.value not in (")", "]", "["):
            raise FeelError("此处应为区间", token.start)
        return Node("range", token.start, (low, high, token.value == "[", closing.value == "]"))

    def context(self, start: int) -> Node:
        entries: list[tuple[str, Node]] = []
        with self.level():
            while not self.take("}"):
                if entries:
                    self.need(",")
                token = self.lexer.peek()
                if token.kind == "string":
                    self.lexer.next()
                    self.need(":")
                    key = token.value
                else:
                    found = self.lexer.key()
                    if not found:
                        raise self.unexpected("此处应为“名称:”")
                    key = found.value
                    self.names.add(key)
                entries.append((key, self.expression()))
                self.bounded(entries)
        return Node("context", start, tuple(entries))
