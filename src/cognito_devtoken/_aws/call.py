"""The call to Cognito, which is made even if a tracing library raises an error."""

from __future__ import annotations

from inspect import unwrap
from traceback import walk_tb
from typing import Any

from .._values.request import TokenRequest
from .errors import OPERATION
from .made_clients import CognitoIdentity


def call(client: CognitoIdentity, request: TokenRequest) -> dict[str, Any]:
    """
    Make the call. If a tracing library raises an error of its own, make the call without it.

    Tracing libraries wrap a method of botocore. The wrapper of AWS X-Ray raises an error if it
    finds no segment to record the call in, or if the segment has ended.
    """
    try:
        return client.get_open_id_token_for_developer_identity(**request.to_params())
    except Exception as error:
        bare = unwrap(getattr(type(client), "_make_api_call", call))
        code = getattr(bare, "__code__", call.__code__)
        if any(frame.f_code is code for frame, _ in walk_tb(error.__traceback__)):
            raise  # the error comes from botocore, or from something that botocore called
    answer: dict[str, Any] = bare(client, OPERATION, request.to_params())
    return answer
