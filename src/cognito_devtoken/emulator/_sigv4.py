"""
Verify the signature of a request against the known credentials.

This module implements AWS Signature Version 4 from its specification
(https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html). It does not use
botocore's signer, because a client that signs with the same code would always be right.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Self
from urllib.parse import parse_qs, parse_qsl, quote

import attrs

from ._wire import AuthenticationRefusal, HttpRequest


_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(?P<key>[^/,]+)/(?P<scope>(?P<date>\d{8})/[^/,]+/[^,]+), ?"
    r"SignedHeaders=(?P<headers>[^,]+), ?Signature=(?P<signature>[0-9a-f]{64})"
)
_CREDENTIAL = re.compile(r"Credential=([^/,]+)/\d{8}/([\w-]{1,18})/", re.ASCII)
_PRESIGNED = "X-Amz-Credential"
_TIMESTAMP = re.compile(r"\d{8}T\d{6}Z", re.ASCII)
_MAX_SKEW_SECONDS = 300
_LONGEST = 2000


@attrs.frozen
class Caller:
    """
    The caller that a request claims to come from. The claim is not verified here.

    Attributes:
        access_key_id: The id of the access key that signed the request; None if it is not signed.

        region: The AWS region for which the request is signed.
    """

    access_key_id: str | None = None
    region: str | None = None

    @classmethod
    def of(cls, request: HttpRequest) -> Self:
        """Read the caller from the signature in a request's header or URL."""
        presigned = parse_qs(request.query, max_num_fields=None).get(_PRESIGNED, [""])[0]
        text = f"Credential={presigned}" if presigned else request.headers.get("authorization", "")
        found = _CREDENTIAL.search(text[:_LONGEST])
        return cls(found[1], found[2]) if found else cls()


def check_signature(
    request: HttpRequest, service: str, secret_of: Callable[[str], str | None], now: float
) -> None:
    """
    Verify the signature of a request to ``/``.

    Args:
        request: The request.

        service: The service that the request must be signed for.

        secret_of: Returns the secret access key for an access key id; None if it is unknown.

        now: The time, in seconds since the epoch.

    Raises:
        AuthenticationRefusal: If AWS would reject the request before it reaches the service.
    """
    headers = request.headers
    authorization = headers.get("authorization")
    if authorization is None:
        raise AuthenticationRefusal(
            "MissingAuthenticationTokenException", "Missing Authentication Token"
        )
    parts = _AUTHORIZATION.fullmatch(authorization)
    timestamp = headers.get("x-amz-date", "")
    if parts is None or not _TIMESTAMP.fullmatch(timestamp):
        raise AuthenticationRefusal(
            "IncompleteSignatureException",
            "The request lacks a complete Signature Version 4 with an X-Amz-Date.",
        )
    secret = secret_of(parts["key"])
    if secret is None:
        raise AuthenticationRefusal(
            "UnrecognizedClientException",
            "The security token included in the request is invalid.",
        )
    if not parts["scope"].endswith(f"/{service}/aws4_request"):
        raise AuthenticationRefusal(
            "InvalidSignatureException",
            f"Credential should be scoped to correct service: '{service}'. ",
        )
    if parts["date"] != timestamp[:8] or not {"host", "x-amz-date"} <= {
        *parts["headers"].split(";")
    }:
        raise AuthenticationRefusal(
            "IncompleteSignatureException",
            "The date of the credential scope must match X-Amz-Date, and 'host' and "
            "'x-amz-date' must be signed.",
        )
    signature = _signature(secret, parts["scope"], parts["headers"], timestamp, request)
    if not hmac.compare_digest(signature, parts["signature"]):
        raise AuthenticationRefusal(
            "InvalidSignatureException",
            "The request signature we calculated does not match the signature you provided. "
            "Check your AWS Secret Access Key and signing method. Consult the service "
            "documentation for details.",
        )
    # The times are compared as text: a time such as 20261399T996399Z cannot be parsed, but sorts
    # after every time of its year.
    window = (now - _MAX_SKEW_SECONDS, now + _MAX_SKEW_SECONDS)
    earliest, latest = (f"{datetime.fromtimestamp(t, UTC):%Y%m%dT%H%M%SZ}" for t in window)
    if not earliest <= timestamp <= latest:
        raise AuthenticationRefusal(
            "InvalidSignatureException",
            f"Signature expired: {timestamp} is not within 5 minutes of the server's time.",
        )


def _signature(
    secret: str,
    scope: str,
    signed_headers: str,
    timestamp: str,
    request: HttpRequest,
) -> str:
    canonical_headers = "".join(
        f"{name}:{' '.join(request.headers.get(name, '').split())}\n"
        for name in signed_headers.split(";")
    )
    fields = parse_qsl(request.query, keep_blank_values=True)
    canonical_query = "&".join(
        sorted(f"{quote(name, safe='-_.~')}={quote(value, safe='-_.~')}" for name, value in fields)
    )
    canonical_request = "\n".join(
        (
            request.method,
            "/",
            canonical_query,
            canonical_headers,
            signed_headers,
            hashlib.sha256(request.body).hexdigest(),
        )
    )
    to_sign = "\n".join(
        (
            "AWS4-HMAC-SHA256",
            timestamp,
            scope,
            hashlib.sha256(canonical_request.encode()).hexdigest(),
        )
    )
    key = f"AWS4{secret}".encode()
    for part in (*scope.split("/"), to_sign):
        key = hmac.digest(key, part.encode(), "sha256")
    return key.hex()
