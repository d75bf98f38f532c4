"""``cognito-devtoken plan``: calculate a fleet's calls, and how many users the quota supports."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from .._errors import OutputError, ParameterError
from .._input.parsing import REQUIRED, Parser, one_of
from .._output.formats import rendered
from .capacity import Plan, fits
from .quotas import FLOWS, quota_for
from .report import data_of, text_of


DESCRIPTION = """\
Calculates how many calls a fleet makes to Cognito, how many users the quota
supports, and which changes would help most. The command itself makes no calls,
and needs no AWS account. The exit code is 1 if the plan exceeds a quota.

  cognito-devtoken plan --users 10000 --hosts 20 --token-duration 3600"""

_OVER_QUOTA = 1
_DEFAULT = Plan(users=1)
_N = TypeVar("_N", int, float)


def add_arguments(parser: Parser) -> None:
    required = parser.add_argument_group(REQUIRED)
    required.add_argument(
        "--users", type=_whole(10**10), required=True, metavar="N", help="how many users you have"
    )
    add = parser.add_argument
    add(
        "--hosts",
        type=_whole(10**6),
        default=_DEFAULT.hosts,
        metavar="N",
        help="how many sessions you have: one per process, so 48 for 12 hosts with 4 workers "
        "each; default: %(default)s",
    )
    add(
        "--shared-store",
        action="store_true",
        dest="has_shared_store",
        help="the hosts share tokens through a store, which does not hold credentials",
    )
    add(
        "--sticky-users",
        action="store_true",
        dest="has_sticky_users",
        help="all requests of a user reach the same host",
    )
    add(
        "--requests-per-hour",
        type=_number(0.001, 10**7),
        metavar="N",
        help="how many requests of each user need a token, per hour; default: users request "
        "tokens all the time",
    )
    add(
        "--visits-per-day",
        type=_number(0.001, 86_400),
        metavar="N",
        help="how many visits each user makes per day; during a visit, the user requests tokens "
        "all the time; not with --requests-per-hour",
    )
    add(
        "--visit-minutes",
        type=_number(0, 1440),
        metavar="MINUTES",
        help="with --visits-per-day: how long a visit lasts; default: "
        f"{_DEFAULT.visit_seconds / 60:.0f}",
    )
    add(
        "--token-duration",
        type=_whole(86_400),
        default=round(_DEFAULT.token_seconds),
        dest="token_seconds",
        metavar="SECONDS",
        help="the lifetime of a token in seconds, 1 to 86400; default: %(default)s",
    )
    add(
        "--credentials",
        type=one_of(*FLOWS),
        choices=FLOWS,
        default=_DEFAULT.credentials,
        metavar="FLOW",
        help="how your sessions get AWS credentials: none (the default) if you only hand out "
        "tokens; enhanced (GetCredentialsForIdentity) or basic (AssumeRoleWithWebIdentity) if they "
        "request tokens only to get credentials",
    )
    add(
        "--duration-seconds",
        type=_whole(43_200, 900),
        metavar="SECONDS",
        help="with --credentials basic: the lifetime of the credentials in seconds, 900 to 43200; "
        f"default: {_DEFAULT.credentials_seconds:.0f}",
    )
    add(
        "--quota",
        type=_number(0.1, 10**6),
        dest="quota_per_second",
        metavar="N",
        help="your quota of GetOpenIdTokenForDeveloperIdentity in calls per second; default: "
        f"AWS's, {quota_for('none', None).calls_per_second:.0f}",
    )
    add(
        "--credentials-quota",
        type=_number(0.1, 10**6),
        dest="credentials_quota_per_second",
        metavar="N",
        help="with --credentials: your quota of the operation that returns credentials, in calls "
        "per second; default: AWS's, "
        f"{quota_for('enhanced', None).calls_per_second:.0f} for enhanced; AWS documents no quota "
        "for basic",
    )
    add(
        "--headroom",
        type=_number(0, 99),
        default=_DEFAULT.headroom_percent,
        dest="headroom_percent",
        metavar="PERCENT",
        help="the percentage of a quota to leave free for new users, peaks and deployments; "
        f"default: {_DEFAULT.headroom_percent:.0f}",
    )
    add(
        "--cold-within",
        type=_number(1, 10**7),
        dest="cold_seconds",
        metavar="SECONDS",
        help="how many seconds a fleet without tokens may take to get the tokens of all users; "
        "default: no limit",
    )
    add(
        "--latency",
        type=_number(0.001, 60),
        default=_DEFAULT.latency_seconds,
        dest="latency_seconds",
        metavar="SECONDS",
        help="how long a call takes; default: %(default)s",
    )
    add(
        "--max-concurrent-fetches",
        type=_whole(10**4),
        default=_DEFAULT.threads,
        dest="threads",
        metavar="N",
        help="how many calls a session makes at once; default: %(default)s",
    )
    add(
        "--output",
        type=one_of("json"),
        choices=("json",),
        metavar="FORMAT",
        help="json: the report as JSON; default: the report as text",
    )
    add(
        "--plot",
        metavar="PATH",
        help="also write an SVG that shows how many users the quota supports by token duration",
    )


def run(arguments: argparse.Namespace) -> int:
    plan = _plan(arguments)
    if arguments.plot is not None:
        _write_plot(plan, arguments.plot)
    is_json = arguments.output == "json"
    print(rendered("plan", data_of(plan), "json") if is_json else text_of(plan), end="")
    return 0 if fits(plan) else _OVER_QUOTA


def _plan(arguments: argparse.Namespace) -> Plan:
    given = {name: value for name, value in vars(arguments).items() if value is not None}
    if {"requests_per_hour", "visits_per_day"} <= given.keys():
        raise ParameterError(
            "--visits-per-day cannot be used with --requests-per-hour.",
            "Choose how to describe your users: by their requests, or by their visits.",
        )
    for option, needed, is_met in (
        ("visit_minutes", "--visits-per-day", "visits_per_day" in given),
        ("duration_seconds", "--credentials basic", given["credentials"] == "basic"),
        ("credentials_quota_per_second", "--credentials", given["credentials"] != "none"),
    ):
        if option in given and not is_met:
            name = option.removesuffix("_per_second").replace("_", "-")
            raise ParameterError(f"--{name} cannot be used without {needed}.")
    if "visit_minutes" in given:
        given["visit_seconds"] = given["visit_minutes"] * 60
    if "duration_seconds" in given:
        given["credentials_seconds"] = given["duration_seconds"]
    return Plan(**{name: given[name] for name in Plan.__annotations__ if name in given})


def _write_plot(plan: Plan, path: str) -> None:
    from .plot import svg_of

    try:
        Path(path).write_text(svg_of(plan), encoding="utf-8")
    except OSError as error:
        raise OutputError(f"Cannot write {path}: {error.strerror}") from None


def _whole(most: int, least: int = 1) -> Callable[[str], int]:
    """Return a type for argparse that accepts whole numbers within these limits."""
    return _within(int, "a whole number", least, most)


def _number(least: float, most: float) -> Callable[[str], float]:
    """Return a type for argparse that accepts numbers within these limits."""
    return _within(float, "a number", least, most)


def _within(kind: Callable[[str], _N], what: str, least: float, most: float) -> Callable[[str], _N]:
    def read(text: str) -> _N:
        try:
            number = kind(text)
        except ValueError:
            number = None
        # float() also accepts "nan", which is not within any limits.
        if number is None or not least <= number <= most:
            raise argparse.ArgumentTypeError(f"expected {what} from {least} to {most}")
        return number

    return read
