"""Make tokens in the format of Cognito's tokens, without a valid signature."""

from __future__ import annotations

import base64
import json
from uuid import NAMESPACE_URL, uuid5

from .._values.arguments import Seconds, as_seconds
from .._values.clock import SYSTEM_CLOCK, Clock, Instant
from .._values.partition import cognito_names
from .._values.request import DEFAULT_DURATION, TokenRequest
from .._values.token import OpenIdToken


_POOL_ID = "us-east-1:00000000-0000-4000-8000-000000000000"
_PROVIDER = "login.example.com"


def make_token(
    user_id: str = "user-42",
    *,
    lifetime: Seconds | None = None,
    clock: Clock | None = None,
    identity_pool_id: str = _POOL_ID,
    developer_provider: str = _PROVIDER,
) -> OpenIdToken:
    """
    Make a token in the format of Cognito's tokens, with an invalid signature.

    Args:
        user_id: The user in the token.

        lifetime: How long the token lives, in seconds or as a timedelta; None means 900 s.

        clock: The clock that dates the token and measures its age; None uses this machine's clocks.

        identity_pool_id: The identity pool, ``REGION:GUID``.

        developer_provider: The developer provider name that the user id belongs to.
    """
    request = TokenRequest(identity_pool_id, {developer_provider: user_id})
    return token_for(request, lifetime, clock or SYSTEM_CLOCK, 0, identity_for(request))


def identity_for(request: TokenRequest) -> str:
    """Return the identity that a request names, or else the first identity of its logins."""
    name = json.dumps([request.identity_pool_id, sorted(request.logins.items())])
    return request.identity_id or f"{request.region}:{uuid5(NAMESPACE_URL, name)}"


def token_for(
    request: TokenRequest, lifetime: Seconds | None, clock: Clock, serial: int, identity_id: str
) -> OpenIdToken:
    pool_id = request.identity_pool_id
    usual = request.token_duration or DEFAULT_DURATION
    seconds = usual if lifetime is None else as_seconds("lifetime", lifetime)
    sent = Instant.now(clock)
    amr = ["authenticated", *request.logins]
    if len(request.logins) == 1:  # with several logins, it is not known which is the developer's
        amr += [f"{provider}:{pool_id}:{user_id}" for provider, user_id in request.logins.items()]
    claims = {
        "sub": identity_id,
        "aud": pool_id,
        "amr": amr,
        "iss": cognito_names(request.region).issuer,
        # Cognito rounds iat down to a whole second, so a session subtracts a second. This iat is
        # not rounded.
        "iat": float(sent.wall),
        "exp": sent.wall + seconds,
        "jti": serial,  # makes every token different; Cognito's tokens have no jti
    }
    header = {"kid": f"{request.region}-0", "typ": "JWS", "alg": "RS512"}
    token = f"{_segment(header)}.{_segment(claims)}.{'A' * 342}"
    return OpenIdToken.from_response(
        {"IdentityId": identity_id, "Token": token}, request, obtained=sent, clock=clock
    )


def _segment(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")
