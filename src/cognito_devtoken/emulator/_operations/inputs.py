"""
The constraints on the input of each operation.

They are copied from the API models. The tests compare them with the models in the installed
botocore.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import attrs

from ..._values.request import (
    ID_PATTERN,
    MAX_DURATION,
    MAX_ID,
    MAX_LOGIN_VALUE,
    MAX_LOGINS,
    MAX_PROVIDER_NAME,
    MAX_TAG_NAME,
    MAX_TAG_VALUE,
    MAX_TAGS,
)
from .._settings import MAX_ARN, MAX_SESSION_SECONDS, MIN_SESSION_SECONDS
from .._shapes import Boolean, Listing, Map, Number, Shape, Structure, Text


MAX_RESULTS = 60

_ID = Text(MAX_ID, pattern=ID_PATTERN)
_REQUIRED_ID = attrs.evolve(_ID, required=True)
_LOGINS = Map(Text(MAX_PROVIDER_NAME), Text(MAX_LOGIN_VALUE), MAX_LOGINS)
_ARN = Text(MAX_ARN, minimum=20)
_USER = Text(1024, shown=False)  # often personal, such as an e-mail address
_REQUIRED_USER = attrs.evolve(_USER, required=True)
_PROVIDER = Text(128, pattern=re.compile(r"[\w._-]+", re.ASCII))
_REQUIRED_PROVIDER = attrs.evolve(_PROVIDER, required=True)
_NEXT_TOKEN = Text(65_535, pattern=re.compile(r"[\S]+", re.ASCII))
_PAGE_SIZE = Number(MAX_RESULTS)
_POOL_ID: dict[str, Shape] = {"IdentityPoolId": _REQUIRED_ID}

_POOL_SETTINGS: dict[str, Shape] = {
    "IdentityPoolName": Text(128, pattern=re.compile(r"[\w\s+=,.@-]+", re.ASCII), required=True),
    "AllowUnauthenticatedIdentities": Boolean(required=True),
    "AllowClassicFlow": Boolean(),
    "SupportedLoginProviders": Map(
        Text(128), Text(128, pattern=re.compile(r"[\w.;_/-]+", re.ASCII)), 10
    ),
    "DeveloperProviderName": _PROVIDER,
    "OpenIdConnectProviderARNs": Listing(_ARN),
    "CognitoIdentityProviders": Listing(
        Structure(
            {
                "ProviderName": Text(128, pattern=re.compile(r"[\w._:/-]+", re.ASCII)),
                "ClientId": Text(128, pattern=re.compile(r"[\w_]+", re.ASCII)),
                "ServerSideTokenCheck": Boolean(),
            }
        )
    ),
    "SamlProviderARNs": Listing(_ARN),
    "IdentityPoolTags": Map(Text(128), Text(256, minimum=0)),
}
_RULE = Structure(
    {
        # The model also has a pattern with Unicode categories, which Python's re does not support.
        "Claim": Text(64, required=True),
        "MatchType": Text(
            minimum=None, required=True, choices=("Equals", "Contains", "StartsWith", "NotEqual")
        ),
        "Value": Text(128, required=True),
        "RoleARN": attrs.evolve(_ARN, required=True),
    }
)
_ROLE_MAPPING = Structure(
    {
        "Type": Text(minimum=None, required=True, choices=("Token", "Rules")),
        "AmbiguousRoleResolution": Text(minimum=None, choices=("AuthenticatedRole", "Deny")),
        "RulesConfiguration": Structure({"Rules": Listing(_RULE, 1, 400, required=True)}),
    }
)

INPUTS: Mapping[str, Mapping[str, Shape]] = {
    "GetOpenIdTokenForDeveloperIdentity": {
        "IdentityPoolId": _REQUIRED_ID,
        "IdentityId": _ID,
        "Logins": attrs.evolve(_LOGINS, required=True),
        "PrincipalTags": Map(Text(MAX_TAG_NAME), Text(MAX_TAG_VALUE), MAX_TAGS),
        "TokenDuration": Number(MAX_DURATION, kind="Long"),
    },
    "GetOpenIdToken": {"IdentityId": _REQUIRED_ID, "Logins": _LOGINS},
    "GetId": {
        "AccountId": Text(15, pattern=re.compile(r"\d+", re.ASCII)),
        "IdentityPoolId": _REQUIRED_ID,
        "Logins": _LOGINS,
    },
    "GetCredentialsForIdentity": {
        "IdentityId": _REQUIRED_ID,
        "Logins": _LOGINS,
        "CustomRoleArn": _ARN,
    },
    "LookupDeveloperIdentity": {
        "IdentityPoolId": _REQUIRED_ID,
        "IdentityId": _ID,
        "DeveloperUserIdentifier": _USER,
        "MaxResults": _PAGE_SIZE,
        "NextToken": _NEXT_TOKEN,
    },
    "UnlinkDeveloperIdentity": {
        "IdentityId": _REQUIRED_ID,
        "IdentityPoolId": _REQUIRED_ID,
        "DeveloperProviderName": _REQUIRED_PROVIDER,
        "DeveloperUserIdentifier": _REQUIRED_USER,
    },
    "MergeDeveloperIdentities": {
        "SourceUserIdentifier": _REQUIRED_USER,
        "DestinationUserIdentifier": _REQUIRED_USER,
        "DeveloperProviderName": _REQUIRED_PROVIDER,
        "IdentityPoolId": _REQUIRED_ID,
    },
    "DescribeIdentity": {"IdentityId": _REQUIRED_ID},
    "ListIdentities": {
        "IdentityPoolId": _REQUIRED_ID,
        "MaxResults": attrs.evolve(_PAGE_SIZE, required=True),
        "NextToken": _NEXT_TOKEN,
        "HideDisabled": Boolean(),
    },
    "DeleteIdentities": {"IdentityIdsToDelete": Listing(_ID, 1, 60, required=True)},
    "DescribeIdentityPool": _POOL_ID,
    "ListIdentityPools": {
        "MaxResults": attrs.evolve(_PAGE_SIZE, required=True),
        "NextToken": _NEXT_TOKEN,
    },
    "CreateIdentityPool": _POOL_SETTINGS,
    "UpdateIdentityPool": _POOL_ID | _POOL_SETTINGS,
    "DeleteIdentityPool": _POOL_ID,
    "GetIdentityPoolRoles": _POOL_ID,
    "SetIdentityPoolRoles": {
        "IdentityPoolId": _REQUIRED_ID,
        "Roles": Map(Text(128, pattern=re.compile(r"(un)?authenticated")), _ARN, 2, required=True),
        "RoleMappings": Map(Text(128), _ROLE_MAPPING, 10),
    },
    # roles.packed_size() checks the number and the total length of the policies.
    "AssumeRoleWithWebIdentity": {
        "RoleArn": attrs.evolve(_ARN, required=True),
        "RoleSessionName": Text(64, 2, pattern=re.compile(r"[\w+=,.@-]*", re.ASCII), required=True),
        "WebIdentityToken": Text(20_000, 4, required=True, shown=False),
        "ProviderId": Text(2048, 4),
        "PolicyArns": Listing(Structure({"arn": _ARN})),
        "Policy": Text(
            2048, pattern=re.compile(r"[\u0009\u000A\u000D\u0020-\u00FF]+"), shown=False
        ),
        "DurationSeconds": Number(MAX_SESSION_SECONDS, MIN_SESSION_SECONDS),
    },
    "GetCallerIdentity": {},
}
