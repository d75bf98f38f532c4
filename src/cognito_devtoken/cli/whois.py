"""``cognito-devtoken whois``: find the identity of a user."""

from __future__ import annotations

import argparse

from ._errors import OutputError
from ._input import members as inputs
from ._input.options import Options
from ._input.parsing import Parser
from ._output.formats import check_output, rendered, selected
from ._service import Service


DESCRIPTION = """\
Prints the Cognito identity of a user, without creating one. If the user has no
identity, the exit code is 255. The AWS credentials need the permission
cognito-identity:LookupDeveloperIdentity.

The MAP in --logins is NAME=VALUE or a JSON object. Other users of the machine
can see command-line arguments. To keep the user id out of them, pass
file://PATH, or '-' for standard input."""

_TITLE = "LookupDeveloperIdentity"


def add_arguments(parser: Parser) -> None:
    inputs.add_user_arguments(parser)


def run(arguments: argparse.Namespace) -> None:
    options = Options.of(arguments)
    request, provider = inputs.read_user(arguments)
    service = Service(options)
    output = check_output(service.output)
    identity_id = service.identities(request, provider).find()
    if identity_id is None:
        raise OutputError("The user has no identity in this identity pool.")
    answer = selected(options.query, {"IdentityId": identity_id})
    print(rendered(_TITLE, answer, output, options.color), end="")
