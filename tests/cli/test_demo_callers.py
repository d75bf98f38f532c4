"""The demo's callers, which request one token again and again."""

import asyncio

from cognito_devtoken import AsyncTokenSession, OpenIdToken, TokenSession
from cognito_devtoken._cache.policy import Freshness
from cognito_devtoken.cli.demo.callers import Pace, Regulars, time_of_a_hit
from cognito_devtoken.cli.demo.drawing import Moment
from cognito_devtoken.exceptions import TokenUnavailableError
from cognito_devtoken.testing import FakeFetcher, ManualClock


POOL_ID = "us-east-1:00000000-0000-4000-8000-000000000000"


def test_a_pause_of_the_machine_does_not_change_the_time_of_a_hit() -> None:
    clock = ManualClock()
    # Runs that take 20, 1000 and 30 seconds.
    times = iter([0.0, 20.0, 20.0, 1020.0, 1020.0, 1050.0])

    with TokenSession(
        POOL_ID, developer_provider="login.example.com", client=FakeFetcher(clock), clock=clock
    ) as session:
        hit = time_of_a_hit(session, "user-42", runs=3, hits=10, timer=lambda: next(times))

        assert hit == 3.0
        assert session.stats().fetches_started == 1


class TestRegulars:
    @staticmethod
    async def open_regulars(
        fetcher: FakeFetcher, clock: ManualClock
    ) -> tuple[AsyncTokenSession, Regulars, OpenIdToken]:
        session = AsyncTokenSession(
            POOL_ID, developer_provider="login.example.com", client=fetcher, clock=clock
        )
        token = await session.get_token("user-42")
        return session, Regulars(session, "user-42", token), token

    def test_they_notice_a_new_token(self) -> None:
        async def ask() -> None:
            clock = ManualClock()
            session, regulars, _ = await self.open_regulars(FakeFetcher(clock, lifetime=6), clock)
            async with session:
                await regulars.ask()
                assert (regulars.served, regulars.replaced_at) == (1, [])
                clock.advance(6)
                await regulars.ask()
                assert (regulars.served, regulars.replaced_at) == (2, [6.0])
                assert regulars.age == 0

        asyncio.run(ask())

    def test_they_count_errors(self) -> None:
        async def ask() -> None:
            clock = ManualClock()
            fetcher = FakeFetcher(clock, lifetime=6)
            session, regulars, _ = await self.open_regulars(fetcher, clock)
            async with session:
                clock.advance(6)
                fetcher.error = TokenUnavailableError("down")
                await regulars.ask()
                assert (regulars.served, regulars.errors) == (0, 1)
                regulars.recount()
                assert (regulars.served, regulars.errors) == (0, 0)

        asyncio.run(ask())

    def test_their_moment_describes_the_token(self) -> None:
        async def ask() -> None:
            clock = ManualClock()
            session, regulars, token = await self.open_regulars(
                FakeFetcher(clock, lifetime=10), clock
            )
            async with session:
                clock.advance(9.5)
                assert regulars.moment(fetches=3, is_down=True) == Moment(
                    age=9.5,
                    lifetime=10,
                    due=token._due,
                    hard=9.0,
                    state=Freshness.GRACE,
                    served=0,
                    errors=0,
                    fetches=3,
                    is_down=True,
                )

        asyncio.run(ask())

    def test_they_request_the_token_between_two_sleeps(self) -> None:
        async def ask() -> None:
            clock = ManualClock()
            session, regulars, _ = await self.open_regulars(FakeFetcher(clock, lifetime=6), clock)
            async with session:
                slept = []

                async def sleep(seconds: float) -> None:
                    slept.append(seconds)
                    await Pace().sleep(0)

                with regulars.at_work(sleep):
                    while len(slept) < 3 * regulars.number:
                        await Pace().sleep(0)
                assert regulars.served == len(slept)
                assert set(slept) == {0.01}

        asyncio.run(ask())
