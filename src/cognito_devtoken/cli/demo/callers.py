"""Those who ask a session for the token of a user: a crowd at once, a few all the time."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager

import attrs

from ..._cache.policy import RefreshPolicy
from ..._session.sessions import AsyncTokenSession, TokenSession
from ..._values.token import OpenIdToken
from ...exceptions import DevTokenError
from .drawing import Moment


_REGULARS = 20
_PAUSE = 0.01


async def _sleep(seconds: float) -> None:
    import asyncio

    await asyncio.sleep(seconds)


@attrs.frozen(kw_only=True)
class Pace:
    """
    How time passes while the life of a token is shown.

    Attributes:
        open_session: Makes the session, which ages tokens by its clock.

        sleep: Waits for a number of seconds of that clock.
    """

    open_session: Callable[..., AsyncTokenSession] = AsyncTokenSession
    sleep: Callable[[float], Awaitable[None]] = _sleep


def time_of_a_hit(session: TokenSession, user_id: str, hits: int) -> float:
    """How many seconds a call takes, on average, when the token is at hand."""
    began = time.perf_counter()
    for _ in range(hits):
        session.get_token(user_id)
    return (time.perf_counter() - began) / hits


async def crowd(session: AsyncTokenSession, user_id: str, callers: int) -> list[float]:
    """So many callers at once: how long each of them has waited, in seconds."""
    import asyncio

    async def ask() -> float:
        began = time.perf_counter()
        await session.get_token(user_id)
        return time.perf_counter() - began

    return await asyncio.gather(*(ask() for _ in range(callers)))


class Regulars:
    """
    Callers who ask for one user's token all the time.

    Args:
        session: Whom they ask.

        user_id: Whose token they ask for.

        token: What they have at first.

    Attributes:
        number: How many they are.

        replaced_at: How old each token was, in seconds, when another took its place.

        served: How many calls were answered since the last :meth:`recount`.

        errors: How many failed.

        slowest: How long the slowest answer took, in seconds.
    """

    number = _REGULARS

    def __init__(self, session: AsyncTokenSession, user_id: str, token: OpenIdToken) -> None:
        self.replaced_at: list[float] = []
        self._session = session
        self._user_id = user_id
        self._token = token
        self.recount()

    def recount(self) -> None:
        """Count from nothing again."""
        self.served: int = 0
        self.errors: int = 0
        self.slowest: float = 0.0

    @contextmanager
    def at_work(self, sleep: Callable[[float], Awaitable[None]]) -> Generator[None]:
        """While this is open, they ask, and sleep between two calls."""
        import asyncio

        async def ask_on() -> None:
            while True:
                await self.ask()
                await sleep(_PAUSE)

        tasks = [asyncio.create_task(ask_on()) for _ in range(self.number)]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()

    async def ask(self) -> None:
        """One call of one of them."""
        began = time.perf_counter()
        try:
            token = await self._session.get_token(self._user_id)
        except DevTokenError:
            self.errors += 1
            return
        self.slowest = max(self.slowest, time.perf_counter() - began)
        self.served += 1
        if token is not self._token:
            self.replaced_at.append(self.age)
            self._token = token

    @property
    def age(self) -> float:
        """How old the token is that they have, in seconds."""
        return (self._token.lifetime - self._token.expires_in()).total_seconds()

    def moment(self, *, fetches: int, is_down: bool) -> Moment:
        """How they and their token stand now."""
        policy = RefreshPolicy()
        age, lifetime = self.age, self._token.lifetime.total_seconds()
        return Moment(
            age=age,
            lifetime=lifetime,
            due=self._token._due,
            hard=policy.hard_age(lifetime),
            state=policy.state(age, lifetime, self._token._due),
            served=self.served,
            errors=self.errors,
            fetches=fetches,
            is_down=is_down,
        )
