"""The options of a role: which go together, their limits, and how lists and files are read."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from cli_arguments import NOWHERE, PLAIN

from calling import ROLE
from cognito_devtoken.cli import main, parser_of
from cognito_devtoken.cli._input import role as roles
from cognito_devtoken.cli._input.options import Options
from cognito_devtoken.cli._service import Service
from cognito_devtoken.credentials import AssumeRole


ASK = PLAIN[1:]
READ_ONLY = "arn:aws:iam::aws:policy/ReadOnlyAccess"
CANARY = "canary-policy"


@pytest.fixture(autouse=True)
def _nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    for service in ("COGNITO_IDENTITY", "STS"):
        monkeypatch.setenv(f"AWS_ENDPOINT_URL_{service}", NOWHERE)


def read(*words: str) -> Any:
    parser = parser_of("credentials")
    return roles.read(parser.parse_args([*ASK, *words])).role


def refused(*words: str, command: Sequence[str] = ("credentials",)) -> int:
    return main([*command, *ASK, *words, *(["--", "true"] if command[0] == "exec" else [])])


def test_without_options_the_role_is_that_of_the_pool() -> None:
    assert read() is None


def test_a_custom_role_is_its_arn() -> None:
    assert read("--custom-role-arn", ROLE) == ROLE


def test_what_is_not_given_has_the_default_of_the_library() -> None:
    assert read("--role-arn", ROLE) == AssumeRole(ROLE)


def test_every_option_is_read_also_from_a_file(tmp_path: Path) -> None:
    texts = {"role-arn": ROLE, "role-session-name": "app", "policy": '{"Statement": []}\n'}
    words = ["--duration-seconds", "900", "--policy-arns", f"arn={READ_ONLY}"]
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
        words += [f"--{name}", f"file://{tmp_path / name}"]

    assert read(*words) == AssumeRole(
        ROLE,
        session_name="app",
        duration=900,
        policy=texts["policy"],
        policy_arns=[READ_ONLY],
    )


LISTS = {
    (): 0,
    (f"arn={READ_ONLY}",): 1,
    (f"arn={READ_ONLY}", f"arn = {READ_ONLY} "): 2,
    ("arn@=file://{folder}/arn",): 1,
    (json.dumps([{"arn": READ_ONLY}] * 2),): 2,
    ("[]",): 0,
    (json.dumps({"arn": READ_ONLY}), json.dumps({"arn": READ_ONLY})): 2,
    ("file://{folder}/list",): 2,
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "arn").write_text(READ_ONLY)
    (tmp_path / "list").write_text(json.dumps([{"arn": READ_ONLY}] * 2))
    (tmp_path / "shorthand").write_text(f"arn={READ_ONLY}")
    return tmp_path


@pytest.mark.parametrize("words", LISTS)
def test_a_list_of_policies_is_shorthand_or_json(words: tuple[str, ...], folder: Path) -> None:
    given = [word.replace("{folder}", str(folder)) for word in words]

    role = read("--role-arn", ROLE, "--policy-arns", *given)

    assert role.policy_arns == (READ_ONLY,) * LISTS[words]


NO_LISTS = {
    (READ_ONLY,): "Expected '=' at character 39",
    ("",): "Expected '=' at character 1",
    (f"arn={READ_ONLY},arn={READ_ONLY}",): "Second instance of a key at character 44",
    (f"arn={READ_ONLY},{READ_ONLY}",): "Unexpected second value at character 44",
    (f"foo={CANARY}",): "Expected arn, and nothing else, in entry 1",
    (f"arn={READ_ONLY}", f"ARN={CANARY}"): "Expected arn, and nothing else, in entry 2",
    (json.dumps([CANARY]),): "Expected arn, and nothing else, in entry 1",
    (json.dumps([{"arn": READ_ONLY}]), f"arn={CANARY}"): "Invalid JSON",
    (json.dumps([{"arn": READ_ONLY}]), "[]"): "Expected arn, and nothing else, in entry 1",
    (f"arn={READ_ONLY}", json.dumps({"arn": CANARY})): "Expected '=' at character 1",
    (f"[{CANARY}",): "Invalid JSON",
    ("{}",): "Expected arn, and nothing else, in entry 1",
    ("file://{folder}/shorthand",): "Expected a JSON list in the file",
    ("file://{folder}/nothing",): "Unable to load paramfile file://",
}


@pytest.mark.parametrize("words", NO_LISTS)
def test_another_list_is_refused_without_its_text(
    words: tuple[str, ...], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = [word.replace("{folder}", str(folder)) for word in words]

    assert refused("--role-arn", ROLE, "--policy-arns", *given) == 252

    err = capsys.readouterr().err
    assert f"Error parsing parameter '--policy-arns': {NO_LISTS[words]}" in err
    assert CANARY not in err


@pytest.mark.parametrize("command", [["credentials"], ["exec", "--credentials"]])
@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["--custom-role-arn", ROLE, "--role-arn", ROLE, "--policy", CANARY],
            "--custom-role-arn cannot be used with --role-arn, --policy.",
        ),
        (
            ["--custom-role-arn", ROLE, "--duration-seconds", "900"],
            "--custom-role-arn cannot be used with --duration-seconds.",
        ),
        (
            ["--policy", CANARY, "--role-session-name", "app", "--policy-arns"],
            "--role-session-name, --policy, --policy-arns cannot be used without --role-arn.",
        ),
    ],
)
def test_options_that_do_not_go_together_are_named_with_what_does(
    command: list[str], words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert refused(*words, command=command) == 252

    err = capsys.readouterr().err
    assert f"(ParamValidation): {message}\n--role-arn is for AssumeRoleWithWebIdentity" in err
    assert CANARY not in err


def test_exec_takes_no_role_without_credentials(capsys: pytest.CaptureFixture[str]) -> None:
    assert refused("--role-arn", ROLE, "--policy", CANARY, command=["exec"]) == 252

    err = capsys.readouterr().err
    assert "--role-arn, --policy cannot be used without --credentials.\nAdd --credentials" in err
    assert CANARY not in err


def test_every_violated_limit_is_named_at_once_by_its_option(
    capsys: pytest.CaptureFixture[str],
) -> None:
    code = refused(
        *("--logins", "a=", "--token-duration", "0"),
        *("--role-arn", "app", "--role-session-name", "a b", "--duration-seconds", "1"),
        *("--policy", f"€{CANARY}{'p' * 2048}", "--policy-arns", '[{"arn": "x"}, {"arn": 1}]'),
    )

    assert code == 252
    err = capsys.readouterr().err
    assert err.splitlines()[2:-1] == [
        "Logins['a'] must have 1 to 50000 characters, not 0",
        "TokenDuration must be a whole number of seconds from 1 to 86400, not 0",
        "--role-arn must have 20 to 2048 characters, not 3",
        r"--role-session-name must match [\w+=,.@-]* in full",
        "--duration-seconds must be a whole number of seconds from 900 to 43200, not 1",
        "--policy must have 1 to 2048 characters, not 2062",
        "--policy-arns entry 1 must have 20 to 2048 characters, not 1",
        "--policy-arns entry 2 must be a string of 20 to 2048 characters, not int",
        "--policy-arns and --policy must have at most 2048 characters together, not 2063",
    ]
    assert "Pass the ARN of the role" in err
    assert CANARY not in err


def test_the_limits_of_a_custom_role_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert refused("--custom-role-arn", "") == 252

    assert "\n--custom-role-arn must have 20 to 2048 characters, not 0\nPass the ARN" in (
        capsys.readouterr().err
    )


@pytest.mark.parametrize(
    ("region", "configured", "url"),
    [
        ("eu-west-1", {}, "https://sts.eu-west-1.amazonaws.com"),
        ("cn-north-1", {}, "https://sts.cn-north-1.amazonaws.com.cn"),
        ("us-east-1", {"AWS_STS_REGIONAL_ENDPOINTS": "legacy"}, "https://sts.amazonaws.com"),
        ("us-east-1", {"AWS_ENDPOINT_URL_STS": NOWHERE}, NOWHERE),
    ],
)
def test_sts_is_called_in_the_region_of_the_pool_unless_the_aws_configuration_says_otherwise(
    region: str, configured: dict[str, str], url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL_STS")
    for name, value in configured.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_REGION", "ap-south-1")
    of_cognito = ["--region", "us-west-2", "--endpoint-url", "http://127.0.0.1:2"]
    of_both = ["--no-verify-ssl", "--cli-read-timeout", "7"]
    arguments = parser_of("credentials").parse_args([*ASK, *of_cognito, *of_both])

    sts = Service(Options.of(arguments))._sts_client(region)

    assert sts.meta.endpoint_url == url
    assert sts.meta.config.read_timeout == 7
    sts.close()
