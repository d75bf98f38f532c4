"""
The only code that knows botocore: the client, the translation of its errors, its log filter.

It may import values and exceptions, but not the cache or the sessions. ``errors`` turns what
botocore raises into our exceptions without secrets, and ``log_filter`` keeps requests and tokens
out of botocore's log. The sessions and the command line import it.
"""
