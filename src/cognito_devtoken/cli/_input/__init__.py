"""
The input of the command line: options, parameters, shorthand, files, skeletons.

This package may import values, exceptions and helpers of the command line, but not the client or
the sessions. Only the command line imports this package.
"""
