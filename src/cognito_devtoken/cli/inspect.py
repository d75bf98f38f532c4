"""``cognito-devtoken inspect``: explain a token."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, cast

from .._cache.policy import Freshness
from .._values.secret import Secret
from .._values.text import printable
from .._values.token import decode_claims
from ._errors import ParameterError
from ._input.options import Options
from ._input.parsing import Parser
from ._input.prompts import ask_hidden, is_terminal
from ._input.sources import STDIN, load, read_stdin
from ._keys import add_arguments as add_key_arguments
from ._keys import verify
from ._relying_parties import RELYING_PARTIES, configuration, relying_party
from .demo.screen import look


DESCRIPTION = """\
Explains a Cognito token without printing it: the identity, how the user was
authenticated, and how long the token is valid. Without TOKEN, prompts for it if
standard input is a terminal; if not, reads the token, or the JSON that
get-token prints, from standard input. The claims are not verified unless you
pass --verify or --jwks. The options of the connection, such as --region, have
an effect only if --verify or --jwks fetches public keys.

With --for, prints only the configuration that makes a service accept this
user's tokens as OIDC tokens. This configuration contains neither the token nor
your id for the user.

Anyone who has the token can read your id for the user in it."""

_WIDTH = 78
_NAMES = 14
_TAGS = "https://aws.amazon.com/tags"
# The name of the claim that contains the pool's ARN ends in this way. The name starts with the
# issuer, which differs by partition.
_POOL_ARN = "/identity-pool-arn"
_KNOWN = {"sub", "aud", "amr", "iss", "exp", "iat", _TAGS}
_PROMPT = "Token (input is hidden): "


def add_arguments(parser: Parser) -> None:
    parser.add_argument(
        "token", nargs="?", metavar="TOKEN", help="the token, file://PATH, or - for standard input"
    )
    add_key_arguments(parser)
    parser.add_argument(
        "--for",
        dest="relying_party",
        type=relying_party,
        choices=RELYING_PARTIES,
        metavar="SERVICE",
        help="print the issuer, subject and audience in the configuration format of this service: "
        "entra, vault or kubernetes",
    )


def run(arguments: argparse.Namespace) -> None:
    options = Options.of(arguments)
    is_verified = arguments.verify or arguments.jwks is not None
    if arguments.identity_pool_id is not None and not is_verified:
        raise ParameterError(
            "--identity-pool-id requires --verify or --jwks.",
            "Add --verify or --jwks: the pool in a token means nothing without a valid signature.",
        )
    token = _token(arguments.token)
    try:
        claims = decode_claims(token)
    except ValueError as error:
        raise ParameterError(str(error)) from None
    if claims is None:
        raise ParameterError("Not a JWT: expected three parts separated by dots.")
    now = datetime.now(UTC).timestamp()
    if arguments.relying_party is not None:
        text = configuration(arguments.relying_party, claims)
        if is_verified:
            verify(token, claims, now, arguments, options)
        print(text)
        return
    for line in _lines(claims, now):
        print(line.rstrip())
    if is_verified:
        print(_line("verified", verify(token, claims, now, arguments, options)))
    else:
        print(_line("verified", "no (use --verify)"))


def _token(argument: str | None) -> Secret:
    if argument is None and is_terminal():
        text = ask_hidden("TOKEN", _PROMPT)
    elif argument in (None, STDIN):
        text = read_stdin("TOKEN")
    else:
        text = load("TOKEN", argument)
    text = text.strip()
    if text.startswith("{"):
        try:
            text = str(json.loads(text)["Token"])
        except (KeyError, ValueError, RecursionError):
            raise ParameterError('Expected a JSON object with a "Token".') from None
    return Secret(text)


def _lines(claims: Mapping[str, Any], now: float) -> Iterator[str]:
    pool = claims.get("aud")
    yield _line("identity", f"{_shown(claims.get('sub'))}  (sub)")
    yield _line("identity pool", f"{_shown(pool)}  (aud)")
    arns = {name for name in claims if name.endswith(_POOL_ARN)}
    for name in sorted(arns):
        yield _line("", _shown(claims[name]))
    yield _line("issuer", f"{_shown(claims.get('iss'))}  (iss)")
    yield from _proofs(claims.get("amr"), pool)
    tags = claims.get(_TAGS)
    if isinstance(tags, dict):
        yield _line("tags", _shown(cast("dict[str, object]", tags).get("principal_tags")))
    for name in sorted(claims.keys() - _KNOWN - arns):
        yield _line(_shown(name), _shown(claims[name]))
    yield from _life(claims.get("iat"), claims.get("exp"), now)


def _proofs(amr: object, pool: object) -> Iterator[str]:
    """Explain how the user was authenticated ("authentication methods references")."""
    shown = _shown(amr)
    if not isinstance(amr, list) or not amr:
        yield _line("auth methods", f"{shown}  (amr)")
        return
    entries = map(str, cast("list[object]", amr))
    state, *proofs = entries
    means = {"authenticated": "the user has logged in", "unauthenticated": "a guest"}
    yield _line("auth methods", f"{_shown(state)}: {means.get(state, 'unknown state')}  (amr)")
    for proof in proofs:
        provider, found, user = proof.partition(f":{pool}:")
        if found:
            yield _line("", f"{_shown(provider)}: your user {_shown(user)}")
        elif ":OIDC:" in proof:
            provider, _, user = proof.partition(":OIDC:")
            yield _line("", f"{_shown(provider)}: its user {_shown(user)}")
        else:
            yield _line("", f"{_shown(proof)}: a provider of the pool")


def _life(issued: Any, expires: Any, now: float) -> Iterator[str]:
    times = [_date(value) for value in (issued, expires)]
    yield _line("issued", f"{times[0] or _shown(issued)}  (iat)")
    yield _line("expires", f"{times[1] or _shown(expires)}  (exp)")
    if None in times:
        yield _line("lifetime", "unknown: invalid times")
        return
    lifetime, left = expires - issued, expires - now
    if left <= 0:
        state = f"EXPIRED {_span(-left)} ago, by this machine's clock"
    elif now < issued:
        state = f"starts in {_span(issued - now)}, by this machine's clock"
    else:
        state = f"{_span(left)} left of {_span(lifetime)}, by this machine's clock"
    yield _line("lifetime", state)
    if sys.stdout is not None and sys.stdout.isatty() and lifetime > 0:  # pyright: ignore[reportUnnecessaryComparison]  # closed
        yield _line("", _bar((now - issued) / lifetime))


def _bar(share: float) -> str:
    """Draw the lifetime of a token as a bar, and mark the present."""
    characters = look()
    ahead, past = characters.zones[Freshness.FRESH], characters.zones[Freshness.EXPIRED]
    width = max(min(shutil.get_terminal_size().columns, _WIDTH) - _NAMES - 1, 10)
    place = min(max(int(share * width), 0), width - 1)
    return past * place + characters.now + ahead * (width - 1 - place)


def _line(name: str, value: str) -> str:
    return f"{name:<{_NAMES}}{value}"


def _shown(value: object) -> str:
    """Format any claim, and escape what a terminal would interpret."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return printable(text)


def _date(value: Any) -> str | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return f"{datetime.fromtimestamp(value, UTC):%Y-%m-%d %H:%M:%S} UTC"
    except (OverflowError, OSError, ValueError):
        return None


def _span(seconds: float) -> str:
    """Format a duration, such as "1 h 30 min" or "59 s"."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
