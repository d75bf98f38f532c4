"""The operations that issue tokens, identities and credentials to users."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..._values.request import DEFAULT_DURATION
from .._directory import Identity, StoredPool
from .._identities import anonymous, check_match, forbidden, named
from .._settings import DEFAULT_SESSION_SECONDS
from .._sigv4 import Caller
from .._tokens import AUTHENTICATED, TAGS_CLAIM, UNAUTHENTICATED, amr_of, claims_of
from .._wire import Refusal
from .logins import prove, prove_own_token, prove_public
from .roles import check_tags, is_role
from .world import World


_SECONDS_OF_OTHER_TOKENS = 600  # GetOpenIdToken has no parameter for the duration
_SESSION_NAME = "CognitoIdentityCredentials"


def get_token_for_developer_identity(
    world: World, members: Mapping[str, Any], caller: Caller
) -> dict[str, Any]:
    pool = world.pool(members)
    given = members["Logins"]
    if pool.developer_provider not in given:
        raise unsupported_developer_provider(world)
    logins = [prove(world, pool, provider, proof) for provider, proof in given.items()]
    identity = world.resolve(pool, members.get("IdentityId"), logins)
    return _token(
        world,
        identity,
        amr_of(pool, logins, world.behavior),
        members.get("TokenDuration") or DEFAULT_DURATION,
        members.get("PrincipalTags"),
    )


def get_token(world: World, members: Mapping[str, Any], caller: Caller) -> dict[str, Any]:
    identity = named(world.directory, members["IdentityId"])
    pool = world.pool_of(identity)
    if not pool.allow_classic_flow:
        raise Refusal(
            "InvalidParameterException",
            "Basic (classic) flow is not enabled, please use enhanced flow.",
        )
    given = dict(members.get("Logins") or {})
    if world.behavior.own_login_in_classic_flow == "accept":
        own = given.pop(world.login_provider(pool.region), None)
        if own is not None:
            claims = prove_own_token(world, own, identity)
            _check_enabled(identity)
            return _token(world, identity, claims["amr"], _SECONDS_OF_OTHER_TOKENS)
    logins = list(prove_public(world, pool, given))
    if logins:
        identity = world.resolve(pool, identity.identity_id, logins)
    else:
        _check_guest(pool, identity)
    amr = amr_of(pool, logins, world.behavior)
    return _token(world, identity, amr, _SECONDS_OF_OTHER_TOKENS)


def _token(
    world: World,
    identity: Identity,
    amr: list[str],
    seconds: int,
    tags: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    pool = world.pool_of(identity)
    claims = claims_of(
        pool, identity.identity_id, amr, tags, seconds, world.now(), world.issuer(pool.region)
    )
    return {
        "IdentityId": identity.identity_id,
        "Token": world.signer.sign(claims, pool.region),
    }


def get_id(world: World, members: Mapping[str, Any], caller: Caller) -> dict[str, Any]:
    pool = world.pool(members)
    logins = list(prove_public(world, pool, members.get("Logins") or {}))
    if logins:
        return {"IdentityId": world.resolve(pool, None, logins).identity_id}
    _check_guests_allowed(pool)
    identity = anonymous(world.directory, pool)
    world.save(identity)
    return {"IdentityId": identity.identity_id}


def get_credentials(world: World, members: Mapping[str, Any], caller: Caller) -> dict[str, Any]:
    identity = named(world.directory, members["IdentityId"])
    pool = world.pool_of(identity)
    given = dict(members.get("Logins") or {})
    token = given.pop(world.login_provider(pool.region), None)
    if given or token is not None:
        _check_enabled(identity)
    else:
        _check_guest(pool, identity)
    claims: Mapping[str, Any] = {}
    if token is not None:
        claims = prove_own_token(world, token, identity)
    if given:
        # list() verifies all logins before they are compared: one invalid login fails the call.
        check_match(identity, list(prove_public(world, pool, given)))
    role = _role(world, pool, identity, members.get("CustomRoleArn"))
    if world.behavior.forwards_tags and not check_tags(world, role, claims.get(TAGS_CLAIM)):
        raise _invalid_configuration()
    session = world.open_session(role, _SESSION_NAME, DEFAULT_SESSION_SECONDS)
    return {
        "IdentityId": identity.identity_id,
        "Credentials": {
            "AccessKeyId": session.access_key_id,
            "SecretKey": session.secret_key,
            "SessionToken": session.session_token,
            "Expiration": float(session.expires),
        },
    }


def _role(world: World, pool: StoredPool, identity: Identity, chosen: str | None) -> str:
    """Return the role whose credentials an identity gets."""
    role = pool.roles.get(UNAUTHENTICATED if identity.guest else AUTHENTICATED)
    if role is None:
        raise _invalid_configuration()
    if chosen is None:
        return role
    if not is_role(chosen):
        raise Refusal("InvalidParameterException", "CustomRoleArn is not the ARN of a role.")
    if world.behavior.custom_role == "of_pool" and chosen not in pool.roles.values():
        raise Refusal("NotAuthorizedException", f"Access to Role '{chosen}' is forbidden.")
    return chosen


def _check_enabled(identity: Identity) -> None:
    if not identity.enabled:
        raise forbidden(identity)


def _check_guest(pool: StoredPool, identity: Identity) -> None:
    """Refuse a call without logins, unless the identity is a guest that the pool allows."""
    _check_enabled(identity)
    if not identity.guest:
        raise forbidden(identity)
    _check_guests_allowed(pool)


def _check_guests_allowed(pool: StoredPool) -> None:
    if not pool.allow_unauthenticated:
        raise Refusal(
            "NotAuthorizedException",
            "Unauthenticated access is not supported for this identity pool.",
        )


def unsupported_developer_provider(world: World) -> Refusal:
    return Refusal(
        world.behavior.unknown_developer_provider_code,
        "This identity pool does not support the specified developer provider",
    )


def _invalid_configuration() -> Refusal:
    return Refusal(
        "InvalidIdentityPoolConfigurationException",
        "Invalid identity pool configuration. Check assigned IAM roles for this pool.",
    )
