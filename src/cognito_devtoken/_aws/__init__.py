"""
The client of Cognito: apart from the command line, the only code that imports botocore.

It may import values and exceptions, but not the cache or the sessions. ``errors`` turns what
botocore raises into our exceptions without secrets, and ``log_filter`` keeps requests and tokens
out of botocore's log. ``public_keys`` finds and fetches the keys of tokens over botocore's
connections, for the command line. The sessions and the command line import this package.
"""
