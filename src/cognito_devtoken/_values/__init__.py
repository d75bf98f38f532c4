"""
What is asked for and what comes back: request, token, lease, key, secret, clock.

Pure values and rules. Only exceptions may enter; no I/O, no threads, and no time but that of
the one system clock. A secret is kept out of reprs, pickles and messages here (``secret``).
Everything above may import it.
"""
