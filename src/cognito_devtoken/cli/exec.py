"""``cognito-devtoken exec``: a command with the token in its environment."""

from __future__ import annotations

import argparse
import os
import signal
import sys

from ._errors import PROG, ParameterError
from ._input import members as inputs
from ._input.options import Options
from ._input.parsing import Parser
from ._trade import checked_token, credentials_of


DESCRIPTION = """\
Gets a token and becomes the command, which finds in its environment:

  COGNITO_IDENTITY_ID                the identity
  COGNITO_IDENTITY_TOKEN             the token
  COGNITO_IDENTITY_TOKEN_EXPIRES_AT  until when it is good, in ISO 8601

With --credentials also AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY,
AWS_SESSION_TOKEN and AWS_CREDENTIAL_EXPIRATION: those of the user, in place of
the ones that have asked for the token. Exit code and signals are the command's
own; 127 says that there is no such command, 126 that it cannot be run. What it
prints is its own affair: --output, --query and --color have no effect."""

_NOT_FOUND, _NOT_RUNNABLE = 127, 126
# They would send an SDK past the credentials in the environment.
_MISLEADING = ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_SECURITY_TOKEN")


def add_arguments(parser: Parser) -> None:
    parser.usage = f"{parser.prog} [options] -- COMMAND [ARGUMENT ...]"
    inputs.add_arguments(parser)
    parser.add_argument(
        "--credentials",
        action="store_true",
        help="trade the token for temporary AWS credentials, too",
    )


def run(arguments: argparse.Namespace) -> int:
    options = Options.of(arguments)
    members = inputs.read(arguments)
    command: list[str] = arguments.program
    if not command:
        raise ParameterError(
            "There is no command to run.", f"It stands behind '--': {PROG} exec … -- COMMAND"
        )
    token, service = checked_token(options, members)
    environ = os.environ | {
        "COGNITO_IDENTITY_ID": token.identity_id,
        "COGNITO_IDENTITY_TOKEN": token.token,
        "COGNITO_IDENTITY_TOKEN_EXPIRES_AT": token.expires_at.isoformat(),
    }
    if arguments.credentials:
        for name in _MISLEADING:
            environ.pop(name, None)
        found = credentials_of(service, token, members["IdentityPoolId"])
        environ |= {
            "AWS_ACCESS_KEY_ID": found.access_key_id,
            "AWS_SECRET_ACCESS_KEY": found.secret_access_key,
            "AWS_SESSION_TOKEN": found.session_token,
            "AWS_CREDENTIAL_EXPIRATION": found.expiration,
        }
    return _become(command, environ)


def _become(command: list[str], environ: dict[str, str]) -> int:
    print(end="", flush=True)
    # Python ignores these, and whoever is run would go on ignoring them.
    ignored = [getattr(signal, name) for name in ("SIGPIPE", "SIGXFSZ") if hasattr(signal, name)]
    before = [(number, signal.signal(number, signal.SIG_DFL)) for number in ignored]
    try:
        os.execvpe(command[0], command, environ)  # noqa: S606  # what the user wants
    except OSError as error:
        print(f"\n{PROG}: [ERROR]: {command[0]}: {error.strerror}", file=sys.stderr)
        missing = isinstance(error, FileNotFoundError)
        return _NOT_FOUND if missing else _NOT_RUNNABLE
    finally:
        for number, handler in before:
            signal.signal(number, handler)
