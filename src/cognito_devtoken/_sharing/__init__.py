"""
A store that hosts share: it is asked before Cognito, and may fail at any time.

``source`` puts the store in front of the fetcher, behind the circuit breaker of ``guarded_store``;
``locks`` let one host call for all; ``invalidation_log`` tells hosts what the others invalidated.
It may import the state and the flights of the cache, but not redis, botocore or the workers. Only
the sessions import it, and only if there is a store.
"""
