"""
The client of Cognito: apart from the command line, the only code that imports botocore.

It may import values and exceptions, but not the cache or the sessions. ``client`` makes the calls,
and ``client_factory`` the clients of botocore for them. ``errors`` turns what botocore raises into
our exceptions without secrets; ``trade_errors`` knows what is special about the exchange of tokens.
``log_filter`` keeps requests and tokens out of botocore's log. ``public_keys`` finds and fetches
the keys of tokens over botocore's connections, for the command line. The sessions and the command
line import this package.
"""
