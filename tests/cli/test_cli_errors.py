"""Errors of the command line have the wording and exit codes of AWS CLI v2."""

import io
import os
import sys
from collections.abc import Sequence

import pytest
from cli_arguments import NOWHERE, PLAIN
from terminals import piped

from cognito_devtoken.cli import main
from cognito_devtoken.emulator import Emulator


CANARY = "canary-login"


def assert_error(
    arguments: Sequence[str], code: int, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    got = main(arguments)

    out, err = capsys.readouterr()
    assert (got, out) == (code, "")
    assert err.startswith("\ncognito-devtoken: [ERROR]: ")
    assert text in err
    assert CANARY not in err


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (["nonsense"], 252, "argument COMMAND: Found invalid choice 'nonsense'"),
        ([f"--logins=a={CANARY}", "get-token"], 252, "required: --identity-pool-id"),
        ([f"a={CANARY}", "get-token"], 252, "argument COMMAND: Found invalid choice\n"),
        (["--logins", f'{{"a":"{CANARY}"}}', "get-token"], 252, "Found invalid choice\n"),
        ([f"eyJhIjoxfQ.eyJiIjoyfQ.{CANARY}"], 252, "Found invalid choice\n"),
        (["get-token"], 252, "arguments are required: --identity-pool-id, --logins"),
        (["get-token", "--logins", CANARY], 252, "required: --identity-pool-id\n"),
        ([*PLAIN, "--logins", CANARY], 252, "parameter '--logins': Expected '=' at character"),
        ([*PLAIN, "--logins", f"a={CANARY},b="], 252, "Logins['b'] must have 1 to 50000"),
        ([*PLAIN, "--logins", f'{{"a": ["{CANARY}"]}}'], 252, "Logins['a'] must be a string"),
        (
            [*PLAIN, "--cli-input-yaml", f"PrincipalTags: {{team:{CANARY}}}"],
            252,
            "PrincipalTags[<hidden>] must be a string of 1 to 256 characters, not None\n",
        ),
        (
            [*PLAIN, "--principal-tags", f'{{"x:\\"{CANARY}\\"\'\\n": ""}}'],
            252,
            "PrincipalTags[<hidden>] must have 1 to 256 characters, not 0\n",
        ),
        (
            [*PLAIN, "--logins", "arn:aws:iam::1:saml-provider/x="],
            252,
            "Logins['arn:aws:iam::1:saml-provider/x'] must have 1 to 50000",
        ),
        ([*PLAIN, "--logins", f"a=b,{CANARY}=1,{CANARY}=1"], 252, "of a key at character 20"),
        ([*PLAIN, "--logins", f'{{"{CANARY}"}}'], 252, "parameter '--logins': Invalid JSON\n"),
        ([*PLAIN, "--logins", f'["{CANARY}"]'], 252, "Invalid JSON: expected an object"),
        ([*PLAIN, "--principal-tags", f"a={CANARY},b"], 252, "Unexpected second value"),
        ([*PLAIN, f"b={CANARY}"], 252, "Unknown options: 1 argument\n"),
        (
            [*PLAIN, f"--secret={CANARY}", "--other", CANARY, "x\ny"],
            252,
            "Unknown options: --secret, --other, 2 arguments\n",
        ),
        ([*PLAIN, "--", CANARY], 252, "Unknown options: --\n"),
        ([*PLAIN, f"--identity={CANARY}\nx"], 252, "ambiguous option: --identity could match"),
        ([*PLAIN, f"--token-duration={CANARY}"], 252, "--token-duration: invalid int value\n"),
        ([*PLAIN, f"--debug={CANARY}"], 252, "--debug: ignored explicit argument\n"),
        ([*PLAIN, "--output", "x"], 252, "--output: Found invalid choice 'x', expected one"),
        ([*PLAIN, "--output", f"a={CANARY}"], 252, "--output: Found invalid choice, expected"),
        ([*PLAIN, "--generate-cli-skeleton", "foo"], 252, "Found invalid choice 'foo'"),
        ([*PLAIN, "--query", "["], 252, "Bad value for --query [: Invalid jmespath expression"),
        ([*PLAIN, "--endpoint-url", "x"], 252, "Bad value for --endpoint-url: the scheme"),
        ([*PLAIN, "--endpoint-url", "http://["], 252, "--endpoint-url: it is not a URL. It"),
        ([*PLAIN, "--endpoint-url", "http://"], 252, "--endpoint-url: the host is missing. It"),
        ([*PLAIN, "--endpoint-url", "ftp://x"], 252, "the scheme is neither http nor https. It"),
        ([*PLAIN, "--ca-bundle", "/nowhere"], 252, "--ca-bundle: /nowhere does not exist\n"),
        ([*PLAIN, "--cli-read-timeout", "-1"], 252, "--cli-read-timeout: it must be 0 to 2147"),
        ([*PLAIN, "--cli-connect-timeout", "9" * 20], 252, "--cli-connect-timeout: it must be"),
        ([*PLAIN, "--cli-input-json", "{"], 252, "'--cli-input-json': Invalid JSON received."),
        ([*PLAIN, "--cli-input-yaml", "["], 252, "'--cli-input-yaml': Invalid YAML received."),
        ([*PLAIN, "--cli-input-json", "[]"], 252, "expecting map, received <class 'list'>"),
        (
            [*PLAIN, "--cli-input-json={}", "--cli-input-yaml={}"],
            252,
            "Only one --cli-input- parameter may be specified.",
        ),
        (
            [*PLAIN, "--cli-input-json", '{"IdentityId": null, "x": 1}'],
            252,
            "x must be one of IdentityPoolId, IdentityId, Logins, PrincipalTags, TokenDuration\n"
            "IdentityId must not be null\n",
        ),
        ([*PLAIN, "--logins", "file:///nowhere"], 252, "Unable to load paramfile file:///now"),
        ([*PLAIN, "--logins", "fileb:///x"], 252, "fileb:// is for binary data"),
        ([*PLAIN, "--logins", "-"], 252, "Standard input is empty"),
        ([*PLAIN, "--cli-error-format", "x"], 252, "Found invalid choice 'x'"),
        ([*PLAIN, "--region", "@@"], 255, "Provided region_name '@@' doesn't match a"),
        ([*PLAIN, "--profile=nobody"], 255, "The config profile (nobody) could not be found\n"),
        (
            ["get-token", "--identity-pool-id", "x", "--logins=a=b"],
            253,
            "(NoRegion): You must specify a region.\nGive --region",
        ),
        (
            ["get-token", *PLAIN[1:], f"--logins=a={CANARY}", "--endpoint-url=http://[::1]:1"],
            255,
            'Could not connect to the endpoint URL: "http://[::1]:1/"\n',
        ),
    ],
)
def test_an_error_has_the_wording_and_exit_code_of_aws_cli_v2_and_a_hint(
    arguments: list[str],
    code: int,
    text: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_COGNITO_IDENTITY", NOWHERE)
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    monkeypatch.setattr(sys, "stdin", piped(""))

    assert_error(arguments, code, text, capsys)


@pytest.mark.parametrize("command", ["get-token", "credentials", "exec"])
@pytest.mark.parametrize("option", ["--logins", "--principal-tags"])
def test_text_that_is_not_unicode_is_refused_before_the_call(
    command: str,
    option: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_COGNITO_IDENTITY", NOWHERE)
    program = ["--", "true"] if command == "exec" else []
    words = [command, *PLAIN[1:], option, f"a={CANARY}\udcfc", *program]

    assert_error(words, 252, "['a'] must be valid Unicode", capsys)


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (
            ["get-token", "--identity-pool-id", "us-east-1:0", "--logins=a=b"],
            254,
            "(ResourceNotFoundException) when calling the GetOpenIdTokenForDeveloperIdentity "
            "operation: IdentityPool 'us-east-1:0' not found.\nCheck the identity pool id,",
        ),
        (
            [*PLAIN, "--token-duration", "86401"],
            254,
            "Member must have value less than or equal to 86400\n"
            "Correct the parameters: TokenDuration must be a whole number",
        ),
        (
            [*PLAIN, "--principal-tags", f"x:{CANARY}={'v' * 257}"],
            254,
            "Correct the parameters: PrincipalTags[<hidden>] must have 1 to 256 characters",
        ),
    ],
)
def test_a_refusal_shows_its_code_and_a_hint(
    arguments: list[str],
    code: int,
    text: str,
    emulator: Emulator,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_COGNITO_IDENTITY", emulator.endpoint_url)

    assert_error(arguments, code, text, capsys)


def test_an_error_has_its_exit_code_when_standard_error_is_a_broken_pipe(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    unread = os.fdopen(writing, "w", buffering=1)
    monkeypatch.setattr(sys, "stderr", unread)

    assert main(["get-token"]) == 252

    with pytest.raises(BrokenPipeError):
        unread.close()


def test_a_missing_standard_error_does_not_change_the_exit_code(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "stderr", None)

    assert main(["get-token"]) == 252


def test_ctrl_c_sets_an_exit_code_without_a_message(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Interrupted(io.StringIO):
        def write(self, text: str) -> int:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", Interrupted())
        assert main(["store-key"]) == 130

    assert capsys.readouterr() == ("", "")
