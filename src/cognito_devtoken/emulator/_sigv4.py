"""
Verify the signature of a request against the known credentials.

AWS Signature Version 4, implemented from its specification
(https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv.html) and not with
botocore's signer, which would always agree with itself.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from datetime import UTC, datetime

from ._wire import Refusal


_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(?P<key>[^/,]+)/(?P<scope>(?P<date>\d{8})/[^/,]+/[^,]+), ?"
    r"SignedHeaders=(?P<headers>[^,]+), ?Signature=(?P<signature>[0-9a-f]{64})"
)
_TIMESTAMP = re.compile(r"\d{8}T\d{6}Z", re.ASCII)
_MAX_SKEW_SECONDS = 300


def check_signature(
    secrets: Mapping[str, str],
    *,
    headers: Mapping[str, str],
    body: bytes,
    now: float,
) -> None:
    """
    Verify the signature of a ``POST /``.

    Args:
        secrets: Secret access keys by access key ids.

        headers: The request's headers, with lower-case names.

        body: The request's body.

        now: The time, in seconds since the epoch.

    Raises:
        Refusal: If AWS would reject the request before it reaches the service.
    """
    authorization = headers.get("authorization")
    if authorization is None:
        raise Refusal("MissingAuthenticationTokenException", "Missing Authentication Token")
    parts = _AUTHORIZATION.fullmatch(authorization)
    timestamp = headers.get("x-amz-date", "")
    if parts is None or not _TIMESTAMP.fullmatch(timestamp):
        raise Refusal(
            "IncompleteSignatureException",
            "The request lacks a complete Signature Version 4 with an X-Amz-Date.",
        )
    secret = secrets.get(parts["key"])
    if secret is None:
        raise Refusal(
            "UnrecognizedClientException",
            "The security token included in the request is invalid.",
        )
    if not parts["scope"].endswith("/cognito-identity/aws4_request"):
        raise Refusal(
            "InvalidSignatureException",
            "Credential should be scoped to correct service: 'cognito-identity'. ",
        )
    if parts["date"] != timestamp[:8] or not {"host", "x-amz-date"} <= {
        *parts["headers"].split(";")
    }:
        raise Refusal(
            "IncompleteSignatureException",
            "The date of the credential scope must match X-Amz-Date, and 'host' and "
            "'x-amz-date' must be signed.",
        )
    signature = _signature(secret, parts["scope"], parts["headers"], headers, timestamp, body)
    if not hmac.compare_digest(signature, parts["signature"]):
        raise Refusal(
            "InvalidSignatureException",
            "The request signature we calculated does not match the signature you provided. "
            "Check your AWS Secret Access Key and signing method. Consult the service "
            "documentation for details.",
        )
    # Compare as text: 20261399T996399Z cannot be parsed, but sorts after any time of its year.
    window = (now - _MAX_SKEW_SECONDS, now + _MAX_SKEW_SECONDS)
    earliest, latest = (f"{datetime.fromtimestamp(t, UTC):%Y%m%dT%H%M%SZ}" for t in window)
    if not earliest <= timestamp <= latest:
        raise Refusal(
            "InvalidSignatureException",
            f"Signature expired: {timestamp} is not within 5 minutes of the server's time.",
        )


def _signature(
    secret: str,
    scope: str,
    signed_headers: str,
    headers: Mapping[str, str],
    timestamp: str,
    body: bytes,
) -> str:
    canonical_headers = "".join(
        f"{name}:{' '.join(headers.get(name, '').split())}\n" for name in signed_headers.split(";")
    )
    canonical_request = "\n".join(
        ("POST", "/", "", canonical_headers, signed_headers, hashlib.sha256(body).hexdigest())
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
