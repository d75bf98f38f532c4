"""``cognito-devtoken get-open-id-token-for-developer-identity``."""

from __future__ import annotations

import argparse
import json

from .._client import DevTokenClient
from .._request import TokenRequest
from ._shorthand import string_map


SUMMARY = "ask Cognito for a token, with the options of the AWS CLI"
DESCRIPTION = (
    "Finds or creates the Cognito identity of a user and prints it with an OpenID "
    "token, as JSON. Maps are written NAME=VALUE[,NAME=VALUE...] or as a JSON "
    "object. The token is a secret: mind where the output goes."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--identity-pool-id", required=True, metavar="REGION:GUID")
    parser.add_argument("--identity-id", metavar="REGION:GUID")
    parser.add_argument(
        "--logins",
        required=True,
        type=string_map,
        metavar="MAP",
        help="provider names to proofs, such as login.example.com=user-42",
    )
    parser.add_argument("--principal-tags", type=string_map, metavar="MAP")
    parser.add_argument("--token-duration", type=int, metavar="SECONDS")
    parser.add_argument("--region", help="default: the region of the pool")
    parser.add_argument("--profile", help="of the AWS configuration files")
    parser.add_argument("--endpoint-url", metavar="URL", help="such as an emulator's")


def run(arguments: argparse.Namespace) -> None:
    request = TokenRequest(
        arguments.identity_pool_id,
        arguments.logins,
        arguments.identity_id,
        arguments.principal_tags,
        arguments.token_duration,
    )
    with DevTokenClient(
        arguments.region,
        endpoint_url=arguments.endpoint_url,
        profile_name=arguments.profile,
    ) as client:
        print(json.dumps(client.fetch(request).to_aws(), indent=4))
