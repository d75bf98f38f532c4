"""Warn that clients are not shared."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..events import ClientsNotShared


if TYPE_CHECKING:
    from .._session.base import Session


def warn(session: Session, library: str, error: Exception) -> None:
    """Emit ClientsNotShared through a session. The event names only the class of the error."""
    recorder = session._cache._state.recorder
    recorder.emit(ClientsNotShared, library, type(error).__name__)
    recorder.run_deferred()
