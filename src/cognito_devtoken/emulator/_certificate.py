"""A certificate for the emulator, made when it starts."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from tempfile import TemporaryDirectory

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec


_LIFE = timedelta(days=365)
_PEM = serialization.Encoding.PEM


class Certificates:
    """
    A new certificate authority, and a server certificate that it has issued.

    Both are files in a new folder, which :meth:`close` deletes.

    Args:
        host: The address that the server listens on. The certificate is valid for this address,
            for ``localhost`` and for the loopback addresses.
    """

    def __init__(self, host: str) -> None:
        self._folder = TemporaryDirectory(prefix="cognito-devtoken-")
        folder = Path(self._folder.name)
        self.authority = folder / "ca.pem"
        self._chain, self._key = folder / "server.pem", folder / "server.key"
        self._write(host)

    def server_context(self) -> ssl.SSLContext:
        """Return the TLS context of the server."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self._chain, self._key)
        return context

    def close(self) -> None:
        self._folder.cleanup()

    def _write(self, host: str) -> None:
        authority_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
        issuer, subject = _name("cognito-devtoken emulator CA"), _name("cognito-devtoken emulator")
        authority_id = x509.SubjectKeyIdentifier.from_public_key(authority_key.public_key())
        authority = (
            _builder(issuer, issuer, authority_key)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(signs_certificates=True), critical=True)
            .add_extension(authority_id, critical=False)
            .sign(authority_key, hashes.SHA256())
        )
        own_id = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
        issuer_id = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(authority_id)
        server = (
            _builder(subject, issuer, key)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(signs_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([x509.OID_SERVER_AUTH]), critical=False)
            .add_extension(x509.SubjectAlternativeName(_names(host)), critical=False)
            .add_extension(own_id, critical=False)
            .add_extension(issuer_id, critical=False)
            .sign(authority_key, hashes.SHA256())
        )
        self.authority.write_bytes(authority.public_bytes(_PEM))
        self._chain.write_bytes(server.public_bytes(_PEM) + authority.public_bytes(_PEM))
        self._key.touch(mode=0o600)
        self._key.write_bytes(
            key.private_bytes(_PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        )


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    # Valid from yesterday, because the clock of another container may be behind.
    return x509.CertificateBuilder(
        issuer,
        subject,
        key.public_key(),
        x509.random_serial_number(),
        now - timedelta(days=1),
        now + _LIFE,
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _names(host: str) -> list[x509.GeneralName]:
    names: list[x509.GeneralName] = [x509.DNSName("localhost")]
    for each in dict.fromkeys(["127.0.0.1", "::1", host]):
        try:
            names.append(x509.IPAddress(ip_address(each)))
        except ValueError:
            names.append(x509.DNSName(each.encode("idna").decode()))
    return names
