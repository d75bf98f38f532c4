"""
A store that hosts share: it is asked before Cognito, and may fail at any time.

``source`` asks the store, and calls Cognito if it has no token; it also takes the lock that lets
one host call for all, which ``locks`` renews. ``guarded_store`` and its ``circuit_breaker`` skip a
store that is down. ``invalidation_log`` tells hosts what the others invalidated: ``announcements``
writes ``messages``, ``log_reader`` reads them, ``invalidation_index`` remembers them.
``key_check`` reports hosts that share nothing because they have other keys.
``background`` runs the threads.
It may import the state, the flights and the source of the cache, but not redis, botocore or the
workers. Only the sessions import it, and only if there is a store.
"""
