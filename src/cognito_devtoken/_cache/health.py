"""Report how the last calls to Cognito went, for a health check that makes no call itself."""

from datetime import UTC, datetime, timedelta
from typing import Self

import attrs

from .._values.clock import Instant
from ..exceptions import ResourceNotFoundError, hint_of
from .failures import Failure


@attrs.frozen(kw_only=True)
class Health:
    """
    The health of a session, according to its own calls to Cognito.

    Errors about a single user, such as a ``ResourceConflictError`` or a ``NotAuthorizedError``,
    are ignored. Once a call has failed, only a new token or a successful ``check()`` makes the
    session healthy again. The times are aware datetimes by this machine's clock.

    Attributes:
        last_success: When the last token arrived, or ``check()`` last succeeded; None if neither
            has happened.

        failing_since: When calls began to fail; None if the last call succeeded, or there was none.

        last_error: The class name of the last failure, such as ``TooManyRequestsError``.

        hint: What to do about the last failure, without any text from AWS.

        retry_at: When the back-off ends for the user whose fetch was the last to fail. If a
            ``check()`` was the last call to fail: when it failed.
    """

    last_success: datetime | None = None
    failing_since: datetime | None = None
    last_error: str | None = None
    hint: str | None = None
    retry_at: datetime | None = None

    @property
    def ok(self) -> bool:
        """Whether the last call succeeded, or there was none."""
        return self.failing_since is None

    def to_dict(self) -> dict[str, bool | str | None]:
        """Return all members for JSON, with times in ISO 8601. No member is a secret."""
        members = attrs.asdict(self, recurse=False)
        return {"ok": self.ok} | {
            name: value.isoformat() if isinstance(value, datetime) else value
            for name, value in members.items()
        }

    def after_success(self, now: Instant) -> Self:
        """Return the health after a token has arrived."""
        return type(self)(last_success=_time(now))

    def after_failure(self, error: Exception, wait: float, now: Instant) -> Self:
        """Return the health after a failed fetch, whose key backs off for *wait* seconds."""
        terminal = Failure.of(error) is Failure.TERMINAL
        # A terminal error is about one user. Only ResourceNotFoundError may mean, instead, that the
        # pool does not exist. If the pool exists after all, the next token clears the failure.
        if terminal and not isinstance(error, ResourceNotFoundError):
            return self
        return attrs.evolve(
            self,
            failing_since=self.failing_since or _time(now),
            last_error=type(error).__name__,
            hint=hint_of(error),
            retry_at=_time(now) + timedelta(seconds=wait),
        )


# repr(), help() and tracebacks then show the module from which users import this class.
Health.__module__ = "cognito_devtoken"


def _time(now: Instant) -> datetime:
    return datetime.fromtimestamp(now.wall, UTC)
