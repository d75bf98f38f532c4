"""Make, sign and verify OpenID tokens."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, RSAKey

from .._values.partition import cognito_names
from ._directory import Login, StoredPool
from ._settings import Behavior


ALGORITHM = "RS512"
TAGS_CLAIM = "https://aws.amazon.com/tags"
AUTHENTICATED, UNAUTHENTICATED = "authenticated", "unauthenticated"
Keys: TypeAlias = dict[str, RSAKey]


class BadTokenError(Exception):
    """The token was not signed by this emulator, or was changed."""


class ExpiredTokenError(Exception):
    """
    The token has expired.

    Args:
        now: When the token was verified, in seconds since the epoch.

        expired: When the token expired, in seconds since the epoch.
    """

    def __init__(self, now: int, expired: int) -> None:
        super().__init__(now, expired)
        self.now = now
        self.expired = expired


def claims_of(
    pool: StoredPool,
    identity_id: str,
    amr: Sequence[str],
    tags: Mapping[str, str] | None,
    duration: int,
    now: int,
    issuer: str,
) -> dict[str, Any]:
    """Return the claims of a token, in the order in which the service writes them."""
    claims: dict[str, Any] = {
        "sub": identity_id,
        "aud": pool.identity_pool_id,
        "amr": list(amr),
    }
    if tags:
        claims[TAGS_CLAIM] = {"principal_tags": {name: [value] for name, value in tags.items()}}
    claims["iss"] = issuer
    if amr[0] == AUTHENTICATED:  # a guest's token does not have this claim
        claims[f"{cognito_names(pool.region).issuer}/identity-pool-arn"] = pool.arn
    return claims | {"exp": now + duration, "iat": now}


def amr_of(pool: StoredPool, logins: Sequence[Login], behavior: Behavior) -> list[str]:
    """
    Return the ``amr`` claim, which lists how the user was authenticated.

    Args:
        pool: The pool.

        logins: The verified logins; none for a guest.

        behavior: Decides whether public logins are listed if there is also a developer login.
    """
    if not logins:
        return [UNAUTHENTICATED]
    amr = [AUTHENTICATED]
    has_developer = any(login.provider == pool.developer_provider for login in logins)
    for login in logins:
        if login.provider == pool.developer_provider or not has_developer or behavior.amr == "all":
            arn = pool.oidc_providers.get(login.provider)
            name = f"{arn}:OIDC" if arn else f"{login.provider}:{pool.identity_pool_id}"
            amr += [login.provider, f"{name}:{login.subject}"]
    return amr


class Signer:
    """
    Signs tokens, and verifies the tokens that it has signed.

    Like the service, it has one key per region, and serves the keys of all regions in one document.

    Args:
        keys: The existing keys by region. Missing keys are generated and added.
    """

    def __init__(
        self, regions: Sequence[str], behavior: Behavior, now: Callable[[], int], keys: Keys
    ) -> None:
        self._behavior = behavior
        self._now = now
        self._known = keys
        self._keys: Keys = {}
        for region in regions:
            self.add_region(region)

    def add_region(self, region: str) -> None:
        """Generate a key for a region, unless there is one."""
        if region not in self._known:
            self._known[region] = RSAKey.generate_key(
                2048, {"kid": f"{region}-1", "alg": ALGORITHM, "use": "sig"}
            )
        self._keys[region] = self._known[region]

    def sign(self, claims: Mapping[str, Any], region: str) -> str:
        key = self._keys[region]
        # The service writes "JWS" here, not "JWT".
        header = {"kid": key.kid, "typ": "JWS", "alg": ALGORITHM}
        payload = json.dumps(claims, separators=(",", ":")).encode()
        return jws.serialize_compact(header, payload, key, [ALGORITHM])

    def verify(self, token: str) -> dict[str, Any]:
        """
        Verify a token, and return its claims.

        Raises:
            BadTokenError: If the token was not signed by this signer.

            ExpiredTokenError: If the token has expired.
        """
        try:
            keys = KeySet(list(self._keys.values()))
            payload = jws.deserialize_compact(token, keys, [ALGORITHM]).payload
        except (JoseError, TypeError, ValueError):
            raise BadTokenError from None
        claims: dict[str, Any] = json.loads(payload)
        now = self._now()
        if now >= claims["exp"]:
            raise ExpiredTokenError(now, claims["exp"])
        return claims

    def key_set(self) -> dict[str, list[dict[str, Any]]]:
        """Return the document of public keys."""
        keys = [key.as_dict(private=False) for key in self._keys.values()]
        members = ("kty", "alg", "use", "kid", "n", "e")
        documents = [{name: key[name] for name in members} for key in keys]
        if self._behavior.legacy_keys:
            for document in documents:
                document["n"] = _legacy_modulus(str(document["n"]))
        return {"keys": documents}

    def discovery(self, base_url: str, issuer: str) -> dict[str, Any]:
        """Return the OpenID Connect discovery document."""
        return {
            "issuer": issuer,
            "jwks_uri": f"{base_url}/.well-known/jwks_uri",
            "response_types_supported": ["token"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": [ALGORITHM],
        }


def _legacy_modulus(modulus: str) -> str:
    number = base64.urlsafe_b64decode(modulus + "=" * (-len(modulus) % 4))
    return base64.b64encode(b"\0" + number).decode()
