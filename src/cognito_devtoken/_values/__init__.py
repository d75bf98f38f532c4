"""
Values: request, token, role, credentials, lease, key, secret, clock.

Pure values and rules: no I/O, no threads, and no time but that of the one system clock. It may
import only the exceptions; every package above may import it. ``secret`` keeps secrets out of
reprs and pickles. ``trade`` exchanges a token for credentials, apart from the call itself.
"""
