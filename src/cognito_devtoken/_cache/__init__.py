"""
The cache of leases: single flight, refresh ahead, grace period, back-off, negative cache.

``cache`` puts it together around one ``state``. ``lookup`` decides what a caller gets or waits
for, and starts every refresh: there is no timer. ``workers`` are the threads that fly ``flights``
through a ``source``; ``publication`` ends them. ``failures`` says for how long to back off,
``rate_limiter`` slows fetches down after a throttling, ``stats`` counts and emits events without
secrets, ``invalidation`` says what to remove.
It may import values, events and exceptions, but not botocore, stores, frameworks or asyncio
(except to await). ``_sharing``, the sessions and what integrations share import this package.
"""
