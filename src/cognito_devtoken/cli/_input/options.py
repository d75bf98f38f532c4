"""The global options, which are the same as in AWS CLI v2."""

from __future__ import annotations

import argparse
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

import attrs

from ..._version import __version__
from .._errors import FORMATS, PROG, ParameterError
from .._output.formats import OUTPUTS
from .parsing import GLOBALS, WITHOUT_EFFECT, Parser, one_of


if TYPE_CHECKING:
    from jmespath.parser import ParsedResult

_COLORS = ("on", "off", "auto")
_TIMEOUT = 60
# poll() can wait for 2**31 - 1 milliseconds. A larger number would make it wait less.
_LONGEST = 2_147_483
# What botocore accepts as a region.
_REGION = re.compile(r"(?!\d+:)(?!-)([A-Za-z0-9-]{1,63})(?<!-):")


def global_parser(*, prints_response: bool = True) -> Parser:
    """
    Return a parser of the global options only.

    Args:
        prints_response: Whether the command prints the response, so that ``--output``, ``--query``
            and ``--color`` have an effect.
    """
    parser = Parser(add_help=False)
    add = parser.add_argument_group(GLOBALS).add_argument
    ignored = parser.add_argument_group(
        WITHOUT_EFFECT, "Accepted because the AWS CLI has them."
    ).add_argument
    of_response = add if prints_response else ignored
    add(
        "--version",
        action="version",
        version=f"{PROG} {__version__}",
        help="print the version and exit",
    )
    add("--debug", action="store_true", help="turn on debug logging, without secrets")
    add("--endpoint-url", metavar="URL", help="send the request to this URL instead of AWS")
    add(
        "--no-verify-ssl",
        action="store_false",
        dest="verify_ssl",
        help="accept any TLS certificate",
    )
    of_response(
        "--output",
        type=one_of(*OUTPUTS),
        choices=OUTPUTS,
        metavar="FORMAT",
        help="the output format: json (the default), text, table, yaml, yaml-stream or off",
    )
    of_response("--query", metavar="JMESPATH", help="which part of the response to print")
    add("--profile", metavar="NAME", help="the profile to use from the AWS configuration files")
    add("--region", metavar="NAME", help="the region to call; default: the pool's region")
    of_response(
        "--color",
        type=one_of(*_COLORS),
        choices=_COLORS,
        default="auto",
        metavar="WHEN",
        help="when to colour tables: on, off or auto (the default)",
    )
    add(
        "--no-sign-request",
        action="store_false",
        dest="sign_request",
        help="do not sign the request with AWS credentials",
    )
    add("--ca-bundle", metavar="PATH", help="the CA certificates for verifying the endpoint")
    add(
        "--cli-read-timeout",
        type=int,
        metavar="SECONDS",
        help=f"how long to wait for a response; default: {_TIMEOUT}; 0 waits forever",
    )
    add(
        "--cli-connect-timeout",
        type=int,
        metavar="SECONDS",
        help=f"how long to wait for a connection; default: {_TIMEOUT}; 0 waits forever",
    )
    add(
        "--cli-error-format",
        type=one_of(*FORMATS),
        choices=FORMATS,
        metavar="FORMAT",
        help="the format of errors: enhanced (the default), legacy, json, yaml, text or table",
    )
    ignored("--no-paginate", action="store_true")
    ignored(
        "--cli-binary-format",
        type=one_of("base64", "raw-in-base64-out"),
        choices=("base64", "raw-in-base64-out"),
        metavar="FORMAT",
    )
    ignored("--no-cli-pager", action="store_true")
    ignored("--no-cli-auto-prompt", action="store_true")
    return parser


@attrs.frozen(kw_only=True)
class Options:
    """
    The global options of one run.

    Attributes:
        debug: Whether debug logging is on.

        endpoint_url: Where to send the request; None leaves it to botocore.

        verify: The ``verify`` of botocore: False, a path, or None.

        output: One of :data:`OUTPUTS`; None leaves it to the environment and the profile.

        query: Which part of the response to print; None prints all.

        profile: A profile of the AWS configuration files; None leaves it to botocore.

        region: The region to call; None uses the pool's region.

        color: ``on``, ``off`` or ``auto``.

        is_signed: Whether the request is signed.

        read_timeout: How many seconds to wait for a response; None waits forever.

        connect_timeout: How many seconds to wait for a connection; None waits forever.
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
        Return the options in the parsed arguments.

        Raises:
            ParameterError: If the query, the endpoint, the CA bundle or a timeout is invalid.
        """
        return cls(
            debug=arguments.debug,
            endpoint_url=_endpoint(arguments.endpoint_url),
            verify=_existing(arguments.ca_bundle) if arguments.verify_ssl else False,
            output=arguments.output,
            query=_query(arguments.query),
            profile=arguments.profile or None,
            region=arguments.region,
            color=arguments.color,
            is_signed=arguments.sign_request,
            read_timeout=_seconds("--cli-read-timeout", arguments.cli_read_timeout),
            connect_timeout=_seconds("--cli-connect-timeout", arguments.cli_connect_timeout),
        )

    def region_for(self, pool_id: object) -> str | None:
        """
        Return ``--region``, or else the region of the pool, which exists in no other region.

        If the pool id does not begin with a region, return ``AWS_REGION``. If that variable is not
        set, either, return None, so that botocore chooses the region.
        """
        if self.region:
            return self.region
        match = _REGION.match(pool_id) if isinstance(pool_id, str) else None
        return match[1] if match else os.environ.get("AWS_REGION") or None


def error_format(arguments: argparse.Namespace) -> str:
    """Return the format of errors that the arguments or the environment set."""
    asked = getattr(arguments, "cli_error_format", None) or os.environ.get("AWS_CLI_ERROR_FORMAT")
    style = str(asked).lower()
    return style if style in FORMATS else "enhanced"


def _endpoint(url: str | None) -> str | None:
    if url is None:
        return None
    if flaw := flaw_of(url):
        raise ParameterError(
            f"Bad value for --endpoint-url: {flaw}. It must be of the form "
            "http://HOSTNAME/ or https://HOSTNAME/"
        )
    return url


def flaw_of(url: str) -> str | None:
    """Return what is wrong with the URL of an endpoint, if anything is."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "it is not a URL"
    if not parts.scheme:
        return "the scheme is missing"
    if parts.scheme not in ("http", "https"):
        return "the scheme is neither http nor https"
    return None if parts.hostname else "the host is missing"


def _existing(bundle: str | None) -> str | None:
    if bundle and not Path(bundle).exists():
        raise ParameterError(f"Bad value for --ca-bundle: {bundle} does not exist")
    return bundle


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
