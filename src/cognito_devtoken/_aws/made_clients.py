"""
The botocore clients that the library makes. They are replaced together, with their session.

botocore reads profiles and AWS credentials once, and keeps them in its session. If another program
writes new credentials to a file, the session keeps the old ones, even after they have expired. Only
a new session reads the new ones. A client is not closed while a call uses it.
"""

from __future__ import annotations

import threading
from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol


if TYPE_CHECKING:
    from botocore.session import Session


class CognitoIdentity(Protocol):
    """The part of botocore's client that is used here."""

    def get_open_id_token_for_developer_identity(self, **params: Any) -> dict[str, Any]: ...

    def close(self) -> None: ...


class MadeClients:
    """
    One botocore session and its clients.

    Args:
        since: When these clients replaced others, by a monotonic clock.

    Attributes:
        session: The session, once a client is needed.

        by_region: The clients.

        making: A lock that is held while a client is made. This includes looking up AWS
            credentials.

        refused: Whether AWS has refused the credentials of these clients, or botocore has found
            none.
    """

    def __init__(self, since: float) -> None:
        self.since = since
        self.session: Session | None = None
        self.by_region: dict[str, CognitoIdentity] = {}
        self.making = threading.Lock()
        self.refused = False
        self._lock = threading.Lock()
        self._calls = 0
        self._retired = False

    @contextmanager
    def in_use(self) -> Generator[None]:
        """Keep the clients open for a call."""
        with self._lock:
            self._calls += 1
        try:
            yield
        finally:
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
        """Close the clients, even if a call uses them."""
        made, self.by_region = self.by_region, {}
        for client in made.values():
            client.close()
