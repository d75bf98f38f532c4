"""The input and the result of erasing a user: the user id, and what was deleted."""

from collections.abc import Iterable

import attrs

from ..exceptions import InvalidRequestError, Violation
from .providers import may_be_developers
from .request import TokenRequest, text_violations
from .secret import NeverPickled, Secret


# The longest user id in the operations on identities. In Logins, 50,000 characters are allowed.
MAX_USER_ID = 1024
_NOT_DEVELOPERS = "must name the developer provider, not a public one"


def _secrets(user_ids: Iterable[str | Secret]) -> tuple[Secret, ...]:
    secrets = (each if isinstance(each, Secret) else Secret(each) for each in user_ids)
    return tuple(dict.fromkeys(secrets))


@attrs.frozen
class ErasedUser(NeverPickled):
    """
    The result of erasing a user: the deleted identities, and the unlinked user ids.

    Its repr does not show the user ids, and it cannot be pickled.

    Attributes:
        identity_ids: The ids of the deleted Cognito identities, ``REGION:GUID``. Usually there is
            one id, or none if the user had no identity. There are several if the user got a new
            identity in the meantime.
    """

    identity_ids: tuple[str, ...] = attrs.field(default=(), converter=tuple[str, ...])
    _user_ids: tuple[Secret, ...] = attrs.field(default=(), converter=_secrets)

    @property
    def user_ids(self) -> tuple[str, ...]:
        """Your own user ids that were linked to these identities, including the erased user's."""
        return tuple(user_id.reveal() for user_id in self._user_ids)


# repr(), help() and tracebacks then show the module from which users import this class.
ErasedUser.__module__ = "cognito_devtoken"


def developer_user(request: TokenRequest, developer_provider: str) -> Secret:
    """
    Return the user id in a request.

    Raises:
        InvalidRequestError: If the request has no user id, or one of more than 1024 characters, or
            if the provider cannot be the developer provider of a pool.

        TypeError: If *request* is not a TokenRequest.
    """
    if not isinstance(request, TokenRequest):  # pyright: ignore[reportUnnecessaryIsInstance]  # callers may be untyped
        kind = type(request).__name__
        del request  # it may be a user id in the wrong place
        raise TypeError(f"request must be a TokenRequest, not {kind}.")
    user_id = Secret(request.logins.get(developer_provider, ""))
    if developer_provider not in request.logins:
        raise InvalidRequestError([Violation("logins", "must name the developer provider")])
    # AWS looks up a user by the user id alone. So the id of a Google user would find the developer
    # provider's user with the same id.
    if not may_be_developers(developer_provider):
        raise InvalidRequestError([Violation("logins", _NOT_DEVELOPERS)])
    if violations := text_violations("user_id", user_id.reveal(), MAX_USER_ID):
        raise InvalidRequestError(violations)
    return user_id
