"""The operations with which administrators manage pools and their roles."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from typing import Any

import attrs

from .._directory import StoredPool
from .._sigv4 import Caller
from .._wire import Refusal
from .inputs import INPUTS
from .paging import page
from .world import World


_SETTINGS = tuple(INPUTS["CreateIdentityPool"])


def describe(world: World, members: Mapping[str, Any], caller: Caller) -> dict[str, Any]:
    return _answer(world.pool(members))


def list_pools(world: World, members: Mapping[str, Any], caller: Caller) -> dict[str, Any]:
    pools = world.directory.pools
    ids, more = page(pools, members, "pools")
    return {
        "IdentityPools": [
            {"IdentityPoolId": each, "IdentityPoolName": pools[each].members["IdentityPoolName"]}
            for each in ids
        ]
    } | more


def create(world: World, members: Mapping[str, Any], caller: Caller) -> dict[str, Any]:
    first = world.settings[0]
    region = caller.region or first.region
    directory = world.directory
    directory.created_pools += 1
    # The id depends only on these, so it is the same in every run, like the id of an identity.
    name = json.dumps([directory.created_pools, members["IdentityPoolName"]])
    pool_id = f"{region}:{uuid.uuid5(uuid.NAMESPACE_URL, name)}"
    world.signer.add_region(region)
    pool = StoredPool(pool_id, first.account_id, _settings(members), roles={})
    directory.pools[pool_id] = pool
    return _answer(pool)


def update(world: World, members: Mapping[str, Any], caller: Caller) -> dict[str, Any]:
    pool = world.pool(members)
    settings = _settings(members)
    if pool.developer_provider is not None:
        provider = settings.setdefault("DeveloperProviderName", pool.developer_provider)
        if provider != pool.developer_provider:
            raise Refusal(
                "InvalidParameterException",
                "The developer provider name of an identity pool cannot be changed.",
            )
    pool = attrs.evolve(pool, members=settings)
    world.directory.pools[pool.identity_pool_id] = pool
    return _answer(pool)


def delete(world: World, members: Mapping[str, Any], caller: Caller) -> dict[str, Any]:
    pool = world.pool(members)
    for identity in world.directory.of_pool(pool):
        world.directory.delete(identity)
    del world.directory.pools[pool.identity_pool_id]
    return {}


def get_roles(world: World, members: Mapping[str, Any], caller: Caller) -> dict[str, Any]:
    pool = world.pool(members)
    mappings = {"RoleMappings": dict(pool.role_mappings)} if pool.role_mappings else {}
    return {"IdentityPoolId": pool.identity_pool_id, "Roles": dict(pool.roles)} | mappings


def set_roles(world: World, members: Mapping[str, Any], caller: Caller) -> dict[str, Any]:
    pool = world.pool(members)
    mappings: dict[str, Any] = members.get("RoleMappings") or {}
    pool = attrs.evolve(pool, roles=members["Roles"], role_mappings=mappings)
    world.directory.pools[pool.identity_pool_id] = pool
    return {}


def _settings(members: Mapping[str, Any]) -> dict[str, Any]:
    return {name: members[name] for name in _SETTINGS if members.get(name) is not None}


def _answer(pool: StoredPool) -> dict[str, Any]:
    return {"IdentityPoolId": pool.identity_pool_id, **pool.members}
