"""``cognito-devtoken get-open-id-token-for-developer-identity``: get a token."""

from __future__ import annotations

import argparse

from ..exceptions import ServiceError
from ._input import members as inputs
from ._input import skeletons
from ._input.options import Options
from ._input.parsing import Parser, one_of
from ._output.file import add_output_file, check_target, deliver
from ._output.formats import check_output, rendered, selected
from ._output.report import redacted
from ._service import Service


DESCRIPTION = """\
Finds or creates the Cognito identity of a user and prints it with an OpenID
token. Options, output and exit codes follow those of AWS CLI v2.

A MAP is either a JSON object or NAME=VALUE[,NAME=VALUE...]; quote any VALUE that
contains a comma. To read the whole MAP from a file, pass file://PATH; to read
it from standard input, pass '-'. Other users of the machine can see
command-line arguments, so keep the token of a public provider in a file."""

_TITLE = "GetOpenIdTokenForDeveloperIdentity"


def add_arguments(parser: Parser) -> None:
    inputs.add_arguments(parser)
    parser.add_argument(
        "--generate-cli-skeleton",
        nargs="?",
        const="input",
        type=one_of(*skeletons.KINDS),
        choices=skeletons.KINDS,
        metavar="KIND",
        help="print a template and send nothing: input (the default), yaml-input or output",
    )
    add_output_file(parser)


def run(arguments: argparse.Namespace) -> None:
    options = Options.of(arguments)
    kind = arguments.generate_cli_skeleton
    template = skeletons.TEMPLATES.get(kind)
    members = inputs.read(arguments, is_complete=template is None)
    if template is not None:
        print(template, end="")
        return
    check_target(arguments.output_file)
    service = Service(options)
    output = check_output(service.output)
    try:
        answer = service.get_token(members, is_dry=kind is not None)
    except ServiceError as error:
        # Like the AWS CLI, this command sends requests that exceed a limit, so name the limits now.
        if found := inputs.violations(members):
            error.__notes__ = [f"Correct the parameters: {'; '.join(map(redacted, found))}"]
        raise
    if kind is not None:
        answer = skeletons.OUTPUT
    color = "off" if arguments.output_file else options.color
    text = rendered(_TITLE, selected(options.query, answer), output, color)
    if arguments.output_file and output == "text" and text.count("\n") == 1:
        # An SDK sends the token in an AWS_WEB_IDENTITY_TOKEN_FILE with whatever follows it.
        text = text.removesuffix("\n")
    deliver(text, arguments.output_file)
