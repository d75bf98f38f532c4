"""
What the operating system provides and may refuse: threads, randomness, forks, connections.

``threads`` starts threads and waits. ``fork`` prepares objects for a fork. ``deadline`` ends
operations on a connection in time, and ``clock`` measures that time. ``context`` takes the context
of a caller to another thread. Nothing here knows about tokens. Every package except ``_values`` may
import this one.
"""
