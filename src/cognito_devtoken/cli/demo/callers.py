"""The callers of the demo: many at once, or a few that keep asking for a token."""

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
    The clock of the demo: how time passes while the life of a token is shown.

    Attributes:
        open_session: Makes the session. Its clock measures the age of the tokens.

        sleep: Sleeps for a number of seconds of the session's clock.
    """

    open_session: Callable[..., AsyncTokenSession] = AsyncTokenSession
    sleep: Callable[[float], Awaitable[None]] = _sleep


def time_of_a_hit(
    session: TokenSession,
    user_id: str,
    *,
    runs: int,
    hits: int,
    timer: Callable[[], float] = time.perf_counter,
) -> float:
    """
    Return the time of a cache hit in seconds: the median of runs of several hits each.

    The median is not distorted by a pause of the machine, which lengthens only one run.
    """
    times: list[float] = []
    for _ in range(runs):
        began = timer()
        for _ in range(hits):
            session.get_token(user_id)
        times.append((timer() - began) / hits)
    return sorted(times)[runs // 2]


async def crowd(session: AsyncTokenSession, user_id: str, callers: int) -> list[float]:
    """Run concurrent callers, and return how long each of them waited, in seconds."""
    import asyncio

    async def ask() -> float:
        began = time.perf_counter()
        await session.get_token(user_id)
        return time.perf_counter() - began

    return await asyncio.gather(*(ask() for _ in range(callers)))


class Regulars:
    """
    Callers that keep asking for one user's token.

    Args:
        session: The session that the callers use.

        user_id: The user whose token they request.

        token: The token that the callers have at first.

    Attributes:
        number: How many callers there are.

        replaced_at: The age of each token in seconds when it was replaced.

        served: How many calls succeeded since the last :meth:`recount`.

        errors: How many calls failed since then.

        slowest: How long the slowest successful call since then took, in seconds.
    """

    number = _REGULARS

    def __init__(self, session: AsyncTokenSession, user_id: str, token: OpenIdToken) -> None:
        self.replaced_at: list[float] = []
        self._session = session
        self._user_id = user_id
        self._token = token
        self.recount()

    def recount(self) -> None:
        """Reset the counts."""
        self.served: int = 0
        self.errors: int = 0
        self.slowest: float = 0.0

    @contextmanager
    def at_work(self, sleep: Callable[[float], Awaitable[None]]) -> Generator[None]:
        """Keep the callers asking inside the block, with a pause between two calls."""
        import asyncio

        async def keep_asking() -> None:
            while True:
                await self.ask()
                await sleep(_PAUSE)

        tasks = [asyncio.create_task(keep_asking()) for _ in range(self.number)]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()

    async def ask(self) -> None:
        """Make one call, as one of the callers."""
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
        """The age of the callers' token, in seconds."""
        return self._token._seconds - self._token.expires_in().total_seconds()

    def moment(self, *, fetches: int, is_down: bool) -> Moment:
        """Return the current state of the callers and their token."""
        policy = RefreshPolicy()
        age, lifetime = self.age, self._token._seconds
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
