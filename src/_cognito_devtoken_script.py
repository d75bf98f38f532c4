"""
The installed command ``cognito-devtoken``.

It is outside the package, because importing the package takes most of the time in which a Ctrl-C
would otherwise print a traceback.
"""

import os
import signal
from typing import NoReturn


_INTERRUPTED = 130


def main() -> NoReturn:
    """Run the command line; end quietly on a Ctrl-C, even while Python is still importing it."""
    handler = signal.getsignal(signal.SIGINT)
    # A shell has a background job ignore the signal, and so does Python.
    if handler is signal.default_int_handler:
        # Not an exception: an import may swallow one, or report it as ignored.
        signal.signal(signal.SIGINT, lambda number, frame: os._exit(_INTERRUPTED))
    from cognito_devtoken.cli import script

    signal.signal(signal.SIGINT, handler)
    script()
