"""Whatever is written in a cell: a value or a FeelError, soon, and nothing but FEEL."""

from __future__ import annotations

import resource
import time
from contextlib import suppress
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from zhiguan.kernel.decisions import feel
from zhiguan.kernel.decisions.feel import FeelError, library
from zhiguan.kernel.decisions.feel.errors import Run

PIECES = [
    "1", "0", "-1", "1.5", "1e400", "1E6144", "null", "true", "false", '"a"', '"é汉"', '""', '@"2024-02-29"',
    '@"P1Y2M"', '@"P1DT2H"', '@"10:00:00Z"', '@"2024-01-01T00:00:00@Asia/Shanghai"', '@"9999-12-31"', "x", "年龄", "a b",
    "item", "?", "+", "-", "*", "/", "**", "=", "!=", "<", "<=", ">", ">=", "(", ")", "[", "]", "{", "}", ",", ":", ".",
    "..", "and", "or", "not", "in", "between", "if", "then", "else", "for", "return", "some", "every", "satisfies",
    "instance", "of", "function", "external", "list<", "number", "string", "context<", "range<", "->", "//", "/*", "*/",
    "\\", "'", "@", "[1..5]", "(1..null)", "{a: 1, b c: [2]}", "[1,2,3]", "for i in 1..3 return", "function(p, q) p + q",
    *(f"{name}(" for name in sorted(library.BUILTINS)),
]  # fmt: skip
CONTEXT = {
    "x": 3, "年龄": "45", "a b": {"c d": [1, 2]}, "item": [{"a": 1}, None], "when": datetime(2026, 1, 1, tzinfo=UTC),
}  # fmt: skip
SLOW = settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def peak() -> int:
    """Return the most memory this process has had, in kB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def ask(text: str) -> None:
    """Evaluate as expression and as cell; anything but FeelError is a failure of the test."""
    for act in (
        lambda: feel.write(Run(), feel.evaluate(text, CONTEXT)),
        lambda: feel.unary(text, 3, CONTEXT),
        lambda: feel.check(text, ["a b"]),
    ):
        try:
            act()
        except FeelError as error:
            assert error.message


@SLOW
@given(st.lists(st.sampled_from(PIECES), min_size=1, max_size=12).map(" ".join))
def test_fragments(text):
    ask(text)


@SLOW
@given(st.text(max_size=60))
def test_any_text(text):
    ask(text)


VALUES = st.sampled_from([
    "1", "-2.5", "null", "true", '"abc"', '"2024-02-30"', '@"2024-02-29"', '@"0001-01-01"', '@"9999-12-31T23:59:59Z"',
    '@"-P999999999D"', '@"P99999Y"', '@"23:59:59+14:00"', "[]", "[1, null, \"a\"]", "[[1], [2, [3]]]", "{}", "{a: 1}",
    "[1..5)", "(< 3)", "(null..2]", "function(a) a", "function(a, b) a < b", "sum", "1E6144", "1E-6143", "2147483648",
])  # fmt: skip


@SLOW
@given(st.sampled_from(sorted(library.BUILTINS)), st.lists(VALUES, max_size=5))
def test_functions_with_any_arguments(name, arguments):
    ask(f"{name}({', '.join(arguments)})")


@SLOW
@given(VALUES, st.sampled_from(["+", "-", "*", "/", "**", "=", "<", ">=", "in", "and", "or"]), VALUES)
def test_operators_with_any_operands(left, sign, right):
    ask(f"{left} {sign} {right}")


@SLOW
@given(
    VALUES,
    st.sampled_from([".a", ".year", ".days", ".start", "[1]", "[item > 1]", "[-1]", " instance of list<number>", "(1)"]),
)
def test_parts_of_any_value(value, part):
    ask(f"({value}){part}")


LARGE = {
    "counting to a billion": "for i in 1..1000000000 return i",
    "loops in loops": "for a in 1..1000, b in 1..1000, c in 1..1000 return a",
    "doubling a string": 'for i in 1..60 return if i = 1 then "ab" else partial[-1] + partial[-1]',
    "doubling a list": "count(for i in 1..60 return if i = 1 then [1] else concatenate(partial[-1], partial[-1]))",
    "shared lists, flattened": "count(flatten((for i in 1..60 return if i = 1 then [1] else [partial[-1], partial[-1]])[-1]))",
    "shared lists, written": "string((for i in 1..60 return if i = 1 then [1] else [partial[-1], partial[-1]])[-1])",
    "shared lists, compared": (
        "{a: (for i in 1..40 return if i = 1 then [1] else [partial[-1], partial[-1]])[-1], "
        "b: (for i in 1..40 return if i = 1 then [1] else [partial[-1], partial[-1]])[-1], r: a = b}.r"
    ),
    "a list within itself, deep": "string(for i in 1..5000 return partial)",
    "recursion": "{f: function(n) f(n + 1), r: f(1)}.r",
    "two calling each other": "{f: function(n) g(n), g: function(n) f(n), r: f(1)}.r",
    "recursion in width": "{f: function(n) if n = 0 then 1 else f(n - 1) + f(n - 1), r: f(50)}.r",
    "a pattern without end": f'matches("{"a" * 40}b", "(a|a)*c")',
    "many patterns, each slow": f'for i in 1..1000 return matches("{"a" * 24}b", "^(a|a)*c$")',
    "many long texts": 'for i in 1..100000 return upper case(string join(for j in 1..1000 return "汉字", ""))',
    "many long lists": "for i in 1..100000 return (for j in 1..1000 return j)",
    "a pattern that repeats repeats": f'replace("{"a" * 400}", "((a*)*)*b", "x")',
    "a large replacement": (
        'replace(string join(for i in 1..5000 return "aaaaaaaaaa", ""), "a", '
        'string join(for i in 1..5000 return "bbbbbbbbbb", ""))'
    ),
    "powers of powers": "9 ** 9 ** 9 ** 9 ** 9",
    "parentheses": "(" * 20_000 + "1" + ")" * 20_000,
    "brackets": "[" * 20_000 + "]" * 20_000,
    "minus": "-" * 20_000 + "1",
    "a long sum": "+".join(["1"] * 20_000),
    "many ifs": "if true then 1 else " * 2000 + "1",
    "many functions": "function() " * 2000 + "1",
    "in ranges in ranges": "1 in (" * 40 + "1..2" + ")" * 40,
    "sorting with a slow function": (
        "sort(for i in 1..5000 return 5000 - i, function(a, b) count(for j in 1..100 return j) > 0 and a < b)"
    ),
    "distinct lists": "count(distinct values(for i in 1..5000 return [i]))",
    "a long text": '"' + "x" * 60_000 + '"',
    "a long number": "9" * 40_000,
    "many dots": "x" + ".a" * 5000,
    "many indexes": "x" + "[1]" * 5000,
    "many calls": "x" + "()" * 5000,
    "types in types": "x instance of " + "list<" * 3000 + "number" + ">" * 3000,
    "comments": "1 " + "/* */" * 9000,
    "open comments": "1 /" + "/* " * 9000,
}  # fmt: skip


@pytest.mark.parametrize("text", LARGE.values(), ids=LARGE)
def test_large_ends_soon(text):
    start, before = time.monotonic(), peak()
    try:
        feel.write(Run(), feel.evaluate(text))
    except FeelError as error:
        assert error.message
    assert time.monotonic() - start < 6
    assert peak() - before < 100_000, "more than 100 MB"


@pytest.mark.parametrize("text", [
    "__import__(\"os\")", "x.__class__", "x.__class__.__mro__", "().__class__", "\"\".__class__", "\"a\".upper()",
    "sum.__globals__", "sum.call", "x.real", "[].append", "when.isoformat()", "exec(\"1\")", "open(\"/etc/passwd\")",
    "(function(a) a).call", "{}.keys()", "lambda: 1", "\"{0.__class__}\".format(x)",
])  # fmt: skip
def test_nothing_of_python_can_be_reached(text):
    with suppress(FeelError):
        assert feel.evaluate(text, CONTEXT) in (None, [])


def test_objects_of_python_do_not_get_in():
    class Spy:
        touched = False

        def __getattr__(self, name):
            Spy.touched = True
            return name

    with pytest.raises(FeelError, match="不支持的数据类型"):
        feel.evaluate("x", {"x": Spy()})
    with pytest.raises(FeelError):
        feel.evaluate("x", {"x": {"y": [open]}})
    deep: list = []
    for _ in range(5000):
        deep = [deep]
    with pytest.raises(FeelError, match="嵌套"):
        feel.evaluate("x", {"x": deep})


def test_external_functions_are_never_called():
    text = 'function(a) external {java: {class: "java.lang.Math", method signature: "cos(double)"}}'
    assert feel.evaluate(f"({text})(1)") is None


def test_what_went_in_is_not_changed():
    given_in = {"x": {"a": [1, 2]}}
    feel.evaluate('context put(x, "a", append(x.a, 3))', given_in)
    assert given_in == {"x": {"a": [1, 2]}}
