"""
One call that proves identity pool, developer provider and AWS credentials.

It asks for a token of an identity that cannot exist. Cognito refuses that, and so creates nothing;
but it says that the *identity* is not found only to a caller whose AWS credentials it accepts, in
a pool that it has found. Any other error is what a user would get.
"""

from __future__ import annotations

from collections.abc import Callable

from .._runtime.context import CallerContext
from .._runtime.threads import start_daemon
from .._values.request import TokenRequest
from ..exceptions import NotAuthorizedError, ResourceNotFoundError
from ..typing import TokenFetcher


_USER = "cognito-devtoken-check"
_GUID = "00000000-0000-0000-0000-000000000000"
# How Cognito refuses an identity id after it has found the pool. That it says the first is
# reported; the others would prove as much.
_ABOUT_THE_IDENTITY = ("Identity '", "Logins don't match")


def check(fetcher: TokenFetcher, identity_pool_id: str, developer_provider: str) -> None:
    """Make the call. Raises what it finds to be wrong."""
    region = identity_pool_id.partition(":")[0]
    request = TokenRequest(identity_pool_id, {developer_provider: _USER}, f"{region}:{_GUID}")
    try:
        fetcher.fetch(request)
    except (NotAuthorizedError, ResourceNotFoundError) as error:
        if not any(text in str(error) for text in _ABOUT_THE_IDENTITY):
            raise


async def in_thread(run: Callable[[], None]) -> None:
    """Await a function that blocks. It runs in a daemon thread, which a caller may leave behind."""
    import asyncio
    from contextlib import suppress

    loop = asyncio.get_running_loop()
    future: asyncio.Future[None] = loop.create_future()

    def settle(error: BaseException | None) -> None:
        if not future.done():  # its caller may have been cancelled
            future.set_exception(error) if error else future.set_result(None)

    def work() -> None:
        raised: BaseException | None = None
        try:
            context.run(run)
        except BaseException as error:  # noqa: BLE001  # for the caller
            raised = error
        with suppress(RuntimeError):  # the loop is closed, so nobody waits any more
            loop.call_soon_threadsafe(settle, raised)

    context = CallerContext.of_caller()
    start_daemon(work)
    await future
