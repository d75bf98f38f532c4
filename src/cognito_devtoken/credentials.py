"""
AWS credentials of your users: what a session exchanges tokens for.

:meth:`TokenSession.get_credentials() <cognito_devtoken.TokenSession.get_credentials>` returns
them.
"""

from ._values.credentials import AwsCredentials
from ._values.role import AssumeRole


__all__ = ["AssumeRole", "AwsCredentials"]
