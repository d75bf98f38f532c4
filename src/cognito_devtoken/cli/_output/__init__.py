"""
The output of the command line: JSON, YAML, text, tables, error reports, files, the debug log.

This package may import values, exceptions, the log filter and helpers of the command line, but not
the client or the sessions. Only the command line imports this package.
"""
