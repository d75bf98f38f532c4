"""
No regular expression of the package takes more than linear time, whatever text it is given.

The expressions and the methods that they are used with are found in the source. Each is run on
long texts that repeat a beginning of what it matches, on which backtracking would show.
"""

import ast
import importlib
import re
import re._constants as op  # type: ignore[import-not-found]  # private, like the parser
import re._parser as parser  # type: ignore[import-not-found]
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import cognito_devtoken
from cognito_devtoken.cli._input import shorthand
from cognito_devtoken.cli._input.parsing import _without_values
from cognito_devtoken.cli._output.report import redacted
from cognito_devtoken.exceptions import Violation


PACKAGE = Path(cognito_devtoken.__file__).parent
METHODS = {"match", "fullmatch", "search", "sub", "split", "findall", "finditer"}
# What the expressions made in functions are made of.
LOCALS: Any = {
    "name": "grace",
    "alone": re.escape("user-42 of the s"),
    "partition": {"regionRegex": r"^(us|eu|ap)\-\w+\-\d+$"},
}
# The time of this many plain loops over a text is enough for every expression, and on the longest
# text for none that is not linear.
LOOPS = 40
SIZES = (200, 2_000, 20_000, 1_000_000)
# Shorter times say nothing.
SECONDS = 0.005


class Use(NamedTuple):
    """An expression of a module, and a method that it is used with."""

    module: str
    pattern: str | bytes
    flags: int
    method: str


def module_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts).removesuffix(".__init__")


