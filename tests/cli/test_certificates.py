"""Certificates: which endpoints the command line trusts."""

import json
from collections.abc import Iterator

import pytest
from cli_arguments import ASK
from pytest_httpserver import HTTPServer

from calling import OPAQUE
from certificates import Certificate
from cognito_devtoken.cli import main


pytestmark = pytest.mark.external


@pytest.fixture
def secure(certificate: Certificate) -> Iterator[HTTPServer]:
    with HTTPServer("127.0.0.1", ssl_context=certificate.context()) as server:
        server.expect_request("/").respond_with_json(OPAQUE)
        yield server


# urllib3 warns about it, as it does outside the tests.
@pytest.mark.filterwarnings("ignore:Unverified HTTPS request")
def test_a_certificate_is_verified_unless_an_option_disables_it(
    secure: HTTPServer,
    certificate: Certificate,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    command = [*ASK, "--endpoint-url", secure.url_for("/")]

    assert main(command) == 255
    assert "SSL validation failed" in capsys.readouterr().err

    for option in (["--no-verify-ssl"], ["--ca-bundle", str(certificate.path)]):
        assert main([*command, *option]) == 0
        out, err = capsys.readouterr()
        assert (json.loads(out), err) == (OPAQUE, "")
