"""
What the command line writes: JSON, YAML, text and tables, error reports, files, the debug log.

Values, exceptions and ``cli._errors`` may enter; the client and the sessions may not. Only the
commands import it.
"""
