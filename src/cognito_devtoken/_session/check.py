"""
Make one call that proves that the identity pool, provider and AWS credentials are right.

The call requests a token for an identity that cannot exist, so Cognito refuses it and creates
nothing. Cognito checks the AWS credentials and the pool before the identity. So an error about the
identity proves that the credentials and the pool are right. Any other error would also occur
in the calls for real users.
"""

from __future__ import annotations

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
