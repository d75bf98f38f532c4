"""Verify the logins in ``Logins``, and return the users that they belong to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..._values.partition import GLOBAL_PROVIDER
from ..._values.request import is_unicode
from ..._values.secret import Secret
from ..._values.token import decode_claims
from .._directory import Identity, Login, StoredPool
from .._identities import mismatch
from .._tokens import BadTokenError, ExpiredTokenError
from .._wire import Refusal
from .world import World


_LAST_SECOND = 253_402_300_799  # of the year 9999; the check must also reject NaN


def prove_public(world: World, pool: StoredPool, given: Mapping[str, str]) -> Iterator[Login]:
    """Verify the logins of a call that accepts only public providers, and yield their users."""
    cognito = {GLOBAL_PROVIDER, world.login_provider(pool.region)}
    for provider, proof in given.items():
        if provider not in pool.public_providers | cognito:
            raise Refusal("InvalidParameterException", "Please provide a valid public provider")
        yield prove(world, pool, provider, proof)


def prove(world: World, pool: StoredPool, provider: str, proof: str) -> Login:
    """Verify a login, and return the user that it belongs to."""
    try:
        claims = decode_claims(Secret(proof))
    except ValueError:
        raise _invalid("Couldn't verify signed token.") from None
    own = world.login_provider(pool.region)
    if provider == GLOBAL_PROVIDER != own:
        raise _invalid("Issuer doesn't match providerName")
    if provider == own or (claims and claims.get("iss") == world.issuer(pool.region)):
        raise _invalid("Can't pass in a Cognito token.")
    if provider == pool.developer_provider:
        return Login(provider, proof)
    if provider not in pool.public_providers:
        raise Refusal(
            "NotAuthorizedException",
            "Token is not from a supported provider of this identity pool.",
        )
    if claims is None:
        return Login(provider, proof)
    # In IAM and in Logins, an issuer that ends with a slash is named without the slash.
    issuer = str(claims.get("iss")).removeprefix("https://")
    if issuer not in (provider, f"{provider}/"):
        raise _invalid("Issuer doesn't match providerName")
    for name in ("sub", "aud", "exp"):
        if name not in claims:
            raise _invalid(f"Missing a required claim: {name}")
    now, expires, subject = world.now(), claims["exp"], claims["sub"]
    if (
        not isinstance(subject, str)
        or not subject
        or not is_unicode(subject)
        or not isinstance(claims["aud"], str | list)
        or isinstance(expires, bool)
        or not isinstance(expires, int | float)
        or not expires <= _LAST_SECOND
    ):
        raise _invalid("Couldn't verify signed token.")
    if now >= expires:
        raise _invalid(f"Token expired: {now} >= {expires}")
    return Login(provider, subject)


def prove_own_token(world: World, token: str, identity: Identity) -> dict[str, Any]:
    """Verify a token that the emulator has issued for an identity, and return its claims."""
    try:
        claims = world.signer.verify(token)
    except BadTokenError:
        raise _invalid("Couldn't verify signed token.") from None
    except ExpiredTokenError as error:
        raise _invalid(f"Token expired: {error.now} >= {error.expired}") from None
    if claims["sub"] != identity.identity_id:
        raise mismatch()
    return claims


def _invalid(why: str) -> Refusal:
    return Refusal("NotAuthorizedException", f"Invalid login token. {why}")
