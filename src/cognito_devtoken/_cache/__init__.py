"""
The cache of leases: single flight, refresh ahead, grace period, back-off, negative cache.

``state`` is shared by all modules; ``lookup`` decides what a caller gets or waits for, ``workers``
fly ``flights`` through a ``source``, ``publication`` ends them, ``failures`` decides back-off.
It may import values, events and exceptions, but not botocore, stores, frameworks or asyncio (except
to await). ``_sharing`` and the sessions import it.
"""
