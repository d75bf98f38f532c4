"""Call Cognito, even if a tracing library raises an error."""

from __future__ import annotations

from inspect import unwrap
from traceback import walk_tb
from typing import TYPE_CHECKING, Any, Protocol

from botocore import xform_name


if TYPE_CHECKING:
    from botocore.client import BaseClient


class Asked(Protocol):
    """A request that can return the parameters of its operation."""

    def to_params(self) -> dict[str, Any]: ...


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
