"""Record what a cache does: count for ``stats()``, and emit events to the hooks."""

from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping
from contextvars import copy_context
from functools import partial
from typing import TYPE_CHECKING

import attrs

from .._events.log import WARNINGS
from .._values.clock import Instant
from .._values.key import Key
from .._values.lease import Lease
from ..events import Event, HookFailed
from .health import Health


if TYPE_CHECKING:
    from ..typing import EventHook


@attrs.frozen(kw_only=True)
class Stats:
    """
    The counts of a cache since it was made, and what it holds now.

    A forked child has the tokens of its parent, but counts from zero. Each call counts as one of
    *hits*, *due_hits*, *grace_hits* and *misses*. A call that raised an error counts as a miss. A
    call that was cancelled, or had wrong arguments, is not counted.

    Attributes:
        hits: Calls answered with a fresh token.

        due_hits: Calls answered with a token in its refresh window.

        grace_hits: Calls answered with a token in its grace period, or with less remaining life
            than the caller needed, because no new one was available.

        misses: Calls that needed a new token, from Cognito or from a shared store, and calls that
            failed.

        errors: Calls that raised an error.

        joined: Calls that joined a fetch that was already in flight or queued.

        back_offs: Calls for which no fetch was made, because the key was backing off. Such a call
            fails, or gets a token in its grace period.

        fetches_started: Calls to Cognito. Each also counts as succeeded or failed once it returns,
            even if it was abandoned.

        fetches_succeeded: Calls to Cognito that returned a token.

        fetches_failed: Calls to Cognito that failed.

        fetches_abandoned: Fetches that were abandoned, whether they were sent or still queued.

        tokens_discarded: Tokens that arrived and were not kept, because the key had been
            invalidated or the cached token lived longer.

        reasons: How many fetches were started for each
            :class:`~cognito_devtoken.events.Reason`.

        store_hits: Tokens of other hosts that were taken from the shared store.

        store_misses: Look-ups in the shared store that found no token that outlives the cached one.

        store_errors: Operations of the shared store that failed.

        store_undecryptable: Values and messages in the shared store that could not be used: they
            could not be opened, or a value was not a token for the request.

        store_skipped: Look-ups that skipped the shared store, because its circuit breaker was
            open.

        store_locks_expired: Locks of the shared store that expired while this process still held
            them, because it was frozen or could not reach the store. Each may have cost one more
            call to Cognito.

        invalidations_applied: Rejected tokens that were removed.

        invalidations_ignored: Rejected tokens that were not the cached token.

        evictions: Valid tokens that were evicted, because the cache was full.

        expirations: Expired tokens that were removed.

        clock_steps: Steps of the wall clock of more than 2 s, and freezes of the machine.

        hook_errors: Exceptions that hooks raised.

        entries: Tokens held now.

        in_flight: Keys for which a fetch is in flight or queued now.

        credentials: The same counts for the session's cache of AWS credentials; None if
            ``get_credentials()`` has not been called.
    """

    hits: int = 0
    due_hits: int = 0
    grace_hits: int = 0
    misses: int = 0
    errors: int = 0
    joined: int = 0
    back_offs: int = 0
    fetches_started: int = 0
    fetches_succeeded: int = 0
    fetches_failed: int = 0
    fetches_abandoned: int = 0
    tokens_discarded: int = 0
    reasons: Mapping[str, int] = attrs.field(factory=dict[str, int])
    store_hits: int = 0
    store_misses: int = 0
    store_errors: int = 0
    store_undecryptable: int = 0
    store_skipped: int = 0
    store_locks_expired: int = 0
    invalidations_applied: int = 0
    invalidations_ignored: int = 0
    evictions: int = 0
    expirations: int = 0
    clock_steps: int = 0
    hook_errors: int = 0
    entries: int = 0
    in_flight: int = 0
    credentials: "Stats | None" = None


# repr(), help() and tracebacks then show the module from which users import this class.
Stats.__module__ = "cognito_devtoken"


class StatsRecorder:
    """
    Counts what happens, and emits events.

    Counting happens at once, under the cache's lock. Hooks, and other actions that must not run
    under the lock, are deferred until the lock is released.

    Args:
        hooks: Called with every event.

        log: Called with the events that are warnings.

        lease: The word for the leases of the cache in events and messages: ``token`` or
            ``credentials``.
    """

    def __init__(
        self, hooks: "Iterable[EventHook]", log: "EventHook | None" = None, lease: str = "token"
    ) -> None:
        self.lease = lease
        self._health = Health()
        self._last_success: Instant | None = None  # not in _health yet
        self.counts: Counter[str] = Counter()
        self.reasons: Counter[str] = Counter()
        self._hooks = tuple(hooks)
        self._hooks_of_warnings = self._hooks if log is None else (*self._hooks, log)
        self._failed_hooks: set[HookFailed] = set()
        self._deferred: deque[Callable[[], object]] = deque()

    @property
    def health(self) -> Health:
        """How the last calls went."""
        # Made only when somebody reads it. Every miss records a success, and must stay fast.
        success = self._last_success
        return self._health.after_success(success) if success else self._health

    def record_success(self, now: Instant) -> None:
        """Note that a call succeeded."""
        self._last_success = now

    def record_failure(self, error: Exception, wait: float, now: Instant) -> None:
        """Record a failure, and how many seconds its key backs off."""
        self._health = self.health.after_failure(error, wait, now)
        self._last_success = None

    def emit(self, kind: type[Event], *members: object) -> None:
        """
        Make an event, and defer the calls of the hooks. In the event, keys become digests, and
        leases become fingerprints.

        The hooks run in a copy of the current context, whichever thread calls them later.
        """
        hooks = self._hooks_of_warnings if kind.__name__ in WARNINGS else self._hooks
        if hooks:
            event = kind(*map(_public, members))._about(self.lease)
            # Each hook gets a copy of the context, because two threads may call two hooks at once.
            for hook in hooks:
                self.defer(partial(copy_context().run, partial(self._call, hook, event)))

    def _call(self, hook: "EventHook", event: Event) -> None:
        try:
            hook(event)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001  # a hook must not break what it observes
            self.counts["hook_errors"] += 1
            self._report(hook, type(error).__name__)

    def _report(self, hook: "EventHook", error: str) -> None:
        """Tell the other hooks that one has failed, once for each class of error."""
        name = getattr(hook, "__qualname__", type(hook).__qualname__)
        failed = HookFailed(name, error)._about(self.lease)
        if failed not in self._failed_hooks:
            self._failed_hooks.add(failed)
            for other in self._hooks_of_warnings:
                if other is not hook:
                    self._call(other, failed)

    def defer(self, *actions: Callable[[], object]) -> None:
        """Defer actions until the lock is released."""
        self._deferred.extend(actions)

    def defer_first(self, *actions: Callable[[], object]) -> None:
        """Defer actions, but run them before hooks that are already deferred."""
        self._deferred.extendleft(actions)

    def run_deferred(self) -> bool:
        """
        Run the deferred actions. Call this without the lock, even after an error.

        Returns whether there were any.
        """
        found = False
        while self._deferred:
            try:
                action = self._deferred.popleft()
            except IndexError:  # another thread has taken the last action
                break
            found = True
            action()
        return found

    def has_deferred(self) -> bool:
        """Return whether anything is deferred."""
        return bool(self._deferred)

    def reset(self) -> None:
        """Count from zero in a forked child, and drop the actions that the parent deferred."""
        self._deferred.clear()
        self.counts.clear()
        self.reasons.clear()


def _public(member: object) -> object:
    if isinstance(member, Key):
        return member.digest
    return member.fingerprint if isinstance(member, Lease) else member
