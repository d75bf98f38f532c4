"""
A store that hosts share. A session looks there before it calls Cognito; the store may fail at any
time.

``source`` looks in the store, and calls Cognito if the store has no token. Before the call, it
takes a lock in the store, so that one host calls for all of them; ``locks`` renews the lock.
``guarded_store`` and its ``circuit_breaker`` skip a store that is down. ``invalidation_log`` tells
hosts what the others invalidated: ``announcements`` writes ``messages``, ``log_reader`` reads them,
and ``invalidation_index`` remembers the invalidations. ``key_check`` reports hosts that share
nothing because their keys differ. ``background`` runs the threads.

This package may import the state, the flights and the source of the cache, but not redis, botocore
or the workers. Only the sessions import it, and only if there is a store.
"""
