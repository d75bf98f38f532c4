"""
Amazon Cognito identities and OpenID tokens for users your backend authenticates itself.
"""

from . import exceptions
from ._client import DevTokenClient
from ._request import TokenRequest
from ._token import OpenIdToken


__all__ = ["DevTokenClient", "OpenIdToken", "TokenRequest", "exceptions"]
