"""
The input of the command line: options, parameters, shorthand, files, skeletons.

It may import values, exceptions and ``cli._errors``, but not the client or the sessions. Only the
commands import it.
"""
