"""``cognito-devtoken credentials``: a ``credential_process`` for an AWS profile."""

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
Gets a token, exchanges it for temporary AWS credentials and prints them in the
format AWS expects from a credential_process. In ~/.aws/config (write
credential_process on a single line):

  [profile user-42]
  credential_process = cognito-devtoken credentials --profile backend
      --identity-pool-id us-east-1:… --logins login.example.com=user-42

--profile names a profile that is allowed to request tokens."""

# Set while this process looks for AWS credentials itself, to detect a recursion.
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
            "This credential_process refers to its own profile.",
            hint="Pass --profile with a profile that is allowed to request tokens.",
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
