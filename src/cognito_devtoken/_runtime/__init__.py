"""
Services of the operating system, which may refuse them: threads, randomness, forks, connections.

``threads`` starts threads and waits. ``fork`` prepares objects for a fork. ``deadline`` ends
operations on a connection in time, and ``clock`` measures that time. ``context`` takes the context
of a caller to another thread. Nothing in this package knows about tokens. Every package except
``_values`` may import it.
"""
