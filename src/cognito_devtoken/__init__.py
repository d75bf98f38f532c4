"""
Amazon Cognito identities and OpenID tokens for users your backend authenticates itself.
"""

from . import exceptions
from ._aws.client import DevTokenClient
from ._cache.health import Health
from ._cache.policy import RefreshPolicy
from ._cache.stats import Stats
from ._session.cache import TokenCache
from ._session.sessions import AsyncTokenSession, TokenSession
from ._values.request import TokenRequest
from ._values.token import OpenIdToken
from ._version import __version__


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
    "__version__",
    "exceptions",
]

# Where users import them from, as repr(), help() and tracebacks show it.
for _public in (
    AsyncTokenSession,
    DevTokenClient,
    Health,
    OpenIdToken,
    RefreshPolicy,
    Stats,
    TokenCache,
    TokenRequest,
    TokenSession,
):
    _public.__module__ = __name__
