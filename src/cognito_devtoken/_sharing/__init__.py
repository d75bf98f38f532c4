"""
A store that hosts share: what is asked before Cognito is, and what happens when it fails.

``source`` puts the store in front of the fetcher, behind the circuit breaker of ``guarded_store``;
``locks`` let one host call for all; ``invalidation_log`` tells hosts what the others invalidated.
The state and the flights of the cache may enter; redis, botocore and the workers may not. Only the
sessions import it, and only if there is a store.
"""
