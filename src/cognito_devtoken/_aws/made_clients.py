"""
Hold the botocore clients that the library makes, and replace all clients and sessions together.

botocore reads profiles and AWS credentials once, and keeps them in its session. If another program
writes new credentials to a file, the session keeps the old credentials, even after they have
expired. Only a new session reads the new credentials. A replaced client is closed when no call uses
it any longer.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, NamedTuple


if TYPE_CHECKING:
    from botocore.client import BaseClient
    from botocore.session import Session


COGNITO = "cognito-identity"
STS = "sts"


class ClientKind(NamedTuple):
    """What a botocore client is for: a service in a region, and whether it signs its calls."""

    region: str
    service: str = COGNITO
    is_signed: bool = True


class MadeClients:
    """
    A botocore session for each service, and the clients of these sessions.

    Args:
        since: When these clients came into use, by a monotonic clock.

    Attributes:
        sessions: The sessions by service. Each is made when a client of it is first needed.

        by_kind: The clients.

        making: A lock that is held while a client is made, and while the AWS credentials for it are
            looked up.

        refused: Whether AWS has refused the credentials of these clients, or botocore has found
            none.
    """

    def __init__(self, since: float) -> None:
        self.since = since
        self.sessions: dict[str, Session] = {}
        self.by_kind: dict[ClientKind, BaseClient] = {}
        self.making = threading.Lock()
        self.refused = False
        self._lock = threading.Lock()
        self._calls = 0
        self._retired = False

    def __enter__(self) -> None:
        """Keep the clients open for a call."""
        with self._lock:
            self._calls += 1

    def __exit__(self, *exc_info: object) -> None:
        with self._lock:
            self._calls -= 1
            unused = self._retired and not self._calls
        if unused:
            self.close()

    def retire(self) -> None:
        """Close the clients once no call uses them."""
        with self._lock:
            self._retired = True
            unused = not self._calls
        if unused:
            self.close()

    def close(self) -> None:
        """Close the clients, even if a call uses them, and free what botocore has loaded."""
        made, self.by_kind, self.sessions = self.by_kind, {}, {}
        for client in made.values():
            client.close()
