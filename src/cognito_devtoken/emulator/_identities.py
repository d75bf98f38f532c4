"""
Find the identity that a set of logins belongs to.

Law of this module: it only decides. It has no clock, no keys and no I/O, and returns changes
instead of making them.

The rules come from the Amazon Cognito developer guide ("Developer-authenticated
identities", "Switching unauthenticated users to authenticated users") and from public
traces of the service. Where neither says what happens, ``Behavior`` decides.
"""

from __future__ import annotations

import json
import uuid
from collections import Counter
from collections.abc import Iterable, Mapping

import attrs

from ._directory import Directory, Identity, Login, StoredPool
from ._settings import Behavior
from ._wire import Refusal


MAX_LINKED_LOGINS = 20


def resolve(
    directory: Directory,
    *,
    pool: StoredPool,
    identity_id: str | None,
    logins: Iterable[Login],
    behavior: Behavior,
) -> tuple[Identity, ...]:
    """
    Find, create, link, upgrade or merge identities.

    Args:
        directory: The stored data.

        pool: The pool in which to look.

        identity_id: The identity that the caller names, if any.

        logins: The verified logins; at least one.

        behavior: What to do where the service's behaviour is not known.

    Returns:
        The changed identities in their new state. The logins belong to the first.

    Raises:
        Refusal: If the service would reject the call.
    """
    pool_id, identities = pool.identity_pool_id, directory.identities
    owned = {login: directory.owners.get((pool_id, login)) for login in logins}
    if identity_id is None:
        found = next((owner for owner in owned.values() if owner is not None), None)
        identity = identities[found] if found else _new(directory, pool, next(iter(owned)))
    else:
        identity = named(directory, identity_id)
        _check_named(identity, pool, owned, behavior)

    others = [
        identities[owner]
        for owner in dict.fromkeys(owned.values())
        if owner not in (None, identity.identity_id)
    ]
    if others and behavior.public_login_of_another_identity == "conflict":
        raise Refusal("ResourceConflictException", behavior.conflict_message)
    changed = merged(identity, others, owned)
    if has_two_logins_of_a_public_provider(changed[0], pool):
        raise Refusal("ResourceConflictException", behavior.conflict_message)
    return changed


def merged(
    identity: Identity, others: Iterable[Identity], logins: Iterable[Login] = ()
) -> tuple[Identity, ...]:
    """Merge the others into an identity. Return it, and then the others, which are now disabled."""
    others = list(others)
    linked = identity.logins.union(logins, *(other.logins for other in others))
    return (
        attrs.evolve(identity, logins=linked, guest=identity.guest and not linked),
        *(attrs.evolve(other, logins=frozenset(), enabled=False) for other in others),
    )


def has_two_logins_of_a_public_provider(identity: Identity, pool: StoredPool) -> bool:
    # An identity can have several logins of the developer provider, but not of a public provider.
    of_provider = Counter(login.provider for login in identity.logins)
    return any(n > 1 for name, n in of_provider.items() if name != pool.developer_provider)


def _check_named(
    identity: Identity,
    pool: StoredPool,
    owned: Mapping[Login, str | None],
    behavior: Behavior,
) -> None:
    check_pool(identity, pool, behavior)
    if not identity.enabled:
        raise forbidden(identity)
    for login, owner in owned.items():
        if login.provider == pool.developer_provider and owner not in (
            None,
            identity.identity_id,
        ):
            raise Refusal(
                "DeveloperUserAlreadyRegisteredException", behavior.already_registered_message
            )
    if not identity.guest:
        check_match(identity, owned)


def check_pool(identity: Identity, pool: StoredPool, behavior: Behavior) -> None:
    """Refuse an identity of another pool."""
    if identity.pool_id != pool.identity_pool_id:
        raise Refusal(
            behavior.identity_of_another_pool_code,
            f"Identity '{identity.identity_id}' not found.",
        )


def check_match(identity: Identity, logins: Iterable[Login]) -> None:
    """Refuse the logins if none of them is linked to the identity."""
    if identity.logins.isdisjoint(logins):
        raise mismatch()


def mismatch() -> Refusal:
    return Refusal(
        "NotAuthorizedException",
        "Logins don't match. Please include at least one valid login for this identity or "
        "identity pool.",
    )


def named(directory: Directory, identity_id: str) -> Identity:
    if identity_id not in directory.identities:
        raise Refusal("ResourceNotFoundException", f"Identity '{identity_id}' not found.")
    return directory.identities[identity_id]


def forbidden(identity: Identity) -> Refusal:
    return Refusal(
        "NotAuthorizedException", f"Access to Identity '{identity.identity_id}' is forbidden."
    )


def _new(directory: Directory, pool: StoredPool, login: Login) -> Identity:
    return Identity(_unused(directory, pool, login.provider, login.subject), pool.identity_pool_id)


def anonymous(directory: Directory, pool: StoredPool) -> Identity:
    """Return a new unauthenticated identity of a pool."""
    return Identity(
        _unused(directory, pool, len(directory.used)), pool.identity_pool_id, guest=True
    )


def _unused(directory: Directory, pool: StoredPool, *name: str | int) -> str:
    """
    Return a new id for an identity.

    The first identity of a user has the same id in every run, so that tests can rely on it. Only a
    user who has lost that identity gets another id.
    """
    again = 0
    while (identity_id := _named_after(pool, [*name, *([again] if again else [])])) in (
        directory.used
    ):
        again += 1
    return identity_id


def _named_after(pool: StoredPool, name: list[str | int]) -> str:
    guid = uuid.uuid5(uuid.NAMESPACE_URL, json.dumps([pool.identity_pool_id, *name]))
    return f"{pool.region}:{guid}"
