"""
The client for Cognito. Only this package, ``_clients`` and the command line import botocore.

This package may import values, exceptions and ``_runtime``, but not the cache or the sessions.
``client`` makes the calls, and ``client_factory`` makes botocore's clients for them. ``identities``
finds and erases the identity of a user. ``errors`` translates errors of botocore into our
exceptions, without secrets; ``trade_errors`` does so for the exchange of tokens. ``log_filter``
keeps requests and tokens out of botocore's log. For the command line, ``public_keys`` finds the
keys that verify tokens, and fetches them over botocore's connections. The sessions and the command
line import this package.
"""
