"""``cognito-devtoken credentials``: what an AWS profile runs as its ``credential_process``."""

from __future__ import annotations

import argparse
import json
import os

from ..exceptions import ConfigurationError
from ._input import members as inputs
from ._input.options import Options
from ._input.parsing import Parser
from ._output.file import add_output_file, check_target, deliver
from ._trade import checked_token, credentials_of


DESCRIPTION = """\
Gets a token, trades it for temporary AWS credentials and prints them as AWS
configuration files want it of a credential_process, whatever --output, --query
and --color say:

  [profile user-42]
  credential_process = cognito-devtoken credentials --profile backend
      --identity-pool-id us-east-1:… --logins login.example.com=user-42

(in one line). --profile names the profile of those who may ask for tokens."""

# In the environment while it looks for AWS credentials itself.
_MARK = "_COGNITO_DEVTOKEN_IN_CREDENTIAL_PROCESS"


def add_arguments(parser: Parser) -> None:
    inputs.add_arguments(parser)
    add_output_file(parser)


def run(arguments: argparse.Namespace) -> None:
    options = Options.of(arguments)
    members = inputs.read(arguments)
    check_target(arguments.output_file)
    if os.environ.get(_MARK):
        raise ConfigurationError(
            "This credential_process asks for the credentials that it is to give.",
            hint="Give it --profile, with the profile of those who may ask for tokens.",
        )
    os.environ[_MARK] = "1"
    try:
        token, service = checked_token(options, members)
        found = credentials_of(service, token, members["IdentityPoolId"])
    finally:
        del os.environ[_MARK]
    document = {
        "Version": 1,
        "AccessKeyId": found.access_key_id,
        "SecretAccessKey": found.secret_access_key,
        "SessionToken": found.session_token,
        "Expiration": found.expiration,
    }
    deliver(json.dumps(document, indent=4) + "\n", arguments.output_file)
