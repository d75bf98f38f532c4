"""The options of a role are read as ``aws sts assume-role-with-web-identity`` reads them."""

import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qsl

import pytest
from aws_cli import module, quick, theirs
from cli_arguments import PLAIN
from pytest_httpserver import HTTPServer
from test_role_options import LISTS, NO_LISTS, READ_ONLY

from calling import ROLE
from cognito_devtoken.cli import main


pytestmark = pytest.mark.external

OPERATION = ["assume-role-with-web-identity", "--web-identity-token", "token"]
REFUSAL = "<ErrorResponse><Error><Code>AccessDenied</Code></Error></ErrorResponse>"
# The AWS CLI sends a policy without its ARN, which the service then refuses.
READ_ALIKE = [words for words in (*LISTS, *NO_LISTS) if words != ("{}",)]
NAMED = ["--role-arn", ROLE, "--role-session-name", "app"]


@pytest.fixture(autouse=True)
def _configuration(
    monkeypatch: pytest.MonkeyPatch, httpserver: HTTPServer, tmp_path: Path
) -> Iterator[None]:
    module("awscli.clidriver")
    answer = {"IdentityId": "eu-central-1:0", "Token": "opaque"}
    httpserver.expect_request("/cognito/").respond_with_json(answer)
    httpserver.expect_request("/").respond_with_data(REFUSAL, 403, content_type="text/xml")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL_COGNITO_IDENTITY", httpserver.url_for("/cognito/"))
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", httpserver.url_for(""))
    (tmp_path / "arn").write_text(READ_ONLY)
    (tmp_path / "list").write_text(json.dumps([{"arn": READ_ONLY}] * 2))
    (tmp_path / "shorthand").write_text(f"arn={READ_ONLY}")
    (tmp_path / "policy").write_text('{"Statement": "ü"}\n')
    with quick():
        yield


def sent_to_sts(server: HTTPServer) -> dict[str, str] | None:
    """Return the members of the last request to STS, but the token, and forget all requests."""
    forms = [request.get_data(as_text=True) for request, _ in server.log if request.path == "/"]
    server.log.clear()
    if not forms:
        return None
    members = dict(parse_qsl(forms[-1]))  # without an empty list, which only the AWS CLI sends
    del members["WebIdentityToken"]
    return {"DurationSeconds": "3600", **members}  # the default of the service


@pytest.mark.parametrize(
    "words",
    [
        *(["--policy-arns", *words] for words in READ_ALIKE),
        ["--duration-seconds", "900"],
        ["--duration-seconds", "+900"],
        ["--duration-seconds", "x"],
        ["--policy", '{"Statement": []}'],
        ["--policy", "file://{folder}/policy"],
        ["--policy", "file://{folder}/nothing"],
        ["--role-session-name", "file://{folder}/nothing"],
        ["--policy-arn", f"arn={READ_ONLY}", "--pol", "x"],
    ],
)
def test_both_send_the_same_or_refuse(
    words: list[str], tmp_path: Path, httpserver: HTTPServer
) -> None:
    words = [*NAMED, *(word.replace("{folder}", str(tmp_path)) for word in words)]

    refused = theirs([*OPERATION, *words], "sts")
    expected = sent_to_sts(httpserver)
    code = main(["credentials", *PLAIN[1:], *words])

    assert sent_to_sts(httpserver) == expected, refused.err
    assert code == (252 if expected is None else 254)
