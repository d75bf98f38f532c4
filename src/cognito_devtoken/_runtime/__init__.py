"""
What the operating system provides and may refuse: threads, randomness, forks, connections in time.

``threads`` starts and waits, ``fork`` prepares objects for a fork, ``deadline`` ends operations on
a connection in time, ``clock`` measures that time, ``context`` takes the context of a caller to
another thread. Nothing here knows about tokens. Every package but the values may import this one.
"""
