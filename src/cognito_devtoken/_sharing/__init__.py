"""
Share tokens between hosts through a store, which may fail at any time.

``source`` looks in the store, and calls Cognito if the store has no token. Before the call,
``source`` takes a lock in the store, so that one host makes the call for all hosts. ``locks``
renews the lock. ``guarded_store`` and its ``circuit_breaker`` skip a store that is down.

``invalidation_log`` tells each host what other hosts have invalidated: ``announcements`` writes
``messages``, ``log_reader`` reads them, and ``invalidation_index`` remembers the invalidations.
``key_check`` reports hosts that share nothing because their keys differ. ``background`` runs the
threads.

This package may import the parts of the cache that do not depend on its workers and its lookup, but
neither redis nor botocore. Only the sessions import this package, and only if there is a store.
"""
