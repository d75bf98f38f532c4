"""``cognito-devtoken erase``: delete the identity of a user."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from ._errors import OutputError, ParameterError
from ._input import members as inputs
from ._input.options import Options
from ._input.parsing import Parser
from ._input.prompts import is_confirmed, is_terminal
from ._output.formats import check_output, rendered, selected
from ._service import Service


DESCRIPTION = """\
Deletes the Cognito identity of a user, and unlinks every user id from it. The
next request for a token gives the user a new identity. Prints the identities
that were deleted, and how many user ids were unlinked. Asks for confirmation
unless you pass --yes. If the command fails, run it again: it continues where it
stopped.

AWS accepts the user's tokens and credentials until they expire. Sessions of
your application keep the tokens and credentials that they have cached. To
discard those too, call a session's erase() instead of this command, or call
forget() after running it. The AWS credentials need the permissions
cognito-identity:LookupDeveloperIdentity, UnlinkDeveloperIdentity and
DeleteIdentities.

The MAP in --logins is NAME=VALUE or a JSON object. Other users of the machine
can see command-line arguments. To keep the user id out of them, pass
file://PATH, or '-' for standard input."""

_TITLE = "DeleteIdentities"


def add_arguments(parser: Parser) -> None:
    inputs.add_user_arguments(parser)
    parser.add_argument("--yes", action="store_true", help="do not ask for confirmation")


def run(arguments: argparse.Namespace) -> None:
    options = Options.of(arguments)
    if not (arguments.yes or is_terminal()):
        raise ParameterError(
            "Standard input is not a terminal, so erase cannot ask for confirmation.",
            "Pass --yes to erase the user without confirmation.",
        )
    request, provider = inputs.read_user(arguments)
    service = Service(options)
    output = check_output(service.output)

    def report(identity_ids: Sequence[str], user_count: int) -> str:
        answer = {"DeletedIdentityIds": list(identity_ids), "UnlinkedUserIdCount": user_count}
        return rendered(_TITLE, selected(options.query, answer), output, options.color)

    report(["us-east-1:0"], 1)  # if the output cannot be shown, fail before the deletion
    identities = service.identities(request, provider)
    if not arguments.yes:
        identity_id = identities.find()
        if identity_id is not None and not is_confirmed(f"Delete the identity {identity_id}?"):
            raise OutputError("Nothing was deleted.")
    erased = identities.erase()
    print(report(erased.identity_ids, len(erased.user_ids)), end="")
