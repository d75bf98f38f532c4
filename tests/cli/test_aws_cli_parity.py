"""
A script needs one word changed: we send and print what the AWS CLI sends and prints.

Argument lists are generated, the same in each run; ``DIFFERENTIAL=4711 pytest
tests/cli/test_aws_cli_parity.py`` tries another seed.
"""

import json
import os
import random
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from aws_cli import module, ours, quick, theirs
from pytest_httpserver import HTTPServer


pytestmark = pytest.mark.external

SEED = int(os.environ.get("DIFFERENTIAL", "1"))
LISTS_IN_A_BATCH = 32
POOL_ID = "us-east-1:00000000-0000-4000-8000-000000000000"
OPAQUE = {"IdentityId": "us-east-1:1", "Token": "eyJ.ä\t字😀.x"}
OPERATION = "get-open-id-token-for-developer-identity"

MAPS = [
    "a=b",
    "login.example.com=user-42",
    "login.example.com=joe@example.com,graph.facebook.com=x",
    'a="b,c"',
    "a='b,c',d=e",
    r'a="say \"hi\""',
    r"a=b\,c",
    "a=b, c= d ",
    "a=b c:d=e/f",
    "arn:aws:iam::1:saml-provider/x=y",
    "a=ü字",
    "a=😀",
    'a="😀"',
    "a",
    "a=",
    "=b",
    "",
    "a=b,",
    "a=b,,c=d",
    "a=1,2",
    "a=[1]",
    "a={b=c}",
    "a=b,a=c",
    'a=b"c',
    "a=b]",
    r"a=b,c\,d=e",
    " a=b",
    "a =b",
    "-a=b",
    '{"a": "b"}',
    ' {"a": "b", "c": "d"}',
    "{}",
    '{"a": 1}',
    '{"a": null}',
    '{"a": ["b"]}',
    '{"": "b"}',
    '{"a": ""}',
    '{"a": "b", "a": "c"}',
    "{",
    "[]",
    '["a"]',
    '"a"',
    "file://{folder}/map",
    "file://{folder}/map.json",
    "file://{folder}/nothing",
    "file://{folder}",
    "file://{folder}/binary",
    "fileb://{folder}/map",
    "a@=file://{folder}/id",
    "a@=b",
    "a@=file://{folder}/nothing",
    "http:=//x",
]
INPUTS = [
    {},
    {"IdentityPoolId": POOL_ID},
    {"IdentityPoolId": POOL_ID, "Logins": {"in": "put"}},
    {"IdentityPoolId": POOL_ID, "Logins": {"in": "put"}, "TokenDuration": 60},
    {"Logins": {"in": "put"}, "IdentityId": None},
    {"Logins": {"in": "put"}, "identityPoolId": "x"},
    {"Logins": {"in": 1}, "TokenDuration": "1"},
    {"Logins": ["in"], "TokenDuration": True},
    {"Logins": {}, "PrincipalTags": {}},
    {"IdentityPoolId": POOL_ID, "Logins": {"in": "put"}, "TokenDuration": 1.5},
]
QUERIES = [
    "Token",
    "IdentityId",
    "Nothing",
    "[IdentityId, Token]",
    "[[IdentityId], [Token]]",
    "[IdentityId, [Token, IdentityId]]",
    "[[IdentityId], [Token, IdentityId]]",
    "{a: IdentityId, b: Token}",
    "{a: IdentityId}",
    "{a: {b: IdentityId, c: [Token]}, d: Token}",
    "[{a: IdentityId}, {a: Token, b: `1`}]",
    "[{a: IdentityId, b: {c: Token}}, {b: {c: `2`}}]",
    "keys(@)",
    "length(Token)",
    "sum(Token)",
    "*",
    "[",
    "",
]
DURATIONS = ["1", "900", "86400", "86401", "0", "-1", "+5", " 7", "1_0", "abc", "1.5", "9" * 20, ""]
POOLS = [POOL_ID, POOL_ID, "x:y", "us-east-1:" + "0" * 60, "", "file://{folder}/id", "é"]


def texts(chance: random.Random) -> str:
    letters = ["a", "b", "=", ",", '"', "'", "\\", " ", "[", "]", "{", "}", "@", ":", "é", "😀"]
    return "".join(chance.choices(letters, k=chance.randrange(9)))


def data(chance: random.Random, depth: int = 0) -> Any:
    """Generate the data of a JSON document."""
    kind = chance.randrange(4 if depth > 2 else 9)
    if kind < 4:
        scalars = ["x", "", "wide 字", 1, 1.5, True, False, None, "a longer text " * 3]
        return chance.choice(scalars)
    size = chance.randrange(4)
    if kind < 6:
        return [data(chance, depth + 1) for _ in range(size)]
    if kind == 6:
        row = {name: data(chance, depth + 2) for name in chance.sample("abcd", size)}
        return [{**row, "n": number} for number in range(size)]
    return {name: data(chance, depth + 1) for name in chance.sample("abcd", size)}


