"""Make one call with botocore: no secret is logged, and errors become this library's errors."""

from __future__ import annotations

from collections.abc import Callable
from inspect import unwrap
from traceback import walk_tb
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from botocore import xform_name

from .._values.clock import SYSTEM_CLOCK, Instant
from ..exceptions import CallerDeniedError, ConfigurationError, ServiceError
from .errors import translate
from .log_filter import our_call
from .made_clients import COGNITO, MadeClients
from .masking import HasLogins


if TYPE_CHECKING:
    from botocore.client import BaseClient


R = TypeVar("R")


class Asked(Protocol):
    """A request that can return the parameters of its operation."""

    def to_params(self) -> dict[str, Any]: ...


class CallInput(Asked, HasLogins, Protocol):
    """The input of a call, and the values in it that no message may quote."""


def ask(
    made: MadeClients,
    get_client: Callable[[], BaseClient],
    operation: str,
    asked: CallInput,
    read: Callable[..., R],
) -> R:
    """
    Call an operation, without logging secrets, and translate errors to this library's errors.

    *read* extracts the result from the response. Its argument ``sent`` is the time of the call.
    """
    try:
        with our_call, made:
            client = get_client()
            sent = Instant.now(SYSTEM_CLOCK)
            return read(call(client, operation, asked), sent=sent)
    except BaseException as error:  # noqa: BLE001  # Ctrl-C has frames too
        failure = error
    # The error is raised outside the except block, so that botocore's error does not become its
    # context. The locals in the frames of botocore's error hold the request and the response.
    failure = translate(failure, asked, operation, made.sessions.get(COGNITO))
    if isinstance(failure, CallerDeniedError) or (
        # A ConfigurationError that is also a ServiceError is about the pool or a role.
        isinstance(failure, ConfigurationError) and not isinstance(failure, ServiceError)
    ):
        made.refused = True
    try:
        raise failure
    finally:
        del failure  # its traceback refers to this frame


def call(client: BaseClient, operation: str, asked: Asked) -> dict[str, Any]:
    """
    Make the call. If a tracing library raises an error of its own, call without that library.

    Tracing libraries wrap a method of botocore. The wrapper of AWS X-Ray raises an error if it
    finds no segment to record the call in, or if the segment has ended.
    """
    try:
        found: dict[str, Any] = getattr(client, xform_name(operation))(**asked.to_params())
    except Exception as error:
        bare = unwrap(getattr(type(client), "_make_api_call", call))
        code = getattr(bare, "__code__", call.__code__)
        if any(frame.f_code is code for frame, _ in walk_tb(error.__traceback__)):
            raise  # the error comes from botocore, or from something that botocore called
    else:
        return found
    return bare(client, operation, asked.to_params())  # type: ignore[no-any-return]
