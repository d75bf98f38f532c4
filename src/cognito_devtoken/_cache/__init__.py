"""
The cache of leases: single flight, refresh ahead, grace period, back-off, negative cache.

A *lease* is a token, or AWS credentials. A *flight* is one attempt to get one lease. All callers
that want this lease share the flight.

``cache`` puts the parts together around one ``state``. ``lookup`` decides what a caller gets or
waits for. It also starts every refresh: there is no timer. ``workers`` are the threads that run
``flights``: they get the lease from a ``source``, and ``publication`` ends the flight. ``failures``
decides how long to back off. ``rate_limiter`` slows fetches down after Cognito has throttled a
fetch. ``recorder`` counts, and emits events without secrets. ``invalidation`` removes leases.

This package may import values, events, exceptions and ``_runtime``, but not botocore, stores,
frameworks or asyncio (except to await). ``_sharing``, the sessions and the modules that
integrations share import this package. The command line imports only ``policy``.
"""
