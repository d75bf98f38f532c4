"""The OpenID token that Cognito returns, with the identity id that it proves."""

from __future__ import annotations

import json
import math
from binascii import a2b_base64
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Self, cast

import attrs

from ..exceptions import InvalidTokenResponseError
from .clock import SYSTEM_CLOCK, Clock, Instant
from .lease import Lease
from .request import (
    DEFAULT_DURATION,
    ID_PATTERN,
    MAX_DURATION,
    MAX_ID,
    TokenRequest,
    is_unicode,
)
from .secret import Secret


MAX_CLAIMS_BYTES = 16 * 1024
_MAX_SEGMENT = math.ceil(MAX_CLAIMS_BYTES * 4 / 3)  # as Base64
# From the URL-safe alphabet of Base64 to the usual one.
_URL_SAFE = bytes.maketrans(b"-_", b"+/")
# The last second that a datetime can hold.
_LAST_SECOND = 253_402_300_799


class _Claims(Lease):
    """
    A slot for the claims, which are decoded on first use.

    A cached_property would not do: attrs would add a __getattr__ for it, which slows down every
    access to a field.
    """

    __slots__ = ("_claims",)

    _claims: Mapping[str, Any]


@attrs.frozen(kw_only=True, repr=False, eq=False, weakref_slot=False)
class OpenIdToken(_Claims):
    """
    A Cognito identity and an OpenID token that proves it.

    It is immutable and cannot be pickled. Its repr, str and format do not show the token, and
    neither does :func:`attrs.asdict`.

    A Cognito token is a JWT signed with RS512, with the pool as ``aud`` and the identity as
    ``sub``. It contains your own id for the user in clear text, in ``amr``: anyone who sees the
    token can read it.

    Attributes:
        identity_id: The Cognito identity, ``REGION:GUID``.
    """

    @classmethod
    def from_response(
        cls,
        response: Mapping[str, Any],
        request: TokenRequest,
        *,
        obtained: Instant | None = None,
        clock: Clock = SYSTEM_CLOCK,
    ) -> Self:
        """
        Make a token from the service's response, checked against the request.

        Args:
            response: The response, with ``IdentityId`` and ``Token``.

            request: The request.

            obtained: When the request was *sent*; None means now. The age of the token counts from
                then, so that the token never looks younger than it is.

            clock: The clock that *obtained* was read from.

        Raises:
            InvalidTokenResponseError: If the response lacks a member, or its token is for another
                pool or identity, has no lifetime, or lives longer than requested.
        """
        identity_id, text = response.get("IdentityId"), response.get("Token")
        token = Secret(text) if isinstance(text, str) else Secret("")
        del response, text  # a traceback shows the locals of its frames
        obtained = obtained or Instant.now(clock)
        life = _life(token, identity_id, request)
        if isinstance(life, str):
            raise InvalidTokenResponseError(f"The response does not fit the request: {life}.")
        return cls._make(str(identity_id), token, life, obtained, clock)

    @property
    def token(self) -> str:
        """The OpenID token itself. It is a secret until it expires."""
        return self._secret

    @property
    def issued_at(self) -> datetime:
        """
        The token's ``iat``, an aware datetime by the server's clock.

        For a token that is not a JWT: when it was requested, by this machine's clock.
        """
        return datetime.fromtimestamp(self._dates()[0], UTC)

    @property
    def lifetime(self) -> timedelta:
        """
        ``exp`` minus ``iat``.

        For a token that is not a JWT: the requested duration, or Cognito's default of 900 s.

        :meth:`expires_in` uses a lifetime that is a second shorter if ``iat`` is a whole second, as
        it is in Cognito's tokens.
        """
        return timedelta(seconds=self._dates()[1])

    @property
    def expires_at(self) -> datetime:
        """When the token expires, an aware datetime by the server's clock."""
        return self.issued_at + self.lifetime

    def _dates(self) -> tuple[float, float]:
        """Return when the token was issued, and how many seconds later it expires."""
        claims = decode_claims(Secret(self._secret))
        if claims:
            return claims["iat"], claims["exp"] - claims["iat"]
        return self._sent.wall, self._seconds

    @property
    def claims(self) -> Mapping[str, Any]:
        """
        The token's claims, read-only and **unverified**: the signature is not checked.

        Decoded on first use. Empty for a token that is not a JWT.
        """
        if not hasattr(self, "_claims"):
            object.__setattr__(self, "_claims", _frozen(decode_claims(Secret(self._secret)) or {}))
        return self._claims

    def __repr__(self) -> str:
        return (
            f"<OpenIdToken of {self.identity_id}, fingerprint {self.fingerprint}, "
            f"expires at {self.expires_at:%Y-%m-%dT%H:%M:%SZ}>"
        )

    def to_aws(self) -> dict[str, str]:
        """Return ``{"IdentityId": …, "Token": …}``, like the AWS operation."""
        return {"IdentityId": self.identity_id, "Token": self.token}

    def to_amplify(self) -> dict[str, str | int]:
        """
        Return ``{"identity_id": …, "token": …, "expires_at": …}`` for Amplify's
        ``federatedSignIn``, with *expires_at* in milliseconds since the epoch.
        """
        return {
            "identity_id": self.identity_id,
            "token": self.token,
            "expires_at": round(self.expires_at.timestamp() * 1000),
        }

    def to_logins(self) -> dict[str, str]:
        """
        Return ``Logins`` for ``GetCredentialsForIdentity`` and the AWS SDKs' providers.

        The name of the login is ``cognito-identity.amazonaws.com``; in China,
        ``cognito-identity.REGION.amazonaws.com.cn``. The name in GovCloud is not publicly known, so
        the first one is used there, too.
        """
        from .partition import cognito_names

        region = self.identity_id.partition(":")[0]
        return {cognito_names(region).login_provider: self.token}


