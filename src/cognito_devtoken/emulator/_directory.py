"""
The stored data: pools, identities, and the logins that are linked to each identity.

Law of this module: it only stores. It decides nothing, and has no clock, no keys, no I/O.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Self

import attrs

from .._values.providers import NAMED_PROVIDERS
from ._settings import NamedPool, Pool


_OIDC, _SAML = ":oidc-provider/", ":saml-provider/"


@attrs.frozen
class Login:
    """A user of one provider: the provider's name, and its id for the user."""

    provider: str
    subject: str = attrs.field(repr=False)


@attrs.frozen
class Identity:
    """
    An identity of a pool.

    Attributes:
        identity_id: ``REGION:GUID``.

        pool_id: The pool that the identity belongs to.

        logins: The linked logins.

        guest: Whether the identity is unauthenticated, so that it can be used without a login. An
            identity whose last login was unlinked is not a guest, and nobody can use it.

        enabled: False once the identity has been merged into another.

        created: When the identity was created, in seconds since the epoch.

        modified: When the identity last changed, in seconds since the epoch.
    """

    identity_id: str
    pool_id: str
    logins: frozenset[Login] = frozenset()
    guest: bool = False
    enabled: bool = True
    created: float = attrs.field(default=0.0, eq=False)
    modified: float = attrs.field(default=0.0, eq=False)


@attrs.frozen
class StoredPool(NamedPool):
    """
    A pool, in the form of the API.

    Attributes:
        identity_pool_id: ``REGION:GUID``.

        account_id: The AWS account.

        members: The members of ``IdentityPool`` in the API, apart from the id.

        roles: The ARNs of the roles, under the keys ``authenticated`` and ``unauthenticated``.

        role_mappings: The role mappings, in the form of ``SetIdentityPoolRoles``.
    """

    identity_pool_id: str
    account_id: str
    members: Mapping[str, Any]
    roles: Mapping[str, str]
    role_mappings: Mapping[str, Any] = attrs.field(factory=dict[str, Any])

    @classmethod
    def of(cls, pool: Pool) -> Self:
        """Convert a pool of the settings to the form of the API."""
        members: dict[str, Any] = {
            "IdentityPoolName": "emulator",
            "AllowUnauthenticatedIdentities": pool.allow_unauthenticated,
            "AllowClassicFlow": pool.allow_classic_flow,
            "DeveloperProviderName": pool.developer_provider,
        }
        iam = f"{pool.arn.partition(':cognito-identity:')[0]}:iam::{pool.account_id}"
        for name in sorted(pool.public_providers):
            if name in NAMED_PROVIDERS:
                members.setdefault("SupportedLoginProviders", {})[name] = "app"
            elif name.startswith("cognito-idp."):
                provider = {"ProviderName": name, "ClientId": "app"}
                members.setdefault("CognitoIdentityProviders", []).append(provider)
            elif _SAML in name:
                members.setdefault("SamlProviderARNs", []).append(name)
            else:
                members.setdefault("OpenIdConnectProviderARNs", []).append(f"{iam}{_OIDC}{name}")
        roles = {
            "authenticated": pool.authenticated_role,
            "unauthenticated": pool.unauthenticated_role,
        }
        given = {name: arn for name, arn in roles.items() if arn is not None}
        return cls(pool.identity_pool_id, pool.account_id, members, given)

    @property
    def developer_provider(self) -> str | None:
        return self.members.get("DeveloperProviderName")

    @property
    def allow_unauthenticated(self) -> bool:
        return bool(self.members["AllowUnauthenticatedIdentities"])

    @property
    def allow_classic_flow(self) -> bool:
        return bool(self.members.get("AllowClassicFlow"))

    @property
    def oidc_providers(self) -> dict[str, str]:
        """The ARNs of the OpenID Connect providers, by their names in ``Logins``."""
        arns: list[str] = self.members.get("OpenIdConnectProviderARNs", [])
        return {arn.partition(_OIDC)[2]: arn for arn in arns}

    @property
    def public_providers(self) -> frozenset[str]:
        """The names in ``Logins`` of the public providers."""
        return frozenset(
            [
                *self.members.get("SupportedLoginProviders", {}),
                *(
                    each["ProviderName"]
                    for each in self.members.get("CognitoIdentityProviders", [])
                    if "ProviderName" in each
                ),
                *self.members.get("SamlProviderARNs", []),
                *self.oidc_providers,
            ]
        )


class Directory:
    """
    Everything that is stored.

    Attributes:
        pools: The pools by their ids.

        identities: The identities by their ids.

        owners: The id of the identity that a login is linked to, by pool id and login.

        used: All identity ids that were ever issued, including the ids of deleted identities. A
            user whose identity was deleted or unlinked gets another id.

        created_pools: How many pools callers have created.
    """

    def __init__(self, pools: Iterable[Pool]) -> None:
        self.pools = {pool.identity_pool_id: StoredPool.of(pool) for pool in pools}
        self.identities: dict[str, Identity] = {}
        self.owners: dict[tuple[str, Login], str] = {}
        self.used: set[str] = set()
        self.created_pools = 0

    def save(self, changed: Iterable[Identity], now: float) -> None:
        """Store identities in their new state."""
        for identity in changed:
            old = self.identities.get(identity.identity_id)
            if old == identity:
                continue
            if old is not None:
                self._disown(old, old.logins - identity.logins)
            for login in identity.logins:
                self.owners[identity.pool_id, login] = identity.identity_id
            self.used.add(identity.identity_id)
            created = now if old is None else old.created
            self.identities[identity.identity_id] = attrs.evolve(
                identity, created=created, modified=now
            )

    def delete(self, identity: Identity) -> None:
        """Remove an identity. No other identity gets its id."""
        self._disown(identity, identity.logins)
        del self.identities[identity.identity_id]

    def of_pool(self, pool: StoredPool) -> list[Identity]:
        """Return the identities of a pool."""
        pool_id = pool.identity_pool_id
        return [each for each in self.identities.values() if each.pool_id == pool_id]

    def _disown(self, identity: Identity, logins: Iterable[Login]) -> None:
        for login in logins:
            key = identity.pool_id, login
            # After a merge, the login may already belong to another identity.
            if self.owners.get(key) == identity.identity_id:
                del self.owners[key]
