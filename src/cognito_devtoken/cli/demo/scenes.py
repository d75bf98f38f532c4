"""The steps of the demo that show the cache at work."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import attrs

from ..._aws.client import DevTokenClient
from ..._session.sessions import AsyncTokenSession, TokenSession
from ..._values.operations import GET_TOKEN
from ..._values.token import OpenIdToken
from .callers import Pace, Regulars, crowd, time_of_a_hit
from .drawing import Moment
from .screen import moving_picture, step


if TYPE_CHECKING:
    from ...emulator import Call, Emulator

_RUNS, _HITS = 1000, 100
_CROWD = 1000
# In seconds: slow enough that callers pile up, and that a wait for a refresh would stand out.
_LATENCY = 0.1
_FRAME = 0.1
# When the outage ends, as a fraction of the token's life. By then, the token is due and a refresh
# has failed, but the grace period, in which callers would wait, has not begun.
_OUTAGE = 0.75


@attrs.frozen(kw_only=True)
class Scene:
    """
    What the steps share.

    Attributes:
        emulator: The Cognito that is called.

        calls: The calls that the emulator has received since the last :meth:`recount`.

        client: The client that calls the emulator.

        user_id: The user to get tokens for.

        pace: How time passes.
    """

    emulator: Emulator
    calls: list[Call]
    client: DevTokenClient
    user_id: str
    pace: Pace = attrs.field(factory=Pace)

    @property
    def fetches(self) -> int:
        """How many calls for a token Cognito has received."""
        return sum(call.operation == GET_TOKEN for call in self.calls)

    def recount(self) -> None:
        """Reset the count of calls."""
        self.calls.clear()

    def open(self, token_duration: int | None = None) -> AsyncTokenSession:
        """Return a session without a cached token."""
        (pool,) = self.emulator.pools
        return self.pace.open_session(
            pool.identity_pool_id,
            developer_provider=pool.developer_provider,
            token_duration=token_duration,
            client=self.client,
        )


def show_hits(session: TokenSession, token: OpenIdToken, scene: Scene) -> None:
    """Show the cost of a cold call and of a hit."""
    scene.recount()
    with step("5. What a call costs: a cold call and a cache hit") as show:
        session.forget(scene.user_id)
        began = time.perf_counter()
        again = session.get_token(scene.user_id)
        cold = _ms(time.perf_counter() - began)
        same = "the same" if again.identity_id == token.identity_id else "ANOTHER, which is wrong:"
        show("a cold call", f"{cold}, and {same} identity")
        hit = time_of_a_hit(session, scene.user_id, runs=_RUNS, hits=_HITS)
        show("a hit", f"{hit * 1e9:,.0f} ns, the median of {_RUNS:,} runs of {_HITS} hits")
        show("calls to Cognito", f"{scene.fetches}")


def show_crowd(scene: Scene) -> None:
    """Show that a thousand concurrent callers share one call."""
    import asyncio

    async def ask() -> list[float]:
        async with scene.open() as session:
            return await crowd(session, scene.user_id, _CROWD)

    scene.recount()
    scene.emulator.latency = _LATENCY
    with step(f"6. {_CROWD:,} concurrent callers for one user, without a cached token") as show:
        waits = asyncio.run(ask())
        show("calls answered", f"{len(waits):,}, the slowest in {_ms(max(waits))}")
        show("calls to Cognito", f"{scene.fetches}, which takes {_ms(_LATENCY)}")


def show_life(scene: Scene, life: int) -> None:
    """Show the life of a token twice: up to a refresh, and through an outage."""
    import asyncio

    async def watch() -> None:
        # A session assumes a life that is a second shorter, because Cognito rounds iat down.
        async with scene.open(life + 1) as session:
            token = await session.get_token(scene.user_id)
            regulars = Regulars(session, scene.user_id, token)
            with regulars.at_work(scene.pace.sleep):
                await _show_refresh(scene, regulars, life)
                await _show_outage(scene, regulars, life, session)

    asyncio.run(watch())


async def _show_refresh(scene: Scene, regulars: Regulars, life: int) -> None:
    scene.recount()
    with step(
        f"7. A token that lives {life} s, while {regulars.number} callers keep asking for it"
    ) as show:
        with moving_picture() as draw:
            await _watch(scene, regulars, draw, lambda: len(regulars.replaced_at) >= 1)
        show("refreshed ahead", f"at {_age(regulars)}, in the background")
        show("calls to Cognito", f"{scene.fetches}, which takes {_ms(_LATENCY)}")
        show("calls answered", _answered(regulars))


async def _show_outage(
    scene: Scene, regulars: Regulars, life: int, session: AsyncTokenSession
) -> None:
    scene.recount()
    regulars.recount()
    before = session.stats()
    end = life * _OUTAGE
    with step("8. The same, while Cognito is down") as show:
        with moving_picture() as draw:
            scene.emulator.fail_next("InternalErrorException", times=1000)
            await _watch(scene, regulars, draw, lambda: regulars.age >= end, is_down=True)
            scene.emulator.clear()
            await _watch(scene, regulars, draw, lambda: len(regulars.replaced_at) >= 2)
        after = session.stats()
        failed = after.fetches_failed - before.fetches_failed
        show("Cognito", f"returns HTTP 500 until the token is {end:.1f} s old")
        show("refreshes", f"{failed} failed, then one succeeded at {_age(regulars)}")
        show("calls answered", _answered(regulars))
        hits, due = after.hits - before.hits, after.due_hits - before.due_hits
        show("by session.stats()", f"hits: {hits:,}, due hits: {due:,},")
        started = after.fetches_started - before.fetches_started
        show("", f"fetches started: {started}, failed: {failed}")


async def _watch(
    scene: Scene,
    regulars: Regulars,
    draw: Callable[[Moment], None],
    until: Callable[[], bool],
    *,
    is_down: bool = False,
) -> None:
    """Redraw the token's life until a condition holds."""
    while not until():
        draw(regulars.moment(fetches=scene.fetches, is_down=is_down))
        await scene.pace.sleep(_FRAME)


def _age(regulars: Regulars) -> str:
    return f"an age of {regulars.replaced_at[-1]:.1f} s"


def _answered(regulars: Regulars) -> str:
    count, errors = f"{regulars.served:,}", f"{regulars.errors} errors"
    return f"{count}, {errors}, the slowest in {_ms(regulars.slowest)}"


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds >= 0.01 else f"{seconds * 1000:.2f} ms"
