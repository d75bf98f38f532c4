"""The state that the operations share: the stored data, the settings, the clock and the keys."""

from __future__ import annotations

import base64
import hashlib
import secrets
import string
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import attrs

from ..._values.partition import cognito_names
from .._directory import Directory, Identity, Login, StoredPool
from .._identities import resolve
from .._settings import OWN_ADDRESS, Behavior, Pool, Role
from .._sigv4 import Caller
from .._tokens import Keys, Signer
from .._wire import AuthenticationRefusal, Refusal


_KEY_CHARACTERS = string.ascii_uppercase + "234567"
# How many sessions to remember, because a long-running emulator may open any number.
_MAX_SESSIONS = 10_000


@attrs.frozen
class Session:
    """
    The credentials of a session, and the role and account that they belong to.

    Attributes:
        expires: When the credentials expire, in seconds since the epoch.

        arn: The session's Amazon Resource Name.

        user_id: The role's id and the session's name, separated by a colon.

        account_id: The AWS account.
    """

    access_key_id: str
    secret_key: str = attrs.field(repr=False)
    session_token: str = attrs.field(repr=False)
    expires: int
    arn: str
    user_id: str
    account_id: str


class World:
    """
    The state that the operations share.

    Args:
        pools: The pools at the start.

        roles: The roles that have limits.

        behavior: What to do where the service's behaviour is not known.

        clock: Returns the time, in seconds since the epoch.

        keys: The signing keys by region. Missing keys are added.

        address: Returns the emulator's URL.
    """

    def __init__(
        self,
        pools: tuple[Pool, ...],
        roles: Iterable[Role],
        behavior: Behavior,
        clock: Callable[[], float],
        keys: Keys,
        address: Callable[[], str],
    ) -> None:
        self.settings = pools
        self.directory = Directory(pools)
        self.sessions: OrderedDict[str, Session] = OrderedDict()
        self.undeletable: list[str] = []
        self.roles = {role.arn: role for role in roles}
        self.behavior = behavior
        self.clock = clock
        self.signer = Signer([pool.region for pool in pools], behavior, self.now, keys)
        self._address = address

    def now(self) -> int:
        return int(self.clock())

    def pool(self, members: Mapping[str, Any]) -> StoredPool:
        """Return the pool that a call names."""
        pool_id: str = members["IdentityPoolId"]
        if pool_id not in self.directory.pools:
            raise Refusal("ResourceNotFoundException", f"IdentityPool '{pool_id}' not found.")
        return self.directory.pools[pool_id]

    def pool_of(self, identity: Identity) -> StoredPool:
        return self.directory.pools[identity.pool_id]

    def resolve(self, pool: StoredPool, identity_id: str | None, logins: list[Login]) -> Identity:
        """Find or create the identity that the logins belong to, and store the changes."""
        changed = resolve(
            self.directory,
            pool=pool,
            identity_id=identity_id,
            logins=logins,
            behavior=self.behavior,
        )
        self.save(*changed)
        return changed[0]

    def save(self, *changed: Identity) -> None:
        self.directory.save(changed, self.clock())

    def issuer(self, region: str) -> str:
        """Return the ``iss`` claim of the tokens that a region issues."""
        if self.behavior.issuer == OWN_ADDRESS:
            return self._address()
        return self.behavior.issuer or cognito_names(region).issuer

    def login_provider(self, region: str) -> str:
        """Return the name in ``Logins`` under which a region accepts its own tokens."""
        return self.behavior.login_provider or cognito_names(region).login_provider

    def session_of(self, caller: Caller) -> Session | None:
        """
        Return the session whose credentials signed a call; None if there is no such session.

        Raises:
            AuthenticationRefusal: If the credentials of the session have expired.
        """
        session = self.sessions.get(caller.access_key_id or "")
        if session is not None and self.now() >= session.expires:
            raise AuthenticationRefusal(
                "ExpiredTokenException", "The security token included in the request is expired"
            )
        return session

    def open_session(self, role_arn: str, name: str, seconds: int) -> Session:
        """Make up credentials for a session of a role."""
        _, partition, _, _, account_id, path = role_arn.split(":", 5)
        role = path.rpartition("/")[2]  # the ARN of a session does not contain the role's path
        session = Session(
            access_key_id=f"ASIA{_random_characters(16)}",
            secret_key=_random_base64(40),
            session_token=f"IQoJb3JpZ2luX2Vj{_random_base64(240)}",
            expires=self.now() + seconds,
            arn=f"arn:{partition}:sts::{account_id}:assumed-role/{role}/{name}",
            user_id=f"{id_of('AROA', role_arn)}:{name}",
            account_id=account_id,
        )
        self.sessions[session.access_key_id] = session
        if len(self.sessions) > _MAX_SESSIONS:
            self.sessions.popitem(last=False)
        return session


def id_of(prefix: str, arn: str) -> str:
    """Return the id of a user or role, which is the same in every run."""
    digest = base64.b32encode(hashlib.sha256(arn.encode()).digest()).decode()
    return prefix + digest[:17]


def _random_characters(count: int) -> str:
    return "".join(secrets.choice(_KEY_CHARACTERS) for _ in range(count))


def _random_base64(length: int) -> str:
    """
    Return random base64 characters, always with a plus sign and a slash among them.

    AWS's secrets often contain them. A program that fails on them should fail in every run.
    """
    text = base64.b64encode(secrets.token_bytes(length)).decode()[: length - 2]
    return f"{text[: length // 2]}+/{text[length // 2 :]}"
