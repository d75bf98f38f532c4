"""
Amazon Cognito identities and OpenID tokens for users your backend authenticates itself.
"""

from . import exceptions
from ._cache import TokenCache
from ._client import DevTokenClient
from ._health import Health
from ._journal import Stats
from ._policy import RefreshPolicy
from ._request import TokenRequest
from ._session import AsyncTokenSession, TokenSession
from ._token import OpenIdToken


__all__ = [
    "AsyncTokenSession",
    "DevTokenClient",
    "Health",
    "OpenIdToken",
    "RefreshPolicy",
    "Stats",
    "TokenCache",
    "TokenRequest",
    "TokenSession",
    "exceptions",
]