def trees() -> Iterator[tuple[Path, ast.Module]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        yield path, ast.parse(path.read_text())


def methods_by_name(tree: ast.Module) -> dict[str, set[str]]:
    """Return the methods of expressions that a module calls on each name, such as a constant."""
    found: dict[str, set[str]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            name = ast.unparse(node.func.value).partition("[")[0]
            found.setdefault(name, set()).update({node.func.attr} & METHODS)
    return found


def uses() -> Iterator[Use]:
    for path, tree in trees():
        methods = methods_by_name(tree)
        targets = {
            id(call): ast.unparse(node.targets[0])
            for node in ast.walk(tree)
            if isinstance(node, ast.Assign)
            for call in ast.walk(node.value)
        }
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call) or not ast.unparse(node.func).startswith("re."):
                continue
            called = ast.unparse(node.func).removeprefix("re.")
            if called == "escape":
                continue
            module = importlib.import_module(module_of(path))
            values = vars(module) | LOCALS
            pattern, *flags = (
                eval(compile(ast.Expression(each), "", "eval"), values)
                for each in [node.args[0], *_flags(node, called)]
            )
            if called == "compile":
                # An expression in a table or an argument is used by another name.
                for method in sorted(methods.get(targets.get(id(node), ""), set()) or {"match"}):
                    yield Use(module.__name__, pattern, sum(flags), method)
            else:
                yield Use(module.__name__, pattern, sum(flags), called)


def _flags(call: ast.Call, called: str) -> Iterator[ast.expr]:
    yield from (keyword.value for keyword in call.keywords if keyword.arg == "flags")
    if called in ("compile", "match", "fullmatch", "search"):
        yield from call.args[1 if called == "compile" else 2 :]


def sample_of(tokens: Any) -> str:
    """Return a text that the parsed expression matches, or nearly does."""
    return "".join(_samples(tokens))


def _samples(tokens: Any) -> Iterator[str]:
    for code, value in tokens:
        if code is op.LITERAL:
            yield chr(value)
        elif code is op.IN:
            yield _member(value)
        elif code in (op.ANY, op.NOT_LITERAL):
            yield "a"
        elif code in (op.MAX_REPEAT, op.MIN_REPEAT, getattr(op, "POSSESSIVE_REPEAT", None)):
            yield sample_of(value[2]) * max(value[0], 1)
        elif code is op.SUBPATTERN:
            yield sample_of(value[-1])
        elif code is op.BRANCH:
            yield sample_of(value[1][0])
        elif code is op.ASSERT:
            yield sample_of(value[1])


def _member(members: Any) -> str:
    """Return a character of a class."""
    tests = parser.SubPattern(parser.State(), [(op.IN, members)])
    return next(c for c in "a0-_ =\"'\\/.,:#\ud800\U00010000\0" if _is_in(c, members, tests))


def _is_in(character: str, members: Any, _: Any) -> bool:
    negated = members[0][0] is op.NEGATE
    for code, value in members[negated:]:
        if (
            (code is op.LITERAL and ord(character) == value)
            or (code is op.RANGE and value[0] <= ord(character) <= value[1])
            or (code is op.CATEGORY and _in_category(character, value))
        ):
            return not negated
    return bool(negated)


def _in_category(character: str, category: Any) -> bool:
    classes = {"WORD": r"\w", "DIGIT": r"\d", "SPACE": r"\s"}
    name = str(category).removeprefix("CATEGORY_")
    found = re.fullmatch(classes[name.removeprefix("NOT_")], character) is not None
    return found is not name.startswith("NOT_")


def worst_units(pattern: str | bytes) -> list[str]:
    """Return what to repeat: each beginning of a match, and single characters."""
    sample = sample_of(parser.parse(pattern))[:80]
    step = max(len(sample) // 8, 1)
    return sorted({sample[:end] for end in range(1, len(sample) + 1, step)} | set('a0- "/@'))


def run(use: Use, text: str) -> Callable[[], Any]:
    method = getattr(re.compile(use.pattern, use.flags), use.method)
    subject = text.encode() if isinstance(use.pattern, bytes) else text
    return lambda: method("", text) if use.method == "sub" else _exhaust(method(subject))


def _exhaust(found: Any) -> None:
    if hasattr(found, "__next__"):
        list(found)


def seconds(call: Callable[[], Any]) -> float:
    began = time.thread_time()
    call()
    return time.thread_time() - began


@cache
def limit(size: int) -> float:
    """Return how long an expression may take: many times as long as a plain loop."""
    return max(LOOPS * seconds(lambda: [None for _ in range(size)]), SECONDS)


def assert_linear(make: Callable[[str], Callable[[], Any]], unit: str) -> None:
    for size in SIZES:  # short texts first, so that a bad expression does not take for ever
        call = make((unit * (size // len(unit) + 1))[:size])
        # One of three, as the machine may be busy.
        is_linear = any(seconds(call) < limit(size) for _ in range(3))
        assert is_linear, f"{size} characters of {unit!r}"


USES = sorted(set(uses()), key=str)


def test_the_expressions_of_the_package_are_found() -> None:
    assert len({use.pattern for use in USES}) > 30
    assert ("cognito_devtoken._aws.errors", "fullmatch") in {(u.module, u.method) for u in USES}


@pytest.mark.parametrize("use", USES, ids=lambda use: f"{use.module}-{use.method}")
def test_an_expression_takes_linear_time(use: Use) -> None:
    for unit in worst_units(use.pattern):
        assert_linear(lambda text: run(use, text), unit)


@pytest.mark.parametrize(
    ("pattern", "method"),
    [
        (r"[^/@\s]+:[^/\s]*@", "sub"),
        (r"(--[\w-]+)=.*(?= could match)", "sub"),
        (r"\w+:", "search"),
    ],
)
def test_an_expression_that_backtracks_is_found(pattern: str, method: str) -> None:
    with pytest.raises(AssertionError, match="characters of"):
        test_an_expression_takes_linear_time(Use("", pattern, re.DOTALL, method))


@pytest.mark.parametrize("unit", ["a", "--a=", "could match ", "['", "']", "a=b,", '"', "\\,"])
def test_a_function_of_the_command_line_takes_linear_time(unit: str) -> None:
    def parse(text: str) -> None:
        with suppress(shorthand.ShorthandError):
            shorthand.parse(text, str)

    assert_linear(lambda text: lambda: _without_values(f"ambiguous option: --x={text}"), unit)
    assert_linear(lambda text: lambda: redacted(Violation(f"logins['{text}']", "x")), unit)
    assert_linear(lambda text: lambda: parse(text), unit)
