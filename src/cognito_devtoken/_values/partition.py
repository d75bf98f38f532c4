"""
Cognito's names in each partition and region of AWS. No other module lists them.

A partition is a separate AWS, such as the one in China, with its own ARNs, hosts and keys. What is
true in one partition may be wrong in another, so a letter beside each entry names its source:

- D: documented by AWS
- C: the source of an AWS SDK, or botocore's data
- R: reported by users
- I: inferred. ``docs/operation.md`` calls such entries guesses. The emulator has settings for them.
"""

from __future__ import annotations

import attrs


GLOBAL_PROVIDER = "cognito-identity.amazonaws.com"
KEYS_PATH = "/.well-known/jwks_uri"

_GLOBAL_ISSUER = f"https://{GLOBAL_PROVIDER}"
_IN_CHINA = "cognito-identity.{region}.amazonaws.com.cn"


@attrs.frozen
class CognitoNames:
    """
    The names of Cognito's identity pools in a region.

    Attributes:
        partition: The partition in an ARN.

        login_provider: The name in ``Logins`` under which Cognito accepts its own tokens.

        trust_principal: The federated principal in the trust policy of a role.

        issuer: The ``iss`` of the tokens.
    """

    partition: str
    login_provider: str
    trust_principal: str
    issuer: str

    @property
    def keys_url(self) -> str:
        """The URL of the public keys, below the issuer (source: R for partition aws, else I)."""
        return self.issuer + KEYS_PATH


# The names, by the start of a region's name. The first entry that matches a region is used.
_TABLE = {
    "cn-": CognitoNames(
        "aws-cn",  # D
        # R (aws-sdk-net#1251, aws-sdk-ios#4307) and C (AWS SDK for Android), both for cn-north-1,
        # where the service refuses the global name: "Issuer doesn't match providerName".
        _IN_CHINA,
        _IN_CHINA,  # R: cn-north-1
        f"https://{_IN_CHINA}",  # I: inferred from that refusal
    ),
    "us-gov-east-": CognitoNames(
        "aws-us-gov",  # D
        GLOBAL_PROVIDER,  # I; the AWS SDK for Android has another name only in China
        "cognito-identity.us-gov-east-1.amazonaws.com",  # D: GovCloud user guide, "Cognito"
        _GLOBAL_ISSUER,  # I: inferred from the name in Logins
    ),
    "us-gov-": CognitoNames(
        "aws-us-gov",  # D
        GLOBAL_PROVIDER,  # I, as above
        "cognito-identity-us-gov.amazonaws.com",  # D: as above
        _GLOBAL_ISSUER,  # I, as above
    ),
    "eusc-": CognitoNames(
        "aws-eusc",  # C
        GLOBAL_PROVIDER,  # I
        GLOBAL_PROVIDER,  # I
        _GLOBAL_ISSUER,  # I
    ),
    "": CognitoNames(
        "aws",  # D
        GLOBAL_PROVIDER,  # D
        GLOBAL_PROVIDER,  # D
        _GLOBAL_ISSUER,  # R: us-east-1, ap-northeast-1
    ),
}


def cognito_names(region: str) -> CognitoNames:
    """Return Cognito's names in a region."""
    found = next(names for start, names in _TABLE.items() if region.startswith(start))
    return CognitoNames(*(text.replace("{region}", region) for text in attrs.astuple(found)))
