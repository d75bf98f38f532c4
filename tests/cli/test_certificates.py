"""Certificates: which endpoints the command line trusts."""

import json
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cli_arguments import ASK
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from pytest_httpserver import HTTPServer

from calling import OPAQUE
from cognito_devtoken.cli import main


pytestmark = pytest.mark.external


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """An untrusted certificate and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "loopback")])
    now = datetime.now(UTC)
    names = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(names, critical=False)
        .sign(key, hashes.SHA256())
    )
    folder = tmp_path_factory.mktemp("certificate")
    pem, private = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    (folder / "cert").write_bytes(made.public_bytes(pem))
    (folder / "key").write_bytes(key.private_bytes(pem, private, serialization.NoEncryption()))
    return folder / "cert", folder / "key"


@pytest.fixture
def secure(certificate: tuple[Path, Path]) -> Iterator[HTTPServer]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    with HTTPServer("127.0.0.1", ssl_context=context) as server:
        server.expect_request("/").respond_with_json(OPAQUE)
        yield server


# urllib3 warns about it, as it does outside the tests.
@pytest.mark.filterwarnings("ignore:Unverified HTTPS request")
def test_a_certificate_is_verified_unless_an_option_disables_it(
    secure: HTTPServer,
    certificate: tuple[Path, Path],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    command = [*ASK, "--endpoint-url", secure.url_for("/")]

    assert main(command) == 255
    assert "SSL validation failed" in capsys.readouterr().err

    for option in (["--no-verify-ssl"], ["--ca-bundle", str(certificate[0])]):
        assert main([*command, *option]) == 0
        out, err = capsys.readouterr()
        assert (json.loads(out), err) == (OPAQUE, "")
