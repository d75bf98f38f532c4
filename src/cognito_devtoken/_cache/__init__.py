"""
The cache of leases: single flight, refresh ahead, grace period, back-off, negative cache.

``state`` is what all of it shares; ``lookup`` decides what a caller gets or waits for, ``workers``
fly ``flights`` through a ``source``, ``publication`` ends them, ``failures`` decides back-off.
Values, events and exceptions may enter; botocore, stores, frameworks and asyncio (but to await) may
not. The sharing of a store and the sessions import it.
"""
