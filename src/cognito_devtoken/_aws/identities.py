"""
Look up and delete the identity of a user.

Law of this module: erasing can be repeated. The user id that the caller names stays linked to the
identity until the identity is deleted. So if a call fails before that, the next attempt finds the
identity again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeVar

import attrs

from .._values.erased import ErasedUser
from .._values.operations import DELETE, LOOKUP, UNLINK
from .._values.request import ID_PATTERN
from .._values.secret import NeverPickled, Secret
from ..exceptions import (
    DevTokenError,
    IncompleteEraseError,
    InvalidTokenResponseError,
    ResourceNotFoundError,
)


R = TypeVar("R")

_PAGE = 60
# An identity has at most 20 linked logins, so a list with more pages than this is wrong.
_MAX_PAGES = 50
# How many times to delete the user's identity. A call on another host may create a new identity in
# the meantime.
_ROUNDS = 4
_UNPROCESSED = ("AccessDenied", "InternalServerError")
# How the message about an unknown pool starts. Its error code is the same as for an unknown user.
_UNKNOWN_POOL = "IdentityPool '"


@attrs.frozen
class Question(NeverPickled):
    """
    The input of one call that looks up or changes an identity.

    Attributes:
        operation: The name of the operation.
    """

    operation: str
    _params: Mapping[str, Any]
    _users: tuple[Secret, ...] = ()

    @property
    def logins(self) -> Mapping[str, str]:
        """The values that no message may quote: all known user ids of the identity."""
        return {str(number): user.reveal() for number, user in enumerate(self._users)}

    def to_params(self) -> dict[str, Any]:
        """Return the members of the operation's input, as the API spells them."""
        return {
            name: value.reveal() if isinstance(value, Secret) else value
            for name, value in self._params.items()
        }


class Ask(Protocol):
    """Makes a call, and raises a DevTokenError if it fails."""

    def __call__(self, question: Question, read: Callable[[dict[str, Any]], R], /) -> R:
        """Call the operation, and return what *read* extracts from the response."""
        ...


class Identities:
    """
    Finds and deletes the identity of one user, and each new identity that the user gets meanwhile.

    Args:
        ask: Calls an operation.

        identity_pool_id: The pool.

        developer_provider: The provider whose login is the user id.

        user: The user id, 1 to 1024 characters.
    """

    def __init__(
        self, ask: Ask, identity_pool_id: str, developer_provider: str, user: Secret
    ) -> None:
        self._ask = ask
        self._pool_id, self._provider, self._user = identity_pool_id, developer_provider, user
        self._known = {user: None}

    def find(self) -> str | None:
        """Return the identity id of the user; None if the user has no identity."""
        found = self._lookup(_identity_in, DeveloperUserIdentifier=self._user, MaxResults=1)
        return found or None

    def erase(self) -> ErasedUser:
        """
        Delete the identity of the user, and unlink every user id from it.

        Raises:
            IncompleteEraseError: If a call failed after something may have been changed, or if an
                identity is left.

            DevTokenError: If a call failed before anything was changed.
        """
        progress = _Progress()
        try:
            progress.left = self.find()
            for _ in range(_ROUNDS):
                if progress.left is None:
                    return progress.erased()
                self._erase(progress.left, progress)
                progress.left = self.find()
        except DevTokenError as error:
            if not progress.begun:
                raise
            raise progress.failure(str(error)) from error
        if progress.left is None:
            return progress.erased()
        raise progress.failure(progress.refusal or _CAME_BACK)

    def _erase(self, identity_id: str, progress: _Progress) -> None:
        """Delete this identity of the user, and record each step in *progress*."""
        users = self._linked_users(identity_id)
        self._known.update(dict.fromkeys(users))
        progress.begun = True
        for user in users:
            if user != self._user:
                self._unlink(identity_id, user)
                progress.users[user] = None
        if identity_id in progress.deleted:  # the identity is gone, but the user is still linked
            self._unlink(identity_id, self._user)
            progress.left = None
            return
        question = self._question(DELETE, IdentityIdsToDelete=[identity_id])
        progress.refusal = self._ask(question, _refusal_in)
        if progress.refusal is None:
            progress.users[self._user] = None
            progress.deleted.append(identity_id)
            progress.left = None

    def _linked_users(self, identity_id: str) -> list[Secret]:
        """
        Return all user ids that are linked to an identity.

        The lookup is by identity id, because the documentation does not say whether a lookup by
        user id returns the other user ids, too.
        """
        users: list[Secret] = []
        after: dict[str, Secret] = {}
        for _ in range(_MAX_PAGES):
            page = self._lookup(_page_in, IdentityId=identity_id, MaxResults=_PAGE, **after)
            if page is None:  # another host has deleted the identity in the meantime
                return users
            found, token = page
            users += found
            if token is None:
                return users
            after = {"NextToken": token}
        raise InvalidTokenResponseError(f"{LOOKUP} returned more than {_MAX_PAGES} pages.")

    def _lookup(self, read: Callable[[dict[str, Any]], R], **members: Any) -> R | None:
        """Look up an identity. Return None if there is no such user or identity."""
        question = self._question(LOOKUP, IdentityPoolId=self._pool_id, **members)
        return self._unless_missing(question, read)

    def _unlink(self, identity_id: str, user: Secret) -> None:
        """Unlink a user id. If another host has already unlinked it, do nothing."""
        question = self._question(
            UNLINK,
            IdentityId=identity_id,
            IdentityPoolId=self._pool_id,
            DeveloperProviderName=self._provider,
            DeveloperUserIdentifier=user,
        )
        self._unless_missing(question, lambda _: None)

    def _question(self, operation: str, **members: Any) -> Question:
        return Question(operation, members, tuple(self._known))

    def _unless_missing(self, question: Question, read: Callable[[dict[str, Any]], R]) -> R | None:
        try:
            return self._ask(question, read)
        except ResourceNotFoundError as error:
            if _UNKNOWN_POOL in str(error):
                raise
            return None


