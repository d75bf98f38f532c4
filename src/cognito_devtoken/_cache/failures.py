"""What went wrong for a key lately, and what that means for those who ask again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import NoReturn

import attrs

from .._values.clock import Instant
from ..exceptions import TokenUnavailableError
from .policy import MAX_MEMORY, Failure


@attrs.frozen
class Trouble:
    """The last failure of a key, and for how many seconds the key is left alone."""

    error: Exception
    kind: Failure
    failures: int
    since: Instant
    wait: float
    usable: bool  # there was a token that could be served in the meantime

    def left(self, now: Instant, *, usable: bool) -> float:
        """
        For how many seconds no fetch is made; 0 or less says that one may be.

        Without a token that is usable in the meantime it is never long.
        """
        return (self.wait if usable else min(self.wait, MAX_MEMORY)) - self.since.age(now)

    def retry_at(self, now: Instant, *, usable: bool) -> datetime:
        """Until when no fetch is made, by the wall clock of the session."""
        left = timedelta(seconds=self.left(now, usable=usable))
        return datetime.fromtimestamp(now.wall, UTC) + left

    def refuse(self, now: Instant, *, usable: bool) -> NoReturn:
        """Raise what went wrong, without another try."""
        error = again(self.error)
        if self.kind in (Failure.TERMINAL, Failure.REFUSED):
            raise error
        retry_at = self.retry_at(now, usable=usable)
        raise TokenUnavailableError(
            f"No attempt is made before {retry_at:%H:%M:%S} UTC, because the last one failed "
            f"with {type(error).__name__}.",
            retry_at=retry_at,
            last_error=error,
            hint="Ask again at retry_at; last_error says what went wrong.",
        )


def again(error: Exception) -> Exception:
    """A copy of a failure: each of those who share it raises an object of its own."""
    twin = type(error).__new__(type(error), *error.args)  # whatever its __init__ takes
    twin.__dict__.update(error.__dict__)
    if notes := getattr(error, "__notes__", None):
        twin.__notes__ = list(notes)
    twin.__cause__ = error.__cause__
    twin.__suppress_context__ = True
    return twin


def without_frames(error: BaseException) -> None:
    """Take the frames from an error and from those that have caused it."""
    seen: set[int] = set()
    while id(error) not in seen:  # one may name itself
        seen.add(id(error))
        error.with_traceback(None).__context__ = None
        error = error.__cause__ or error
