"""
Find the identity that a set of logins belongs to.

Law of this module: it only decides. No clock, no keys, no I/O; it returns the changes and
does not make them.

The rules are those of the Amazon Cognito developer guide ("Developer-authenticated
identities", "Switching unauthenticated users to authenticated users") and of public
traces of the service. Where neither says what happens, ``Behavior`` does.
"""

from __future__ import annotations

import json
import uuid
from collections import Counter
from collections.abc import Iterable, Mapping

import attrs

from ._settings import Behavior, Pool
from ._wire import Refusal


@attrs.frozen
class Login:
    """A user, as one provider knows them."""

    provider: str
    subject: str = attrs.field(repr=False)


@attrs.frozen
class Identity:
    """
    An identity of a pool.

    Attributes:
        identity_id: ``REGION:GUID``.

        pool: The pool it belongs to.

        logins: The linked logins. Without any, the identity is unauthenticated.

        enabled: False once it has been merged into another.
    """

    identity_id: str
    pool: Pool
    logins: frozenset[Login] = frozenset()
    enabled: bool = True


def resolve(
    identities: Mapping[str, Identity],
    owners: Mapping[tuple[Pool, Login], str],
    *,
    pool: Pool,
    identity_id: str | None,
    logins: Iterable[Login],
    behavior: Behavior,
) -> tuple[Identity, ...]:
    """
    Find, create, link, upgrade or merge identities.

    Args:
        identities: All identities by their ids.

        owners: The ids of the identities that logins are linked to.

        pool: Where to look.

        identity_id: The identity that the caller names, if any.

        logins: The verified logins; at least one.

        behavior: What to do where the service's behaviour is not known.

    Returns:
        The changed identities in their new state; the first is the result.

    Raises:
        Refusal: If the service would reject the call.
    """
    owned = {login: owners.get((pool, login)) for login in logins}
    if identity_id is None:
        found = next((owner for owner in owned.values() if owner is not None), None)
        identity = identities[found] if found else _new(pool, next(iter(owned)))
    else:
        identity = named(identities, identity_id)
        _check_named(identity, pool, owned, behavior)

    others = [
        identities[owner]
        for owner in dict.fromkeys(owned.values())
        if owner not in (None, identity.identity_id)
    ]
    if others and behavior.public_login_of_another_identity == "conflict":
        raise Refusal("ResourceConflictException", behavior.conflict_message)
    linked = identity.logins.union(owned, *(other.logins for other in others))
    # Only the developer provider can have several logins of one identity.
    of_provider = Counter(login.provider for login in linked)
    del of_provider[pool.developer_provider]
    if any(count > 1 for count in of_provider.values()):
        raise Refusal("ResourceConflictException", behavior.conflict_message)
    return (
        attrs.evolve(identity, logins=linked),
        *(attrs.evolve(other, logins=frozenset(), enabled=False) for other in others),
    )


def _check_named(
    identity: Identity,
    pool: Pool,
    owned: Mapping[Login, str | None],
    behavior: Behavior,
) -> None:
    if identity.pool != pool:
        raise Refusal(
            behavior.identity_of_another_pool_code,
            f"Identity '{identity.identity_id}' not found.",
        )
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
    if identity.logins:
        check_match(identity, owned)


def check_match(identity: Identity, logins: Iterable[Login]) -> None:
    """Require a login that is linked to the identity, to add another or to use it."""
    if identity.logins.isdisjoint(logins):
        raise mismatch()


def mismatch() -> Refusal:
    return Refusal(
        "NotAuthorizedException",
        "Logins don't match. Please include at least one valid login for this identity or "
        "identity pool.",
    )


def named(identities: Mapping[str, Identity], identity_id: str) -> Identity:
    if identity_id not in identities:
        raise Refusal("ResourceNotFoundException", f"Identity '{identity_id}' not found.")
    return identities[identity_id]


def forbidden(identity: Identity) -> Refusal:
    return Refusal(
        "NotAuthorizedException", f"Access to Identity '{identity.identity_id}' is forbidden."
    )


def _new(pool: Pool, login: Login) -> Identity:
    # A user has the same identity id in every run, so that a test can rely on it.
    return _named_after(pool, [login.provider, login.subject])


def anonymous(pool: Pool, number: int) -> Identity:
    """Return the *number*-th unauthenticated identity of a pool."""
    return _named_after(pool, [number])


def _named_after(pool: Pool, name: list[str] | list[int]) -> Identity:
    guid = uuid.uuid5(uuid.NAMESPACE_URL, json.dumps([pool.identity_pool_id, *name]))
    return Identity(f"{pool.region}:{guid}", pool)
