"""``cognito-devtoken emulator``: run a local Cognito."""

from __future__ import annotations

import argparse
import errno
import os
import shlex
import signal
import threading
from typing import TYPE_CHECKING

from ._errors import OutputError, ParameterError
from ._input.parsing import in_option_spelling


if TYPE_CHECKING:
    from ..emulator import Emulator

DESCRIPTION = """\
Runs a local Amazon Cognito with one identity pool, and prints a line for each
call. Press Ctrl-C to stop it, or kill it if it runs in the background. All
data is kept in memory."""

_KEY_ID, _SECRET = "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--host", default="127.0.0.1", help="the address to listen on; default: %(default)s"
    )
    parser.add_argument(
        "--port",
        type=int,
        default=9229,
        help="the port to listen on; default: %(default)s; 0 picks a free one",
    )
    parser.add_argument(
        "--identity-pool-id",
        default="us-east-1:00000000-0000-4000-8000-000000000000",
        metavar="REGION:GUID",
        help="the id of the pool; default: %(default)s",
    )
    parser.add_argument(
        "--developer-provider",
        default="login.example.com",
        metavar="NAME",
        help="the pool's developer provider name; default: %(default)s",
    )
    parser.add_argument(
        "--public-provider",
        action="append",
        default=[],
        metavar="NAME",
        help="a public provider that the pool accepts; can be repeated",
    )
    parser.add_argument(
        "--allow-unauthenticated",
        action="store_true",
        help="let GetId create identities without a login",
    )
    parser.add_argument(
        "--calls-per-second",
        type=float,
        metavar="N",
        help="throttle GetOpenIdTokenForDeveloperIdentity (AWS allows 50); default: no limit",
    )
    parser.add_argument(
        "--latency",
        type=float,
        default=0.0,
        metavar="SECONDS",
        help="how long to wait before each response; default: 0",
    )
    parser.add_argument(
        "--issuer",
        metavar="URL|self",
        help="the issuer of the tokens; self is the address of the emulator; default: Cognito's",
    )
    parser.add_argument(
        "--tls",
        action="store_true",
        help="serve HTTPS, with a certificate generated at startup, and print the path of its CA "
        "bundle",
    )
    parser.add_argument(
        "--check-signatures",
        action="store_true",
        help=f"accept only requests signed with the {_KEY_ID} and {_SECRET} from the environment",
    )


def run(arguments: argparse.Namespace) -> None:
    from ..emulator import Behavior, Call, Emulator, Pool

    stop = threading.Event()

    def show(call: Call) -> None:
        # A client can send anything as the name of an operation.
        name = call.operation if call.operation.isalnum() else ascii(call.operation)
        try:
            print(name, call.error_code or call.identity_id or "ok", flush=True)
        except BrokenPipeError:
            stop.set()  # the reader has closed the pipe

    credentials = _credentials() if arguments.check_signatures else None
    try:
        pool = Pool(
            arguments.identity_pool_id,
            developer_provider=arguments.developer_provider,
            public_providers=arguments.public_provider,
            allow_unauthenticated=arguments.allow_unauthenticated,
        )
        emulator = Emulator(
            pool,
            host=arguments.host,
            port=arguments.port,
            tls=arguments.tls,
            behavior=Behavior(issuer=arguments.issuer),
            credentials=credentials,
            calls_per_second=arguments.calls_per_second,
            latency=arguments.latency,
            on_call=show,
        ).start()
    except (TypeError, ValueError) as error:  # also from the socket, if the host is invalid
        raise ParameterError(in_option_spelling(str(error), arguments)) from None
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        raise OutputError(
            f"Port {arguments.port} of {arguments.host} is in use.",
            "If another emulator is running, use it, or stop it. "
            "Or choose another port with --port; 0 picks a free one.",
        ) from None
    signal.signal(signal.SIGTERM, lambda number, frame: stop.set())
    with emulator:
        try:
            _announce(emulator, arguments)
            stop.wait()
        except KeyboardInterrupt:
            print()


def _credentials() -> dict[str, str]:
    """Return AWS credentials from the environment, because other users can read arguments."""
    for name in (_KEY_ID, _SECRET):
        if not os.environ.get(name):
            raise ParameterError(
                f"--check-signatures needs {name}, which is not set.",
                f"Set {_KEY_ID} and {_SECRET} to what your clients sign with.",
            )
    return {os.environ[_KEY_ID]: os.environ[_SECRET]}


def _announce(emulator: Emulator, arguments: argparse.Namespace) -> None:
    from .._aws.proxies import loopback_hint

    pool, url = emulator.pools[0], emulator.endpoint_url
    lines = {
        "endpoint url": url,
        "identity pool id": pool.identity_pool_id,
        "developer provider": pool.developer_provider,
        "public keys": emulator.jwks_uri,
    }
    exports = [f"export AWS_ENDPOINT_URL_COGNITO_IDENTITY={url}"]
    if arguments.issuer:
        lines["issuer"] = url if arguments.issuer == "self" else arguments.issuer
    if arguments.tls:
        lines["CA bundle"] = emulator.ca_bundle
        exports.append(f"export AWS_CA_BUNDLE={shlex.quote(emulator.ca_bundle)}")
    hint = loopback_hint(url)
    print(
        *(f"{name:18}  {value}" for name, value in lines.items()),
        "",
        *exports,
        # Ctrl-C does not reach a process that a shell has started with "&".
        "With that, boto3 and this library call the emulator. "
        f"Stop it with Ctrl-C, or kill {os.getpid()}.",
        "",
        *([hint] if hint else []),
        sep="\n",
        flush=True,
    )
