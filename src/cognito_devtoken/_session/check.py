"""
One call that proves that identity pool, developer provider and AWS credentials are right.

The call asks for a token of an identity that cannot exist, so Cognito refuses it and creates
nothing. Cognito checks the AWS credentials and the pool before the identity. So an error about the
*identity* proves that they are right; any other error is one that users would get, too.
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
# Parts of the messages with which Cognito refuses an identity id after it has found the pool. Users
# have reported the first one for such a call; the second one would prove the same.
_ABOUT_THE_IDENTITY = ("Identity '", "Logins don't match")


def check(fetcher: TokenFetcher, identity_pool_id: str, developer_provider: str) -> None:
    """Make the call. Raises an error if something is wrong."""
    region = identity_pool_id.partition(":")[0]
    request = TokenRequest(identity_pool_id, {developer_provider: _USER}, f"{region}:{_GUID}")
    try:
        fetcher.fetch(request)
    except (NotAuthorizedError, ResourceNotFoundError) as error:
        if not any(text in str(error) for text in _ABOUT_THE_IDENTITY):
            raise


async def in_thread(run: Callable[[], None]) -> None:
    """Run a blocking function in a daemon thread. A caller that is cancelled does not end it."""
    import asyncio
    from contextlib import suppress

    loop = asyncio.get_running_loop()
    future: asyncio.Future[None] = loop.create_future()

    def settle(error: BaseException | None) -> None:
        if not future.done():  # the caller may have been cancelled
            future.set_exception(error) if error else future.set_result(None)

    def work() -> None:
        raised: BaseException | None = None
        try:
            context.run(run)
        except BaseException as error:  # noqa: BLE001  # for the caller
            raised = error
        with suppress(RuntimeError):  # the loop is closed, so the caller no longer waits
            loop.call_soon_threadsafe(settle, raised)

    context = CallerContext.of_caller()
    start_daemon(work)
    await future