_CAME_BACK = "The user got a new identity each time one was deleted."


class _Progress:
    """
    The progress of erasing a user.

    Attributes:
        begun: Whether a call that changes something may have been made.

        left: The id of the identity that is known to be left; None if there is none.

        refusal: Why Cognito did not delete the last identity although the call succeeded.

        deleted: The identities that were deleted.

        users: The user ids that are no longer linked to an identity.
    """

    def __init__(self) -> None:
        self.begun = False
        self.left: str | None = None
        self.refusal: str | None = None
        self.deleted: list[str] = []
        self.users: dict[Secret, None] = {}

    def erased(self) -> ErasedUser:
        return ErasedUser(self.deleted, self.users)

    def failure(self, why: str) -> IncompleteEraseError:
        if self.left:
            state = f"the identity {self.left} is left"
        else:
            state = "it is not known whether the user has another identity"
        return IncompleteEraseError(
            f"The user is not erased completely: {state}. Deleted identities: "
            f"{len(self.deleted)}, unlinked user ids: {len(self.users)}. {why}",
            deleted=tuple(self.deleted),
            remaining=self.left,
        )


def _identity_in(response: dict[str, Any]) -> str:
    found = response.get("IdentityId")
    if not (isinstance(found, str) and ID_PATTERN.fullmatch(found)):
        raise InvalidTokenResponseError(f"{LOOKUP} returned no identity id.")
    return found


def _page_in(response: dict[str, Any]) -> tuple[list[Secret], Secret | None]:
    """Return the user ids of a page and, if there are more, the token of the next page."""
    users: list[str] = response.get("DeveloperUserIdentifierList") or []
    token: str | None = response.get("NextToken")
    return list(map(Secret, users)), Secret(token) if token else None


def _refusal_in(response: dict[str, Any]) -> str | None:
    """Return why an identity was not deleted although the call succeeded; None if it was."""
    match response.get("UnprocessedIdentityIds"):
        case None | []:
            return None
        case [{"ErrorCode": str(code)}, *_] if code in _UNPROCESSED:
            return f"{DELETE} did not delete the identity: {code}."
        case _:
            return f"{DELETE} did not delete the identity."
