"""
Refuse every connection that leaves this machine.

Python imports this module at start-up if its folder is on PYTHONPATH, so the processes that tests
start are covered too.
"""

import ipaddress
import sys
import threading
from typing import Any


def _is_loopback(host: object) -> bool:
    name = host.decode() if isinstance(host, bytes) else str(host or "localhost")
    try:
        return name == "localhost" or ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _refuse(event: str, args: tuple[Any, ...]) -> None:
    if event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
        address = args[1]
        host = address[0] if isinstance(address, tuple) else None
    elif event == "socket.getaddrinfo":
        host = args[0]
    else:
        return
    if not _is_loopback(host):
        raise PermissionError(f"{event} to {host!r}: tests may only connect to loopback")


sys.addaudithook(_refuse)


class _PatientSys:
    """The module sys, whose settrace() waits for that of another thread."""

    def __getattr__(self, name: str) -> Any:
        return getattr(sys, name)

    def settrace(self, trace: Any) -> None:
        while True:
            try:
                sys.settrace(trace)
            except RuntimeError:  # another thread is installing its trace function right now
                continue
            return


# Before CPython 3.12, when two threads start at the same moment and an audit hook runs in Python,
# one of them may fail to install its trace function, which coverage has it do, and never starts.
if sys.version_info < (3, 12):
    threading._sys = _PatientSys()  # type: ignore[attr-defined]
