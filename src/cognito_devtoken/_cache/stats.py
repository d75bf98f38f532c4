"""
What a cache has done, in numbers.

This module is imported only when a program reads the numbers, because making the class takes 2 % of
the CPU time to the first token.
"""

from collections.abc import Mapping

import attrs


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
