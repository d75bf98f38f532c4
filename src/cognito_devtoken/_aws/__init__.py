"""
The client of Cognito: apart from ``_clients`` and the command line, the only code that imports
botocore.

It may import values and exceptions, but not the cache or the sessions. ``client`` makes the calls,
and ``making`` the clients of botocore for them. ``errors`` turns what botocore raises into our
exceptions without secrets, ``trade_errors`` knows what is special about the exchange of tokens, and
``log_filter`` keeps requests and tokens out of botocore's log. The sessions and the command line
import it.
"""
