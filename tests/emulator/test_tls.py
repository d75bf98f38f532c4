"""The emulator serves HTTPS with a certificate that clients can be told to trust."""

import http.client
import json
import logging
import ssl
import stat
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from calling import ask, boto, caller_identity
from cognito_devtoken import DevTokenClient, TokenRequest
from cognito_devtoken.emulator import Behavior, Emulator
from patience import PATIENCE
from pools import POOL


pytestmark = pytest.mark.external


@pytest.fixture(scope="module")
def secure() -> Iterator[Emulator]:
    with Emulator(POOL, tls=True, behavior=Behavior(issuer="self")) as emulator:
        yield emulator


def read(emulator: Emulator, path: str) -> Any:
    context = ssl.create_default_context(cafile=emulator.ca_bundle)
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    with urllib.request.urlopen(f"{emulator.endpoint_url}{path}", context=context) as answer:
        return json.load(answer)


def test_boto3_and_a_strict_verifier_trust_it_by_its_bundle(
    secure: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_CA_BUNDLE", secure.ca_bundle)

    answer = ask(boto("cognito-identity", secure))

    assert secure.endpoint_url.startswith("https://127.0.0.1:")
    assert answer["Token"]
    assert read(secure, "/.well-known/jwks.json")["keys"]


def test_a_client_that_does_not_trust_it_is_refused(secure: Emulator) -> None:
    with pytest.raises(OSError, match="CERTIFICATE_VERIFY_FAILED"):
        urllib.request.urlopen(f"{secure.endpoint_url}/.well-known/jwks.json")


def test_the_library_uses_it(secure: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_CA_BUNDLE", secure.ca_bundle)
    request = TokenRequest(POOL.identity_pool_id, {POOL.developer_provider: "ana"})

    with DevTokenClient(endpoint_url=secure.endpoint_url) as client:
        token = client.fetch(request)

    assert token.claims["iss"] == secure.endpoint_url


def test_discovery_begins_at_an_issuer_that_is_the_emulator(secure: Emulator) -> None:
    document = read(secure, "/.well-known/openid-configuration")

    assert document["issuer"] == secure.endpoint_url
    assert document["jwks_uri"] == secure.jwks_uri


def test_the_certificate_is_for_every_name_of_this_machine_and_for_the_host() -> None:
    with Emulator(POOL, host="localhost", tls=True) as emulator:
        path = Path(emulator.ca_bundle).with_name("server.pem")
        certificate = x509.load_pem_x509_certificate(path.read_bytes())

    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert set(names.get_values_for_type(x509.DNSName)) == {"localhost"}
    addresses = {str(each) for each in names.get_values_for_type(x509.IPAddress)}
    assert addresses == {"127.0.0.1", "::1"}


@contextmanager
def asking(emulator: Emulator) -> Iterator[http.client.HTTPSConnection]:
    """Send a request, and close the connection in the end."""
    address = emulator.endpoint_url.removeprefix("https://")
    context = ssl.create_default_context(cafile=emulator.ca_bundle)
    connection = http.client.HTTPSConnection(address, timeout=PATIENCE, context=context)
    with closing(connection):
        connection.request("POST", "/", "{}")
        yield connection


def test_faults_are_simulated_with_tls_too(secure: Emulator) -> None:
    secure.drop_next()
    with asking(secure) as connection, pytest.raises(http.client.RemoteDisconnected):
        connection.getresponse()
    secure.cut_next()
    with asking(secure) as connection, connection.getresponse() as answer:
        with pytest.raises(http.client.IncompleteRead):
            answer.read()
    with asking(secure) as connection, connection.getresponse() as answer:
        assert answer.status == 400


def test_a_client_that_keeps_a_broken_connection_does_not_delay_the_end(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("cognito_devtoken.emulator._http._PATIENCE", 0.0)
    emulator = Emulator(POOL, tls=True).start()
    emulator.cut_next()
    with asking(emulator) as connection, connection.getresponse() as answer:
        assert answer.status == 400
        emulator.stop()

    assert not [each for each in caplog.records if each.levelno >= logging.WARNING]


def test_its_files_are_its_owners_and_end_with_it() -> None:
    emulator = Emulator(POOL, tls=True)
    with pytest.raises(RuntimeError, match="not running with tls=True"):
        emulator.ca_bundle  # noqa: B018
    with emulator:
        folder = Path(emulator.ca_bundle).parent
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert stat.S_IMODE((folder / "server.key").stat().st_mode) == 0o600
    assert not folder.exists()
    with emulator:
        assert Path(emulator.ca_bundle).exists()
    with Emulator(POOL) as plain:
        with pytest.raises(RuntimeError, match="not running with tls=True"):
            plain.ca_bundle  # noqa: B018


def test_no_files_are_left_if_the_port_is_in_use(
    secure: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    port = int(secure.endpoint_url.rpartition(":")[2])

    with pytest.raises(OSError, match="in use"):
        Emulator(POOL, port=port, tls=True).start()

    assert list(tmp_path.iterdir()) == []


def test_the_credentials_of_an_emulator_with_tls_work_like_any(
    secure: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_CA_BUNDLE", secure.ca_bundle)
    answer = ask(boto("cognito-identity", secure))

    got = boto("sts", secure).assume_role_with_web_identity(
        RoleArn=POOL.authenticated_role, RoleSessionName="me", WebIdentityToken=answer["Token"]
    )

    assert caller_identity(secure, got["Credentials"])["Arn"].endswith("authenticated/me")
