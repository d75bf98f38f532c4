"""Record what a cache does: count for ``stats()``, and emit events to the hooks."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable
from contextvars import copy_context
from functools import partial
from typing import TYPE_CHECKING

from .._events.log import WARNINGS
from .._values.clock import Instant
from .._values.key import Key
from .._values.lease import Lease
from ..events import Event, HookFailed
from .health import Health


if TYPE_CHECKING:
    from ..typing import EventHook


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
        self, hooks: Iterable[EventHook], log: EventHook | None = None, lease: str = "token"
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

    def _call(self, hook: EventHook, event: Event) -> None:
        try:
            hook(event)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001  # a hook must not break what it observes
            self.counts["hook_errors"] += 1
            self._report(hook, type(error).__name__)

    def _report(self, hook: EventHook, error: str) -> None:
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
