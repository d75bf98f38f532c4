"""``cognito-devtoken exec``: run a command with a token in its environment."""

from __future__ import annotations

import argparse
import os
import signal
import sys

from .._values.text import printable
from ._errors import PROG, ParameterError
from ._input import members as inputs
from ._input import role as roles
from ._input.options import Options
from ._input.parsing import Parser
from ._service import Service


DESCRIPTION = """\
Gets a token and replaces this process with COMMAND, with these variables in
its environment:

  COGNITO_IDENTITY_ID                the identity id
  COGNITO_IDENTITY_TOKEN             the token
  COGNITO_IDENTITY_TOKEN_EXPIRES_AT  when the token expires, in ISO 8601

With --credentials, it also sets AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY,
AWS_SESSION_TOKEN and AWS_CREDENTIAL_EXPIRATION to the user's credentials,
instead of those used to request the token. The exit code is COMMAND's own, 127
if COMMAND is not found, or 126 if it cannot be run."""

# The variables to set, and the member of the credentials for each.
_VARIABLES = {
    "AWS_ACCESS_KEY_ID": "AccessKeyId",
    "AWS_SECRET_ACCESS_KEY": "SecretAccessKey",
    "AWS_SESSION_TOKEN": "SessionToken",
    "AWS_CREDENTIAL_EXPIRATION": "Expiration",
}
_NOT_FOUND, _NOT_RUNNABLE = 127, 126
# With any of these set, an SDK might not use the credentials in the environment.
_CONFLICTING = ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_SECURITY_TOKEN")


def add_arguments(parser: Parser) -> None:
    inputs.add_arguments(parser)
    parser.usage = f"{parser.usage} -- COMMAND [ARGUMENT ...]"
    parser.add_argument(
        "--credentials",
        action="store_true",
        help="also exchange the token for temporary AWS credentials",
    )
    roles.add_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    options = Options.of(arguments)
    if not arguments.credentials:
        roles.refuse(arguments)
    request = roles.read(arguments)
    command: list[str] = arguments.program
    if not command:
        raise ParameterError(
            "No command to run.", f"Put the command after '--': {PROG} exec … -- COMMAND"
        )
    service = Service(options)
    token = service.fetch(request.token_request)
    environ = os.environ | {
        "COGNITO_IDENTITY_ID": token.identity_id,
        "COGNITO_IDENTITY_TOKEN": token.token,
        "COGNITO_IDENTITY_TOKEN_EXPIRES_AT": token.expires_at.isoformat(),
    }
    if arguments.credentials:
        for name in _CONFLICTING:
            environ.pop(name, None)
        found = service.fetch_credentials(token, request).to_aws()
        environ |= {name: str(found[member]) for name, member in _VARIABLES.items()}
    return _replace_process(command, environ)


def _replace_process(command: list[str], environ: dict[str, str]) -> int:
    print(end="", flush=True)
    # Python ignores these signals, and the command would inherit that.
    ignored = [getattr(signal, name) for name in ("SIGPIPE", "SIGXFSZ") if hasattr(signal, name)]
    before = [(number, signal.signal(number, signal.SIG_DFL)) for number in ignored]
    try:
        os.execvpe(command[0], command, environ)  # noqa: S606  # the user's command
    except OSError as error:
        why = printable(f"{command[0]}: {error.strerror}")
        print(f"\n{PROG}: [ERROR]: {why}", file=sys.stderr)
        missing = isinstance(error, FileNotFoundError)
        return _NOT_FOUND if missing else _NOT_RUNNABLE
    finally:
        for number, handler in before:
            signal.signal(number, handler)
