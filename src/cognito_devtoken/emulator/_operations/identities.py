"""The operations with which administrators manage identities and their linked users."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from .._directory import Identity, Login, StoredPool
from .._identities import (
    MAX_LINKED_LOGINS,
    check_pool,
    has_two_logins_of_a_public_provider,
    merged,
    named,
)
from .._sigv4 import Caller
from .._wire import Refusal
from .paging import page
from .tokens import unsupported_developer_provider
from .world import World


def lookup(world: World, members: Mapping[str, Any], caller: Caller) -> dict[str, Any]:
    pool = world.pool(members)
    identity_id, user = members.get("IdentityId"), members.get("DeveloperUserIdentifier")
    if identity_id is not None:
        identity = named(world.directory, identity_id)
        check_pool(identity, pool, world.behavior)
        if user is not None and user not in _users(pool, identity):
            raise Refusal(
                "ResourceConflictException",
                "The developer user identifier is not linked to the identity.",
            )
    elif user is not None:
        identity = _of_user(world, pool, user)
    else:
        raise Refusal(
            "InvalidParameterException",
            "Either IdentityId or DeveloperUserIdentifier must be given.",
        )
    # If the request names both an identity and a user, the response lists only this user.
    users = _users(pool, identity) if user is None or identity_id is None else [user]
    found, more = page(users, members, f"users {identity.identity_id}")
    return {"IdentityId": identity.identity_id, "DeveloperUserIdentifierList": found} | more


def unlink(world: World, members: Mapping[str, Any], caller: Caller) -> dict[str, Any]:
    pool = _pool_of_provider(world, members)
    identity = named(world.directory, members["IdentityId"])
    check_pool(identity, pool, world.behavior)
    login = Login(members["DeveloperProviderName"], members["DeveloperUserIdentifier"])
    if login not in identity.logins:
        raise Refusal(
            world.behavior.unlink_mismatch_code,
            "The developer user identifier is not linked to the identity.",
        )
    world.save(attrs.evolve(identity, logins=identity.logins - {login}))
    return {}


def merge(world: World, members: Mapping[str, Any], caller: Caller) -> dict[str, Any]:
    pool = _pool_of_provider(world, members)
    source = _of_user(world, pool, members["SourceUserIdentifier"])
    destination = _of_user(world, pool, members["DestinationUserIdentifier"])
    if source != destination:
        changed = merged(destination, [source])
        if len(changed[0].logins) > MAX_LINKED_LOGINS:
            raise Refusal(
                world.behavior.merge_refused_code,
                f"An identity can have {MAX_LINKED_LOGINS} linked logins, "
                f"not {len(changed[0].logins)}.",
            )
        if has_two_logins_of_a_public_provider(changed[0], pool):
            raise Refusal(world.behavior.merge_refused_code, world.behavior.conflict_message)
        world.save(*changed)
    return {"IdentityId": destination.identity_id}


def describe(world: World, members: Mapping[str, Any], caller: Caller) -> dict[str, Any]:
    return _description(named(world.directory, members["IdentityId"]))


def list_identities(world: World, members: Mapping[str, Any], caller: Caller) -> dict[str, Any]:
    pool = world.pool(members)
    found = {
        identity.identity_id: identity
        for identity in world.directory.of_pool(pool)
        if identity.enabled or not members.get("HideDisabled")
    }
    ids, more = page(found, members, f"identities {pool.identity_pool_id}")
    return {
        "IdentityPoolId": pool.identity_pool_id,
        "Identities": [_description(found[each]) for each in ids],
    } | more


def delete(world: World, members: Mapping[str, Any], caller: Caller) -> dict[str, Any]:
    unprocessed: list[dict[str, str]] = []
    for identity_id in dict.fromkeys(members["IdentityIdsToDelete"]):
        identity = world.directory.identities.get(identity_id)
        if world.undeletable:
            code = world.undeletable.pop(0)
        elif identity is not None:
            world.directory.delete(identity)
            continue
        else:
            code = world.behavior.deleting_unknown_identity
        if code != "ignore":
            unprocessed.append({"IdentityId": identity_id, "ErrorCode": code})
    return {"UnprocessedIdentityIds": unprocessed}


def _users(pool: StoredPool, identity: Identity) -> list[str]:
    """Return the developer user ids that are linked to an identity."""
    return [each.subject for each in identity.logins if each.provider == pool.developer_provider]


def _of_user(world: World, pool: StoredPool, user: str) -> Identity:
    """Return the identity that a developer user id is linked to."""
    provider = pool.developer_provider
    owner = provider and world.directory.owners.get((pool.identity_pool_id, Login(provider, user)))
    if not owner:
        # The message does not name the user, because a user id may be personal data.
        raise Refusal("ResourceNotFoundException", "Developer user identifier not found.")
    return world.directory.identities[owner]


def _pool_of_provider(world: World, members: Mapping[str, Any]) -> StoredPool:
    """Return the pool that a call names. Refuse a developer provider that the pool lacks."""
    pool = world.pool(members)
    if members["DeveloperProviderName"] != pool.developer_provider:
        raise unsupported_developer_provider(world)
    return pool


def _description(identity: Identity) -> dict[str, Any]:
    return {
        "IdentityId": identity.identity_id,
        "Logins": sorted({login.provider for login in identity.logins}),
        "CreationDate": identity.created,
        "LastModifiedDate": identity.modified,
    }
