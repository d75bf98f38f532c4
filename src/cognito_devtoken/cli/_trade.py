"""A token that has been checked, and the AWS credentials that it is traded for."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import attrs

from .._values.request import TokenRequest
from .._values.secret import NeverPickled
from .._values.token import OpenIdToken
from ._errors import OutputError
from ._input.options import Options
from ._service import Service


_MEMBERS = {"AccessKeyId": str, "SecretKey": str, "SessionToken": str, "Expiration": datetime}


@attrs.frozen(kw_only=True)
class Credentials(NeverPickled):
    """
    Temporary AWS credentials.

    Attributes:
        access_key_id: Which are meant.

        secret_access_key: A secret.

        session_token: A secret.

        expiration: Until when they are good, in ISO 8601.
    """

    access_key_id: str
    secret_access_key: str = attrs.field(repr=False)
    session_token: str = attrs.field(repr=False)
    expiration: str


def checked_token(options: Options, members: Mapping[str, Any]) -> tuple[OpenIdToken, Service]:
    """
    A token that fits the request, and the service that has given it.

    Raises:
        DevTokenError: As :class:`.TokenRequest` and :meth:`.DevTokenClient.fetch` do.
    """
    request = TokenRequest.from_params(members)
    service = Service(options)
    answer = service.get_token(request.to_params())
    return OpenIdToken.from_response(answer, request), service


def credentials_of(service: Service, token: OpenIdToken, pool_id: str) -> Credentials:
    """
    What Cognito gives for a token, in the enhanced flow: the role is that of the pool.

    Raises:
        DevTokenError: As :meth:`.DevTokenClient.fetch` does.

        OutputError: If Cognito leaves something out.
    """
    found = service.get_credentials(token, pool_id)
    lacking = [name for name, kind in _MEMBERS.items() if not isinstance(found.get(name), kind)]
    if lacking:
        del found
        raise OutputError(f"What Cognito gives for the token lacks {', '.join(lacking)}.")
    expiration: datetime = found["Expiration"]
    return Credentials(
        access_key_id=found["AccessKeyId"],
        secret_access_key=found["SecretKey"],
        session_token=found["SessionToken"],
        expiration=f"{expiration.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
    )
