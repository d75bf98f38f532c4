"""
What the package logs, on the logger ``cognito_devtoken``.

Nothing here imports logging before something is logged, because importing the package must stay
cheap.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING


if TYPE_CHECKING:
    from logging import Logger

    from .base import Event


# The names of the events that are logged at WARNING, each with the hint to log unless the event has
# a hint of its own.
WARNINGS: Mapping[str, str | None] = {
    "FetchFailed": None,
    "FetchAbandoned": "Find out why calls to Cognito hang; a firewall may be dropping them.",
    "ServedInGrace": "Find out why the token cannot be refreshed; once it expires, calls fail.",
    "StoreFailed": "Check that the store is reachable; while it is not, every host calls Cognito.",
    "StoredValueRefused": "Give all hosts the same keys, and let nothing else write to the store.",
    "StoreKeysDiffer": "Give all hosts the same store keys, or give each fleet its own prefix.",
    "StoreLockExpired": "Find out whether this host freezes at times, or the store is slow.",
    "Throttled": "Request a longer token_duration, share a store, or ask AWS for a higher quota.",
    "ClockStepped": "Check the host's clock synchronisation, unless the host freezes at times.",
    "ClientsNotShared": "Install another release of the library; this one makes clients slowly.",
    "HookFailed": "Fix the hook; its further errors of this class are counted, but not logged.",
    "RequestFailed": None,
}
INFO_EVENTS = frozenset({"Evicted", "Invalidated", "InvalidatedElsewhere", "Forgotten"})
# A warning is not repeated within this many seconds, which is as long as the longest back-off.
_QUIET = 60.0
_MAX_REMEMBERED = 1000
_MAX_TEXT = 500
# Two warnings are the same if all of these members are equal. The key, the request id and the
# message are not among them, because they may differ for each user.
_SAME = ("lease", "error", "code", "hint", "operation", "why", "hook", "library")


class LoggingHook:
    """
    Logs every event, one line each. A session with this hook logs nothing itself.

    Events that need attention are logged at WARNING, removals of tokens at INFO, all others at
    DEBUG. A line has the form of logfmt: the event, then ``name=value`` for each of its members.

    Args:
        logger: Where to log; None uses the logger ``cognito_devtoken``.
    """

    def __init__(self, logger: Logger | None = None) -> None:
        self._logger = logger

    def __call__(self, event: Event) -> None:
        """Log one event."""
        logger = self._logger
        if logger is None:
            from logging import getLogger

            logger = self._logger = getLogger("cognito_devtoken")
        kind = type(event).__name__
        level = 30 if kind in WARNINGS else 20 if kind in INFO_EVENTS else 10
        if logger.isEnabledFor(level):
            members: dict[str, object] = dict(vars(event))
            members["hint"] = members.get("hint") or WARNINGS.get(kind)
            text = " ".join(f"{n}={_shown(v)}" for n, v in members.items() if v is not None)
            logger.log(level, "%s %s", kind, text)


class WarningLog:
    """
    Logs the same warning at most once a minute, so that an outage does not fill the log.

    Args:
        monotonic: Returns the time in seconds. The session's clock is not used, because a log
            fills up in real time.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._hook = LoggingHook()
        self._logged: dict[tuple[object, ...], float] = {}

    def __call__(self, event: Event) -> None:
        """Log an event, unless the same warning was logged within the last minute."""
        same = type(event), *(getattr(event, name, None) for name in _SAME)
        now, last = self._monotonic(), self._logged.get(same)
        if last is not None and 0 <= now - last < _QUIET:
            return
        if len(self._logged) >= _MAX_REMEMBERED:
            self._logged.clear()
        self._logged[same] = now
        self._hook(event)


def _shown(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.3f}"
    text = str(value)[:_MAX_TEXT]
    plain = text.isascii() and text.isprintable() and not set(' "=') & set(text)
    return text if plain and text else json.dumps(text)
