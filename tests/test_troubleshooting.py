"""
The pages about errors have no message that the library no longer has, and leave out no class.

A message of ours is compared with the texts in src; what differs there from call to call may be
anything on the page.
"""

import ast
import re
from functools import cache
from html import unescape

import pytest

from cognito_devtoken import exceptions
from cognito_devtoken._cache.failures import Failure
from pages import ROOT


DOCS = ROOT / "docs"
SRC = ROOT / "src" / "cognito_devtoken"
# Ours end with the code; "(AWS's)" and the like follow another's.
TERM = re.compile(r"^(`.+`)(?: \(([^)]+)'s\))?\n: ", re.MULTILINE)
TERMS = [
    (message, owner)
    for terms, owner in TERM.findall((DOCS / "troubleshooting.md").read_text())
    for message in re.findall(r"`([^`]+)`", terms)
]
OURS = [message for message, owner in TERMS if not owner]
AWS = [message for message, owner in TERMS if owner == "AWS"]
# The emulator has no IAM; and the page cuts the second message short.
NOT_OF_EMULATOR = ("AccessDeniedException: User: ", "InvalidSignatureException: ")
# What each box of the drawing is for, as a session treats its errors; None is up to the caller.
BOXES = {
    "call": None,
    "closed": None,
    "setup": Failure.REFUSED,
    "quota": Failure.THROTTLED,
    "again": Failure.TRANSIENT,
    "user": Failure.TERMINAL,
    "unknown": Failure.TRANSIENT,
}


def pattern(node: ast.AST) -> str | None:
    """Return the expression for a text in the source; None if too little of it is fixed."""
    if isinstance(node, ast.JoinedStr):
        parts = [each.value if isinstance(each, ast.Constant) else None for each in node.values]
    elif isinstance(node, ast.Constant):
        parts = [node.value]
    else:
        return None
    texts = [part if isinstance(part, str) else None for part in parts]
    if sum(len(text) for text in texts if text) < 12:
        return None
    return "".join(".+" if text is None else re.escape(text) for text in texts)


@cache
def texts_of_source() -> list[re.Pattern[str]]:
    trees = (ast.parse(path.read_text()) for path in sorted(SRC.rglob("*.py")))
    found = {pattern(node) for tree in trees for node in ast.walk(tree)}
    return [re.compile(each) for each in sorted(filter(None, found))]


def is_of_source(message: str) -> bool:
    """Tell whether a text in the source makes up most of a message."""
    found = (each.search(message) for each in texts_of_source())
    return any(each and 2 * len(each[0]) >= len(message) for each in found)


def test_a_message_that_the_library_lacks_is_found() -> None:
    assert is_of_source("Backing off until 10:00:00 UTC after TooManyRequestsError.")
    assert not is_of_source("Waiting until 10:00:00 UTC after TooManyRequestsError.")
    assert not is_of_source("No token came in time.")


@pytest.mark.parametrize("message", OURS)
def test_the_library_has_each_message_that_the_page_calls_its_own(message: str) -> None:
    assert is_of_source(message)


@pytest.mark.parametrize("message", AWS)
def test_the_emulator_has_the_messages_that_the_page_calls_those_of_aws(message: str) -> None:
    assert is_of_source(message) or message.startswith(NOT_OF_EMULATOR)


def test_the_page_has_messages_of_each_kind() -> None:
    assert {owner for _, owner in TERMS} == {"", "AWS", "botocore", "the shell"}
    assert min(len(OURS), len(AWS)) >= 20


def boxes() -> dict[str, list[str]]:
    """Return the classes in each box of the drawing, from the top."""
    drawing = (DOCS / "_static" / "error-tree.svg").read_text()
    groups = re.findall(r'<g id="error-tree-(\w+)">(.*?)</g>', drawing, re.DOTALL)
    names = r'<text class="name"[^>]*>(.*?)</text>'
    return {
        box: [unescape(re.sub(r"<[^>]+>", "", each)) for each in re.findall(names, group)]
        for box, group in groups
    }


ERRORS = [
    found
    for name in exceptions.__all__
    if isinstance(found := getattr(exceptions, name), type)
    and issubclass(found, exceptions.DevTokenError)
    and found is not exceptions.DevTokenError
    # Only erase() raises it, and says what to do.
    and found is not exceptions.IncompleteEraseError
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.__name__)
def test_the_first_box_of_an_error_says_what_the_session_does(
    error: type[exceptions.DevTokenError],
) -> None:
    above = {each.__name__ for each in error.__mro__}
    box = next(box for box, names in boxes().items() if above & set(names))

    assert BOXES[box] in (None, Failure.of(error.__new__(error)))
    assert getattr(error, "retryable", box == "again") == (box in ("quota", "again"))


def test_the_list_says_the_same_as_the_drawing() -> None:
    text = (DOCS / "errors.md").read_text()
    drawing = (DOCS / "_static" / "error-tree.svg").read_text()

    items = re.findall(r"^\d\. (.+): \[.+\]\((#\S+)\)\.$", text, re.MULTILINE)
    assert [re.findall(r"`(\w+)`", names) for names, _ in items] == list(boxes().values())
    assert [link for _, link in items] == re.findall(r'<a href="(\S+)">', drawing)
