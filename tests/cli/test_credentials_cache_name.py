"""``credentials --cache``: which file belongs to a request, and the folder that it is in."""

import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from botocore.credentials import create_credential_resolver
from botocore.exceptions import BotoCoreError, ClientError
from cli_arguments import LOGIN, NOWHERE, POOL_ID
from test_credentials_cache import REQUEST, options

from calling import ROLE
from cognito_devtoken import TokenRequest
from cognito_devtoken._values.trade import CredentialsRequest
from cognito_devtoken.cli._credentials_cache import cache_folder, cache_name
from cognito_devtoken.cli._errors import OutputError
from cognito_devtoken.credentials import AssumeRole
from pools import POOL


# The variables that are read to find out how to reach AWS, not as whom.
NOT_ABOUT_CREDENTIALS = {
    *("NO_PROXY", "no_proxy", "REQUEST_METHOD"),
    *("REQUESTS_CA_BUNDLE", "SSLKEYLOGFILE"),
}
SECRETS = {
    *("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN"),
    *("AWS_CONTAINER_AUTHORIZATION_TOKEN", "AWS_BEARER_TOKEN_STS"),
    "AWS_BEARER_TOKEN_COGNITO_IDENTITY",
}


class RecordingEnvironment(dict[str, str]):
    """An environment that records the names of the variables that are read."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        super().__init__(environ)
        self.read: set[str] = set()

    def __getitem__(self, name: str) -> str:
        self.read.add(name)
        return super().__getitem__(name)

    def __contains__(self, name: object) -> bool:
        self.read.add(str(name))
        return super().__contains__(name)

    def get(self, name: str, default: Any = None) -> Any:
        self.read.add(name)
        return super().get(name, default)

    def copy(self) -> Any:
        return self


class TestName:
    def test_it_is_the_same_for_the_same_request(self) -> None:
        same = CredentialsRequest(TokenRequest(POOL_ID, {POOL.developer_provider: LOGIN}))

        assert cache_name(REQUEST, options()) == cache_name(same, options("--debug"))

    def test_it_shows_no_login(self) -> None:
        name = cache_name(REQUEST, options())

        assert len(name) == 32
        assert set(name) <= set("0123456789abcdef")

    @pytest.mark.parametrize(
        "other",
        [
            CredentialsRequest(TokenRequest(POOL_ID, {POOL.developer_provider: "other"})),
            CredentialsRequest(TokenRequest(POOL_ID, {"other": LOGIN})),
            CredentialsRequest(TokenRequest("us-east-1:0", {POOL.developer_provider: LOGIN})),
            CredentialsRequest(
                TokenRequest(
                    POOL_ID, {POOL.developer_provider: LOGIN}, principal_tags={"team": "blue"}
                )
            ),
            CredentialsRequest(
                TokenRequest(POOL_ID, {POOL.developer_provider: LOGIN}, identity_id="us-east-1:0")
            ),
            CredentialsRequest(REQUEST.token_request, ROLE),
            CredentialsRequest(REQUEST.token_request, AssumeRole(ROLE)),
            CredentialsRequest(REQUEST.token_request, AssumeRole(ROLE, policy="{}")),
        ],
    )
    def test_whatever_changes_the_credentials_changes_it(self, other: CredentialsRequest) -> None:
        assert cache_name(other, options()) != cache_name(REQUEST, options())

    @pytest.mark.parametrize("option", ["--profile", "--region", "--endpoint-url"])
    def test_so_does_an_option_that_decides_who_is_asked(self, option: str) -> None:
        names = {cache_name(REQUEST, options(option, f"http://{host}/")) for host in ("a", "b")}

        assert len(names | {cache_name(REQUEST, options())}) == 3

    @pytest.mark.parametrize(
        "variable",
        ["AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_ENDPOINT_URL_STS", "AWS_STS_REGIONAL_ENDPOINTS"],
    )
    def test_so_does_a_variable_even_one_that_is_not_unicode(
        self, variable: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        before = cache_name(REQUEST, options())
        monkeypatch.setenv(variable, "\udcfc")

        assert cache_name(REQUEST, options()) != before

    def test_so_does_every_variable_by_which_botocore_finds_credentials(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        for name, value in {
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": NOWHERE,
            "AWS_CREDENTIAL_FILE": str(tmp_path / "nothing"),
            "AWS_ROLE_ARN": ROLE,
            "AWS_WEB_IDENTITY_TOKEN_FILE": str(tmp_path / "nothing"),
        }.items():
            monkeypatch.setenv(name, value)
        environ = RecordingEnvironment(os.environ)
        with monkeypatch.context() as patch:
            patch.setattr(os, "environ", environ)
            session = botocore.session.Session()
            for service in ("cognito-identity", "sts"):
                session.create_client(service, region_name=POOL.region)
            for provider in create_credential_resolver(session).providers:
                with suppress(BotoCoreError, ClientError):
                    provider.load()
        assert {
            "AWS_ACCESS_KEY_ID",
            "AWS_CONTAINER_AUTHORIZATION_TOKEN",
            "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
            "AWS_ROLE_SESSION_NAME",
            "AWS_SECRET_ACCESS_KEY",
            "AWS_SESSION_TOKEN",
            "BOTO_CONFIG",
            "HOME",
        } <= environ.read

        before = cache_name(REQUEST, options())
        ignored = set()
        for name in environ.read:
            with monkeypatch.context() as patch:
                patch.setenv(name, "another")
                if cache_name(REQUEST, options()) == before:
                    ignored.add(name)
        assert ignored <= NOT_ABOUT_CREDENTIALS | SECRETS

    @pytest.mark.parametrize("name", sorted(SECRETS))
    def test_no_secret_enters_it(self, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
        before = cache_name(REQUEST, options())

        monkeypatch.setenv(name, "canary")

        assert cache_name(REQUEST, options()) == before

    def test_so_does_an_edit_of_the_aws_config_file(
        self, profile: Callable[[str], None], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "nothing"))
        names = [cache_name(REQUEST, options())]
        for text in ("[default]\n", "[default]\nendpoint_url = http://ü\n"):
            profile(text)
            names.append(cache_name(REQUEST, options()))

        assert len(set(names)) == 3


class TestFolder:
    def test_it_is_in_the_cache_folder_of_the_user(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.setenv("HOME", str(tmp_path))

        for ignored in ("", "relative"):
            monkeypatch.setenv("XDG_CACHE_HOME", ignored)
            assert cache_folder() == tmp_path / ".cache" / "cognito-devtoken"

        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "other"))
        assert cache_folder() == tmp_path / "other" / "cognito-devtoken"

    def test_a_user_without_a_home_is_told_what_to_set(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def nowhere() -> Path:
            raise RuntimeError("Could not determine home directory.")

        monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
        monkeypatch.setattr(Path, "home", nowhere)

        with pytest.raises(OutputError, match="There is no home folder") as caught:
            cache_folder()
        assert caught.value.__notes__[0].startswith("Set XDG_CACHE_HOME")
