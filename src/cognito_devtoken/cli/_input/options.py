"""The global options: those of AWS CLI v2."""

from __future__ import annotations

import argparse
import os
import re
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

import attrs

from .._errors import FORMATS, PROG, ParameterError
from .._output.formats import OUTPUTS
from .parsing import Parser, one_of


if TYPE_CHECKING:
    from jmespath.parser import ParsedResult

_COLORS = ("on", "off", "auto")
_TIMEOUT = 60
# What poll() can wait for: 2**31 - 1 milliseconds. It takes more for less.
_LONGEST = 2_147_483
# What botocore takes for a region.
_REGION = re.compile(r"(?!\d+:)(?!-)([A-Za-z0-9-]{1,63})(?<!-):")


def global_parser() -> Parser:
    """A parser of the global options, and of nothing else."""
    parser = Parser(add_help=False)
    add = parser.add_argument_group("global options").add_argument
    add("--version", action=_Version, nargs=0, help="print the version")
    add("--debug", action="store_true", help="tell what happens, without secrets")
    add("--endpoint-url", metavar="URL", help="where to send the call in place of AWS")
    add(
        "--no-verify-ssl",
        action="store_false",
        dest="verify_ssl",
        help="take any certificate for good",
    )
    add("--no-paginate", action="store_true", help="no effect: there are no pages")
    add(
        "--output",
        type=one_of(*OUTPUTS),
        choices=OUTPUTS,
        metavar="FORMAT",
        help="json (the default), text, table, yaml, yaml-stream or off",
    )
    add("--query", metavar="JMESPATH", help="what of the answer to print")
    add("--profile", metavar="NAME", help="a profile of the AWS configuration files")
    add("--region", metavar="NAME", help="the region to call; default: that of the pool")
    add(
        "--color",
        type=one_of(*_COLORS),
        choices=_COLORS,
        default="auto",
        metavar="WHEN",
        help="colour in tables: on, off or auto (the default)",
    )
    add(
        "--no-sign-request",
        action="store_false",
        dest="sign_request",
        help="send without AWS credentials",
    )
    add("--ca-bundle", metavar="PATH", help="certificates to verify the endpoint against")
    add(
        "--cli-read-timeout",
        type=int,
        metavar="SECONDS",
        help=f"how long to wait for an answer; default: {_TIMEOUT}, 0: for ever",
    )
    add(
        "--cli-connect-timeout",
        type=int,
        metavar="SECONDS",
        help=f"how long to wait for a connection; default: {_TIMEOUT}, 0: for ever",
    )
    add(
        "--cli-binary-format",
        type=one_of("base64", "raw-in-base64-out"),
        choices=("base64", "raw-in-base64-out"),
        metavar="FORMAT",
        help="no effect: nothing is binary",
    )
    add("--no-cli-pager", action="store_true", help="no effect: there is no pager")
    add("--no-cli-auto-prompt", action="store_true", help="no effect: nothing is asked")
    add(
        "--cli-error-format",
        type=one_of(*FORMATS),
        choices=FORMATS,
        metavar="FORMAT",
        help="enhanced (the default), legacy, json, yaml, text or table",
    )
    return parser


class _Version(argparse.Action):
    """The version, which is looked up only if it is wanted."""

    def __call__(self, parser: argparse.ArgumentParser, *args: object, **options: object) -> None:
        from importlib.metadata import version

        print(f"{PROG} {version(PROG)}")
        parser.exit()


@attrs.frozen(kw_only=True)
class Options:
    """
    The global options of one run.

    Attributes:
        debug: Whether to tell what happens.

        endpoint_url: Where to send the call; None leaves it to botocore.

        verify: As botocore takes it: False, a path, or None.

        output: One of :data:`OUTPUTS`; None leaves it to environment and profile.

        query: What to print of the answer; None prints all.

        profile: A profile of the AWS configuration files; None leaves it to botocore.

        region: The region to call; None takes the pool's.

        color: ``on``, ``off`` or ``auto``.

        is_signed: Whether the request is signed.

        read_timeout: In seconds; None waits for ever.

        connect_timeout: In seconds; None waits for ever.
    """

    debug: bool
    endpoint_url: str | None
    verify: bool | str | None
    output: str | None
    query: ParsedResult | None
    profile: str | None
    region: str | None
    color: str
    is_signed: bool
    read_timeout: int | None
    connect_timeout: int | None

    @classmethod
    def of(cls, arguments: argparse.Namespace) -> Self:
        """
        What the arguments say.

        Raises:
            ParameterError: If the query, the endpoint or a time-out is none.
        """
        return cls(
            debug=arguments.debug,
            endpoint_url=_endpoint(arguments.endpoint_url),
            verify=arguments.ca_bundle if arguments.verify_ssl else False,
            output=arguments.output,
            query=_query(arguments.query),
            profile=arguments.profile,
            region=arguments.region,
            color=arguments.color,
            is_signed=arguments.sign_request,
            read_timeout=_seconds("--cli-read-timeout", arguments.cli_read_timeout),
            connect_timeout=_seconds("--cli-connect-timeout", arguments.cli_connect_timeout),
        )

    def region_for(self, pool_id: object) -> str | None:
        """
        The region to call for a pool: it exists in its own region only.

        None, which leaves it to the profile, for what does not begin with a region.
        """
        if self.region:
            return self.region
        match = _REGION.match(pool_id) if isinstance(pool_id, str) else None
        return match[1] if match else os.environ.get("AWS_REGION") or None


def error_format(arguments: argparse.Namespace) -> str:
    """How errors are told: as the arguments say, or the environment."""
    asked = getattr(arguments, "cli_error_format", None) or os.environ.get("AWS_CLI_ERROR_FORMAT")
    style = str(asked).lower()
    return style if style in FORMATS else "enhanced"


def _endpoint(url: str | None) -> str | None:
    if url is None:
        return None
    try:
        why = None if urlsplit(url).scheme else "the scheme is missing"
    except ValueError:
        why = "it is no URL"
    if why:
        raise ParameterError(
            f"Bad value for --endpoint-url: {why}. It must be of the form "
            "http://HOSTNAME/ or https://HOSTNAME/"
        )
    return url


def _query(text: str | None) -> Any:
    if text is None:
        return None
    import jmespath
    from jmespath.exceptions import JMESPathError

    try:
        return jmespath.compile(text)
    except JMESPathError as error:
        raise ParameterError(f"Bad value for --query {text}: {error}") from None


def _seconds(option: str, given: int | None) -> int | None:
    if given is None:
        return _TIMEOUT
    if not 0 <= given <= _LONGEST:
        raise ParameterError(f"Bad value for {option}: it must be 0 to {_LONGEST} seconds")
    return given or None
