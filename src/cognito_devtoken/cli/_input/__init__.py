"""
What the command line reads: options, parameters, shorthand, files, skeletons.

Values, exceptions and ``cli._errors`` may enter; the client and the sessions may not. Only the
commands import it.
"""