def option(chance: random.Random, name: str, value: str) -> list[str]:
    """Write an option in one of its forms, sometimes abbreviated beyond recognition."""
    if chance.random() < 0.15:
        name = name[: chance.randrange(4, len(name))]
    if chance.random() < 0.2 and not name.startswith("--cli-input"):
        return [f"{name}={value}"]
    return [name, value]


def arguments(chance: random.Random, folder: Path) -> list[str]:
    """Generate a command line, as likely to be valid as not."""

    def often(share: float) -> bool:
        return chance.random() < share

    parts = []
    if often(0.92):
        parts.append(option(chance, "--identity-pool-id", chance.choice(POOLS)))
    if often(0.92):
        maps = MAPS[:10] if often(0.4) else MAPS
        parts.append(
            option(chance, "--logins", texts(chance) if often(0.1) else chance.choice(maps))
        )
    if often(0.2):
        parts.append(option(chance, "--identity-id", chance.choice(["us-east-1:1", "", "x"])))
    if often(0.2):
        parts.append(option(chance, "--principal-tags", chance.choice(MAPS)))
    if often(0.25):
        parts.append(option(chance, "--token-duration", chance.choice(DURATIONS)))
    if often(0.2):
        text = (
            json.dumps(chance.choice(INPUTS)) if often(0.8) else chance.choice(["{", "[]", "1", ""])
        )
        parts.append(["--cli-input-json", text])
    if often(0.06):
        kinds: list[list[str]] = [[], ["input"], ["output"], ["other"]]
        # A skeleton parses lists and maps that no value may be, and then ignores them.
        parts = [part for part in parts if not re.search(r"[=,][\[{]|,\d", part[-1])]
        parts.append(["--generate-cli-skeleton", *chance.choice(kinds)])
    if often(0.7):
        parts.append(option(chance, "--output", chance.choice(["json", "text", "table"])))
    if often(0.6):
        literal = json.dumps(data(chance), ensure_ascii=often(0.5))
        query = f"`{literal}`" if often(0.6) else chance.choice(QUERIES)
        parts.append(option(chance, "--query", query))
    if often(0.06):
        odd = (["--nonsense"], ["--nonsense", "x"], ["x"], ["--output", "nonsense"], ["--p", "x"])
        parts.append(chance.choice(odd))
    if often(0.1):
        parts.append(chance.choice([["--no-sign-request"], ["--no-paginate"], ["--color", "off"]]))
    chance.shuffle(parts)
    words = [word.replace("{folder}", str(folder)) for part in parts for word in part]
    if often(0.1):
        return ["--region", "us-west-2", OPERATION, *words]
    return [OPERATION, *words]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "map").write_text("from=a file\n")
    (tmp_path / "map.json").write_text('{"from": "a file"}')
    (tmp_path / "id").write_text(POOL_ID)
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    return tmp_path


@pytest.fixture
def requests(httpserver: HTTPServer) -> Callable[[], list[Any]]:
    """Returns the operations and parameters that the server has received since the last call."""
    httpserver.expect_request("/").respond_with_json(OPAQUE)

    def take() -> list[Any]:
        found = [
            (request.headers["X-Amz-Target"], json.loads(request.data))
            for request, _ in httpserver.log
        ]
        httpserver.log.clear()
        return found

    return take


@pytest.fixture(autouse=True)
def _configuration(monkeypatch: pytest.MonkeyPatch, httpserver: HTTPServer) -> Iterator[None]:
    module("awscli.clidriver")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL_COGNITO_IDENTITY", httpserver.url_for("/"))
    with quick():
        yield


@pytest.mark.parametrize("batch", range(8))
def test_both_send_and_print_the_same(
    batch: int, folder: Path, requests: Callable[[], list[Any]]
) -> None:
    chance = random.Random(SEED * 1000 + batch)

    for _ in range(LISTS_IN_A_BATCH):
        words = arguments(chance, folder)
        expected = theirs(words)
        sent = requests()
        got = ours(words)

        assert requests() == sent, (words, expected.err, got.err)
        assert bool(got.code) == bool(expected.code), (words, expected, got)
        if not expected.code:
            assert got.out == expected.out, words
        if expected.code == 2:
            assert got.code == 252, words


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("ResourceNotFoundException", "IdentityPool 'us-east-1:0' not found."),
        ("NotAuthorizedException", "Logins don't match. Please include at least one valid login."),
        ("ValidationException", "1 validation error detected: Value '0' at 'tokenDuration' failed"),
        ("com.amazon.coral.service#AccessDeniedException", "User: arn:aws:iam::1:user/x is not"),
        ("SomethingNewException", "It is new."),
    ],
)
def test_both_report_a_refusal_in_the_same_words(
    code: str, message: str, httpserver: HTTPServer
) -> None:
    refusal = {"__type": code, "message": message}
    httpserver.expect_request("/").respond_with_json(refusal, status=400)
    words = [OPERATION, "--identity-pool-id", POOL_ID, "--logins", "a=b"]

    expected, got = theirs(words), ours(words)

    assert expected.err.strip().startswith("An error occurred (")
    assert got.err.startswith(f"\ncognito-devtoken: [ERROR]: {expected.err.strip()}\n")
    assert (got.code, got.out) == (254, "")
