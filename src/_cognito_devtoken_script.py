"""
The installed command ``cognito-devtoken``.

It is outside the package so that it can handle Ctrl-C before it imports the package. Most of the
time before the command runs is spent on that import, in which a Ctrl-C would print a traceback.
"""

import os
import signal
from typing import NoReturn


_INTERRUPTED = 130


def main() -> NoReturn:
    """Run the command line; end quietly on a Ctrl-C, even while Python is still importing it."""
    handler = signal.getsignal(signal.SIGINT)
    # In a background job, the shell has the signal ignored, and Python keeps that.
    if handler is signal.default_int_handler:
        # Do not raise an exception: an import may swallow it, or report it as ignored.
        signal.signal(signal.SIGINT, lambda number, frame: os._exit(_INTERRUPTED))
    from cognito_devtoken.cli import script

    signal.signal(signal.SIGINT, handler)
    script()
