"""``inspect`` fetches the public keys as botocore is configured to call Cognito."""

import json
import socket
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from pytest_httpserver import HTTPServer

from calling import ask, jwt
from certificates import Certificate
from cognito_devtoken.cli import main
from cognito_devtoken.emulator import Emulator
from pools import POOL
from proxies import refusing_proxy


pytestmark = pytest.mark.external

PATH = "/.well-known/jwks_uri"


@pytest.fixture
def token(cognito: Any) -> str:
    return str(ask(cognito)["Token"])


@pytest.fixture
def key_set(emulator: Emulator) -> Any:
    with urllib.request.urlopen(emulator.jwks_uri) as answer:
        return json.load(answer)


@pytest.fixture
def server(httpserver: HTTPServer, key_set: Any) -> HTTPServer:
    """Serves the emulator's keys."""
    httpserver.expect_request(PATH).respond_with_json(key_set)
    return httpserver


@pytest.fixture
def secure(certificate: Certificate, key_set: Any) -> Iterator[HTTPServer]:
    """Serves the emulator's keys, over TLS."""
    with HTTPServer("127.0.0.1", ssl_context=certificate.context()) as server:
        server.expect_request(PATH).respond_with_json(key_set)
        yield server


@pytest.mark.parametrize(
    ("config", "environ", "arguments"),
    [
        ("", {"AWS_ENDPOINT_URL_COGNITO_IDENTITY": "{url}"}, []),
        ("", {"AWS_ENDPOINT_URL": "{url}"}, []),
        ("", {"AWS_ENDPOINT_URL": "{url}/"}, []),
        ("", {"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}, ["--endpoint-url", "{url}"]),
        ("", {}, ["--endpoint-url", "{url}/"]),
        ("[default]\nendpoint_url = {url}\n", {}, []),
        ("[profile other]\nendpoint_url = {url}\n", {}, ["--profile", "other"]),
        ("[profile other]\nendpoint_url = {url}\n", {"AWS_PROFILE": "other"}, []),
        (
            "[default]\nservices = local\n[services local]\ncognito_identity =\n"
            "  endpoint_url = {url}\n",
            {},
            [],
        ),
    ],
)
def test_the_keys_are_those_of_the_configured_endpoint(
    config: str,
    environ: dict[str, str],
    arguments: list[str],
    token: str,
    emulator: Emulator,
    profile: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    url = emulator.endpoint_url
    profile(config.format(url=url))
    for name, value in environ.items():
        monkeypatch.setenv(name, value.format(url=url))

    assert main(["inspect", token, "--verify", *(each.format(url=url) for each in arguments)]) == 0


@pytest.mark.parametrize(
    ("pool_id", "environ", "arguments", "host"),
    [
        ("eu-central-1:0", {}, [], "cognito-identity.amazonaws.com"),
        ("cn-north-1:0", {}, [], "cognito-identity.cn-north-1.amazonaws.com.cn"),
        ("us-gov-west-1:0", {}, [], "cognito-identity.amazonaws.com"),
        ("eu-central-1:0", {"AWS_USE_FIPS_ENDPOINT": "true"}, [], "cognito-identity.amazonaws.com"),
        (
            "eu-central-1:0",
            {},
            ["--region", "cn-north-1"],
            "cognito-identity.cn-north-1.amazonaws.com.cn",
        ),
        # The token can claim anything; the argument cannot.
        (
            "eu-central-1:0",
            {},
            ["--identity-pool-id", "cn-north-1:0"],
            "cognito-identity.cn-north-1.amazonaws.com.cn",
        ),
        (None, {}, [], "cognito-identity.amazonaws.com"),
        (
            None,
            {"AWS_DEFAULT_REGION": "cn-north-1"},
            [],
            "cognito-identity.cn-north-1.amazonaws.com.cn",
        ),
        (
            "eu-central-1:0",
            {
                "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
                "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true",
            },
            [],
            "cognito-identity.amazonaws.com",
        ),
    ],
)
def test_without_an_endpoint_the_keys_are_those_of_aws_in_the_pools_partition(
    pool_id: str | None,
    environ: dict[str, str],
    arguments: list[str],
    host: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    with refusing_proxy() as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)

        assert main(["inspect", jwt(aud=pool_id), "--verify", *arguments]) == 255

    assert proxy.asked.split()[:2] == ["CONNECT", f"{host}:443"]
    assert f"Cannot read keys from https://{host}{PATH}: Failed to connect to proxy" in (
        capsys.readouterr().err
    )


@pytest.mark.parametrize(
    "arguments", [["--jwks", "http://keys.example/jwks"], ["--endpoint-url", "http://keys.example"]]
)
def test_the_keys_are_fetched_through_a_proxy(
    arguments: list[str],
    token: str,
    key_set: Any,
    httpserver: HTTPServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    httpserver.expect_request("/jwks").respond_with_json(key_set)
    httpserver.expect_request(PATH).respond_with_json(key_set)
    monkeypatch.setenv("HTTP_PROXY", httpserver.url_for(""))
    monkeypatch.setenv("http_proxy", httpserver.url_for(""))

    assert main(["inspect", token, "--verify", *arguments]) == 0

    assert httpserver.log[-1][0].headers["Host"] == "keys.example"


def test_a_host_without_a_proxy_is_asked_itself(
    token: str, server: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    command = ["inspect", token, "--verify", "--endpoint-url", server.url_for("")]
    assert main(command) == 255

    monkeypatch.setenv("NO_PROXY", server.host)
    monkeypatch.setenv("no_proxy", server.host)
    assert main(command) == 0


# urllib3 warns about it, as it does outside the tests.
@pytest.mark.filterwarnings("ignore:Unverified HTTPS request")
@pytest.mark.parametrize(
    ("config", "environ", "arguments"),
    [
        ("", {"AWS_CA_BUNDLE": "{ca}"}, []),
        ("", {"REQUESTS_CA_BUNDLE": "{ca}"}, []),
        ("[default]\nca_bundle = {ca}\n", {}, []),
        ("[profile other]\nca_bundle = {ca}\n", {}, ["--profile", "other"]),
        ("", {}, ["--ca-bundle", "{ca}"]),
        ("", {}, ["--no-verify-ssl"]),
    ],
)
@pytest.mark.parametrize("by", ["--endpoint-url", "--jwks"])
def test_a_certificate_of_a_known_ca_is_accepted(
    by: str,
    config: str,
    environ: dict[str, str],
    arguments: list[str],
    token: str,
    secure: HTTPServer,
    certificate: Certificate,
    profile: Any,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = str(certificate.path)
    profile(config.format(ca=path))
    for name, value in environ.items():
        monkeypatch.setenv(name, value.format(ca=path))
    url = secure.url_for(PATH if by == "--jwks" else "")
    command = ["inspect", token, "--verify", by, url, *(each.format(ca=path) for each in arguments)]

    assert main(command) == 0
    assert "verified      RS512" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("bundle", "why"),
    [
        (None, "certificate verify failed"),
        ("/nowhere/ca", "No such file or directory"),
        (__file__, "no certificate or crl found"),
    ],
)
def test_a_certificate_that_cannot_be_verified_is_refused_with_a_hint(
    bundle: str | None,
    why: str,
    token: str,
    secure: HTTPServer,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    if bundle:
        monkeypatch.setenv("AWS_CA_BUNDLE", bundle)
    url = secure.url_for("")

    assert main(["inspect", token, "--verify", "--endpoint-url", url]) == 255

    err = capsys.readouterr().err
    assert f"Cannot read keys from {url}{PATH.removeprefix('/')}: SSL validation failed" in err
    assert why.lower() in err.lower()
    assert "\nCheck the certificate of the endpoint, or of the proxy. " in err


@pytest.mark.parametrize("status", [301, 404, 500])
def test_a_response_without_keys_is_reported_by_its_status(
    status: int, token: str, httpserver: HTTPServer, capsys: pytest.CaptureFixture[str]
) -> None:
    elsewhere = {"Location": httpserver.url_for("/elsewhere")}
    httpserver.expect_request(PATH).respond_with_data("no", status, elsewhere)

    assert main(["inspect", token, "--verify", "--endpoint-url", httpserver.url_for("")]) == 255

    err = capsys.readouterr().err
    assert f"{PATH}: the response has the HTTP status {status}.\n" in err
    assert len(httpserver.log) == 1


def test_a_response_that_is_too_large_is_not_read(
    token: str, httpserver: HTTPServer, capsys: pytest.CaptureFixture[str]
) -> None:
    httpserver.expect_request(PATH).respond_with_data(b" " * (1 << 21))

    assert main(["inspect", token, "--verify", "--endpoint-url", httpserver.url_for("")]) == 255

    assert "The response is larger than 1048576 bytes." in capsys.readouterr().err


def test_a_server_that_does_not_answer_is_given_up(
    token: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        command = ["inspect", token, "--verify", "--endpoint-url", url, "--cli-read-timeout", "1"]
        assert main(command) == 255

    assert f"Cannot read keys from {url}{PATH}: Read timeout" in capsys.readouterr().err


def test_nobody_looks_for_aws_credentials(
    token: str, server: HTTPServer, profile: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    profile(f"[default]\ncredential_process = touch {tmp_path}/asked\n")

    assert main(["inspect", token, "--verify", "--endpoint-url", server.url_for("")]) == 0

    assert not (tmp_path / "asked").exists()
    assert "Authorization" not in server.log[-1][0].headers


def test_a_missing_profile_is_reported_as_by_the_other_commands(
    token: str, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["--profile", "nowhere", "--identity-pool-id", POOL.identity_pool_id]
    main(["get-token", *command, "--logins", "a=b"])
    other = capsys.readouterr().err

    assert main(["inspect", token, "--verify", *command]) == 255
    assert capsys.readouterr().err == other


def test_debug_logs_where_the_keys_are(
    token: str, server: HTTPServer, capsys: pytest.CaptureFixture[str]
) -> None:
    url = server.url_for("")

    assert main(["inspect", token, "--verify", "--endpoint-url", url, "--debug"]) == 0

    err = capsys.readouterr().err
    assert f"Region eu-central-1, public keys {url}{PATH.removeprefix('/')}\n" in err
    assert token not in err
