"""The identities of the users for whom a FakeFetcher has made tokens."""

from __future__ import annotations

from uuid import NAMESPACE_URL, uuid5

from .._values.erased import ErasedUser
from .._values.request import TokenRequest
from .._values.secret import Secret
from ._tokens import identity_for


# A user, by pool, provider and login.
_User = tuple[str, str, Secret]


class Directory:
    """The identities of all users who have got a token."""

    def __init__(self) -> None:
        self._identities: dict[_User, str] = {}
        self._successors: dict[str, str] = {}

    def identity_of(self, request: TokenRequest) -> str:
        """Return the identity for a request, and link the logins of the request to it."""
        found = identity_for(request)
        while found in self._successors:
            found = self._successors[found]
        for provider, login in request.logins.items():
            self._identities[request.identity_pool_id, provider, Secret(login)] = found
        return found

    def find(self, pool_id: str, provider: str, user: Secret) -> str | None:
        """Return the identity of a user; None if there is none."""
        return self._identities.get((pool_id, provider, user))

    def erase(self, pool_id: str, provider: str, user: Secret) -> ErasedUser:
        """Delete the identity of a user. The next request for its logins gets another identity."""
        found = self.find(pool_id, provider, user)
        if found is None:
            return ErasedUser()
        linked = [each for each, identity in self._identities.items() if identity == found]
        for each in linked:
            del self._identities[each]
        region = found.partition(":")[0]
        self._successors[found] = f"{region}:{uuid5(NAMESPACE_URL, found)}"
        return ErasedUser([found], [login for _, name, login in linked if name == provider])