# repr(), help() and tracebacks then show the module from which users import this class.
OpenIdToken.__module__ = "cognito_devtoken"


def _life(token: Secret, identity_id: object, request: TokenRequest) -> float | str:
    """
    Return how many seconds the token is certainly valid, or what is wrong with the response.

    The text is not raised as an error here, because the frames of the error would hold the claims.
    """
    text = token.reveal()
    if not text or not is_unicode(text):
        return "it has no Token"
    if not (
        isinstance(identity_id, str)
        and len(identity_id) <= MAX_ID
        and ID_PATTERN.fullmatch(identity_id)
    ):
        return "it has no IdentityId"
    if request.identity_id not in (None, identity_id):
        return "it is for an identity other than the requested one"
    try:
        claims = decode_claims(token)
    except ValueError:
        return f"the claims of its token cannot be read, or exceed {MAX_CLAIMS_BYTES} bytes"
    usual = request.token_duration or DEFAULT_DURATION
    if claims is None:
        return usual
    if claims.get("aud") != request.identity_pool_id:
        return "its token is not for the requested identity pool"
    if claims.get("sub") != identity_id:
        return "its token is for an identity other than its IdentityId"
    issued, expires = _date(claims.get("iat")), _date(claims.get("exp"))
    if issued is None or expires is None:
        return "its token has no valid iat or exp"
    longest = request.token_duration or MAX_DURATION
    seconds = expires - issued
    if not 0 < seconds <= longest:
        return f"its token lives for {seconds:g} s; over 0 s and at most {longest} s are allowed"
    return _certain(seconds, is_rounded=isinstance(issued, int))


@lru_cache(maxsize=64)  # tokens of one duration share one float, which saves memory
def _certain(seconds: float, *, is_rounded: bool) -> float:
    """
    Return how many seconds a token is certainly valid, counted from when it was requested.

    Cognito rounds ``iat`` down to a whole second, and ``exp`` counts from that second. So the token
    may have been issued up to a second later than ``iat`` says, and then lives for that much less.
    An ``iat`` with a fraction was not rounded.
    """
    return max(seconds - 1, 0) if is_rounded else seconds


def _date(value: Any) -> float | None:
    """Return a NumericDate (RFC 7519, section 2); None if a datetime cannot hold it."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if 0 <= value <= _LAST_SECOND else None


def decode_claims(token: Secret) -> dict[str, Any] | None:
    """
    Read the claims of a JWT without checking its signature.

    Returns:
        The claims; None if the token is not a JWT, as with some other emulators.

    Raises:
        ValueError: If it looks like a JWT, but its claims cannot be read, or its header or claims
            are larger than 16 kB.
    """
    parts = token.reveal().split(".")
    if len(parts) != 3:
        return None
    if max(len(parts[0]), len(parts[1])) > _MAX_SEGMENT:
        raise ValueError("The header or the claims of the token are too long.")
    claims = _json_object(parts[1])
    if claims is None and _json_object(parts[0]) is not None:
        raise ValueError("The claims of the token cannot be read.")
    return claims


def _json_object(segment: str) -> dict[str, Any] | None:
    try:
        # Too much padding is harmless.
        text = a2b_base64(segment.encode("ascii").translate(_URL_SAFE) + b"==").decode()
        value: Any = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return cast("dict[str, Any]", value) if isinstance(value, dict) else None


def _frozen(value: Any) -> Any:
    if isinstance(value, dict):
        members = cast("dict[str, object]", value)
        return MappingProxyType({name: _frozen(item) for name, item in members.items()})
    if isinstance(value, list):
        return tuple(map(_frozen, cast("list[object]", value)))
    return value
