"""Get a validated token, and exchange it for AWS credentials."""

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
        access_key_id: The id of the access key.

        secret_access_key: A secret.

        session_token: A secret.

        expiration: When the credentials expire, in ISO 8601.
    """

    access_key_id: str
    secret_access_key: str = attrs.field(repr=False)
    session_token: str = attrs.field(repr=False)
    expiration: str


def checked_token(options: Options, members: Mapping[str, Any]) -> tuple[OpenIdToken, Service]:
    """
    Get a token and validate it. Returns the token, and the service that issued it.

    Raises:
        DevTokenError: As :class:`.TokenRequest` and :meth:`.DevTokenClient.fetch` do.
    """
    request = TokenRequest.from_params(members)
    service = Service(options)
    answer = service.get_token(request.to_params())
    return OpenIdToken.from_response(answer, request), service


def credentials_of(service: Service, token: OpenIdToken, pool_id: str) -> Credentials:
    """
    Exchange a token for AWS credentials in the enhanced flow, which uses the pool's role.

    Raises:
        DevTokenError: As :meth:`.DevTokenClient.fetch` does.

        OutputError: If the credentials lack a member.
    """
    found = service.get_credentials(token, pool_id)
    lacking = [name for name, kind in _MEMBERS.items() if not isinstance(found.get(name), kind)]
    if lacking:
        del found
        raise OutputError(f"The credentials from Cognito lack {', '.join(lacking)}.")
    expiration: datetime = found["Expiration"]
    return Credentials(
        access_key_id=found["AccessKeyId"],
        secret_access_key=found["SecretKey"],
        session_token=found["SessionToken"],
        expiration=f"{expiration.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
    )
