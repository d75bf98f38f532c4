"""``cognito-devtoken credentials``: a ``credential_process`` for an AWS profile."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Mapping
from functools import partial
from typing import Any

from .._values.trade import CredentialsRequest
from ..exceptions import ConfigurationError
from ._input import members as inputs
from ._input import role as roles
from ._input.options import Options
from ._input.parsing import Parser
from ._output.debug_log import logging_of
from ._output.file import add_output_file, check_target, deliver
from ._service import Service


DESCRIPTION = """\
Gets a token, exchanges it for temporary AWS credentials and prints them in the
format AWS expects from a credential_process. In ~/.aws/config (write
credential_process on a single line):

  [profile user-42]
  credential_process = cognito-devtoken credentials --profile backend
      --identity-pool-id us-east-1:… --logins login.example.com=user-42

--profile names a profile that is allowed to request tokens. Every AWS command
runs the credential_process again, which makes two calls. With --cache, it makes
them only when the cached credentials need refreshing."""

# Set while this process looks for AWS credentials itself, to detect recursion.
_MARK = "_COGNITO_DEVTOKEN_IN_CREDENTIAL_PROCESS"


def add_arguments(parser: Parser) -> None:
    inputs.add_arguments(parser)
    roles.add_arguments(parser)
    parser.add_argument(
        "--cache",
        action="store_true",
        help="keep the credentials in a file that only you can read, in "
        "~/.cache/cognito-devtoken, and reuse them until they need refreshing",
    )
    add_output_file(parser)


def run(arguments: argparse.Namespace) -> None:
    options = Options.of(arguments)
    request = roles.read(arguments)
    check_target(arguments.output_file)
    if os.environ.get(_MARK):
        raise ConfigurationError(
            "This credential_process refers to its own profile.",
            hint="Pass --profile with a profile that is allowed to request tokens.",
        )
    os.environ[_MARK] = "1"
    try:
        get = _from_cache if arguments.cache else _fetch
        document = get(options, request)
    finally:
        del os.environ[_MARK]
    deliver(json.dumps(document, indent=4) + "\n", arguments.output_file)


def _fetch(options: Options, request: CredentialsRequest) -> Mapping[str, Any]:
    service = Service(options)
    token = service.fetch(request.token_request)
    return service.fetch_credentials(token, request).to_aws()


def _from_cache(options: Options, request: CredentialsRequest) -> Mapping[str, Any]:
    from ._credentials_cache import CredentialsCache, cache_folder, cache_name

    cache = CredentialsCache(cache_folder(), cache_name(request, options), request.longest_life)
    with logging_of(debug=options.debug):
        return cache.get(partial(_fetch, options, request))
