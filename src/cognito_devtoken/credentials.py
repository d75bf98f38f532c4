"""
Temporary AWS credentials for your users, and the role that the credentials are for.

:meth:`TokenSession.get_credentials() <cognito_devtoken.TokenSession.get_credentials>` exchanges a
user's token for such credentials.
"""

from ._values.credentials import AwsCredentials
from ._values.role import AssumeRole


__all__ = ["AssumeRole", "AwsCredentials"]
