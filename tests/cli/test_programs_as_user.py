"""Programs that act as a user: boto3 and the AWS CLI, with our command or with a token file."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aws_cli import module
from cli_process import COMMAND, finished, run
from pytest_httpserver import HTTPServer

from calling import ROLE, last_request
from cognito_devtoken.emulator import Emulator
from pools import POOL


pytestmark = [
    pytest.mark.external,
    pytest.mark.usefixtures("emulator_in_environment"),
]

ASK = (
    *("--identity-pool-id", POOL.identity_pool_id),
    *("--logins", f"{POOL.developer_provider}=user-42"),
)


@pytest.fixture
def sign_in(
    profile: Any, emulator: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> dict[str, str]:
    """The environment of somebody whose profile has our command as its credential_process."""
    url = ("--endpoint-url", emulator.endpoint_url)
    command = [*COMMAND, "credentials", "--cache", "--profile", "backend", *ASK, *url]
    profile(
        "[profile backend]\naws_access_key_id = AKIABACKEND\naws_secret_access_key = s\n"
        f"[profile user-42]\nregion = eu-central-1\ncredential_process = {' '.join(command)}\n"
    )
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL_COGNITO_IDENTITY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    return {**os.environ, "AWS_PROFILE": "user-42"}


# What a program asks AWS as the user: any operation that is signed.
ASK_BOTO3 = f"""
import boto3, sys
client = boto3.client("cognito-identity", endpoint_url=sys.argv[1])
client.describe_identity_pool(IdentityPoolId="{POOL.identity_pool_id}")
"""
AWS = [sys.executable, "-W", "ignore", "-m", "awscli", "cognito-identity", "describe-identity-pool"]
PROGRAMS = {
    "boto3": lambda url: [sys.executable, "-c", ASK_BOTO3, url],
    "the AWS CLI": lambda url: [
        *AWS,
        *("--identity-pool-id", POOL.identity_pool_id),
        *("--endpoint-url", url),
    ],
}


@pytest.fixture(params=PROGRAMS)
def key_id(request: pytest.FixtureRequest, httpserver: HTTPServer) -> Callable[..., str]:
    """Run a program that calls AWS; return the id of the key that it signs with."""
    if request.param == "the AWS CLI":
        module("awscli")
    httpserver.expect_request("/").respond_with_json({})

    def find(environ: dict[str, str]) -> str:
        done = finished(PROGRAMS[request.param](httpserver.url_for("/")), env=environ)
        assert (done.returncode, done.stderr) == (0, "")
        signed = last_request(httpserver).headers["Authorization"]
        return signed.partition("Credential=")[2].partition("/")[0]

    return find


class TestProgramsThatActAsTheUser:
    def test_a_credential_process_with_a_cache_makes_two_calls_for_many_programs(
        self, key_id: Callable[..., str], sign_in: dict[str, str], emulator: Emulator
    ) -> None:
        found = {key_id(sign_in) for _ in range(3)}

        assert len(found) == 1
        assert found.pop().startswith("ASIA")
        assert emulator.calls["GetOpenIdTokenForDeveloperIdentity"] == 1
        assert emulator.calls["GetCredentialsForIdentity"] == 1

    @pytest.mark.parametrize("way", ["get-token", "exec"])
    def test_a_web_identity_token_file_is_exchanged_for_the_users_credentials(
        self,
        way: str,
        key_id: Callable[..., str],
        sign_in: dict[str, str],
        emulator: Emulator,
        tmp_path: Path,
    ) -> None:
        path = tmp_path / "token"
        url = ("--endpoint-url", emulator.endpoint_url)
        if way == "get-token":
            into = ("--query", "Token", "--output", "text", "--output-file", str(path))
            done = run("get-token", "--profile", "backend", *ASK, *url, *into)
        else:
            write = ("--", "sh", "-c", f'printf %s "$COGNITO_IDENTITY_TOKEN" >{path}')
            done = run("exec", "--profile", "backend", *ASK, *url, *write)
        assert (done.returncode, done.stderr) == (0, "")
        environ = {name: value for name, value in sign_in.items() if name != "AWS_PROFILE"}

        found = key_id(
            environ
            | {
                "AWS_ENDPOINT_URL_STS": emulator.endpoint_url,
                "AWS_ROLE_ARN": ROLE,
                "AWS_WEB_IDENTITY_TOKEN_FILE": str(path),
                "AWS_DEFAULT_REGION": "eu-central-1",
            }
        )

        assert found.startswith("ASIA")
        assert emulator.calls["AssumeRoleWithWebIdentity"] == 1
