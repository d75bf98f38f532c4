"""Builds the request for a user. Its errors name the arguments of the session's methods."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

import attrs

from .._values.providers import DEVELOPER_PROVIDER
from .._values.request import REMOVE_QUOTES, TokenRequest, in_quotes
from .._values.secret import HiddenValues
from ..exceptions import ConfigurationError, InvalidRequestError, Violation


def request_of(
    user_id: str,
    plain: TokenRequest,
    provider: str | None,
    *,
    logins: Mapping[str, str] | None = None,
    identity_id: str | None = None,
    principal_tags: Mapping[str, str] | None = None,
    token_duration: int | timedelta | None = None,
) -> TokenRequest:
    """
    Return the request for a user.

    *plain* has the session's pool and duration; *provider* is the session's developer provider.
    """
    if provider is None:
        del user_id, logins
        raise no_provider()
    has_more = (
        logins is not None
        or identity_id is not None
        or principal_tags is not None
        or token_duration is not None
    )
    try:
        if not has_more:
            return plain._with_login(provider, user_id)
        if not isinstance(logins, Mapping | HiddenValues | None):  # pyright: ignore[reportUnnecessaryIsInstance]
            limit = "must be a mapping of provider names to tokens"
            violation = Violation("logins", limit, type(logins).__name__)
            raise InvalidRequestError([violation])  # noqa: TRY301  # for finally
        if provider in (logins or ()):
            limit = "must not name the developer provider, whose login is user_id"
            raise InvalidRequestError([Violation("logins", limit)])  # noqa: TRY301  # for finally
        return TokenRequest(
            plain.identity_pool_id,
            {provider: user_id, **(logins or {})},
            identity_id,
            principal_tags,
            plain.token_duration if token_duration is None else token_duration,
        )
    except InvalidRequestError as error:
        violations = [_renamed(v, f"logins[{provider!r}]", "user_id") for v in error.violations]
    finally:
        # A traceback shows the locals of its frames.
        del user_id, logins, identity_id, principal_tags
    raise InvalidRequestError(violations)


def no_provider() -> ConfigurationError:
    """Return the error for a user id that is passed to a session without a provider."""
    return ConfigurationError(
        "This session has no developer_provider, so it cannot take a user id.",
        hint="Open the session with the developer provider name of the identity pool.",
    )


def request_of_anyone(
    identity_pool_id: str, developer_provider: str | None, token_duration: int | timedelta | None
) -> TokenRequest:
    """Return a request for any user, so that wrong arguments are refused at once."""
    try:
        logins = {"any" if developer_provider is None else developer_provider: "any"}
        request = TokenRequest(identity_pool_id, logins, token_duration=token_duration)
    except InvalidRequestError as error:
        violations = [_renamed(v, "logins key 1", "developer_provider") for v in error.violations]
    else:
        if developer_provider is None or DEVELOPER_PROVIDER.fullmatch(developer_provider):
            return request
        limit = "must be 1 to 128 letters, digits, dots, underscores or hyphens"
        copy = "Copy the developer provider name from the identity pool."
        hint = REMOVE_QUOTES if in_quotes(developer_provider) else copy
        violations = [Violation("developer_provider", limit, hint=hint)]
    raise InvalidRequestError(violations)


def _renamed(violation: Violation, member: str, argument: str) -> Violation:
    """Return the violation; if it is about *member*, make it name *argument* instead."""
    return attrs.evolve(violation, member=argument) if violation.member == member else violation
