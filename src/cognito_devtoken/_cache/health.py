"""How the last calls to Cognito went, for a health check that makes none."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Self

import attrs

from .._values.clock import Instant
from ..exceptions import ResourceNotFoundError
from .failures import Failure


@attrs.frozen(kw_only=True)
class Health:
    """
    What a session knows of Cognito from the calls that it has made.

    A refusal that concerns one user, such as a ``ResourceConflictError``, counts neither way: only
    a token says that all is well. A ``NotAuthorizedError`` is such a refusal, even if everyone
    gets it because the developer provider is wrong. The times are aware datetimes by the clock of
    this machine.

    Attributes:
        last_success: When the last token arrived; None if none has.

        failing_since: When the first of the failures came that no token has followed; None if
            the last call succeeded, or there was none.

        last_error: The name of the class of the last of them, such as ``TooManyRequestsError``.

        retry_at: Until when the user whose fetch has failed last is left alone.
    """

    last_success: datetime | None = None
    failing_since: datetime | None = None
    last_error: str | None = None
    retry_at: datetime | None = None

    @property
    def ok(self) -> bool:
        """Whether the last call succeeded, or there was none."""
        return self.failing_since is None

    def to_dict(self) -> dict[str, bool | str | None]:
        """All of it for JSON, times in ISO 8601, and no secret."""
        members = attrs.asdict(self, recurse=False)
        return {"ok": self.ok} | {
            name: value.isoformat() if isinstance(value, datetime) else value
            for name, value in members.items()
        }

    def after_success(self, now: Instant) -> Self:
        """What is known once a token has arrived."""
        return type(self)(last_success=_time(now))

    def after_failure(self, error: Exception, wait: float, now: Instant) -> Self:
        """What is known once a fetch has failed, whose user is left alone for some seconds."""
        terminal = Failure.of(error) is Failure.TERMINAL
        # What is not found may be the pool of all, and if not, the next token says so.
        if terminal and not isinstance(error, ResourceNotFoundError):
            return self
        return attrs.evolve(
            self,
            failing_since=self.failing_since or _time(now),
            last_error=type(error).__name__,
            retry_at=_time(now) + timedelta(seconds=wait),
        )


def _time(now: Instant) -> datetime:
    return datetime.fromtimestamp(now.wall, UTC)
